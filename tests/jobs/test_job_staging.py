"""The hidden folder of a run: claimed by one, swept by nobody while its owner lives."""

from __future__ import annotations

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest

from arena.core.errors import ConfigError
from jobs._staging import claim, sweep, take_up

NOON = 1_767_268_800_000
HASH = "ab" * 32


def _clock() -> int:
    return NOON


def test_claims_of_one_moment_get_names_of_their_own(tmp_path):
    with ThreadPoolExecutor(4) as pool:
        claims = list(pool.map(lambda _: claim(tmp_path, HASH, _clock), range(12)))
    names = sorted(one.run_id for one in claims)
    assert names == [f"20260101T120000-{i:03d}-abababab" for i in range(12)]
    assert all(one.folder.is_dir() and not one.final.exists() for one in claims)
    assert {one.created_ms for one in claims} == set(range(NOON, NOON + 12))


def test_a_name_that_was_published_is_not_given_again(tmp_path):
    first = claim(tmp_path, HASH, _clock)
    first.folder.rename(first.final)
    assert claim(tmp_path, HASH, _clock).run_id == "20260101T120000-001-abababab"


def test_a_living_run_is_not_swept_and_a_released_one_is(tmp_path):
    living, gone = (claim(tmp_path, HASH, _clock) for _ in range(2))
    for one in (living, gone):
        (one.folder / "log.jsonl").write_text("{}\n")
    os.utime(gone.folder / "log.jsonl", (1, 9e9))
    gone.release()
    (dead,) = sweep(tmp_path)
    assert (dead.run_id, dead.last_ms) == (gone.run_id, 9_000_000_000_000)
    assert [path.name for path in tmp_path.iterdir()] == [living.folder.name]


def test_an_empty_claim_is_swept_without_being_called_a_dead_run(tmp_path):
    claim(tmp_path, HASH, _clock).release()
    assert sweep(tmp_path) == []
    assert list(tmp_path.iterdir()) == []


def test_the_lock_goes_with_the_process(tmp_path):
    code = (
        "import os, sys, pathlib, jobs._staging as s\n"
        f"c = s.claim(pathlib.Path(sys.argv[1]), {HASH!r}, lambda: {NOON})\n"
        "(c.folder / 'log.jsonl').touch()\n"
        "os.abort()"
    )
    subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=False, capture_output=True)
    (dead,) = sweep(tmp_path)
    assert dead.run_id == "20260101T120000-000-abababab"
    assert list(tmp_path.iterdir()) == []


def test_sweep_of_a_folder_that_is_not_there_finds_nothing(tmp_path):
    assert sweep(tmp_path / "none") == []


def test_keeping_a_log_drops_the_results(tmp_path):
    staging = claim(tmp_path, HASH, _clock)
    for name in ("config.yaml", "log.jsonl", "result.json"):
        (staging.folder / name).touch()
    (staging.folder / "parts").mkdir()
    log = staging.keep_log()
    assert log == tmp_path / staging.run_id / "log.jsonl"
    assert {path.name for path in log.parent.iterdir()} == {"config.yaml", "log.jsonl"}


@pytest.mark.parametrize("blocker", ["file", "dangling link"])
def test_a_parent_that_is_no_folder_is_refused(tmp_path, blocker):
    parent = tmp_path / "reports"
    parent.touch() if blocker == "file" else parent.symlink_to("nowhere")
    with pytest.raises(ConfigError, match=r"^cannot write to .*: set reports\.root to another folder$"):
        claim(parent, HASH, _clock)


def _claimed_with(tmp_path, *names: str):
    staging = claim(tmp_path, HASH, _clock)
    for name in names:
        path = staging.folder / name
        path.parent.mkdir(exist_ok=True)
        path.touch()
    return staging


def test_what_a_sweep_has_kept_gets_its_name(tmp_path):
    staging = _claimed_with(tmp_path, "plan.json", "checkpoint/part-000000.npz")
    staging.release()
    (dead,) = sweep(tmp_path)
    assert (dead.run_id, dead.is_kept) == (staging.run_id, True)
    assert [path.name for path in tmp_path.iterdir()] == [staging.run_id]
    assert sweep(tmp_path) == []


def test_a_sweep_that_was_whole_is_no_dead_run(tmp_path):
    staging = _claimed_with(tmp_path, "plan.json", "sweep.json", "checkpoint/part-000000.npz", ".batch-0/a")
    staging.release()
    assert sweep(tmp_path) == []
    assert {path.name for path in staging.final.iterdir()} == {"plan.json", "sweep.json"}


@pytest.mark.parametrize("named", ["final", "folder"])
def test_a_killed_sweep_is_taken_up_by_its_name(tmp_path, named):
    staging = _claimed_with(tmp_path, "plan.json", "checkpoint/journals.json")
    with pytest.raises(ConfigError, match=rf"^{staging.run_id} is still running: wait for it"):
        take_up(getattr(staging, named))
    staging.release()
    assert take_up(getattr(staging, named)) == staging.final
    assert take_up(staging.final) == staging.final


def test_a_killed_run_that_has_kept_nothing_is_not_taken_up(tmp_path):
    staging = _claimed_with(tmp_path, "plan.json", "checkpoint/.part-000000.npz.partial")
    staging.release()
    with pytest.raises(
        ConfigError, match="was killed before anything of it was kept: give its command again"
    ):
        take_up(staging.final)
    assert take_up(tmp_path / "nowhere") is None


@pytest.mark.parametrize("end", ["discard", "keep_log"])
def test_a_sweep_that_ends_badly_leaves_what_it_has_kept(tmp_path, end):
    staging = _claimed_with(tmp_path, "plan.json", "checkpoint/part-000000.npz", "log.jsonl", "best/a")
    getattr(staging, end)()
    assert (staging.final / "checkpoint/part-000000.npz").is_file()
    assert not staging.folder.exists()
