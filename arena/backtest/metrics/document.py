"""Write docs/metrics.md from the definitions: `python -m arena.backtest.metrics.document`.

Says nothing that a definition does not say. Invariant: the same definitions give the same text.
"""

from collections.abc import Iterable
from pathlib import Path

from arena.backtest.metrics.definition import MetricDefinition
from arena.backtest.metrics.registry import HOLD, PRIMARY, SECONDARY

PATH = Path(__file__).parents[3] / "docs" / "metrics.md"

_HEAD = """\
# Metrics

Written by `python -m arena.backtest.metrics.document` from `arena/backtest/metrics`; a test holds it to that.

What holds for all of them:

- They are over the traded bars: after the signal window, from the capital before the first traded bar
  to equity at the last close. Equity is marked at bar closes.
- A year has 365 days; bars per year follow from the timeframe (1h: 8,760). The risk-free rate is 0.
- Returns are those of bars. Daily ones are from equity at the last close of each UTC day: the first
  and the last day may be shorter, and a return after a hole spans it.
- Ruin is equity at or below a billionth of the start: it counts as 0 from there on, the last return is
  -100 % and none follows.
- A trade runs from flat to flat on one side; a reversal ends one and starts the next. Trade metrics
  judge closed trades by net PnL: price PnL at reference prices - fees + funding - slippage -
  liquidation cost.
- Undefined is null with a reason, never NaN or infinite; so is a value too large for a float.
- Units: *fraction* 0.12 is 12 %; *usdt* money; *leverage* notional over equity.
"""


def render_document() -> str:
    """Return the text of docs/metrics.md."""
    names = ", ".join(f"`{definition.name}`" for definition, _ in HOLD)
    parts = [
        _HEAD,
        _section("Primary", PRIMARY),
        _section("Secondary", SECONDARY),
        "## Buy and hold\n\nBought at the first traded open with the whole capital, fee, spread and "
        "slippage paid, held "
        f"unlevered with funding at each settlement.\nMeasured by the same definitions: {names}.\n",
    ]
    return "\n".join(parts)


def _section(title: str, definitions: Iterable[MetricDefinition]) -> str:
    rows = "".join(_row(definition) for definition in definitions)
    head = "| name | label | unit | formula | annualised | undefined |\n|---|---|---|---|---|---|\n"
    return f"## {title}\n\n{head}{rows}"


def _row(definition: MetricDefinition) -> str:
    cells = (
        f"`{definition.name}`",
        definition.label,
        definition.unit,
        definition.formula,
        definition.annualised,
        definition.undefined,
    )
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |\n"


def main() -> None:
    """Rewrite docs/metrics.md."""
    PATH.write_text(render_document(), encoding="utf-8")


if __name__ == "__main__":
    main()
