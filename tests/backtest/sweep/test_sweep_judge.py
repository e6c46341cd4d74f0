"""The verdict of a sweep, on sweeps of noise with fixed seeds and on real ones."""

import math
from dataclasses import replace

import numpy as np
import pytest

from arena.backtest.honesty import (
    FLAT,
    compare_with_benchmark,
    deflated_sharpe,
    estimate_overfitting,
    measure_dispersion,
    sample_sharpe,
    sharpe_of_trials,
    split_anchored,
    walk_forward,
)
from arena.backtest.run import RunIdentity, run_backtest
from arena.backtest.sweep import Axes, Grid, SweepResult, run_sweep
from arena.backtest.sweep.judge import count_effective, judge_sweep, sweep_trials
from arena.backtest.sweep.reading import DRAWS, period_edges
from arena.backtest.sweep.result import new_figures
from arena.backtest.verdict import TrialHistory, Verdict

START = 1_735_689_600_000  # 2025-01-01
DAY = 86_400_000
LEVEL = 0.05


def sweep_of(returns: np.ndarray) -> SweepResult:
    """Return daily returns, (trials, days), as a sweep of a strategy that trades once a day."""
    trials, days = returns.shape
    axes = Axes.of({"strategy.fast": np.arange(1, trials + 1)})
    figures = new_figures(trials)
    figures["sharpe"] = sharpe_of_trials(returns) * math.sqrt(365)
    samples = [sample_sharpe(row) for row in returns]
    figures["skew"] = np.array([one.skew if one else np.nan for one in samples])
    figures["kurtosis"] = np.array([one.kurtosis if one else np.nan for one in samples])
    figures["returns"] = np.full(trials, days)
    figures["trades"] = np.full(trials, days)
    figures["exposure"] = np.full(trials, 0.5)
    return SweepResult(
        grid=Grid(axes, np.arange(trials), {}),
        figures=figures,
        daily_returns=returns.astype(np.float32),
        day_ts=START + DAY * np.arange(days),
        done=np.ones(trials, np.bool_),
        interrupted=False,
        dataset_hash="d",
        seconds={"run": 1.0},
    )


def noise(seed: int, trials: int, days: int, *, shared: float = 0.0, edge: float = 0.0) -> SweepResult:
    """Return a sweep of noise; all trials share `shared` of their variance, the first has an edge."""
    rng = np.random.default_rng(seed)
    common = rng.normal(0, 0.01, days)
    own = rng.normal(0, 0.01, (trials, days))
    returns = math.sqrt(shared) * common + math.sqrt(1 - shared) * own
    returns[0] += edge * 0.01
    return sweep_of(returns)


def best_of(result: SweepResult) -> int:
    return int(np.nanargmax(np.where(result.done, result.figures["sharpe"], np.nan)))


@pytest.fixture(scope="module")
def daily_config(make_config):
    """A config whose bars are days, as the sweeps of noise have it."""
    return make_config(timeframe="1d", signal_window=0)


def judged(config, result: SweepResult, **given) -> Verdict:
    return judge_sweep(config, result, best_of(result), None, seed=0, **given)


@pytest.mark.parametrize("shared", [0.0, 0.5], ids=["independent", "alike"])
def test_share_of_noise_sweeps_called_significant_stays_at_the_level(daily_config, shared):
    sweeps = 150
    found = [judged(daily_config, noise(seed, 60, 120, shared=shared)) for seed in range(sweeps)]
    most = LEVEL + 2 * math.sqrt(LEVEL * (1 - LEVEL) / sweeps)
    assert np.mean([one.sharpe.deflated > 1 - LEVEL for one in found]) <= most
    assert np.mean([one.superiority[0].p_value < LEVEL for one in found]) <= most
    assert np.mean([one.overfitting.probability < LEVEL for one in found]) <= most
    assert 0.35 < np.mean([one.overfitting.probability for one in found]) < 0.65
    # without the search counted, luck is called skill
    assert np.mean([one.sharpe.probabilistic > 1 - LEVEL for one in found]) > 0.25


def test_real_edge_is_called_one(daily_config):
    verdict = judged(daily_config, noise(3, 60, 500, edge=0.35))
    assert verdict.sharpe.deflated > 0.99
    assert verdict.superiority[0].p_value < 0.01
    assert verdict.overfitting.probability < 0.05
    anchored, rolling = verdict.walk_forward
    assert anchored.ratio > 0.7
    assert {window.trial for window in anchored.windows} == {0}
    assert rolling.ratio > 0.4


