"""One account over a market that has been read: how it is set up, and what of its course is measured.

Single runs and the trials of a sweep go through here. Invariant: the same config, market and signal give
the same arrays, parts and counts, whoever asks.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from arena.backtest.costs import cost_rate
from arena.backtest.finer import FinerBars
from arena.backtest.hedge import short_side, spot_market, with_leg
from arena.backtest.hold import hold_equity
from arena.backtest.liquidity import conduct_of
from arena.backtest.market import RunMarket
from arena.backtest.metrics import MetricInputs, make_inputs
from arena.backtest.readings import Readings
from arena.backtest.result import Counts, PnlSplit, RunArrays
from arena.backtest.tallies import count_events
from arena.backtest.trades import build_trades
from arena.config.models import BacktestConfig
from arena.core.instrument import Instrument
from arena.core.signal import Signal
from arena.engine.records import expand_fills
from arena.engine.simulate import AccountCourse, AccountSettings


@dataclass(frozen=True, slots=True, eq=False)
class Outcome:
    """What an account came to; `swap` is the PnL of the swap alone, `pnl` that of both legs."""

    arrays: RunArrays
    swap: PnlSplit
    pnl: PnlSplit
    counts: Counts
    inputs: MetricInputs


def account_settings(config: BacktestConfig, slip: float) -> AccountSettings:
    """Return what the engine assumes of the account; `slip` is half spread + slippage, a fraction."""
    return AccountSettings(
        initial_capital=config.initial_capital,
        fee_rate=config.fee_rate,
        cost_rate=slip,
        leverage=config.leverage,
        isolated=config.margin_mode == "isolated",
        size_mode=config.sizing.mode,
        size_value=config.sizing.value,
        first_bar=config.signal_window,
    )


def open_account(
    config: BacktestConfig, market: RunMarket, instrument: Instrument, wanted: Signal, finer: FinerBars
) -> tuple[Readings, int]:
    """Return everything a run is made of, and how many longs a hedge refuses.

    Args:
        config: the validated job config.
        market: what was read.
        instrument: of the market.
        wanted: the strategy's word on the whole history.
        finer: stored finer bars of the run's bars.

    Raises:
        DataError: a cost, volume or spot bars are not known and must be.
    """
    signal, refused = short_side(_tail(wanted, market.start), config)
    conduct = conduct_of(config.costs, config.orders, market, instrument)
    conduct = replace(conduct, spot=spot_market(market.spot, config))
    settings = account_settings(config, cost_rate(config.costs))
    return Readings(market, signal, instrument, settings, conduct, finer), refused


def measure_account(config: BacktestConfig, readings: Readings, course: AccountCourse) -> Outcome:
    """Return what the account of `readings` came to by its `course`."""
    arrays = _arrays(config, readings, course)
    swap = PnlSplit(
        price=course.price_pnl,
        fees=course.fees,
        funding=course.funding,
        slippage=course.slippage,
        liquidation=course.penalty,
        total=float(course.equity[-1]) - config.initial_capital,
        identity_error=course.identity_error,
    )
    pnl = with_leg(swap, course.spot)
    counts = count_events(course, arrays)
    inputs = make_inputs(
        arrays,
        first_bar=config.signal_window,
        initial_capital=config.initial_capital,
        ct_val=readings.instrument.ct_val,
        pnl=pnl,
        counts=counts,
    )
    return Outcome(arrays, swap, pnl, counts, inputs)


def _tail(signal: Signal, start: int) -> Signal:
    return Signal(
        signal.target[start:],
        signal.stop_distance[start:],
        signal.take_distance[start:],
        signal.confidence[start:],
        signal.reason[start:],
        signal.reasons,
    )


def _arrays(config: BacktestConfig, readings: Readings, course: AccountCourse) -> RunArrays:
    market, instrument, signal = readings.market, readings.instrument, readings.signal
    fills = expand_fills(
        course.compact_fills,
        market.bars.ts,
        lot_sz=instrument.lot_sz,
        ct_val=instrument.ct_val,
        fee_rate=config.fee_rate,
        capital=config.initial_capital,
        maker=readings.conduct.maker,
        spot_cash=None if course.spot is None else course.spot.fills["cash"],
    )
    spot = None
    if course.spot is not None and market.spot is not None:
        spot = course.spot.fills, float(market.spot.close[-1])
    trades = build_trades(
        fills,
        market.bars,
        signal,
        ct_val=instrument.ct_val,
        initial_capital=config.initial_capital,
        final_funding_total=course.funding,
        spot=spot,
    )
    hold = hold_equity(
        market.bars,
        config.signal_window,
        config.initial_capital,
        fee_rate=config.fee_rate,
        cost_bps=readings.settings.cost_rate * 1e4,
        settlements=market.plan.settlements,
    )
    return RunArrays(
        market.bars, signal, course.equity, course.position, hold, fills, trades, spot and spot[0]
    )
