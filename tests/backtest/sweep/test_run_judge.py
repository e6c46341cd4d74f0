"""The verdict of a single run: against chance, against what was tried, against dearer costs."""

import math

import numpy as np
import pytest

from arena.backtest.break_even import delay
from arena.backtest.honesty import deflated_sharpe, minimum_track_record, sample_sharpe
from arena.backtest.judge import PastTrials
from arena.backtest.metrics.inputs import equity_path
from arena.backtest.run import RunIdentity, run_backtest
from arena.backtest.verdict import TrialHistory

IDENTITY = RunIdentity("run", 1_735_689_600_000, "test", "hash")
HISTORY = TrialHistory(
    sets=250, runs=50, sweeps=2, sharpe_variance=0.0004, effective=30.0, first_run_at="2025-01-01T00:00:00Z"
)


@pytest.fixture(scope="module")
def judged(make_config):
    """A run that pays: the generated market trends, and costs are low."""
    config = make_config(
        costs={
            "half_spread_bps": 0.5,
            "slippage_bps": 0.5,
            "funding_rate_estimate": 0.0001,
            "missing": "estimate",
        },
        strategy={"fast": 4, "slow": 11},
        leverage=1,
    )
    result, arrays = run_backtest(config, IDENTITY, past=lambda _result: PastTrials(HISTORY, 3))
    return config, result, arrays


def _metric(result, name):
    return next(one.value for one in (*result.primary, *result.secondary) if one.name == name)


def test_sharpe_is_that_of_the_metrics_and_deflated_by_the_ledger(judged):
    config, result, arrays = judged
    verdict = result.verdict
    path = equity_path(arrays, arrays.equity, config.signal_window, config.initial_capital)
    sample = sample_sharpe(path.returns)
    assert verdict.sharpe.annualised == pytest.approx(_metric(result, "sharpe"), rel=1e-12)
    assert verdict.sharpe.sharpe * math.sqrt(24 * 365) == pytest.approx(verdict.sharpe.annualised)
    expected = deflated_sharpe(sample, 250, 0.0004)
    assert (verdict.sharpe.expected_maximum, verdict.sharpe.deflated) == (
        expected.level,
        expected.probability,
    )
    assert verdict.sharpe.deflated < verdict.sharpe.probabilistic
    periods = minimum_track_record(sample)
    if periods is None:
        assert "sharpe.minimum_track_record_days" in verdict.reasons
    else:
        assert verdict.sharpe.minimum_track_record_days == pytest.approx(periods / 24)
    assert verdict.trials == HISTORY


def test_intervals_hold_the_run_s_own_figures(judged):
    _, result, _ = judged
    rows = {row.name: row for row in result.verdict.intervals}
    assert list(rows) == ["sharpe", "total_return", "max_drawdown"]
    for row in rows.values():
        assert row.low < row.value < row.high or row.name == "max_drawdown"
        assert row.low < row.high
        assert row.level == 0.95
    assert rows["total_return"].value == pytest.approx(_metric(result, "total_return"), abs=1e-9)


def test_both_benchmarks_are_tested(judged):
    tests = {one.benchmark: one for one in judged[1].verdict.superiority}
    assert list(tests) == ["flat", "buy_and_hold"]
    assert all(0.0 < one.p_value <= 1.0 and one.draws >= 250 for one in tests.values())


def test_each_curve_goes_through_the_run_itself(judged):
    _, result, _ = judged
    curves = {one.cost: one for one in result.verdict.break_even}
    assert list(curves) == ["slippage_bps", "fee_rate", "delay_bars", "funding_shock"]
    for curve in curves.values():
        here = curve.values.index(curve.now)
        assert curve.total_return[here] == pytest.approx(_metric(result, "total_return"), abs=1e-12)
        assert curve.sharpe[here] == pytest.approx(_metric(result, "sharpe"), abs=1e-9)
    for name in ("slippage_bps", "fee_rate", "funding_shock"):
        returns = curves[name].total_return
        assert returns == sorted(returns, reverse=True)


