"""Cases 1 and 2: the engine in a warm process, one thread.

Reads nothing stored. Invariant: no ratio is taken before the trades of both sides were found equal.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from arena.core.bars import FloatArray
from arena.engine.records import expand_fills
from benchmarks.engine_arena import CAPITAL, FullRun, PlainRun
from benchmarks.engine_backtesting import BacktestingRun
from benchmarks.engine_vectorbt import VectorbtRun
from benchmarks.market import (
    LARGE,
    MIDDLE,
    SMALL,
    TIMEFRAME_OF,
    Market,
    cross_target,
    fine_instrument,
    guarded_signal,
    make_market,
    plain_signal,
    reversing_target,
)
from benchmarks.table import Row, row
from benchmarks.timing import rotation, take_turns
from benchmarks.trades import Comparison, compare, worst_of

PEERS: dict[str, type[VectorbtRun] | type[BacktestingRun]] = {
    "vectorbt": VectorbtRun,
    "backtesting.py": BacktestingRun,
}
FEE_RATE = 0.0005
LIGHT_FEE_RATE = 0.00001
"""For a million bars: with the usual fee an account of constant leverage would have nothing left to trade."""

REVERSAL_FEE_RATE = 0.000001

MARKETS = 16
"""Markets that a run is timed on in turn."""

FULL_TARGET_NS = 8.0
"""At most, of a cross that is long or flat on bars met before, whatever their number."""

ORDER_TARGET_NS = 25.0
"""At most, with an order on every bar and every fill recorded."""


def check_trades(*, quick: bool) -> Iterator[tuple[str, Comparison]]:
    """Compare the trades of each job that is timed later with each peer's, on every market it is timed on."""
    for size in _compared(quick=quick):
        markets = [(make_market(size, number), _long_target(size, number)) for number in range(MARKETS)]
        yield from _check(f"EMA cross, long or flat, {MARKETS} x {size:,} bars", markets, FEE_RATE)
    market = make_market(SMALL)
    yield from _check("EMA cross, long or short", [(market, cross_target(SMALL))], FEE_RATE)
    yield from _check("reversal on every bar", [(market, reversing_target(SMALL))], REVERSAL_FEE_RATE)


def _check(
    name: str, markets: list[tuple[Market, FloatArray]], fee_rate: float
) -> Iterator[tuple[str, Comparison]]:
    ours = [PlainRun(market, target, fee_rate).outcome() for market, target in markets]
    for peer, run in PEERS.items():
        theirs = (run(market, target, fee_rate).outcome() for market, target in markets)
        yield name, worst_of([compare(peer, a, b) for a, b in zip(ours, theirs, strict=True)])


def _compared(*, quick: bool) -> tuple[int, ...]:
    return (SMALL,) if quick else (SMALL, MIDDLE)


def _long_target(size: int, number: int) -> FloatArray:
    return np.maximum(cross_target(size, number), 0.0)


def measure_warm(*, quick: bool) -> list[Row]:
    """Case 1: full realism by length of history, and the plain job beside the peers.

    The target was stated for a cross that is long or flat, on bars that it has met before. One that is long
    or short fills twice as often; on new bars no branch is known beforehand.
    """
    case = "1. Engine, warm, one thread"
    sizes = (SMALL, MIDDLE) if quick else (SMALL, MIDDLE, LARGE)
    rows = []
    for size in sizes:
        fee_rate = LIGHT_FEE_RATE if size == LARGE else FEE_RATE
        warm = _full_run(size, 0, _long_target(size, 0), fee_rate)
        runs = [
            _full_run(size, number, cross_target(size, number), fee_rate)
            for number in range(1 if size == LARGE else MARKETS)
        ]
        held = FullRun(make_market(size), plain_signal(np.ones(size)), fee_rate, share=0.3)
        jobs = {"warm": warm, "new": rotation(runs), "again": runs[0], "held": held}
        taken = take_turns(jobs, 5 if quick else 15)
        ns = {name: sample.scaled(1e9 / size) for name, sample in taken.items()}
        label = f"everything on, long or flat, {size:,} bars, {_fills_a_bar([warm])}"
        rows.append(row(case, label, "ns/bar", ns["warm"], FULL_TARGET_NS))
        label = f"long or short, {size:,} bars, {_fills_a_bar(runs)}"
        if size != LARGE:
            rows.append(row(case, f"{label}, new bars", "ns/bar", ns["new"]))
        rows.append(row(case, f"{label}, same bars", "ns/bar", ns["again"]))
        rows.append(row(case, f"one position held throughout, {_bars(size)}", "ns/bar", ns["held"]))
    for size in _compared(quick=quick):
        markets = [(make_market(size, number), _long_target(size, number)) for number in range(MARKETS)]
        rows += _beside_peers(case, "EMA cross", markets, FEE_RATE, 3 if quick else 7)
    return rows


