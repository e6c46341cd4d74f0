"""Pair fills into round trips.

Pure: fills and bars in, TRADE_DTYPE rows out; it values nothing that the account did not book, save an
open trade at the last close. Invariant: the trades' net PnL sums to the change of equity.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from arena.backtest.records import TRADE_DTYPE
from arena.core.bars import Bars, FloatArray, IntArray
from arena.core.errors import ArenaError
from arena.core.signal import NO_REASON, Signal
from arena.engine.records import FillReason


@dataclass(frozen=True, slots=True, eq=False)
class _Groups:
    """Positions in `fills` of each trade's first and last fill, and each trade's side."""

    first: IntArray
    last: IntArray
    side: IntArray

    def total(self, values: FloatArray) -> FloatArray:
        sums: FloatArray = np.add.reduceat(values, self.first)
        return sums


def build_trades(
    fills: NDArray[np.void],
    bars: Bars,
    signal: Signal,
    *,
    ct_val: float,
    initial_capital: float,
    final_funding_total: float,
    spot: tuple[NDArray[np.void], float] | None = None,
) -> NDArray[np.void]:
    """Return the round trips of a run, oldest first; the last one is open when the position is.

    Prices are averages over all entries and all exits of the trade. `mae` and `mfe` are as fine as the
    bars: they take the extremes of every bar the trade was in, also of what came before an intrabar exit;
    where the exit was at a bar's open, of that bar only its open counts. `bars_held` counts the bars the
    trade was in for any time. `return_on_equity` is 0 where the account had no equity before the entry.

    Args:
        fills: FILL_DTYPE in order of execution.
        bars: the run's bars, which `fills["bar"]` indexes.
        signal: the strategy's word on the same bars.
        ct_val: coins per contract.
        initial_capital: cash before the first fill, USDT.
        final_funding_total: the account's cumulative funding at the end of the run, USDT.
        spot: SPOT_FILL_DTYPE, a row for each fill, and the last spot close; the money of a trade is that of
            both legs then. None: there is one leg.

    Raises:
        ArenaError: a fill takes the position through zero (a reversal has to be two fills).
    """
    if not len(fills):
        return np.empty(0, TRADE_DTYPE)
    groups = _group(fills)
    is_open = np.zeros(len(groups.first), np.bool_)
    is_open[-1] = fills["position"][-1] != 0.0
    trades = np.zeros(len(groups.first), TRADE_DTYPE)
    trades["side"] = groups.side
    trades["is_open"] = is_open
    _set_times(trades, fills, groups, bars)
    _set_prices(trades, fills, groups, bars)
    _set_money(trades, fills, groups, bars, ct_val, initial_capital, final_funding_total, spot)
    _set_reasons(trades, fills, groups, signal)
    _set_excursions(trades, bars)
    return trades


def _group(fills: NDArray[np.void]) -> _Groups:
    position = fills["position"]
    before = np.concatenate(([0.0], position[:-1]))
    crossing = np.flatnonzero(before * position < 0.0)
    if len(crossing):
        row = int(crossing[0])
        raise ArenaError(
            f"fill {row} of order {fills['order_id'][row]} takes the position from {before[row]:g} to "
            f"{position[row]:g} contracts: a reversal has to close first and then open, as two fills"
        )
    first = np.flatnonzero(before == 0.0).astype(np.int64)
    last = np.append(first[1:], len(fills)) - 1
    return _Groups(first, last, fills["side"][first])


def _set_times(trades: NDArray[np.void], fills: NDArray[np.void], groups: _Groups, bars: Bars) -> None:
    is_open = trades["is_open"]
    entry_bar = fills["bar"][groups.first]
    exit_bar = np.where(is_open, len(bars) - 1, fills["bar"][groups.last])
    reason = np.where(is_open, 0, fills["reason"][groups.last])
    trades["entry_bar"], trades["exit_bar"] = entry_bar, exit_bar
    trades["entry_ts"], trades["exit_ts"] = bars.ts[entry_bar], bars.ts[exit_bar]
    trades["exit_reason"] = reason
    trades["bars_held"] = exit_bar - entry_bar + (reason != FillReason.CLOSE)


def _set_prices(trades: NDArray[np.void], fills: NDArray[np.void], groups: _Groups, bars: Bars) -> None:
    side = np.repeat(groups.side, groups.last - groups.first + 1)
    contracts = fills["contracts"]
    entering = np.where(fills["side"] == side, contracts, 0.0)
    leaving = contracts - entering
    price = fills["price"]
    entered, left = groups.total(entering), groups.total(leaving)
    trades["entry_price"] = groups.total(entering * price) / entered
    average_exit = groups.total(leaving * price) / np.where(left > 0.0, left, 1.0)
    trades["exit_price"] = np.where(trades["is_open"], bars.close[-1], average_exit)
    trades["contracts"] = np.maximum.reduceat(np.abs(fills["position"]), groups.first)


def _set_money(
    trades: NDArray[np.void],
    fills: NDArray[np.void],
    groups: _Groups,
    bars: Bars,
    ct_val: float,
    initial_capital: float,
    final_funding_total: float,
    spot: tuple[NDArray[np.void], float] | None,
) -> None:
    is_open = trades["is_open"]
    fees, slippage, penalty = (groups.total(fills[name]) for name in ("fee", "slippage", "penalty"))
    # Bought and sold amounts instead of `realized`: they hold whatever is still open as well.
    paid = groups.total(fills["side"] * fills["contracts"] * fills["price"]) * ct_val
    held = np.where(is_open, fills["position"][groups.last], 0.0) * ct_val
    at_fill_prices = held * bars.close[-1] - paid
    if spot is not None:
        legs, last_price = spot
        coins = np.where(is_open, legs["holding"][groups.last], 0.0)
        at_fill_prices = at_fill_prices + coins * last_price + groups.total(legs["cash"] + legs["fee"])
        fees, slippage = fees + groups.total(legs["fee"]), slippage + groups.total(legs["slippage"])
    funding_at_exit = fills["funding_total"][groups.last].copy()
    funding_at_exit[is_open] = final_funding_total
    funding = funding_at_exit - fills["funding_total"][groups.first]
    net_pnl = at_fill_prices - fees + funding
    cash_before = np.concatenate(([initial_capital], fills["cash"][groups.first[1:] - 1]))
    solvent = cash_before > 0.0
    trades["fees"], trades["slippage"], trades["penalty"] = fees, slippage, penalty
    trades["funding"] = funding
    trades["price_pnl"] = at_fill_prices + slippage + penalty
    trades["net_pnl"] = net_pnl
    trades["return_on_equity"] = np.where(solvent, net_pnl / np.where(solvent, cash_before, 1.0), 0.0)


def _set_reasons(trades: NDArray[np.void], fills: NDArray[np.void], groups: _Groups, signal: Signal) -> None:
    deciding = fills["signal_bar"][groups.first]
    known = deciding >= 0
    trades["entry_reason"] = np.where(known, signal.reason[np.where(known, deciding, 0)], NO_REASON)


def _set_excursions(trades: NDArray[np.void], bars: Bars) -> None:
    left_at_open = trades["exit_reason"] == FillReason.CLOSE
    start = trades["entry_bar"]
    stop = np.maximum(trades["exit_bar"] + ~left_at_open, start + 1)
    exit_open = bars.open[trades["exit_bar"]]
    low = _reduce(np.minimum, bars.low, start, stop)
    high = _reduce(np.maximum, bars.high, start, stop)
    low = np.where(left_at_open, np.minimum(low, exit_open), low)
    high = np.where(left_at_open, np.maximum(high, exit_open), high)
    is_long = trades["side"] > 0
    entry = trades["entry_price"]
    worst = np.where(is_long, low - entry, entry - high)
    best = np.where(is_long, high - entry, entry - low)
    trades["mae"] = np.minimum(worst / entry, 0.0)
    trades["mfe"] = np.maximum(best / entry, 0.0)


def _reduce(function: np.ufunc, values: FloatArray, start: IntArray, stop: IntArray) -> FloatArray:
    # reduceat works between neighbours of one index list: [start, stop) pairs are its even places. The
    # last stop may be the array's end, which reduceat refuses as an index: hence one value more.
    edges = np.stack((start, stop), axis=1).ravel()
    reduced: FloatArray = function.reduceat(np.append(values, values[-1]), edges)[::2]
    return reduced
