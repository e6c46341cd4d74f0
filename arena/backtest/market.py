"""What a backtest reads: history, the run's bars, mark prices and funding, with their provenance.

Reads through DataService alone. Invariant: the history starts at the first stored bar, so that a
signal does not depend on where the run starts; nothing that is missing is filled in silently.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from arena.backtest.spot_prices import SpotPrices, read_spot
from arena.core.bars import Bars, FloatArray, FundingSeries, TsArray
from arena.core.clock import to_iso
from arena.core.errors import DataError
from arena.core.instrument import Instrument
from arena.core.timeframe import Timeframe
from arena.data.gate import Verdict, count_bridged, judge_range
from arena.data.hashing import bars_arrays, dataset_hash, funding_arrays
from arena.data.health import RangeHealth, range_health
from arena.data.service import DataService
from arena.engine.settlements import Settlements, expected_settlements, place_settlements
from arena.engine.simulate import MarkPrices

MARK = "mark"


@dataclass(frozen=True, slots=True)
class Window:
    """Which bars to run: the newest `limit` of [start, end), or all of them where start is given.

    The newest share `holdout` of those is kept back, unless `unlock` is set.
    """

    start_ms: int | None
    end_ms: int | None
    limit: int | None
    signal_window: int
    holdout: float = 0.0
    unlock: bool = False


@dataclass(frozen=True, slots=True)
class HeldBack:
    """The bars that the window keeps for the end, as half-open range, UTC ms; `opened`: read all the same."""

    start_ms: int
    end_ms: int
    opened: bool


@dataclass(frozen=True, slots=True, eq=False)
class FundingPlan:
    """Settlements due in the run: placed on bars, with how many rates are known.

    `sources` counts settlements by who published the rate; the key "" counts those without one.
    """

    settlements: Settlements
    expected: int
    sources: dict[str, int]


@dataclass(frozen=True, slots=True, eq=False)
class RunMarket:
    """Everything a run reads. `bars` are the last `len(bars)` of `history`.

    `held` are the bars kept back; unless opened, nothing here is as new as the first of them.
    `verdict` is what the gate says of the run's bars, `bridged` counts those at which an indicator looks
    back across a hole.
    """

    history: Bars
    bars: Bars
    funding: FundingSeries
    mark: MarkPrices
    mark_missing: int
    plan: FundingPlan
    health: RangeHealth
    history_health: RangeHealth
    dataset_hash: str
    held: HeldBack | None = None
    spot: SpotPrices | None = None
    verdict: Verdict = field(default_factory=Verdict)
    bridged: int = 0

    @property
    def start(self) -> int:
        """Position of the run's first bar in the history."""
        return len(self.history) - len(self.bars)

    @property
    def is_synthetic(self) -> bool:
        """Whether anything read was generated."""
        generated = self.spot is not None and self.spot.is_synthetic
        return self.history.is_synthetic or "synthetic" in self.funding.source or generated


def load_market(
    service: DataService,
    instrument: Instrument,
    timeframe: Timeframe,
    window: Window,
    *,
    warmup_bars: int,
    funding_rate_estimate: float,
    spot_inst_id: str | None = None,
) -> RunMarket:
    """Read what a run over `window` needs; `history_health` covers the `warmup_bars` before it.

    Spot prices are read where `spot_inst_id` names their pair.

    Raises:
        DataError: the series is not stored, or holds too few bars in the window.
    """
    history = service.get_candles(instrument.inst_id, timeframe, end=window.end_ms)
    first = _first_bar(history, window)
    held = _held_back(history, first, window)
    end_ms = window.end_ms
    if held is not None and not held.opened:
        # from here on the window ends where the lockbox begins, for bars, marks and funding alike
        end_ms = held.start_ms
        history = history.slice(0, int(np.searchsorted(history.ts, end_ms)))
        _require_tradable(history, first, window)
    bars = history.slice(first)
    mark, mark_known = _mark_prices(service, instrument, timeframe, bars)
    funding = service.get_funding(instrument.inst_id, end=end_ms)
    plan = _funding_plan(service, instrument, bars, mark, mark_known, funding, funding_rate_estimate)
    spot = None if spot_inst_id is None else read_spot(service, spot_inst_id, bars, _choice(instrument))
    arrays = {
        **({} if spot is None else spot.arrays()),
        **bars_arrays("candles", history),
        **funding_arrays("funding", funding),
        "mark.open": mark.open,
        "mark.high": mark.high,
        "mark.low": mark.low,
        "settlements.mark": plan.settlements.mark,
        "run.start": np.array([first], np.int64),
    }
    return RunMarket(
        history=history,
        bars=bars,
        funding=funding,
        mark=mark,
        mark_missing=int(len(bars) - np.count_nonzero(mark_known)),
        plan=plan,
        health=range_health(bars, start=window.start_ms),
        history_health=range_health(history.slice(max(0, first - warmup_bars), first)),
        dataset_hash=dataset_hash(arrays),
        held=held,
        spot=spot,
        verdict=judge_range(bars, start=window.start_ms),
        bridged=count_bridged(history, first, warmup_bars),
    )