def test_own_trials_are_the_history_where_no_ledger_is_asked(daily_config):
    result = noise(1, 40, 200)
    verdict = judged(daily_config, result)
    spread = measure_dispersion(sharpe_of_trials(result.daily_returns))
    assert (verdict.trials.sets, verdict.trials.sweeps, verdict.trials.runs) == (40, 1, 0)
    assert verdict.trials.sharpe_variance == pytest.approx(spread.variance, rel=1e-5)
    sample = sample_sharpe(result.daily_returns[best_of(result)])
    assert verdict.sharpe.deflated == pytest.approx(
        deflated_sharpe(sample, 40, spread.variance).probability, abs=1e-4
    )


def test_earlier_trials_deflate_more(daily_config):
    result = noise(1, 40, 200, edge=0.2)
    alone = judged(daily_config, result)
    history = alone.trials.model_copy(update={"sets": 40_000})
    after = judge_sweep(daily_config, result, best_of(result), history, seed=0)
    assert after.sharpe.deflated < alone.sharpe.deflated
    assert after.sharpe.probabilistic == alone.sharpe.probabilistic
    assert after.trials == history


def test_small_sweep_has_the_statistics_of_the_library(daily_config):
    result = noise(7, 30, 240)
    verdict = judged(daily_config, result)
    over = estimate_overfitting(result.daily_returns, 16)
    assert (verdict.overfitting.probability, verdict.overfitting.splits) == (over.probability, over.splits)
    assert sum(verdict.overfitting.counts) == over.splits
    assert len(verdict.overfitting.logits) == len(verdict.overfitting.counts) + 1
    best = result.daily_returns[best_of(result)].astype(np.float64)
    from arena.backtest.honesty import choose_block_length

    test = compare_with_benchmark(
        result.daily_returns, FLAT, 0, resamples=DRAWS, block=choose_block_length(best)
    )
    assert verdict.superiority[0].p_value == pytest.approx(test.consistent, abs=2 / DRAWS)


def test_walk_forward_is_that_of_the_library(daily_config):
    result = noise(9, 300, 300)  # more than one chunk
    walk = judged(daily_config, result).walk_forward[0]
    splits = split_anchored(300, 5, purge=walk.purge_days, embargo=walk.embargo_days)
    found = walk_forward(result.daily_returns, splits)
    assert [window.trial for window in walk.windows] == found.chosen.tolist()
    assert walk.ratio == pytest.approx(found.ratio)
    assert walk.equity == pytest.approx(np.cumprod(1 + found.returns).tolist())
    assert len(walk.days) == len(walk.equity)
    assert walk.days[0] == walk.windows[0].test_start
    assert [window.params for window in walk.windows] == [
        {"strategy.fast": float(trial + 1)} for trial in found.chosen
    ]
    growth = np.prod([1 + window.return_out for window in walk.windows])
    assert growth - 1 == pytest.approx(walk.return_out)


def test_tests_of_a_walk_forward_lie_behind_the_gap(daily_config):
    for walk in judged(daily_config, noise(9, 20, 300)).walk_forward:
        for window in walk.windows:
            ends, begins = np.datetime64(window.train_end[:10]), np.datetime64(window.test_start[:10])
            assert (begins - ends).astype(int) == walk.purge_days + walk.embargo_days
        assert walk.purge_days >= 1
        assert walk.embargo_days == 3


def test_trials_not_done_take_no_part(daily_config):
    whole = noise(2, 60, 150)
    half = whole.daily_returns.copy()
    half[40:] = np.nan
    done = np.arange(60) < 40
    cut = replace(whole, daily_returns=half, done=done, interrupted=True)
    verdict = judged(daily_config, cut)
    alone = judged(daily_config, sweep_of(whole.daily_returns[:40].astype(np.float64)))
    assert verdict.trials.sets == 40
    assert verdict.superiority == alone.superiority
    assert verdict.overfitting == alone.overfitting
    assert verdict.walk_forward == alone.walk_forward


def test_flat_trials_are_counted_and_not_measured(daily_config):
    returns = noise(2, 30, 150).daily_returns.astype(np.float64)
    returns[10:20] = 0.0
    verdict = judged(daily_config, sweep_of(returns))
    assert verdict.trials.sets == 30
    assert verdict.trials.effective == 20
    assert verdict.sharpe.deflated is not None


@pytest.mark.parametrize(
    ("trials", "days", "missing"),
    [
        (30, 10, {"intervals", "superiority", "overfitting", "walk_forward"}),
        (30, 40, {"walk_forward"}),
        (1, 200, {"overfitting"}),
    ],
    ids=["ten days", "forty days", "one trial"],
)
def test_what_cannot_be_had_is_missing_with_its_reason(daily_config, trials, days, missing):
    verdict = judged(daily_config, noise(4, trials, days))
    empty = {
        name
        for name in ("intervals", "superiority", "overfitting", "walk_forward")
        if not getattr(verdict, name)
    }
    assert empty == missing
    assert missing <= set(verdict.reasons)


