"""Optuna leads a sweep: what it proposes runs as any trial, and a study goes on where it stopped."""

from __future__ import annotations

import signal
import sys

import numpy as np
import pytest

from arena.backtest.sweep import run_sweep
from arena.backtest.sweep.study_optuna import JOURNAL, REPEATED, run_optuna
from arena.config.base import validate
from arena.config.sweep import SweepConfig
from arena.core.errors import ConfigError

pytest.importorskip("optuna", reason="the extra [optuna] is not installed")


def sweep_of(**changes):
    values = {
        "method": "optuna",
        "trials": 40,
        "seed": 3,
        "batch": 8,
        "axes": {
            "strategy": {
                "fast": {"start": 3, "stop": 40, "step": 1},
                "slow": {"start": 8, "stop": 90, "step": 2},
            }
        },
        **changes,
    }
    return validate(SweepConfig, values)


@pytest.fixture(scope="module")
def whole(make_config, tmp_path_factory):
    return run_optuna(make_config(), sweep_of(), tmp_path_factory.mktemp("study"), threads=1)


def assert_same(one, other):
    assert np.array_equal(one.grid.rows, other.grid.rows)
    for name, values in one.figures.items():
        assert np.array_equal(values, other.figures[name], equal_nan=values.dtype.kind == "f"), name
    assert np.array_equal(one.daily_returns, other.daily_returns)


def test_proposed_trials_have_the_figures_of_a_sweep(make_config, whole):
    assert whole.done.all()
    assert len(whole) + sum(whole.grid.dropped.values()) == 40
    assert len(np.unique(whole.grid.rows)) == len(whole)
    assert_same(whole, run_sweep(make_config(), whole.grid, threads=1))


def test_how_the_market_is_met_may_be_proposed(make_config, tmp_path):
    axes = {"costs": {"latency_bars": {"values": [0, 1]}, "impact_coefficient": {"values": [0, 1]}}}
    sweep = sweep_of(trials=12, axes={**sweep_of().axes, **axes})
    found = run_optuna(make_config(), sweep, tmp_path, threads=1)
    assert found.parameters()["costs.latency_bars"].dtype == np.int64
    assert_same(found, run_sweep(make_config(), found.grid, threads=1))


def test_it_learns_where_the_objective_is_high(make_config, tmp_path):
    # with such a fee few trades are better than many, so long averages are
    config, sweep = make_config(fee_rate=0.003), sweep_of(objective="total_return", trials=80)
    found = run_optuna(config, sweep, tmp_path, threads=1).figures["total_return"]
    assert found[-24:].mean() > found[:8].mean()


def test_the_same_seed_proposes_the_same(make_config, whole, tmp_path):
    assert_same(run_optuna(make_config(), sweep_of(), tmp_path, threads=2), whole)
    other = run_optuna(make_config(), sweep_of(seed=4), tmp_path / "other", threads=2)
    assert not np.array_equal(other.grid.rows, whole.grid.rows)


@pytest.mark.parametrize("after", [8, 16, 24])
def test_what_was_interrupted_goes_on_as_if_it_never_stopped(make_config, whole, tmp_path, after):
    def stop(done: int, _total: int) -> None:
        if done >= after:
            raise KeyboardInterrupt

    part = run_optuna(make_config(), sweep_of(), tmp_path, threads=1, progress=stop)
    assert part.interrupted
    assert 0 < len(part) < len(whole)
    assert (tmp_path / JOURNAL).is_file()
    assert_same(run_optuna(make_config(), sweep_of(), tmp_path, threads=1), whole)


def test_trials_cut_off_inside_a_batch_are_run_first(make_config, whole, tmp_path, monkeypatch):
    from arena.backtest.sweep.work import Desk

    run, calls = Desk.run, []

    def pressed(self, rows, bench, into=None):
        calls.append(len(rows))
        if sum(calls) > 11:
            raise KeyboardInterrupt
        return run(self, rows, bench, into)

    monkeypatch.setattr("arena.backtest.sweep.engines.CHUNK", 3)
    with monkeypatch.context() as patch:
        patch.setattr(Desk, "run", pressed)
        part = run_optuna(make_config(), sweep_of(), tmp_path, threads=1)
    assert part.interrupted
    again = run_optuna(make_config(), sweep_of(), tmp_path, threads=1)
    assert sorted(again.grid.rows.tolist()) == sorted(whole.grid.rows.tolist())


