"""The engine's door: typed inputs in, the account's whole course out.

Invariant, asserted on every run: price PnL - fees + funding - slippage - penalty equals the
change of equity to 1e-9 of the capital.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from functools import cache, cached_property
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from arena.core.bars import Bars, FloatArray, IntArray
from arena.core.errors import ArenaError
from arena.core.instrument import Instrument
from arena.core.signal import Signal
from arena.engine.conduct import USUAL, Conduct, decided_at
from arena.engine.memory import MEMORY
from arena.engine.records import COMPACT_FILL_DTYPE, position_by_bar
from arena.engine.settlements import Settlements
from arena.engine.spot import SpotLeg, SpotMarket, trade_spot

IDENTITY_TOLERANCE = 1e-9
ROOM = 512
NOWHERE = np.empty(0, np.bool_)
NO_BARS = np.empty(0, np.int64)

SizeMode = Literal["equity", "notional", "contracts"]
_SIZE_MODES: dict[SizeMode, int] = {"equity": 0, "notional": 1, "contracts": 2}


@dataclass(frozen=True, slots=True)
class AccountSettings:
    """What a run assumes of the account; rates are fractions, money USDT."""

    initial_capital: float
    fee_rate: float
    cost_rate: float  # half spread + slippage
    leverage: float
    isolated: bool
    size_mode: SizeMode
    size_value: float
    first_bar: int


@dataclass(frozen=True, slots=True, eq=False)
class MarkPrices:
    """Mark price per bar, (n,) each."""

    open: FloatArray
    high: FloatArray
    low: FloatArray


@dataclass(frozen=True, eq=False)
class AccountCourse:
    """What happened: equity per bar, USDT at each close, and every fill.

    The parts of the PnL are the swap's; `spot` has those of the leg that hedges it, None without one.
    """

    equity: FloatArray
    compact_fills: NDArray[np.void]  # COMPACT_FILL_DTYPE; `fills` has them written out
    price_pnl: float
    fees: float
    funding: float
    slippage: float
    penalty: float
    identity_error: float  # |sum of parts - equity change| / capital
    orders: int
    expired: int
    rejected: int
    clipped: int
    ruined: bool
    lot_sz: float
    unfilled: int = 0  # resting orders that ended without a fill
    ambiguous: int = 0  # bars that met more than one level
    wanted: NDArray[np.bool_] = field(default_factory=lambda: NOWHERE)
    """Per bar, whether finer bars were asked for and not there; empty where nobody asks."""
    spot: SpotLeg | None = None

    @property
    def unresolved(self) -> IntArray:
        """Ambiguous bars whose finer bars were asked for and not there."""
        return np.flatnonzero(self.wanted)

    @cached_property
    def position(self) -> FloatArray:
        """Signed contracts after each bar, worked out from the fills."""
        return position_by_bar(self.compact_fills, len(self.equity), self.lot_sz)


def simulate(
    bars: Bars,
    signal: Signal,
    settlements: Settlements,
    mark: MarkPrices,
    instrument: Instrument,
    settings: AccountSettings,
    conduct: Conduct = USUAL,
) -> AccountCourse:
    """Run one account over `bars` and return its course.

    `signal`, `mark` and `bars` have equal length n; `settlements` index into the bars; `conduct` says
    what is assumed beyond the plain account.

    Raises:
        ArenaError: the account identity does not hold - a bug, never a property of the data.
    """
    from arena.engine.kernel import run_bars

    n = len(bars)
    market = (
        bars.ts, bars.open, bars.high, bars.low, bars.close, mark.open, mark.high, mark.low,
    )  # fmt: skip
    tier_lots = instrument.tiers.sizes / instrument.lot_sz
    tier_mmr = instrument.tiers.maintenance_rates
    state = new_state(settings.initial_capital)
    if n:
        state["last_ref"] = bars.open[0]
    equity = np.empty(n)
    # two fills a bar; memory that is never written is never touched, so a large room costs nothing
    fills = MEMORY.lend(2 * n + ROOM)
    rules = account_rules(instrument, settings, conduct.spot)
    wanted = NOWHERE if conduct.fine is None else np.zeros(n, np.bool_)
    opened = NO_BARS if conduct.spot is None else np.zeros(n, np.int64)
    columns = conduct.columns(wanted, opened)
    decision = _arriving(signal, bars, conduct.latency_bars)
    done = 0
    while done < n:
        if done:  # the last pass ran out of room for fills
            fills = np.concatenate([fills, np.empty(len(fills), COMPACT_FILL_DTYPE)])
        done = run_bars(
            market,
            bars.timeframe.step_ms,
            decision,
            (settlements.bar, settlements.at_open, settlements.rate, settlements.mark),
            tier_lots,
            tier_mmr,
            rules,
            state,
            fills,
            equity,
            done,
            columns,
        )
    if conduct.latency_bars:
        _date_back(fills[: int(state["fills"][0])], bars, conduct.latency_bars)
    leg = None
    if conduct.spot is not None:
        done_fills = fills[: int(state["fills"][0])]
        leg = trade_spot(done_fills, bars, conduct.spot, opened, instrument.ct_val * instrument.lot_sz)
    return _course(state, fills, equity, bars, instrument, settings, wanted, leg)


def _arriving(signal: Signal, bars: Bars, latency_bars: int) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return target, stop and take-profit distance as they are known at each close when they come late."""
    if not latency_bars:
        return signal.target, signal.stop_distance, signal.take_distance
    source = decided_at(bars.ts, bars.timeframe.step_ms, latency_bars)
    known, row = source >= 0, np.maximum(source, 0)
    return (
        np.where(known, signal.target[row], 0.0),
        np.where(known, signal.stop_distance[row], np.nan),
        np.where(known, signal.take_distance[row], np.nan),
    )