def test_groups_of_copies_are_counted_as_one(daily_config):
    rng = np.random.default_rng(8)
    kinds = rng.normal(0, 0.01, (5, 200))
    copies = np.repeat(kinds, 30, axis=0) + rng.normal(0, 0.0005, (150, 200))
    assert count_effective(sweep_of(copies), 0) == 5
    assert judged(daily_config, sweep_of(copies)).trials.effective == 5


@pytest.mark.parametrize(
    ("trials", "days", "periods"),
    [(100, 300, 300), (10_000, 1400, 200), (100_000, 1400, 100), (1_000_000, 60, 60)],
)
def test_large_sweeps_are_tested_on_longer_periods(trials, days, periods):
    edges = period_edges(trials, days)
    assert (len(edges), edges[0]) == (periods, 0)
    widths = np.diff(np.append(edges, days))
    assert widths.max() - widths.min() <= 1


def test_longer_periods_keep_the_level_of_the_test(daily_config, monkeypatch):
    monkeypatch.setattr("arena.backtest.sweep.reading.PRODUCTS", 0.0)
    monkeypatch.setattr("arena.backtest.sweep.reading.LEAST_LONG_PERIODS", 50)
    found = [judged(daily_config, noise(seed, 20, 200, shared=0.5)) for seed in range(60)]
    share = np.mean([one.superiority[0].p_value < LEVEL for one in found])
    assert share <= LEVEL + 2 * math.sqrt(LEVEL * (1 - LEVEL) / 60)


def test_same_sweep_gives_the_same_verdict_and_another_seed_another(daily_config):
    result = noise(5, 30, 150)
    assert judged(daily_config, result) == judged(daily_config, result)
    other = judge_sweep(daily_config, result, best_of(result), None, seed=1)
    assert other.intervals != judged(daily_config, result).intervals


def test_real_sweep_with_its_best_run_alone(make_config):
    config = make_config(window={"holdout": 0.1})
    result = run_sweep(config, {"strategy.fast": range(4, 12), "strategy.slow": range(20, 60, 5)}, threads=1)
    trial = best_of(result)
    chosen = {
        name.removeprefix("strategy."): v[0].item() for name, v in result.parameters(trial_row(trial)).items()
    }
    alone = make_config(window={"holdout": 0.1}, strategy=chosen)
    best = run_backtest(alone, RunIdentity("best", START, "test", "hash"))
    history = TrialHistory(sets=200, runs=3, sweeps=2, sharpe_variance=0.0001, effective=9.0)
    verdict = judge_sweep(config, result, trial, history, seed=None, best=best, unlocks=2)
    assert verdict.sharpe.sharpe == pytest.approx(best[0].verdict.sharpe.sharpe, rel=1e-12)
    assert verdict.sharpe.kurtosis == pytest.approx(best[0].verdict.sharpe.kurtosis, rel=1e-9)
    assert [one.benchmark for one in verdict.superiority] == ["flat", "buy_and_hold"]
    assert verdict.break_even == best[0].verdict.break_even
    assert verdict.lockbox.start == best[0].market.held_start
    assert (verdict.lockbox.unlocks, verdict.lockbox.unlocked) == (2, False)
    rows = {row.name: row.value for row in verdict.intervals}
    assert rows["total_return"] == pytest.approx(float(result.figures["total_return"][trial]), abs=1e-5)


def trial_row(trial: int) -> np.ndarray:
    return np.array([trial])


def test_batch_is_counted_with_what_was_done(make_config, single_run):
    config = make_config(window={"holdout": 0.1})
    result = run_sweep(config, {"strategy.fast": [4, 6, 8], "strategy.slow": [20, 30]}, threads=1)
    market = single_run(config)[0].market
    cut = replace(result, done=np.array([True, True, True, True, False, False]))
    record = sweep_trials(
        config, cut, market, synthetic=True, config_hash="c", run_id="r", created_ms=START, batch=1
    )
    assert (record.kind, record.sets, record.sharpes, record.batch) == ("sweep", 4, 4, 1)
    yearly = result.figures["sharpe"][:4]
    assert record.sharpe_mean == pytest.approx(yearly.mean() / math.sqrt(24 * 365))
    assert record.sharpe_variance == pytest.approx(yearly.var(ddof=1) / (24 * 365))
    assert record.held_start_ms == record.end_ms
    assert not record.unlocked
    assert 1 <= record.effective <= 4
