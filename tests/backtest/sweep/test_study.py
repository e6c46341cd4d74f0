"""Batches as one study: planned whole, ranked together, stopped and gone on with."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from arena.backtest.judge import PastTrials
from arena.backtest.run import RunIdentity
from arena.backtest.sweep import engines, study, summary
from arena.backtest.sweep.result import DAILY_FILE, let_go
from arena.backtest.sweep.study import Earlier, Study, plan_batch, run_study
from arena.backtest.sweep.summary import conclude
from arena.backtest.verdict import TrialHistory
from arena.core.errors import ConfigError, DataError
from tests.backtest.sweep.conftest import AXES, assert_equal, composed

IDENTITY = RunIdentity("run", 1_735_689_600_000, "command", "hash")


@pytest.fixture
def small_chunks(monkeypatch):
    monkeypatch.setattr(engines, "CHUNK", 3)


def _left(result, rows):
    return Earlier(
        result.grid.rows[rows],
        {name: values[rows] for name, values in result.figures.items()},
        result.daily_returns[rows],
        result.dataset_hash,
    )


def test_a_plan_counts_trials_and_what_is_dropped(plan):
    made = plan({}, {"limit": 900})
    assert (made.trials, made.dropped) == (36, 12)
    assert made.batches[0].trial(0) == {"strategy.fast": 3, "strategy.slow": 8, "leverage": 1.0}


def test_a_trial_as_a_single_config_has_its_values_and_no_sweep(plan):
    batch = plan().batches[0]
    row = int(batch.grid.rows[-1])
    values = batch.single(row)
    assert "sweep" not in values
    assert {f"strategy.{key}": values["strategy"][key] for key in ("fast", "slow")} == {
        key: value for key, value in batch.trial(row).items() if key.startswith("strategy.")
    }
    assert values["leverage"] == batch.trial(row)["leverage"]
    assert batch.values["leverage"] == 2


def test_a_parameter_that_nothing_could_run_with_is_refused(make_config):
    with pytest.raises(ConfigError, match=r"strategy.slow=1: must be a whole number from 3 to 2000"):
        plan_batch({}, composed(make_config(strategy={"slow": 1}), {"strategy.fast": [3, 5]}))


def test_a_parameter_at_odds_with_the_default_of_an_axis_passes(make_config):
    batch = plan_batch({}, composed(make_config(strategy={"slow": 9}), {"strategy.fast": [3, 5]}))
    assert len(batch.grid) == 2


def test_a_batch_without_axes_is_refused(make_config):
    values = composed(make_config(), AXES)
    with pytest.raises(ConfigError, match="there is nothing to sweep"):
        plan_batch({}, {**values, "sweep": None})


def test_the_best_come_first_over_all_batches(plan, tmp_path):
    found = run_study(plan({}, {"fee_rate": 0.0}, {"limit": 900}), tmp_path)
    sharpe = [found.results[at].figures["sharpe"][trial] for at, trial in found.ranked(1000)]
    assert len(sharpe) == found.done == 54
    known = [value for value in sharpe if value == value]  # noqa: PLR0124 - NaN
    assert known == sorted(known, reverse=True)
    assert all(np.isnan(value) for value in sharpe[len(known) :])
    assert found.ranked(3) == found.ranked(1000)[:3]
    assert found.firsts()[0] == found.ranked(1)[0]
    assert sorted(at for at, _ in found.firsts()) == [0, 1, 2]


def test_another_objective_ranks_by_it(plan, tmp_path):
    found = run_study(plan(objective="total_return"), tmp_path)
    (at, trial), *_ = found.ranked(1)
    assert found.results[at].figures["total_return"][trial] == found.results[0].figures["total_return"].max()


def test_progress_goes_over_all_batches(plan, tmp_path):
    told = []
    run_study(plan({}, {"limit": 900}), tmp_path, progress=lambda done, total: told.append((done, total)))
    assert told[-1] == (36, 36)
    assert {total for _, total in told} == {36}
    assert [done for done, _ in told] == sorted(done for done, _ in told)


def test_mapped_daily_returns_are_the_same(plan, tmp_path, monkeypatch, small_chunks):
    whole = run_study(plan(), tmp_path / "one").results[0]
    monkeypatch.setattr(study, "DAILY_BYTES", 1000)
    mapped = run_study(plan(), tmp_path / "two").results[0]
    assert isinstance(mapped.daily_returns, np.memmap)
    assert (tmp_path / "two" / ".batch-0" / DAILY_FILE).is_file()
    assert_equal(whole, mapped)
    let_go(mapped.daily_returns)
    assert_equal(whole, mapped)


@pytest.mark.parametrize("known", [[0], [3, 1, 11], list(range(18))])
@pytest.mark.parametrize("mapped", [False, True])
def test_going_on_ends_equal(plan, tmp_path, monkeypatch, known, mapped):
    if mapped:
        monkeypatch.setattr(study, "DAILY_BYTES", 1000)
    whole = run_study(plan(), tmp_path / "whole").results[0]
    told = []
    found = run_study(
        plan(), tmp_path / "part", progress=lambda *now: told.append(now), earlier={0: _left(whole, known)}
    )
    assert_equal(found.results[0], whole)
    assert told[-1] == (18, 18)
    ran = max(18 - len(known), 1)  # with none missing, one is run again
    assert found.results[0].earlier == 18 - ran
    assert found.results[0].trials_per_second == ran / found.results[0].seconds["run"]


def test_going_on_with_drawn_trials_ends_equal(plan, tmp_path):
    drawn = {"method": "random", "trials": 12, "seed": 5}
    whole = run_study(plan(**drawn), tmp_path / "whole").results[0]
    found = run_study(plan(**drawn), tmp_path / "part", earlier={0: _left(whole, [4, 0])})
    assert_equal(found.results[0], whole)


def test_going_on_over_another_market_is_refused(plan, tmp_path):
    whole = run_study(plan(), tmp_path / "whole").results[0]
    other = replace(_left(whole, [0]), dataset_hash="f" * 64)
    with pytest.raises(DataError, match="the market has changed since the sweep was interrupted"):
        run_study(plan(), tmp_path / "part", earlier={0: other})


def test_ctrl_c_in_the_second_batch_keeps_the_first(plan, tmp_path, small_chunks):
    def stop(done, _total):
        if done > 20:
            raise KeyboardInterrupt

    found = run_study(plan({}, {"limit": 900}, {"limit": 950}), tmp_path, progress=stop)
    assert found.interrupted
    assert [bool(result.done.all()) for result in found.results] == [True, False]


def test_ctrl_c_before_any_trial_keeps_nothing(plan, tmp_path, monkeypatch):
    def pressed(*_given):
        raise KeyboardInterrupt

    monkeypatch.setattr(study, "load_sweep_market", pressed)
    with pytest.raises(KeyboardInterrupt):
        run_study(plan(), tmp_path)


def test_the_record_of_a_study_is_of_its_trials(plan, tmp_path):
    found = run_study(plan({}, {"fee_rate": 0.0}), tmp_path)
    end = conclude(found, IDENTITY, lambda _config: "one", notes=["a note"])
    record = end.record
    assert [batch.done for batch in record.batches] == [18, 18]
    assert record.warnings[-1] == "a note"
    assert not [text for text in record.warnings if "bug" in text]
    assert [one.figures["sharpe"] for one in record.best] == sorted(
        (one.figures["sharpe"] for one in record.best), reverse=True
    )
    assert len(record.best) == 20
    assert {axis.name: axis.structural for axis in record.axes} == {
        "strategy.fast": False,
        "strategy.slow": False,
        "leverage": False,
        "batch": True,
    }
    assert end.best[0].result.provenance.config_hash == "one"
    assert record.provenance.config_hash == "hash"


def test_a_single_run_that_disagrees_is_told(plan, tmp_path):
    found = run_study(plan(), tmp_path)
    trial = found.ranked(1)[0][1]
    found.results[0].figures["sharpe"][trial] += 1e-9
    end = conclude(found, IDENTITY, lambda _config: "one")
    assert [text for text in end.record.warnings if text.startswith("A bug: sharpe of the best trial")]


def test_an_interrupted_study_is_not_judged(plan, tmp_path, monkeypatch):
    def judge(*_given, **_named):
        raise AssertionError("judged")

    monkeypatch.setattr(summary, "judge_sweep", judge)
    found = replace(run_study(plan(), tmp_path), interrupted=True)
    assert conclude(found, IDENTITY, lambda _config: "one").record.verdict is None


def test_ctrl_c_while_judging_keeps_the_trials(plan, tmp_path, monkeypatch):
    def judge(*_given, **_named):
        raise KeyboardInterrupt

    monkeypatch.setattr(summary, "judge_sweep", judge)
    end = conclude(run_study(plan(), tmp_path), IDENTITY, lambda _config: "one")
    assert end.found.interrupted
    assert end.record.interrupted
    assert end.record.batches[0].done == 18


def test_every_batch_is_counted_before_the_best_is_judged(plan, tmp_path, monkeypatch):
    told = []
    past = PastTrials(TrialHistory(sets=99, runs=1, sweeps=1, sharpe_variance=1e-4), 3)

    def count(at, result):
        told.append((at, result.market.bars))
        return past

    def judge(*given, **named):
        told.append((given[3].sets, named["unlocks"]))

    monkeypatch.setattr(summary, "judge_sweep", judge)
    made = plan({}, {"limit": 900}, {"limit": 950})
    made = Study(tuple(replace(one, config=_judged(one.config)) for one in made.batches))
    end = conclude(run_study(made, tmp_path), IDENTITY, lambda _config: "one", count)
    assert sorted(at for at, _ in told[:3]) == [0, 1, 2]
    assert told[2][0] == end.best[0].batch
    assert told[3:] == [(99, 3)]


def _judged(config):
    return config.model_copy(update={"report": config.report.model_copy(update={"honesty": True})})


def test_batches_may_differ_in_how_they_meet_the_market(plan, make_config, tmp_path):
    costs = make_config().costs.model_dump()
    late = [{"costs": {**costs, "latency_bars": bars}} for bars in (0, 2)]
    found = run_study(
        plan(*late, {"intrabar": "ohlc"}, {"orders": {"kind": "limit", "offset_bps": 8.0}}), tmp_path
    )
    ends = [result.figures["final_equity"] for result in found.results]
    assert found.done == sum(len(one) for one in ends)
    assert (ends[0] != ends[1]).all()
    assert (ends[0] != ends[3]).all()
    assert [result.figures["unfilled_orders"].any() for result in found.results] == [False] * 3 + [True]


def test_batches_may_be_hedged_or_go_along_finer_bars(plan, tmp_path):
    found = run_study(plan({}, {"intrabar": "detail"}, {"hedge": {"kind": "spot"}}), tmp_path)
    assert [int(result.done.sum()) for result in found.results] == [18, 18, 18]
    end = conclude(found, IDENTITY, lambda _config: "one")
    assert [one.result.hedge is None for one in sorted(end.best, key=lambda one: one.batch)] == [
        True, True, False,
    ]  # fmt: skip
    assert not [text for text in end.record.warnings if "bug" in text]
