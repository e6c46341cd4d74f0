"""A run's trades as the report shows them: packed for the table, grouped, and the extremes for paper.

Pure: reads TRADE_DTYPE rows, changes none. Invariant: every trade is in exactly one group of each
grouping, so the groups' profits add up to the whole.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from arena.backtest.result import RunArrays
from arena.core.bars import FloatArray, IntArray
from arena.core.clock import to_iso
from arena.reporting.encoding import Column, PackedColumns, decimal_scale, pack, significant_scale, to_ticks
from arena.reporting.figures import moment, number, percent, reason_name, tone

PRINTED_AT_EACH_END = 50

_WHOLE = {"side": "side", "bars": "bars_held", "exit_reason": "exit_reason", "entry_reason": "entry_reason"}
_MONEY = {
    "net": "net_pnl",
    "fees": "fees",
    "funding": "funding",
    "slippage": "slippage",
    "penalty": "penalty",
}
_SHARES = {"ret": "return_on_equity", "mae": "mae", "mfe": "mfe"}


@dataclass(frozen=True, slots=True)
class TradeGroup:
    """One line of the split table, ready to read."""

    name: str
    trades: int
    win_rate: str
    net: str
    net_tone: str
    average: str
    best: str
    worst: str
    bars_held: str


@dataclass(frozen=True, slots=True)
class TradeLine:
    """One printed trade, ready to read."""

    number: int
    side: str
    entry: str
    exit: str
    bars: int
    entry_price: str
    exit_price: str
    ret: str
    net: str
    net_tone: str
    reason: str


def pack_trades(arrays: RunArrays, initial_capital: float, price_scale: float) -> PackedColumns:
    """Return the trades' columns packed; stamps as bars since the first, prices to a tenth of a tick."""
    trades, first, step = arrays.trades, int(arrays.bars.ts[0]), arrays.bars.timeframe.step_ms
    money = max(100.0, significant_scale(np.array([initial_capital]), digits=6))
    size = decimal_scale(trades["contracts"])
    columns = [
        Column("entry", (trades["entry_ts"] - first) // step, delta=True),
        Column("exit", (trades["exit_ts"] - first) // step, delta=True),
        Column("size", to_ticks(trades["contracts"], size), size),
        Column("open", trades["is_open"].astype(np.int64)),
    ]
    columns += [Column(name, trades[field].astype(np.int64)) for name, field in _WHOLE.items()]
    columns += [
        Column(name, to_ticks(trades[field], 10 * price_scale), 10 * price_scale)
        for name, field in {"entry_price": "entry_price", "exit_price": "exit_price"}.items()
    ]
    columns += [Column(name, to_ticks(trades[field], money), money) for name, field in _MONEY.items()]
    columns += [Column(name, to_ticks(trades[field], 1e6), 1e6) for name, field in _SHARES.items()]
    return pack(columns)


def group_trades(arrays: RunArrays) -> list[tuple[str, list[TradeGroup]]]:
    """Return the split by side, by exit reason and, where the strategy names any, by entry reason."""
    trades, reasons = arrays.trades, arrays.signal.reasons
    groupings: list[tuple[str, IntArray, Callable[[int], str]]] = [
        ("Side", -trades["side"], lambda code: "long" if code < 0 else "short"),
        ("Exit", trades["exit_reason"], reason_name),
    ]
    if trades["entry_reason"].any():
        groupings.append(("Entry", trades["entry_reason"], lambda code: entry_reason_name(code, reasons)))
    return [
        (title, [_group(name(int(code)), trades[codes == code]) for code in np.unique(codes)])
        for title, codes, name in groupings
    ]


def entry_reason_name(code: int, reasons: tuple[str, ...]) -> str:
    """Return the strategy's own word for why it entered; code 0 says nothing."""
    return reasons[code] if 0 < code < len(reasons) else "none given"


def printed_trades(arrays: RunArrays, price_decimals: int) -> list[TradeLine]:
    """Return all trades, or the 50 worst and 50 best by net profit, in the order they were made."""
    net = arrays.trades["net_pnl"]
    chosen = np.arange(len(net))
    if len(net) > 2 * PRINTED_AT_EACH_END:
        order = np.argsort(net, kind="stable")
        chosen = np.sort(np.concatenate((order[:PRINTED_AT_EACH_END], order[-PRINTED_AT_EACH_END:])))
    return [_line(int(i), arrays.trades[i], price_decimals) for i in chosen]


def _line(index: int, trade: np.void, price_decimals: int) -> TradeLine:
    return TradeLine(
        number=index + 1,
        side="long" if trade["side"] > 0 else "short",
        entry=moment(to_iso(int(trade["entry_ts"]))),
        exit=moment(to_iso(int(trade["exit_ts"]))),
        bars=int(trade["bars_held"]),
        entry_price=number(float(trade["entry_price"]), price_decimals),
        exit_price=number(float(trade["exit_price"]), price_decimals),
        ret=percent(float(trade["return_on_equity"]), signed=True),
        net=number(float(trade["net_pnl"]), signed=True),
        net_tone=tone(float(trade["net_pnl"])),
        reason=reason_name(int(trade["exit_reason"])),
    )


def _group(name: str, trades: np.ndarray) -> TradeGroup:
    net: FloatArray = trades["net_pnl"]
    returns: FloatArray = trades["return_on_equity"]
    total = float(net.sum())
    return TradeGroup(
        name=name,
        trades=len(trades),
        win_rate=percent(float((net > 0).mean()), 1),
        net=number(total, signed=True),
        net_tone=tone(total),
        average=percent(float(returns.mean()), signed=True),
        best=percent(float(returns.max()), signed=True),
        worst=percent(float(returns.min()), signed=True),
        bars_held=number(float(trades["bars_held"].mean()), 1),
    )
