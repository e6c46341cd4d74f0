"""Makers of metric inputs out of the few numbers a test cares about."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest

from arena.backtest.metrics import EquityPath, MetricInputs
from arena.backtest.records import TRADE_DTYPE
from arena.backtest.result import Counts, PnlSplit
from arena.core.timeframe import Timeframe

START_MS = 1_704_067_200_000  # 2024-01-01T00:00:00Z


def _path(equity: Sequence[float], timeframe: str = "1d", start: int = START_MS) -> EquityPath:
    step = Timeframe.parse(timeframe)
    ts = start + np.arange(len(equity) - 1, dtype=np.int64) * step.step_ms
    return EquityPath(step, ts, np.asarray(equity, np.float64))


def _trades(rows: Sequence[dict[str, Any]]) -> np.ndarray:
    """Return trades; what a row leaves out follows from its net PnL, one bar each."""
    trades = np.zeros(len(rows), TRADE_DTYPE)
    for number, (trade, row) in enumerate(zip(trades, rows, strict=True)):
        net = row["net_pnl"]
        values = {
            "side": 1,
            "entry_bar": number,
            "exit_bar": number + 1,
            "bars_held": 1,
            "price_pnl": net,
            "return_on_equity": net / 10_000.0,
            "is_open": False,
        } | row
        for name, value in values.items():
            trade[name] = value
    return trades


def _inputs(
    equity: Sequence[float] = (100.0, 100.0),
    *,
    hold: Sequence[float] | None = None,
    timeframe: str = "1d",
    trades: Sequence[dict[str, Any]] = (),
    fees: float = 0.0,
    funding: float = 0.0,
    slippage: float = 0.0,
    liquidation: float = 0.0,
    traded_notional: float = 0.0,
    max_leverage: float = 0.0,
    **counts: int,
) -> MetricInputs:
    total = float(equity[-1] - equity[0])
    price = total + fees - funding + slippage + liquidation
    return MetricInputs(
        path=_path(equity, timeframe),
        hold=_path(np.full(len(equity), equity[0]) if hold is None else hold, timeframe),
        trades=_trades(trades),
        pnl=PnlSplit(
            price=price,
            fees=fees,
            funding=funding,
            slippage=slippage,
            liquidation=liquidation,
            total=total,
            identity_error=0.0,
        ),
        counts=Counts(**(dict.fromkeys(Counts.model_fields, 0) | counts)),
        first_bar=0,
        traded_notional=traded_notional,
        max_leverage=max_leverage,
    )


@pytest.fixture(scope="session")
def make_path() -> Callable[..., EquityPath]:
    """An equity path over consecutive bars."""
    return _path


@pytest.fixture(scope="session")
def make_inputs_of() -> Callable[..., MetricInputs]:
    """Inputs of a run: equity, and trades as rows with at least `net_pnl`."""
    return _inputs
