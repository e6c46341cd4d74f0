"""A ledger in PostgreSQL in the browser: a bounded copy that says so, read only, gone with the site."""

from __future__ import annotations

import json
import sqlite3
import urllib.request
from collections.abc import Callable
from pathlib import Path

import pytest

from arena.browse.site import ledger_file
from arena.data.service import DataService
from arena.store.ledger import open_ledger, open_reads
from arena.store.ledger.tables import METADATA
from tests.browse.conftest import START, Site, start_site

pytestmark = pytest.mark.postgres
RUNS = 12


@pytest.fixture
def url(new_postgres: Callable[[str | None], str], postgres_template: str) -> str:
    """A ledger with a dozen runs and their audit rows."""
    made = new_postgres(postgres_template)
    with open_ledger(made) as ledger:
        for number in range(RUNS):
            ledger.start_job_run(f"r{number:02}", "ingest", "0" * 64, "{}", "c", START + number)
    return made


def _get(site: Site, path: str) -> str:
    with urllib.request.urlopen(f"{site.url}{path}", timeout=20) as reply:  # noqa: S310 - loopback
        return reply.read().decode()


def test_newest_rows_are_shown_with_how_many_there_are(project: Path, filled: Path, url: str) -> None:
    site = start_site(project, filled, "newest=5", DATABASE_URL=url)
    try:
        front, page = _get(site, ""), _get(site, "ledger/job_runs")
        rows = json.loads(_get(site, "ledger/job_runs.json?_shape=objects"))["rows"]
        answer = json.loads(_get(site, "ledger/failed_jobs.json?_shape=objects"))["rows"]
    finally:
        assert site.stop() == 0
    assert [row["run_id"] for row in rows] == ["r11", "r10", "r09", "r08", "r07"]
    assert "Here are the newest 5 of 12 rows, as they stood at the start" in page
    assert len(answer) == 5
    assert "canary" not in front + page


def test_copy_has_every_table_and_is_gone_afterwards(tmp_path: Path, url: str) -> None:
    with ledger_file(DataService(tmp_path, url), 100) as ledger:
        assert ledger.shown.startswith("a copy of postgresql://arena:***@127.0.0.1:")
        assert set(ledger.notes) == set(METADATA.tables)
        assert ledger.notes["job_runs"] == "Here are all 12 rows, as they stood at the start."
        assert ledger.path.parent.stat().st_mode & 0o777 == 0o700
        opened = sqlite3.connect(ledger.path)
        found = {name for (name,) in opened.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
        opened.close()
        assert found >= set(METADATA.tables)
    assert not ledger.path.exists()


def test_ledger_is_as_it_was_after_it_was_copied(tmp_path: Path, url: str) -> None:
    with open_reads(url) as reads:
        copies = {one.name: one for one in reads.copy_newest(tmp_path / "copy.sqlite", 3)}
        assert (copies["job_runs"].rows, copies["job_runs"].copied) == (RUNS, 3)
        assert len(reads.list_job_runs(50)) == RUNS
