"""One chunk of trials: terms and signals of each, the kernel, the figures.

Called from several threads at once; what is shared is only read. Invariant: a trial's figures do not
depend on the chunk it is in or the thread that runs it.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from arena.backtest.account import account_settings
from arena.backtest.costs import cost_rate
from arena.backtest.market import RunMarket
from arena.backtest.sweep.alone import Alone, Worker
from arena.backtest.sweep.axes import CONDUCT_AXES, STRATEGY, TERM_AXES, Axes
from arena.backtest.sweep.meeting import Given, Meeting, changed
from arena.backtest.sweep.statistics import Frame, Part, figures_of
from arena.config.models import BacktestConfig
from arena.core.bars import IntArray
from arena.core.instrument import Instrument
from arena.engine.simulate import ROOM, account_rules, new_state
from arena.strategies import StrategySpec, compute_signal, parse_params
from arena.strategies.base import Batch, CrossBatch, CrossRows, WrittenBatch

if TYPE_CHECKING:
    from arena.engine.stretches import Guide

Columns = dict[str, NDArray[Any]]
Progress = Callable[[int, int], None]
"""Told the trials done and their total."""

Shared = tuple[Any, Any, Any, Any, Any, Any, Any, Any]
"""The first arguments of `run_trials`, up to the accounts' states."""

Into = tuple[NDArray[np.float32], IntArray]
"""Daily returns of all trials, (trials, days), and the row there of each one that is run."""

TILE = 8
MET_BYTES = 32_000_000


class Bench:
    """The memory of one thread, which grows with what trials turn out to need; the signal on it stays.

    `met` has ways to meet the market, by the key of their values, up to MET_BYTES; `worker` runs trials that
    are runs of their own.
    """

    def __init__(self, bars: int, fill_room: int, *, whole: bool, worker: Worker | None = None) -> None:
        from arena.engine.trial_memory import trial_memory

        self._make = partial(trial_memory, bars)
        self._whole = whole
        self.memory = self._make(fill_room, whole=whole)
        self.met: dict[int, Given] = {}
        self.worker = worker

    def grow(self, *, whole: bool) -> None:
        """Make all bars one piece where `whole`, else room for twice as many fills."""
        old = self.memory
        more = 1 if whole else 2
        self._whole |= whole
        self.memory = self._make(more * len(old.fills), spare=more * old.spare, whole=self._whole)
        for name in ("target", "stop", "take"):
            getattr(self.memory, name)[:] = getattr(old, name)


