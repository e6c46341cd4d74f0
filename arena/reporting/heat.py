"""Colours of heat cells in both themes, with text that stays readable on each.

Pure. Invariant: every pair of text and background reaches the WCAG AA contrast of 4.5.
"""

from __future__ import annotations

import math

LEVELS = 6

_RGB = tuple[int, int, int]
_THEMES: dict[str, dict[str, _RGB]] = {
    "light": {"paper": (255, 255, 255), "gain": (38, 92, 214), "loss": (214, 100, 30)},
    "dark": {"paper": (14, 17, 22), "gain": (110, 155, 245), "loss": (232, 138, 76)},
}
_INKS: tuple[_RGB, _RGB] = ((0, 0, 0), (255, 255, 255))  # nothing in between reaches 4.5 on every mid tone
_STRONGEST = 0.9


def heat_class(value: float | None, largest: float) -> str:
    """Return the class of a cell: `gain-1` faint to `gain-6` strong, likewise `loss`, "" for nothing."""
    if value is None or value == 0 or largest <= 0:
        return ""
    level = min(LEVELS, max(1, math.ceil(LEVELS * abs(value) / largest)))
    return f"{'gain' if value > 0 else 'loss'}-{level}"


def contrast(first: _RGB, second: _RGB) -> float:
    """Return the WCAG 2 contrast ratio of two colours, 1 to 21."""
    lighter, darker = sorted((_luminance(first), _luminance(second)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def heat_colours(theme: str) -> dict[str, tuple[_RGB, _RGB]]:
    """Return background and text of every heat class in `theme` (light or dark)."""
    palette = _THEMES[theme]
    colours = {}
    for kind in ("gain", "loss"):
        for level in range(1, LEVELS + 1):
            share = _STRONGEST * level / LEVELS
            back = _mix(palette["paper"], palette[kind], share)
            colours[f"{kind}-{level}"] = (back, _ink_on(back))
    return colours


def heat_css() -> str:
    """Return the style rules of all heat classes; paper always gets the light ones."""
    light, dark = (
        "".join(
            f".{name}{{background:{_hex(back)};fill:{_hex(back)};color:{_hex(ink)}}}"
            for name, (back, ink) in heat_colours(theme).items()
        )
        for theme in ("light", "dark")
    )
    return f"{light}@media screen and (prefers-color-scheme:dark){{{dark}}}"


def _mix(paper: _RGB, paint: _RGB, share: float) -> _RGB:
    red, green, blue = (round(p + (q - p) * share) for p, q in zip(paper, paint, strict=True))
    return red, green, blue


def _ink_on(back: _RGB) -> _RGB:
    return max(_INKS, key=lambda ink: contrast(ink, back))


def _luminance(colour: _RGB) -> float:
    linear = [c / 255 / 12.92 if c <= 10 else ((c / 255 + 0.055) / 1.055) ** 2.4 for c in colour]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def _hex(colour: _RGB) -> str:
    return "#{:02x}{:02x}{:02x}".format(*colour)
