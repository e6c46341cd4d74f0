"""The headline under each reading of the bars, and how much of the result is assumed.

Runs nothing where no bar is ambiguous. Invariant: the reading that the run was made with has exactly the
figures of the headline.
"""

from __future__ import annotations

import numpy as np

from arena.backtest.metrics import hold_metrics
from arena.backtest.metrics.inputs import EquityPath
from arena.backtest.readings import Reading, Readings
from arena.backtest.result import Assumptions, Band, BandFigures, CostProvenance
from arena.core.bars import FloatArray

NO_RESULT = "the run neither won nor lost anything"


def make_band(readings: Readings, reading: Reading, first_bar: int, costs: list[CostProvenance]) -> Band:
    """Return the band of a run that was made with `reading`.

    `expected` is the finer bars' reading where these resolve every ambiguous bar or the run was made with
    it, and the conventional path else.

    Args:
        readings: the run; further readings are run here, if they can differ.
        reading: how its bars were read.
        first_bar: position of the first traded bar.
        costs: where each cost comes from.
    """
    course = readings.play(reading)
    ambiguous = course.ambiguous
    names: tuple[Reading, Reading, Reading] = ("worst", "ohlc", "best")
    if reading == "detail" or (ambiguous and not len(readings.play("detail").unresolved)):
        names = ("worst", "detail", "best")
    resolved = 0
    if ambiguous and (found := readings.done.get("detail")):
        resolved = found.ambiguous - len(found.unresolved)
    rows = [_figures(readings, name if ambiguous else reading, name, first_bar) for name in names]
    return Band(
        ambiguous_bars=ambiguous,
        resolved_bars=resolved,
        pessimistic=rows[0],
        expected=rows[1],
        optimistic=rows[2],
        assumptions=_assumptions(rows, costs, float(course.equity[-1]) - readings.settings.initial_capital),
        detail_hash=readings.finer.fingerprint() if ambiguous else None,
    )


def ambiguity_note(band: Band, reading: Reading) -> list[str]:
    """Return the sentence that a reader needs where the bars leave the result open, or none."""
    if not band.ambiguous_bars:
        return []
    rows = (band.pessimistic, band.expected, band.optimistic)
    low, middle, high = (
        "unknown" if row.total_return is None else f"{row.total_return:+.2%}" for row in rows
    )
    bars = "1 bar" if band.ambiguous_bars == 1 else f"{band.ambiguous_bars:,} bars"
    return [
        f"{bars} met more than one level, read as {reading}: total return {low} pessimistic, {middle} "
        f"expected ({band.expected.reading}), {high} optimistic."
    ]


def _figures(readings: Readings, played: Reading, name: Reading, first_bar: int) -> BandFigures:
    equity: FloatArray = readings.play(played).equity
    bars, capital = readings.market.bars, readings.settings.initial_capital
    points = np.concatenate(([capital], equity[first_bar:]))
    values = {m.name: m.value for m in hold_metrics(EquityPath(bars.timeframe, bars.ts[first_bar:], points))}
    return BandFigures(
        reading=name,
        final_equity=float(equity[-1]),
        total_return=values["total_return"],
        sharpe=values["sharpe"],
        max_drawdown=values["max_drawdown"],
    )


def _assumptions(rows: list[BandFigures], costs: list[CostProvenance], pnl: float) -> Assumptions:
    ends = [row.final_equity for row in rows]
    width = max(ends) - min(ends)
    assumed = sum(
        abs(row.amount) * (row.estimated_share + row.missing_share) for row in costs if row.amount is not None
    )
    return Assumptions(
        band_width=width,
        assumed_costs=assumed,
        share=(width + assumed) / abs(pnl) if pnl else None,
        reason=None if pnl else NO_RESULT,
    )