def _date_back(fills: NDArray[np.void], bars: Bars, latency_bars: int) -> None:
    """Make the fills name the bar that decided them instead of the one that sent the order."""
    source = decided_at(bars.ts, bars.timeframe.step_ms, latency_bars)
    sent = fills["signal_bar"]
    fills["signal_bar"] = np.where(sent >= 0, source[np.maximum(sent, 0)], sent)


def new_state(cash: float) -> NDArray[np.void]:
    """Return the state of a flat account with this much cash, shape (1,)."""
    flat, dtype = _flat_state()
    state = flat.copy().view(dtype)
    state["cash"] = cash
    return state


@cache
def _flat_state() -> tuple[NDArray[np.uint8], np.dtype[np.void]]:
    """Return the bytes of a state without cash: a record is copied field by field, bytes are not."""
    from arena.engine.account import STATE_DTYPE

    state = np.zeros(1, STATE_DTYPE)
    state["order_bar"] = -1
    for name in ("stop", "take", "liq"):
        state[name] = np.nan
    return state.view(np.uint8), STATE_DTYPE


def account_rules(
    instrument: Instrument, settings: AccountSettings, spot: SpotMarket | None = None
) -> tuple[object, ...]:
    """Return the kernel's scalars; sizes become lots, the leverage becomes a position limit."""
    from arena.engine.account import SIZE_EPS, AccountRules

    lot = instrument.lot_sz
    per_unit = 1.0 / instrument.tick_sz
    whole = round(per_unit)
    exact = whole >= 1 and math.isclose(per_unit, whole, rel_tol=1e-12)
    # swap and spot are taken to cost the same when a size is worked out
    add_rate = float(settings.fee_rate) if spot is None else settings.fee_rate + spot.spent
    tiers = instrument.tiers
    allowed = tiers.sizes[tiers.initial_rates <= 1.0 / settings.leverage + 1e-12]
    return AccountRules(
        coins_per_lot=float(instrument.ct_val * lot),
        lot_sz=float(lot),
        ticks_per_unit=float(whole) if exact else per_unit,
        tick_num=1.0 if exact else float(instrument.tick_sz),
        tick_den=float(whole) if exact else 1.0,
        min_lots=float(math.ceil(instrument.min_sz / lot - SIZE_EPS)),
        max_order_lots=float(math.floor(instrument.max_market_sz / lot + SIZE_EPS)),
        max_position_lots=float(math.floor(allowed.max(initial=0.0) / lot + SIZE_EPS)),
        margin_rate=1.0 / settings.leverage,
        order_rate=1.0 / settings.leverage + add_rate,
        add_rate=add_rate,
        fee=float(settings.fee_rate),
        cost=float(settings.cost_rate),
        isolated=settings.isolated,
        size_mode=_SIZE_MODES[settings.size_mode],
        size_value=float(settings.size_value),
        first_bar=settings.first_bar,
    )


def _course(
    state: NDArray[np.void],
    fills: NDArray[np.void],
    equity: FloatArray,
    bars: Bars,
    instrument: Instrument,
    settings: AccountSettings,
    wanted: NDArray[np.bool_],
    leg: SpotLeg | None,
) -> AccountCourse:
    # as plain numbers: to read a field of a record takes longer than a dozen bars
    end = dict(zip(state.dtype.names or (), state[0].item(), strict=True))
    price_pnl = end["price_pnl"]
    if len(bars):
        coins = end["lots"] * instrument.lot_sz * instrument.ct_val
        price_pnl += coins * (float(bars.close[-1]) - end["last_ref"])
    parts = price_pnl - end["fees"] + end["funding"] - end["slippage"] - end["penalty"]
    if leg is not None:
        parts += leg.total
    change = (float(equity[-1]) if len(equity) else settings.initial_capital) - settings.initial_capital
    error = abs(parts - change) / settings.initial_capital
    if not error <= IDENTITY_TOLERANCE:
        raise ArenaError(
            f"the account does not add up: parts {parts:.12g}, equity change {change:.12g} "
            f"on {bars.inst_id} {bars.timeframe}"
        )
    return AccountCourse(
        equity=equity,
        compact_fills=fills[: end["fills"]],
        price_pnl=price_pnl,
        fees=end["fees"],
        funding=end["funding"],
        slippage=end["slippage"],
        penalty=end["penalty"],
        identity_error=error,
        orders=end["orders"],
        expired=end["expired"],
        rejected=end["rejected"],
        clipped=end["clipped"],
        ruined=bool(end["ruined"]),
        lot_sz=instrument.lot_sz,
        unfilled=end["unfilled"],
        ambiguous=end["ambiguous"],
        wanted=wanted,
        spot=leg,
    )
