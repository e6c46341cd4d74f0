"""The list of metrics, their document, and inputs taken from a run."""

import subprocess
import sys

import numpy as np
import pytest

from arena.backtest.metrics import PRIMARY, SECONDARY, compute_metrics, make_inputs
from arena.backtest.metrics.definition import MetricDefinition, Reading
from arena.backtest.metrics.document import PATH, render_document
from arena.backtest.result import Counts, PnlSplit, RunArrays
from arena.backtest.trades import build_trades
from arena.engine.records import FillReason


def test_primary_metrics_are_the_headline_twelve_in_order():
    assert [definition.name for definition in PRIMARY] == [
        "total_return",
        "cagr",
        "max_drawdown",
        "sharpe",
        "sortino",
        "calmar",
        "profit_factor",
        "win_rate",
        "trades",
        "expectancy",
        "exposure",
        "costs",
    ]


def test_names_and_labels_are_unique():
    definitions = (*PRIMARY, *SECONDARY)
    for field in ("name", "label"):
        assert len({getattr(definition, field) for definition in definitions}) == len(definitions)


def test_document_is_what_the_definitions_say():
    assert PATH.read_text(encoding="utf-8") == render_document(), (
        "docs/metrics.md is stale: run `python -m arena.backtest.metrics.document`"
    )


def test_number_no_float_can_hold_is_null_with_a_reason(make_inputs_of):
    def overflow(inputs):
        raise OverflowError

    for measure in (overflow, lambda inputs: float("inf"), lambda inputs: Reading(float("nan"), "x")):
        metric = MetricDefinition("m", "M", "ratio", measure, formula="none").read(make_inputs_of())
        assert (metric.value, metric.reason) == (None, "too large to state")


def test_metrics_need_no_compiler_and_no_frame_library():
    code = (
        "import sys, arena.backtest.metrics, arena.backtest.trades\n"
        "import arena.backtest.hold, arena.backtest.periods, arena.backtest.drawdowns\n"
        "print([name for name in ('numba', 'polars', 'pyarrow', 'pandas', 'scipy') if name in sys.modules])"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"


@pytest.fixture
def run_of(make_bars, make_signal, make_fills, ct_val):
    """A run over five bars, the first of them not traded: long 10 contracts from bar 2 to bar 4."""
    bars = make_bars([100.0, 100.0, 110.0, 120.0, 130.0])
    rows = [
        {"bar": 2, "reason": FillReason.OPEN, "side": 1, "contracts": 10, "price": 100.0, "fee": 0.5},
        {"bar": 4, "reason": FillReason.CLOSE, "side": -1, "contracts": 10, "price": 120.0, "fee": 0.6},
    ]
    fills, signal = make_fills(rows, 20.0), make_signal(5)
    trades = build_trades(fills, bars, signal, ct_val=ct_val, initial_capital=20.0, final_funding_total=0.0)
    equity = np.array([20.0, 20.0, 20.5, 21.5, 20.9])
    hold = np.array([20.0, 20.0, 22.0, 24.0, 26.0])
    return RunArrays(bars, signal, equity, np.array([0.0, 0.0, 10.0, 10.0, 0.0]), hold, fills, trades)


def test_inputs_of_a_run_start_at_the_first_traded_bar(run_of, ct_val):
    pnl = PnlSplit(
        price=2.0, fees=1.1, funding=0.0, slippage=0.0, liquidation=0.0, total=0.9, identity_error=0.0
    )
    counts = Counts(**dict.fromkeys(Counts.model_fields, 0))
    inputs = make_inputs(run_of, first_bar=1, initial_capital=20.0, ct_val=ct_val, pnl=pnl, counts=counts)
    assert inputs.path.equity.tolist() == [20.0, 20.0, 20.5, 21.5, 20.9]
    assert inputs.hold.equity.tolist() == [20.0, 20.0, 22.0, 24.0, 26.0]
    assert inputs.path.ts[0] == run_of.bars.ts[1]
    assert inputs.traded_notional == pytest.approx(10 * 0.01 * 220.0)
    assert inputs.max_leverage == pytest.approx(12.0 / 21.5)
    values = {metric.name: metric.value for metric in compute_metrics(inputs)[0]}
    assert values["exposure"] == 0.5
    assert values["total_return"] == pytest.approx(0.045)
    assert values["costs"] == pytest.approx(1.1)


def test_leverage_of_a_position_that_never_saw_a_close_is_seen(run_of, ct_val):
    flat = RunArrays(
        run_of.bars,
        run_of.signal,
        run_of.equity,
        np.zeros(5),
        run_of.hold_equity,
        run_of.fills,
        run_of.trades,
    )
    pnl = PnlSplit(price=0, fees=0, funding=0, slippage=0, liquidation=0, total=0, identity_error=0)
    counts = Counts(**dict.fromkeys(Counts.model_fields, 0))
    inputs = make_inputs(flat, first_bar=1, initial_capital=20.0, ct_val=ct_val, pnl=pnl, counts=counts)
    assert inputs.max_leverage == pytest.approx(10.0 / 19.5)