@pytest.mark.parametrize("asked", [9, 13, 16, 22])
def test_ctrl_c_in_the_middle_of_proposing_is_forgotten(make_config, whole, tmp_path, monkeypatch, asked):
    from optuna.trial import Trial

    suggest, calls = Trial._suggest, []

    def pressed(self, name, distribution):
        calls.append(name)
        if len(calls) > 2 * asked - 1:  # two axes a trial: one of them is written, the other is not
            raise KeyboardInterrupt
        return suggest(self, name, distribution)

    with monkeypatch.context() as patch:
        patch.setattr(Trial, "_suggest", pressed)
        part = run_optuna(make_config(), sweep_of(), tmp_path, threads=1)
    assert part.interrupted
    assert 0 < len(part) < len(whole)
    assert_same(run_optuna(make_config(), sweep_of(), tmp_path, threads=1), whole)


@pytest.mark.parametrize("place", ["ask", "tell"])
def test_a_request_to_stop_waits_for_the_journal(make_config, whole, tmp_path, monkeypatch, place):
    from optuna.storages.journal import JournalFileBackend
    from optuna.study import Study

    write, method, calls, written = JournalFileBackend.append_logs, getattr(Study, place), [], []

    def interrupted(self, *given, **named):
        calls.append(place)
        return method(self, *given, **named)

    def pressed(self, logs):
        if len(calls) == 13 and not written:
            signal.raise_signal(signal.SIGINT)
            write(self, logs)
            written.append(logs)
        else:
            write(self, logs)

    with monkeypatch.context() as patch:
        patch.setattr(Study, place, interrupted)
        patch.setattr(JournalFileBackend, "append_logs", pressed)
        part = run_optuna(make_config(), sweep_of(), tmp_path, threads=1)
    assert written
    assert part.interrupted
    assert 0 < len(part) < len(whole)
    assert_same(run_optuna(make_config(), sweep_of(), tmp_path, threads=1), whole)


def test_more_trials_may_be_asked_of_a_study(make_config, whole, tmp_path):
    run_optuna(make_config(), sweep_of(trials=16), tmp_path, threads=1)
    assert_same(run_optuna(make_config(), sweep_of(), tmp_path, threads=1), whole)


def test_a_small_space_is_not_run_twice(make_config, tmp_path):
    axes = {"strategy": {"fast": {"values": [5, 9]}, "slow": {"values": [7, 30]}}}
    found = run_optuna(make_config(), sweep_of(trials=4, axes=axes), tmp_path, threads=1)
    assert len(found) <= 3
    assert sum(found.grid.dropped.values()) == 4 - len(found)
    assert set(found.grid.dropped) <= {REPEATED, "strategy.fast=... must be below strategy.slow=..."}


def test_an_undefined_objective_is_pruned_not_told(make_config, tmp_path):
    axes = {"strategy": {"adx_min": {"values": [99.5, 99.9, 100.0]}}}
    found = run_optuna(make_config(), sweep_of(trials=3, axes=axes), tmp_path, threads=1)
    assert np.isnan(found.figures["sharpe"]).all()


@pytest.mark.parametrize(
    ("change", "strategy"),
    [({"objective": "total_return"}, {}), ({"seed": 4}, {}), ({}, {"atr_stop": 1.0})],
    ids=["objective", "seed", "config"],
)
def test_a_study_of_another_sweep_is_refused(make_config, tmp_path, change, strategy):
    run_optuna(make_config(), sweep_of(trials=8), tmp_path, threads=1)
    with pytest.raises(ConfigError, match="the study of another sweep or other data"):
        run_optuna(make_config(strategy=strategy), sweep_of(trials=8, **change), tmp_path, threads=1)


def test_without_the_package_one_sentence_says_what_to_install(make_config, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "optuna", None)
    with pytest.raises(ConfigError, match=r"pip install 'alpha-arena\[optuna\]'"):
        run_optuna(make_config(), sweep_of(), tmp_path)


def test_a_killed_study_goes_on_from_what_was_last_proposed(make_config, whole, tmp_path):
    marks = []
    first = tmp_path / "first"
    run_optuna(
        make_config(), sweep_of(), first, threads=1, mark=lambda path: marks.append(path.stat().st_size)
    )
    assert len(marks) == 5
    journal = (first / JOURNAL).read_bytes()
    for at in (0, 1, 4):
        folder = tmp_path / str(at)
        folder.mkdir()
        (folder / JOURNAL).write_bytes(journal[: marks[at]])
        assert_same(run_optuna(make_config(), sweep_of(), folder, threads=1), whole)
