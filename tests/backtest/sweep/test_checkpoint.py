"""Parts of a running sweep: whole or not there, and enough to go on from as if nothing had happened."""

from __future__ import annotations

import errno
import os
import shutil

import numpy as np
import pytest

from arena.backtest.sweep import checkpoint, engines, study
from arena.backtest.sweep.checkpoint import CHECKPOINT, Keeper, drop_checkpoint, left_in
from arena.backtest.sweep.kept import read_kept
from arena.backtest.sweep.study import run_study
from arena.core.errors import DataError
from arena.reporting.sweep_folder import read_earlier, read_plan
from tests.backtest.sweep.conftest import assert_equal

TRIALS = 18


def _warned(_text: str) -> None:
    raise AssertionError("nothing should be warned of")


@pytest.fixture
def kept_run(monkeypatch, tmp_path):
    """Run a study with a part a chunk; return what came out and a copy of the folder after each part."""
    monkeypatch.setattr(engines, "CHUNK", 3)
    monkeypatch.setattr(checkpoint, "PERIOD_S", 0.0)
    inner, hand_over = Keeper._write_part, Keeper._hand_over

    def run(made, name="run", *, earlier=None, known=None, stop_after=None):
        folder, copies = tmp_path / name, []
        folder.mkdir()

        def writes(keeper, *given, **named):
            inner(keeper, *given, **named)
            copies.append(tmp_path / f"{name}-{len(copies)}")
            shutil.copytree(folder, copies[-1])
            if len(copies) == stop_after:
                raise KeyboardInterrupt

        def waits(keeper):
            found = hand_over(keeper)
            found.result()
            return found

        monkeypatch.setattr(Keeper, "_write_part", writes)
        monkeypatch.setattr(Keeper, "_hand_over", waits)
        keeper = Keeper(folder, made, earlier=earlier, warn=_warned)
        return run_study(made, folder, earlier=known, keeper=keeper), copies

    return run


@pytest.mark.parametrize("mapped", [False, True])
def test_going_on_from_any_part_ends_equal(plan, kept_run, tmp_path, monkeypatch, mapped):
    if mapped:
        monkeypatch.setattr(study, "DAILY_BYTES", 1000)
    found, copies = kept_run(plan())
    assert len(copies) == TRIALS // 3
    for at, folder in enumerate(copies):
        assert left_in(folder) == "trials"
        earlier = read_earlier(folder, plan())
        assert len(earlier[0].rows) == 3 * (at + 1)
        again = run_study(plan(), tmp_path / f"again-{at}", earlier=earlier)
        assert_equal(again.results[0], found.results[0])


def test_going_on_in_a_later_batch_keeps_the_earlier_ones(plan, kept_run, tmp_path):
    made = plan({}, {"limit": 900}, {"limit": 950})
    found, copies = kept_run(made)
    earlier = read_earlier(copies[8], made)
    assert {at: len(one.rows) for at, one in earlier.items()} == {0: 18, 1: 9}
    again = run_study(made, tmp_path / "again", earlier=earlier)
    for one, other in zip(again.results, found.results, strict=True):
        assert_equal(one, other)
    assert [values["limit"] for _, values in read_plan(copies[8]).batches] == [None, 900, 950]


@pytest.mark.parametrize("mapped", [False, True])
def test_a_second_kill_loses_nothing_of_the_first(plan, kept_run, tmp_path, monkeypatch, mapped):
    if mapped:
        monkeypatch.setattr(study, "DAILY_BYTES", 500)
    found, (_, first, *_) = kept_run(plan())
    known = read_earlier(first, plan())
    again, (second, *_) = kept_run(plan(), "second", earlier=first, known=known)
    assert_equal(again.results[0], found.results[0])
    shutil.rmtree(first)
    earlier = read_earlier(second, plan())
    assert len(earlier[0].rows) == 9
    third, (last, *_) = kept_run(plan(), "third", earlier=second, known=earlier)
    assert_equal(third.results[0], found.results[0])
    assert len(read_earlier(last, plan())[0].rows) == 12


def test_a_sweep_without_missing_trials_runs_one_again(plan, kept_run):
    found, copies = kept_run(plan())
    again, (last,) = kept_run(plan(), "again", earlier=copies[-1], known=read_earlier(copies[-1], plan()))
    assert_equal(again.results[0], found.results[0])
    assert set(read_earlier(last, plan())[0].rows.tolist()) == set(found.results[0].grid.rows.tolist())


def test_big_chunks_are_cut_into_several_parts(plan, kept_run, monkeypatch):
    monkeypatch.setattr(engines, "CHUNK", 512)
    monkeypatch.setattr(checkpoint, "PART_BYTES", 2000)
    found, copies = kept_run(plan())
    assert len(copies) > 4
    assert len(read_earlier(copies[-1], plan())[0].rows) == found.done


def test_damage_of_any_byte_of_a_part_is_never_read(plan, kept_run):
    _, copies = kept_run(plan())
    folder = copies[1]
    expected = read_earlier(folder, plan())[0]
    path = folder / CHECKPOINT / "part-000001.npz"
    whole = path.read_bytes()
    left_out = 0
    for place in range(0, len(whole), 97):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 0xFF]) + whole[place + 1 :])
        found, damaged = read_kept(folder, {})
        left_out += damaged
        count = len(found[0].rows)
        assert count == (3 if damaged else 6), place
        assert np.array_equal(found[0].rows, expected.rows[:count])
        for name, values in found[0].figures.items():
            assert values.tobytes() == expected.figures[name][:count].tobytes(), (place, name)
    assert left_out > 50