@dataclass(frozen=True, slots=True, eq=False)
class Desk:
    """What every chunk reads: config, market and the shared indicators, if the strategy has a batch form.

    `guide` is what `run_trials` takes under this name; with `alone`, trials are runs of their own.
    """

    config: BacktestConfig
    spec: StrategySpec[Any]
    axes: Axes
    instrument: Instrument
    market: RunMarket
    frame: Frame
    fixed: dict[str, Any]
    batch: Batch | None
    day_ends: IntArray
    ruin: float
    guide: Guide | None
    meeting: Meeting
    alone: Alone | None = None

    def bench(self, fill_room: int | None = None) -> Bench:
        """Return memory for one thread, at first with room for four fills a bar."""
        bars = len(self.market.bars)
        worker = None if self.alone is None else self.alone.worker()
        return Bench(bars, fill_room or 4 * bars + ROOM, whole=self.guide is None, worker=worker)

    def run(self, rows: IntArray, bench: Bench, into: Into | None = None) -> Part:
        """Return figures and daily returns of the grid's `rows`, best in the order of `order`.

        With `into`, daily returns are written there, and None stands for them.
        """
        from arena.engine.summary import SUMMARY_DTYPE

        count = len(rows)
        columns = self.axes.columns(rows)
        if bench.worker is not None:
            return bench.worker.run(columns, count)
        fresh = new_state(self.config.initial_capital)
        fresh["last_ref"] = self.market.bars.open[0]
        states = np.repeat(fresh, count)
        summaries = np.zeros(count, SUMMARY_DTYPE)
        daily, places = into or (np.empty((count, len(self.day_ends)), np.float32), np.arange(count))
        signals = self._signals(columns, count)
        arguments = self._arguments(columns, count, signals)
        written = self._written(columns, count)
        # a signal of its own for each run of equal parameters, unless the kernel makes them
        own = np.zeros(count, np.int64) if isinstance(self.batch, CrossBatch) else self.signal_keys(rows)
        ways = self.conduct_keys(rows)
        news = np.flatnonzero((np.diff(own) != 0) | (np.diff(ways) != 0)) + 1
        on_bench = None
        for begin, end in itertools.pairwise([0, *news.tolist(), count]):
            if own[begin] != on_bench:
                self._put_signal(written, rows, begin, bench)
                on_bench = own[begin]
            conduct = self._conduct(int(ways[begin]), columns, begin, bench)
            results = states, summaries, daily, places
            self._simulate(arguments, results, fresh[0], bench, conduct, begin, end)
        return figures_of(summaries, states, self.frame), daily if into is None else None

    def order(self, rows: IntArray) -> IntArray:
        """Return the positions of `rows` in the order that suits a run.

        Rows of one signal stand together, and of those the ones that meet the market alike. With shared
        indicators they stand in tiles of few values an axis: those of a tile are still in the processor's
        cache when the next trial reads them.
        """
        keys, ways = self.signal_keys(rows), self.conduct_keys(rows)
        if not isinstance(self.batch, CrossBatch):
            return np.lexsort((ways, keys))
        return np.lexsort((keys, ways, self.signal_keys(rows, TILE)))

    def signal_keys(self, rows: IntArray, tile: int = 1) -> IntArray:
        """Return a number a row, equal where the strategy's parameters are, or lie in the same tile."""
        return self._keys([name for name in self.axes.names if name.startswith(STRATEGY)], rows, tile)

    def conduct_keys(self, rows: IntArray) -> IntArray:
        """Return a number a row, equal where the market is met alike."""
        return self._keys(CONDUCT_AXES, rows)

    def _keys(self, wanted: Sequence[str], rows: IntArray, tile: int = 1) -> IntArray:
        key = np.zeros(len(rows), np.int64)
        for name, size, at in zip(self.axes.names, self.axes.shape, self.axes.positions(rows), strict=True):
            if name in wanted:
                key = key * size + at // tile
        return key

    def _put_signal(self, written: list[NDArray[Any]], rows: IntArray, at: int, bench: Bench) -> None:
        """Put the signal of the row at `at` on the bench, unless the kernel makes it."""
        if isinstance(self.batch, WrittenBatch):
            chosen = tuple(column[at].item() for column in written)
            memory = bench.memory
            signal = memory.target, memory.stop, memory.take
            self.batch.write(self.batch.shared, chosen, self.market.start, *signal)
        elif self.batch is None:
            self.decide(rows[at : at + 1], bench)

    def _conduct(self, key: int, columns: Columns, at: int, bench: Bench) -> Given:
        found = bench.met.get(key)
        if found is None:
            chosen = {name: columns[name][at].item() for name in CONDUCT_AXES if name in columns}
            found = self.meeting.given(chosen)
            if (len(bench.met) + 1) * self.meeting.size <= MET_BYTES:
                bench.met[key] = found
        return found

    def decide(self, row: IntArray, bench: Bench) -> None:
        """Put the signal of one row, (1,), on the bench, by the strategy's own function."""
        chosen = {
            name.removeprefix(STRATEGY): values[0].item()
            for name, values in self.axes.columns(row).items()
            if name.startswith(STRATEGY)
        }
        params = parse_params(self.spec, {**self.fixed, **chosen})
        signal = compute_signal(self.spec, self.market.history, self.market.funding, params)
        start, memory = self.market.start, bench.memory
        memory.target[:] = signal.target[start:]
        memory.stop[:] = signal.stop_distance[start:]
        memory.take[:] = signal.take_distance[start:]

    def _parameters(self, columns: Columns) -> Columns:
        values = {name: np.array([value]) for name, value in self.fixed.items()}
        for name, column in columns.items():
            if name.startswith(STRATEGY):
                values[name.removeprefix(STRATEGY)] = column
        return values

    def _signals(self, columns: Columns, count: int) -> CrossRows:
        if not isinstance(self.batch, CrossBatch):
            return _no_rows(count)
        rows = self.batch.rows(self._parameters(columns))
        return CrossRows(**{name: _spread(getattr(rows, name), count) for name in CrossRows.__slots__})

    def _written(self, columns: Columns, count: int) -> list[NDArray[Any]]:
        if not isinstance(self.batch, WrittenBatch):
            return []
        return [_spread(column, count) for column in self.batch.rows(self._parameters(columns))]

    def _arguments(self, columns: Columns, count: int, signals: CrossRows) -> Shared:
        """Return what the kernel reads, up to the accounts' states."""
        config, instrument = self.config, self.instrument
        tiers = instrument.tiers.tiers
        return (
            *market_columns(self.market),
            np.array([tier.max_contracts / instrument.lot_sz for tier in tiers]),
            np.array([tier.mmr for tier in tiers]),
            account_rules(instrument, account_settings(config, 0.0)),
            self._terms(columns, count),
            self._batch_of(signals),
        )

    def _simulate(
        self,
        arguments: Shared,
        written: tuple[NDArray[Any], NDArray[Any], NDArray[np.float32], IntArray],
        fresh: np.void,
        bench: Bench,
        conduct: Given,
        begin: int,
        end: int,
    ) -> None:
        """Run trials [begin, end), with other memory for those that need it."""
        from arena.engine.trials import run_trials

        states, summaries, daily, places = written
        money = (self.config.initial_capital, self.ruin, self.instrument.ct_val)
        done = begin
        while True:
            done = run_trials(
                *arguments,
                states,
                bench.memory,
                money,
                self.day_ends,
                summaries,
                daily,
                places,
                self.guide,
                done,
                end,
                conduct,
            )
            if done == end:
                return
            states[done:end] = fresh
            bench.grow(whole=bool(np.isnan(summaries["second"][done])))
            summaries[done:end] = 0.0

    def _batch_of(self, rows: CrossRows) -> tuple[Any, ...]:
        none = np.empty((0, len(self.market.history)))
        shared: tuple[Any, ...] = (none, none, none)
        if isinstance(self.batch, CrossBatch):
            shared = (self.batch.series, self.batch.gates, self.batch.ranges)
        return (
            *shared,
            self.market.start,
            rows.upper,
            rows.lower,
            rows.ready,
            rows.gate,
            rows.gate_least,
            rows.long.astype(np.float64),
            -rows.short.astype(np.float64),
            rows.range,
            rows.stop_multiple,
            rows.take_multiple,
        )

    def _terms(self, columns: Columns, count: int) -> tuple[Any, ...]:
        """Return what the account axes change, by the engine's own rules, once a distinct combination."""
        names = [name for name in columns if name in TERM_AXES]
        if not names:
            terms = _terms_of(self.config, self.instrument, {})
            return tuple(np.full(count, value) for value in terms)
        known: dict[tuple[float, ...], tuple[float, ...]] = {}
        table = np.empty((6, count))
        sets = zip(*(columns[name].tolist() for name in names), strict=True)
        for trial, chosen in enumerate(sets):
            if chosen not in known:
                own = dict(zip(names, chosen, strict=True))
                known[chosen] = _terms_of(self.config, self.instrument, own)
            table[:, trial] = known[chosen]
        return tuple(table)


