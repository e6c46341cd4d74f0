"""The ledger in a browser: what it shows, and that nothing it is asked can write, attach or run on."""

from __future__ import annotations

import json
import re
import signal
import socket
import sqlite3
import time
import urllib.error
import urllib.parse
import urllib.request

import pytest

from arena.browse.questions import QUESTIONS
from tests.browse.conftest import start_site


def _get(site, path: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(f"{site.url}{path}", timeout=20) as reply:  # noqa: S310 - loopback
            return reply.status, reply.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()


def _sql(site, sql: str, database: str = "ledger") -> tuple[int, dict]:
    code, text = _get(site, f"{database}.json?{urllib.parse.urlencode({'sql': sql})}")
    return code, json.loads(text)


def test_front_page_names_what_is_there_and_that_it_is_synthetic(site):
    code, page = _get(site, "")
    assert code == 200
    assert "SYNTHETIC" in page
    assert set(re.findall(r'href="/(\w+)"', page)) == {"ledger", "market"}


def test_every_table_has_its_words_and_the_newest_rows_first(site):
    code, page = _get(site, "ledger/job_runs")
    assert code == 200
    assert "One row a run of a job" in page
    assert 'class="facet-info facet-' in page
    rows = json.loads(_get(site, "ledger/job_runs.json?_shape=objects")[1])["rows"]
    assert [row["run_id"] for row in rows] == ["r1"]


@pytest.mark.parametrize("question", QUESTIONS, ids=lambda one: one.name)
def test_every_ready_question_answers(site, question):
    code, text = _get(site, f"ledger/{question.name}.json?order_id=1&_shape=objects")
    answer = json.loads(text)
    assert code == 200, answer
    assert answer.get("error") is None
    assert answer["columns"]
    assert "LIMIT" in question.sql


def test_there_are_a_dozen_questions_with_names_of_their_own():
    assert len({one.name for one in QUESTIONS}) == len(QUESTIONS) >= 12


def test_a_finding_is_shown_as_it_stands(site):
    rows = json.loads(_get(site, "ledger/failed_jobs.json?_shape=objects")[1])["rows"]
    assert [(row["job"], row["status"], row["utc"]) for row in rows] == [
        ("ingest", "running", "2025-01-01 00:00:00")
    ]


def test_newest_rows_of_a_series_say_that_they_were_generated(site):
    code, page = _get(site, "market/candles_btc_usdt_swap_1h")
    assert code == 200
    assert "SYNTHETIC: BTC-USDT-SWAP candles 1h" in page
    assert "720 bars from 2025-01-01T00:00:00Z to 2025-01-30T23:00:00Z, 0 missing" in page
    first = json.loads(_get(site, "market/candles_btc_usdt_swap_1h.json?_shape=objects")[1])["rows"][0]
    assert first["utc"] == "2025-01-30T23:00:00Z"
    assert first["low"] <= first["close"] <= first["high"]


@pytest.mark.parametrize(
    "sql",
    [
        "DELETE FROM job_runs",
        "UPDATE job_runs SET status = 'done'",
        "INSERT INTO job_runs (run_id) VALUES ('x')",
        "DROP TABLE job_runs",
        "ATTACH DATABASE '/tmp/other.sqlite' AS other",
        "PRAGMA journal_mode = DELETE",
        "VACUUM INTO '/tmp/copy.sqlite'",
        "WITH x AS (SELECT 1) DELETE FROM job_runs",
        "SELECT 1; DELETE FROM job_runs",
        "SELECT load_extension('x')",
    ],
)
def test_no_statement_writes_attaches_or_loads(site, sql):
    code, answer = _sql(site, sql)
    assert code >= 400, answer
    with sqlite3.connect(f"file:{site.root / 'ledger.sqlite'}?mode=ro", uri=True) as ledger:
        rows = ledger.execute("SELECT run_id, status FROM job_runs").fetchall()
    ledger.close()
    assert rows == [("r1", "running")]


def test_a_runaway_query_is_cut_off(site):
    begin = time.monotonic()
    code, answer = _sql(
        site, "WITH RECURSIVE t(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM t) SELECT count(*) FROM t"
    )
    assert code == 400
    assert "interrupted" in json.dumps(answer).lower()
    assert time.monotonic() - begin < 10


def test_the_file_itself_is_not_handed_out(site):
    assert _get(site, "ledger.db")[0] in {403, 404}


def test_it_listens_on_loopback_alone(site):
    port = int(site.url.rsplit(":", 1)[1].strip("/"))
    with socket.socket() as other:
        other.settimeout(2)
        # every address of 127/8 is this machine; a server on all of them would answer here, too
        assert other.connect_ex(("127.0.0.2", port)) != 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=["terminated", "ctrl-c"])
def test_a_stop_request_ends_it_in_order(project, filled, number):
    assert start_site(project, filled).stop(number) == 0
