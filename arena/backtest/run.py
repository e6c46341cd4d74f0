"""One backtest from config to result: read, decide, simulate, measure.

No output here; `reporting` writes files and the job writes the ledger. Invariant: everything in
the result follows from the config, the arrays under its dataset hash and the code version.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from arena.backtest.account import Outcome, measure_account, open_account
from arena.backtest.band import ambiguity_note, make_band
from arena.backtest.break_even import Replay
from arena.backtest.causality import award_badge
from arena.backtest.code_version import code_version, library_versions
from arena.backtest.costs import cost_provenance, cost_rate, require_funding
from arena.backtest.drawdowns import top_drawdowns
from arena.backtest.finer import FinerBars
from arena.backtest.hedge import (
    hedge_notes,
    split_by_leg,
    spot_costs,
    spot_pair,
)
from arena.backtest.judge import PastTrials, judge_run, warn_of_unlocks
from arena.backtest.market import RunMarket, Window, load_market
from arena.backtest.metrics import compute_metrics, hold_metrics
from arena.backtest.metrics.inputs import equity_path
from arena.backtest.periods import month_returns
from arena.backtest.readings import Readings
from arena.backtest.result import (
    AccountInfo,
    BacktestResult,
    CausalityBadge,
    MarketInfo,
    Provenance,
    RunArrays,
    RunInfo,
    StrategyInfo,
)
from arena.backtest.tallies import describe_health
from arena.backtest.verdict import Verdict
from arena.backtest.warnings import collect_warnings
from arena.config.models import BacktestConfig
from arena.core.clock import to_iso
from arena.core.errors import DataError, GapError
from arena.data.service import DataService
from arena.engine.simulate import AccountCourse
from arena.strategies import compute_signal, get_strategy, parse_params


@dataclass(frozen=True, slots=True)
class RunIdentity:
    """Who asks for the run: the part of a result that no computation gives."""

    run_id: str
    created_ms: int
    command: str
    config_hash: str


@dataclass
class Stopwatch:
    """Time spent a step, ms."""

    steps: dict[str, float]
    last: float

    def lap(self, step: str) -> None:
        """Book the time since the last lap under `step`."""
        now = time.perf_counter()
        self.steps[step] = (now - self.last) * 1000
        self.last = now


def run_backtest(
    config: BacktestConfig,
    identity: RunIdentity,
    *,
    started: float | None = None,
    tell: Callable[[str], None] = lambda _step: None,
    service: DataService | None = None,
    past: Callable[[BacktestResult], PastTrials] | None = None,
) -> tuple[BacktestResult, RunArrays]:
    """Run `config` and return its result and the arrays behind it.

    Args:
        config: the validated job config.
        identity: run id, time, command and config hash.
        started: `time.perf_counter()` at the start of the process, for the timings.
        tell: called with the name of each step as it begins.
        service: what to read through; by default the store that the config names.
        past: counts the run in the trial ledger and tells what was tried on its data, itself included.

    Raises:
        ConfigError: the strategy or its parameters are wrong.
        DataError: bars are missing, too few, or a cost is not known and must be.
    """
    watch = Stopwatch({}, time.perf_counter() if started is None else started)
    watch.lap("start")
    instrument, timeframe = config.symbol.instrument(), config.timeframe.timeframe()
    spec = get_strategy(config.strategy.name)
    params = parse_params(spec, config.strategy.params)
    cost_rate(config.costs)  # one that is not set stops the run before it reads
    tell("reading")
    service = service or DataService(config.store.root, known_at=config.as_of_ms)
    market = load_market(
        service,
        instrument,
        timeframe,
        run_window(config),
        warmup_bars=spec.warmup(params),
        funding_rate_estimate=config.costs.funding_rate_estimate,
        spot_inst_id=spot_pair(config),
    )
    require_funding(market.plan, config.costs, instrument.inst_id)
    require_whole(market, config)
    watch.lap("read")
    tell("deciding")
    wanted = compute_signal(spec, market.history, market.funding, params)
    watch.lap("strategy")
    tell("auditing")
    badge = award_badge(spec, market.history, market.funding, params, wanted)
    watch.lap("audit")
    tell("simulating")
    finer = FinerBars(service, market.bars, market.mark)
    readings, refused = open_account(config, market, instrument, wanted, finer)
    course = readings.play(config.intrabar)
    watch.lap("engine")
    tell("measuring")
    outcome = measure_account(config, readings, course)
    arrays = outcome.arrays
    result = _result(
        config, identity, readings, course, outcome, badge, spec.warmup(params), params.model_dump()
    )
    band = make_band(readings, config.intrabar, config.signal_window, result.costs)
    hedge = split_by_leg(course, market.spot, refused)
    notes = [*result.warnings, *hedge_notes(hedge), *ambiguity_note(band, config.intrabar)]
    result = result.model_copy(update={"band": band, "hedge": hedge, "warnings": notes})
    watch.lap("metrics")
    known = None if past is None else past(result)
    watch.lap("ledger")
    if config.report.honesty:
        tell("judging")
        verdict = _verdict(config, readings, course, arrays, known)
        opened = [] if verdict.lockbox is None else warn_of_unlocks(verdict.lockbox)
        result = result.model_copy(update={"verdict": verdict, "warnings": [*result.warnings, *opened]})
    watch.lap("verdict")
    if config.report.timings:
        result = result.model_copy(update={"timings_ms": watch.steps})
    return result, arrays


def run_window(config: BacktestConfig) -> Window:
    """Return which bars `config` asks for."""
    wanted = config.window
    return Window(
        wanted.start_ms, wanted.end_ms, config.limit, config.signal_window, wanted.holdout, wanted.unlock
    )


def require_whole(market: RunMarket, config: BacktestConfig) -> None:
    """Stop where the gate does not let the run's bars pass and the policy is strict.

    Raises:
        GapError: names the largest hole.
        DataError: names what else is wrong.
    """
    if config.data.policy != "strict" or market.verdict.fit:
        return
    health = market.health
    if health.gaps:
        worst = max(health.gaps, key=lambda gap: gap.bars)
        series = f"{market.bars.inst_id} {market.bars.timeframe}"
        raise GapError(
            f"{health.missing} of {health.expected} bars of {series} are missing in the window, "
            f"{worst.bars} of them from {to_iso(worst.start)}: repair the data, choose another window, "
            "or run with data.policy=warn"
        )
    raise DataError(
        f"{market.verdict.reasons[0].sentence}: repair the data, choose another window, "
        "or run with data.policy=warn"
    )


def _result(
    config: BacktestConfig,
    identity: RunIdentity,
    readings: Readings,
    course: AccountCourse,
    outcome: Outcome,
    badge: CausalityBadge,
    warmup: int,
    params: dict[str, object],
) -> BacktestResult:
    market, instrument = readings.market, readings.instrument
    bars, first = market.bars, config.signal_window
    primary, secondary = compute_metrics(outcome.inputs)
    traded = bars.slice(first)
    points = np.concatenate(([config.initial_capital], course.equity[first:]))
    result = BacktestResult(
        synthetic=market.is_synthetic,
        run=RunInfo(
            run_id=identity.run_id,
            job="backtest",
            name=config.name,
            created_at=to_iso(identity.created_ms),
            command=identity.command,
        ),
        market=MarketInfo(
            inst_id=instrument.inst_id,
            symbol=instrument.symbol,
            timeframe=str(bars.timeframe),
            start=to_iso(int(bars.ts[0])),
            end=to_iso(int(bars.close_ts[-1])),
            bars=len(bars),
            signal_window=first,
            traded_bars=len(bars) - first,
            history_bars=market.start,
            warmup_bars=warmup,
            held_start=None if market.held is None else to_iso(market.held.start_ms),
            held_end=None if market.held is None else to_iso(market.held.end_ms),
        ),
        strategy=StrategyInfo(name=config.strategy.name, params=params),
        account=AccountInfo(
            initial_capital=config.initial_capital,
            final_equity=float(course.equity[-1]),
            leverage=config.leverage,
            margin_mode=config.margin_mode,
            sizing=config.sizing.model_dump(),
        ),
        primary=primary,
        secondary=secondary,
        buy_and_hold=hold_metrics(outcome.inputs.hold),
        pnl=outcome.pnl,
        costs=[
            *cost_provenance(
                config.costs,
                config.orders,
                config.fee_rate,
                market.plan,
                market.mark_missing,
                len(bars),
                instrument,
                outcome.swap,
            ),
            *spot_costs(config.hedge, market.spot, course.spot),
        ],
        data=describe_health(market),
        counts=outcome.counts,
        drawdowns=top_drawdowns(points, traded.ts, bars.timeframe.step_ms),
        monthly=month_returns(points, traded.ts),
        provenance=Provenance(
            config_hash=identity.config_hash,
            dataset_hash=market.dataset_hash,
            code_version=code_version(),
            versions=library_versions(),
            seed=config.seed,
        ),
        causality=badge,
        warnings=[],
    )
    return result.model_copy(update={"warnings": collect_warnings(result, ruined=course.ruined)})


def _verdict(
    config: BacktestConfig,
    readings: Readings,
    course: AccountCourse,
    arrays: RunArrays,
    known: PastTrials | None,
) -> Verdict:
    return judge_run(
        Replay(
            market=readings.market,
            instrument=readings.instrument,
            signal=readings.signal,
            settings=readings.settings,
            position=course.position,
            slippage_bps=config.costs.slippage_bps or 0.0,
            conduct=readings.conduct_of(config.intrabar),
        ),
        equity_path(arrays, arrays.equity, config.signal_window, config.initial_capital),
        equity_path(arrays, arrays.hold_equity, config.signal_window, config.initial_capital),
        known,
        holdout=config.window.holdout,
        seed=config.seed,
    )
