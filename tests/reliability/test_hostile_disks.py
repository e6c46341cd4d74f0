"""A disk that is full and a file system that may not be written to: one sentence, nothing half there."""

from __future__ import annotations

import contextlib
import os
import subprocess

import pytest

from arena.store.market.reader import MarketReader
from tests.reliability.conftest import write_archive

INGEST = ("exchange=files", "exchange.path=archive/", "timeframe=1h", "store.root=small/store")


@pytest.fixture
def small_disk(killer):
    """Return jobs in a folder with a file system of its own of 2 MB; skips where none can be mounted."""
    made = killer("disk")
    place = made.folder / "small"
    place.mkdir()
    mount = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(place)],
        capture_output=True,
        text=True,
        check=False,
    )
    if mount.returncode:
        pytest.skip(f"no file system can be mounted here: {mount.stderr.strip()}")
    yield made, place
    subprocess.run(["umount", str(place)], check=True)


def test_full_disk_ends_with_a_sentence_and_what_was_stored_stays(small_disk):
    made, place = small_disk
    (made.folder / "archive").mkdir()
    write_archive(made.folder / "archive" / "one.csv", 0, 240)
    assert made.run("ingest", *INGEST).returncode == 0
    before = _closes(place)
    _fill_up(place / "ballast")
    write_archive(made.folder / "archive" / "one.csv", 0, 24 * 60, level=105.0)
    done = made.run("ingest", *INGEST)
    assert done.returncode in {2, 3}, done.stderr
    lines = done.stderr.splitlines()
    assert len(lines) == 1
    assert lines[0].startswith("error: ")
    assert "Traceback" not in done.stderr
    assert _closes(place) == before
    (place / "ballast").unlink()
    assert made.run("ingest", *INGEST).returncode == 0
    assert len(_closes(place)) > len(before)


@pytest.mark.parametrize("job", ["ingest", "migrate"])
def test_read_only_file_system_ends_with_a_sentence(small_disk, job):
    made, place = small_disk
    (made.folder / "archive").mkdir()
    write_archive(made.folder / "archive" / "one.csv", 0, 48)
    subprocess.run(["mount", "-o", "remount,ro", str(place)], check=True)
    try:
        done = made.run(job, *(INGEST if job == "ingest" else ("store.root=small/store",)))
    finally:
        subprocess.run(["mount", "-o", "remount,rw", str(place)], check=True)
    assert done.returncode in {2, 3}, done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert done.stderr.startswith("error: ")
    assert os.listdir(place) == []  # noqa: PTH208 - nothing at all


def _fill_up(ballast) -> None:
    with ballast.open("wb", buffering=0) as file, contextlib.suppress(OSError):
        while file.write(b"0" * 4096):
            pass


def _closes(place) -> list[float]:
    reader = MarketReader(place / "store")
    (series,) = reader.list_series()
    return reader.read_bars(series.kind, series.inst_id, series.timeframe).close.tolist()
