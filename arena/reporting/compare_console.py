"""Several results side by side as people read them in a terminal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from arena.backtest.result import BacktestResult
from arena.reporting.compare_html import cautions, headline_rows, setting_rows

_WIDEST = 40
_PROVENANCE = ("config hash", "data set hash", "code")


def side_by_side(
    results: list[BacktestResult],
    names: list[str],
    run_ids: Sequence[str],
    configs: Sequence[Mapping[str, Any]] = (),
) -> str:
    """Return the runs' ids, what they differ in, and their primary metrics, a column a run."""
    heads = [f"[{at}]" for at in range(1, len(names) + 1)]
    lines = ["SYNTHETIC: generated markets among these"] if any(one.synthetic for one in results) else []
    lines += [f"{head} {name}  {run_id}" for head, name, run_id in zip(heads, names, run_ids, strict=True)]
    settings = [
        (row.key, row.values)
        for row in setting_rows(results, configs)
        if row.differs and row.key not in _PROVENANCE and not row.key.startswith("source of")
    ]
    metrics = [
        (row.label, [f"{value.text}{'*' if value.best else ' '}" for value in row.values])
        for row in headline_rows(results)
    ]
    lines += ["", *_table(heads, [*settings, *metrics]), "  * best of the row", ""]
    lines += [f"! {text}" for text in cautions(results, names)]
    lines += [
        f"! {name}: the strategy looks ahead"
        for name, result in zip(names, results, strict=True)
        if result.causality is not None and result.causality.passed is False
    ]
    return "\n".join(lines)


def _table(heads: list[str], rows: list[tuple[str, list[str]]]) -> list[str]:
    cells = [("", [f"{head} " for head in heads]), *rows]
    first = max(len(label) for label, _ in cells)
    widths = [max(len(_cut(values[at])) for _, values in cells) for at in range(len(heads))]
    return [
        f"  {label:<{first}}" + "".join(f"  {_cut(v):>{w}}" for v, w in zip(values, widths, strict=True))
        for label, values in cells
    ]


def _cut(text: str) -> str:
    return text if len(text) <= _WIDEST else f"{text[: _WIDEST - 3]}..."