def market_columns(market: RunMarket) -> tuple[tuple[Any, ...], int, tuple[Any, ...]]:
    """Return the bars, their length and the settlements as the engine's kernels take them."""
    bars, mark, plan = market.bars, market.mark, market.plan.settlements
    return (
        (bars.ts, bars.open, bars.high, bars.low, bars.close, mark.open, mark.high, mark.low),
        bars.timeframe.step_ms,
        (plan.bar, plan.at_open, plan.rate, plan.mark),
    )


def _terms_of(config: BacktestConfig, instrument: Instrument, chosen: dict[str, float]) -> tuple[float, ...]:
    """Return fee, cost, margin rate, order rate, largest position and size of one account."""
    own = changed(config, chosen)
    rules: Any = account_rules(instrument, account_settings(own, cost_rate(own.costs)))
    return (
        rules.fee,
        rules.cost,
        rules.margin_rate,
        rules.order_rate,
        rules.max_position_lots,
        rules.size_value,
    )


def _spread(values: NDArray[Any], count: int) -> NDArray[Any]:
    return np.ascontiguousarray(np.broadcast_to(values, (count,)))


def _no_rows(count: int) -> CrossRows:
    """Return rows that say: the signal is in memory."""
    given, nothing, no = np.full(count, -1, np.int64), np.zeros(count), np.zeros(count, np.bool_)
    return CrossRows(given, given, given, given, nothing, no, no, given, nothing, nothing)