def measure_reversals(*, quick: bool) -> list[Row]:
    """Case 2: an order on every bar. In and out again is one fill an order, a reversal two."""
    case = "2. Engine, warm, an order on every bar, every fill recorded"
    rows = []
    for size in (SMALL, MIDDLE) if quick else (SMALL, MIDDLE, LARGE):
        runs = {
            "in and out": (_ordering_run(size, np.maximum(reversing_target(size), 0.0)), ORDER_TARGET_NS),
            "reversals": (_ordering_run(size, reversing_target(size)), None),
        }
        for name, (run, target) in runs.items():
            label = f"arena, everything on, {name}, {_bars(size)}, {len(run().compact_fills):,} fills"
            taken = take_turns({"arena": run}, 5 if quick else 9)["arena"]
            rows.append(row(case, label, "ns/bar", taken.scaled(1e9 / size), target))
    fills = _ordering_run(MIDDLE, reversing_target(MIDDLE))().compact_fills
    taken = take_turns({"expand": _expansion(fills)}, 3 if quick else 7)["expand"]
    label = "arena, fills written out in full, beside the engine"
    rows.append(row(case, label, "ns/fill", taken.scaled(1e9 / len(fills))))
    markets = [(make_market(SMALL), reversing_target(SMALL))]
    return rows + _beside_peers(case, "reversals", markets, REVERSAL_FEE_RATE, 1 if quick else 3)


def _full_run(size: int, number: int, target: FloatArray, fee_rate: float) -> FullRun:
    market = make_market(size, number)
    return FullRun(market, guarded_signal(market, target), fee_rate, share=0.3)


def _fills_a_bar(runs: list[FullRun]) -> str:
    fills = sum(len(run().compact_fills) / len(run.signal.target) for run in runs) / len(runs)
    return f"{fills:.3f} fills a bar"


def _ordering_run(size: int, target: FloatArray) -> FullRun:
    market = make_market(size)
    return FullRun(market, guarded_signal(market, target), REVERSAL_FEE_RATE, share=0.05)


def _beside_peers(
    case: str, what: str, markets: list[tuple[Market, FloatArray]], fee_rate: float, rounds: int
) -> list[Row]:
    engines = {"arena": PlainRun, **PEERS}
    jobs = {
        name: rotation([run(market, target, fee_rate) for market, target in markets])
        for name, run in engines.items()
    }
    taken = take_turns(jobs, rounds)
    label = f"{what}, {len(markets[0][1]):,} bars"
    rows = [row(case, f"{name}, {label}", "ms", sample.scaled(1e3)) for name, sample in taken.items()]
    rows += [
        row(case, f"{peer} / arena, {label}", "times", taken[peer].over(taken["arena"])) for peer in PEERS
    ]
    return rows


def _expansion(fills: np.ndarray) -> Callable[[], object]:
    instrument, ts = fine_instrument(), make_market(MIDDLE).bars.ts
    return lambda: expand_fills(
        fills, ts, lot_sz=instrument.lot_sz, ct_val=instrument.ct_val, fee_rate=0.0, capital=CAPITAL
    )


def _bars(size: int) -> str:
    return f"{size:,} bars of {TIMEFRAME_OF[size]}"