def _choice(instrument: Instrument) -> str:
    """Return what the group of symbols calls the instrument."""
    return "_".join(instrument.inst_id.lower().split("-"))


def _first_bar(history: Bars, window: Window) -> int:
    if window.start_ms is not None:
        first = int(np.searchsorted(history.ts, window.start_ms))
    else:
        first = 0 if window.limit is None else max(0, len(history) - window.limit)
    _require_tradable(history, first, window)
    return first


def _held_back(history: Bars, first: int, window: Window) -> HeldBack | None:
    kept = int((len(history) - first) * window.holdout)
    if not kept:
        return None
    return HeldBack(int(history.ts[-kept]), int(history.close_ts[-1]), opened=window.unlock)


def _require_tradable(history: Bars, first: int, window: Window) -> None:
    found = len(history) - first
    if found > window.signal_window:
        return
    stored = "none"
    if len(history):
        stored = f"{to_iso(int(history.ts[0]))} to {to_iso(int(history.close_ts[-1]))}"
    kept = f" after window.holdout={window.holdout:g}" if window.holdout and not window.unlock else ""
    raise DataError(
        f"the window holds {found} bars of {history.inst_id} {history.timeframe}{kept}, and signal_window="
        f"{window.signal_window} of them come before the first trade (stored up to the window's end: "
        f"{stored}): widen the window, ingest more, or lower signal_window"
    )


def _mark_prices(
    service: DataService, instrument: Instrument, timeframe: Timeframe, bars: Bars
) -> tuple[MarkPrices, NDArray[np.bool_]]:
    """Return mark prices on the run's bars, the last price where none is stored, and where one is."""
    last = MarkPrices(bars.open, bars.high, bars.low)
    unknown = np.zeros(len(bars), np.bool_)
    if not service.has_series(instrument.inst_id, timeframe, kind=MARK):
        return last, unknown
    stored = service.get_candles(
        instrument.inst_id, timeframe, start=int(bars.ts[0]), end=int(bars.ts[-1]) + 1, kind=MARK
    )
    if not len(stored):
        return last, unknown
    index = np.minimum(np.searchsorted(stored.ts, bars.ts), len(stored) - 1)
    known = stored.ts[index] == bars.ts

    def column(mark: FloatArray, price: FloatArray) -> FloatArray:
        return np.where(known, mark[index], price)

    mark = MarkPrices(
        column(stored.open, bars.open), column(stored.high, bars.high), column(stored.low, bars.low)
    )
    return mark, known


def _funding_plan(
    service: DataService,
    instrument: Instrument,
    bars: Bars,
    mark: MarkPrices,
    mark_known: NDArray[np.bool_],
    funding: FundingSeries,
    estimate: float,
) -> FundingPlan:
    """Unite the stored settlements with the instrument's grid; grid times without a rate get the estimate."""
    start, end = int(bars.ts[0]), int(bars.close_ts[-1])
    inside = (funding.ts > start) & (funding.ts < end)
    known_ts, known_rate = funding.ts[inside], funding.rate[inside]
    grid = expected_settlements(start, end, instrument.funding_interval_ms)
    absent = np.setdiff1d(grid, known_ts, assume_unique=True)
    ts = np.concatenate([known_ts, absent])
    order = np.argsort(ts, kind="stable")
    ts = ts[order]
    rate = np.concatenate([known_rate, np.full(len(absent), estimate)])[order]
    sources: dict[str, int] = {}
    for position in np.flatnonzero(inside).tolist():
        source = funding.source[position]
        sources[source] = sources.get(source, 0) + 1
    if len(absent):
        sources[""] = len(absent)
    prices = _mark_at(service, instrument, bars, mark, mark_known, ts)
    placed = place_settlements(bars.ts, bars.timeframe.step_ms, ts, rate, prices)
    return FundingPlan(placed, len(ts), sources)


def _mark_at(
    service: DataService,
    instrument: Instrument,
    bars: Bars,
    mark: MarkPrices,
    mark_known: NDArray[np.bool_],
    ts: TsArray,
) -> FloatArray:
    """Return the mark price at each settlement.

    The mark's open where a stored mark bar of any length opens there; else the newest open before it.
    """
    position = np.maximum(np.searchsorted(bars.ts, ts, side="right") - 1, 0)
    prices = mark.open[position]
    open_ends = ~(mark_known[position] & (bars.ts[position] == ts))
    if not open_ends.any():
        return prices
    others = [
        series.timeframe
        for series in service.list_series()
        if series.inst_id == instrument.inst_id and series.kind == MARK and series.timeframe != bars.timeframe
    ]
    for timeframe in sorted(others):
        stored = service.get_candles(
            instrument.inst_id, timeframe, start=int(ts[0]), end=int(ts[-1]) + 1, kind=MARK
        )
        if not len(stored):
            continue
        at = np.minimum(np.searchsorted(stored.ts, ts), len(stored) - 1)
        exact = open_ends & (stored.ts[at] == ts)
        prices = np.where(exact, stored.open[at], prices)
        open_ends &= ~exact
        if not open_ends.any():
            break
    return prices