def test_run_at_the_cost_where_it_dies_earns_nothing(judged):
    config, result, _ = judged
    found = [one for one in result.verdict.break_even if one.cost in {"slippage_bps", "fee_rate"}]
    died = [one for one in found if one.dies_at is not None]
    assert died, "the run of this fixture has to pay at no costs and to lose at high ones"
    for curve in died:
        changed = config.model_copy(
            update={"fee_rate": curve.dies_at}
            if curve.cost == "fee_rate"
            else {"costs": config.costs.model_copy(update={"slippage_bps": curve.dies_at})}
        )
        again, _ = run_backtest(changed, IDENTITY)
        assert abs(_metric(again, "total_return")) < 1e-3


def test_same_run_gives_the_same_verdict(judged):
    config, result, _ = judged
    again, _ = run_backtest(config, IDENTITY, past=lambda _result: PastTrials(HISTORY, 3))
    assert again.verdict == result.verdict


def test_missing_statistics_have_their_reasons(make_config):
    result, _ = run_backtest(make_config(), IDENTITY)
    verdict = result.verdict
    assert verdict.trials is None
    assert verdict.sharpe.deflated is None
    assert verdict.lockbox is None
    for path in ("trials", "lockbox", "sharpe.deflated", "sharpe.expected_maximum", "overfitting"):
        assert verdict.reasons[path]


def test_account_that_never_moves_has_no_sharpe_ratio_and_says_so(make_config):
    config = make_config(sizing="contracts", initial_capital=1e-6)
    result, _ = run_backtest(config, IDENTITY, past=lambda _result: PastTrials(HISTORY, 0))
    verdict = result.verdict
    assert result.counts.fills == 0
    assert verdict.sharpe.sharpe is None
    assert "never moved" in verdict.reasons["sharpe"]
    assert verdict.sharpe.expected_maximum is not None
    assert {one.p_value for one in verdict.superiority if one.benchmark == "flat"} == {1.0}


def test_unknown_sharpes_of_earlier_trials_leave_the_deflated_one_open(make_config):
    history = HISTORY.model_copy(update={"sharpe_variance": None})
    result, _ = run_backtest(make_config(), IDENTITY, past=lambda _result: PastTrials(history, 0))
    assert result.verdict.sharpe.deflated is None
    assert "no variance" in result.verdict.reasons["sharpe.deflated"]


def test_lockbox_of_the_verdict_tells_what_the_ledger_counted(make_config):
    config = make_config(window={"holdout": 0.25, "unlock": True})
    result, _ = run_backtest(config, IDENTITY, past=lambda _result: PastTrials(HISTORY, 4))
    box = result.verdict.lockbox
    assert (box.holdout, box.unlocked, box.unlocks) == (0.25, True, 4)
    assert box.start == result.market.held_start
    assert "bars kept back were read 4 times on this data so far" in " ".join(result.warnings)


def test_honesty_can_be_switched_off_and_the_run_still_counts(make_config):
    asked = []
    config = make_config(report={"html": False, "timings": False, "honesty": False})
    result, _ = run_backtest(config, IDENTITY, past=lambda found: asked.append(found) or None)
    assert result.verdict is None
    assert len(asked) == 1


def test_short_record_is_judged_without_a_bootstrap(make_config):
    result, _ = run_backtest(make_config(limit=200), IDENTITY)
    verdict = result.verdict
    assert verdict.intervals == []
    assert "too few" in verdict.reasons["intervals"]
    assert verdict.superiority == []
    assert "too few" in verdict.reasons["superiority"]


@pytest.mark.parametrize("bars", [0, 1, 7, 10_000])
def test_delay_moves_every_decision_and_invents_none(judged, bars):
    signal = judged[2].signal
    late = delay(signal, bars)
    count = len(signal)
    assert len(late.target) == count
    assert not late.target[:bars].any() or bars == 0
    assert np.array_equal(late.target[bars:], signal.target[: max(0, count - bars)])
    assert np.isnan(late.stop_distance[:bars]).all() or bars == 0