@pytest.mark.parametrize("cut", [0, 1, 0.5, -1])
def test_a_part_that_is_cut_off_counts_as_not_run(plan, kept_run, cut):
    _, copies = kept_run(plan())
    path = copies[2] / CHECKPOINT / "part-000000.npz"
    whole = path.read_bytes()
    path.write_bytes(whole[: int(cut * len(whole)) if cut == 0.5 else cut])
    found, damaged = read_kept(copies[2], {})
    assert (len(found[0].rows), damaged) == (6, 1)


@pytest.mark.parametrize("damage", ["gone", "short", "other"])
def test_parts_whose_mapped_returns_are_damaged_count_as_not_run(plan, kept_run, monkeypatch, damage):
    monkeypatch.setattr(study, "DAILY_BYTES", 1000)
    _, copies = kept_run(plan())
    path = copies[2] / ".batch-0" / "daily_returns.npy"
    if damage == "gone":
        path.unlink()
    elif damage == "short":
        path.write_bytes(path.read_bytes()[:-400])
    else:
        np.save(path, np.zeros((2, 3), np.float32))
    assert read_kept(copies[2], {}) == ({}, 3)


def test_half_written_files_are_no_parts(plan, kept_run):
    _, copies = kept_run(plan())
    place = copies[0] / CHECKPOINT
    (place / ".part-000001.npz.partial").write_bytes(b"PK\x03\x04 half a part")
    found, damaged = read_kept(copies[0], {})
    assert (len(found[0].rows), damaged) == (3, 0)
    (place / "part-000000.npz").unlink()
    assert left_in(copies[0]) == "nothing"


def test_going_on_over_another_market_is_refused_before_a_trial_runs(plan, kept_run, tmp_path):
    _, copies = kept_run(plan())
    earlier = read_earlier(copies[0], plan())
    with pytest.raises(DataError, match="the market has changed since the sweep was interrupted"):
        run_study(plan({"timeframe": "15m"}), tmp_path / "part", progress=_warned, earlier=earlier)


def test_a_short_sweep_writes_nothing(plan, tmp_path):
    made = plan()
    run_study(made, tmp_path, keeper=Keeper(tmp_path, made, warn=_warned))
    assert list(tmp_path.iterdir()) == []


def test_a_part_holds_what_is_new_and_comes_every_few_seconds(plan, tmp_path, monkeypatch):
    monkeypatch.setattr(engines, "CHUNK", 3)
    now, made = [0.0], plan()
    keeper = Keeper(tmp_path, made, warn=_warned, clock=lambda: now[0])

    def progress(_done, _total):
        now[0] += 2.0  # parts are due at 5 s and every 5 s from then on
        if keeper._writing is not None:
            keeper._writing.result()

    run_study(made, tmp_path, progress=progress, keeper=keeper)
    sizes = []
    for path in sorted((tmp_path / CHECKPOINT).glob("part-*")):
        with np.load(path) as part:
            sizes.append(len(part["rows"]))
    assert sizes == [12, 6]


def test_a_full_disk_ends_the_keeping_and_not_the_sweep(plan, tmp_path, monkeypatch):
    monkeypatch.setattr(engines, "CHUNK", 3)
    monkeypatch.setattr(checkpoint, "PERIOD_S", 0.0)
    fsync, calls, told = os.fsync, [], []

    def full(handle):
        calls.append(handle)
        if len(calls) > 6:
            raise OSError(errno.ENOSPC, "No space left on device")
        fsync(handle)

    whole = run_study(plan(), tmp_path / "whole").results[0]
    monkeypatch.setattr(os, "fsync", full)
    made, folder = plan(), tmp_path / "run"
    folder.mkdir()
    found = run_study(made, folder, keeper=Keeper(folder, made, warn=told.append))
    assert_equal(found.results[0], whole)
    assert len(calls) == 7
    assert told == [
        f"cannot keep what is done in {folder / CHECKPOINT} (No space left on device): the sweep goes on, "
        "but what it does from now on is lost if it is killed"
    ]
    assert list(folder.rglob("*.partial")) == []


def test_ctrl_c_while_a_part_is_written_keeps_every_trial(plan, kept_run):
    found, _ = kept_run(plan(), stop_after=6)
    assert found.interrupted
    assert found.done == TRIALS


def test_a_file_system_without_links_gets_copies(plan, kept_run, monkeypatch):
    def refused(_self, _target):
        raise OSError(errno.EPERM, "Operation not permitted")

    _, (first, *_) = kept_run(plan())
    monkeypatch.setattr(checkpoint.Path, "hardlink_to", refused)
    _, (second, *_) = kept_run(plan(), "second", earlier=first, known=read_earlier(first, plan()))
    assert len(read_earlier(second, plan())[0].rows) == 6


def test_nothing_of_it_is_left_when_it_is_dropped(plan, kept_run, monkeypatch):
    monkeypatch.setattr(study, "DAILY_BYTES", 1000)
    _, copies = kept_run(plan())
    drop_checkpoint(copies[0])
    assert [path.name for path in copies[0].iterdir()] == ["plan.json"]
