"""python -m jobs.paper_exchange as a user runs it: a process of its own, its exit codes, its memory."""

from __future__ import annotations

import os
import re
import shlex
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.docs.commands import blocks, commands
from tests.paper_okx.running import DEMO, RunningPaperOkx

SMALL = ("source=synthetic", "synthetic.days=3", "clock.speed=0", "port=0", "rate_limits=false")
BTC = "BTC-USDT-SWAP"
_URL = re.compile(r"paper exchange at (http://127\.0\.0\.1:\d+)")


class Job:
    """The job in a folder."""

    def __init__(self, project: Path, folder: Path) -> None:
        self._folder = folder
        kept = {
            name: value for name, value in os.environ.items() if not name.startswith(("DATABASE", "OKX_"))
        }
        self._environment = {**kept, "PYTHONPATH": str(project), "NO_COLOR": "1"}

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-m", "jobs.paper_exchange", *arguments],
            cwd=self._folder,
            env=self._environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def fails(self, *arguments: str) -> tuple[int, str]:
        """Run it where it cannot, and return exit code and what it said."""
        process = self.start(*arguments)
        out, err = process.communicate(timeout=60)
        assert out == ""
        return process.returncode, err

    @contextmanager
    def running(self, *arguments: str) -> Iterator[tuple[subprocess.Popen[str], RunningPaperOkx]]:
        """Run it for the block; killed at its end where it still runs."""
        process = self.start(*arguments)
        try:
            line = process.stdout.readline()
            found = _URL.search(line)
            assert found, line + process.stderr.read()
            yield process, RunningPaperOkx(NotImplemented, found[1], {"demo": DEMO})
        finally:
            process.kill()
            process.communicate(timeout=30)


@pytest.fixture
def job(project: Path, tmp_path: Path) -> Job:
    """The job in a fresh folder."""
    return Job(project, tmp_path)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_serves_until_it_is_asked_to_stop(job: Job, number):
    with job.running(*SMALL) as (process, okx):
        assert okx.get("/api/v5/public/instruments", instType="SWAP")["data"][0]["instId"] == BTC
        assert okx.private_get("/api/v5/account/balance")["code"] == "0"
        process.send_signal(number)
        out, err = process.communicate(timeout=30)
        assert (process.returncode, out, err) == (0, "", "")


def test_secrets_are_never_said(job: Job):
    with job.running(*SMALL, "accounts=[{uid: demo, usdt: 5, secret: hush-hush}]") as (process, okx):
        assert okx.private_get("/api/v5/account/balance")["code"] == "50113"
        process.send_signal(signal.SIGTERM)
        out, err = process.communicate(timeout=30)
        assert "hush" not in out + err


def test_orders_balance_and_time_survive_a_kill(job: Job):
    with job.running(*SMALL, "state=paper.sqlite") as (process, okx):
        okx.step(3_600_000)
        market = {"instId": BTC, "tdMode": "cross", "side": "buy", "ordType": "market", "sz": "1"}
        limit = {**market, "ordType": "limit", "px": "15000", "clOrdId": "resting"}
        assert okx.post("/api/v5/trade/batch-orders", [market, limit])["code"] == "0"
        now = okx.step(1_234)
        before = _state(okx)
        process.kill()
        process.wait(30)
    with job.running(*SMALL, "state=paper.sqlite") as (_, okx):
        assert _state(okx) == before
        assert int(okx.get("/api/v5/public/time")["data"][0]["ts"]) == now
        assert okx.post("/api/v5/trade/cancel-order", {"instId": BTC, "clOrdId": "resting"})["code"] == "0"


def _state(okx: RunningPaperOkx) -> dict[str, object]:
    paths = ("account/positions", "trade/orders-pending", "trade/fills", "account/bills")
    rows = {path: okx.private_get(f"/api/v5/{path}")["data"] for path in paths}
    assert all(rows.values())
    return rows


def test_a_taken_port_is_one_sentence(job: Job):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        code, said = job.fails(*SMALL, f"port={port}")
    assert code == 2
    assert said.startswith(f"error: port={port}: cannot listen on 127.0.0.1")
    assert len(said.splitlines()) == 1


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("store.root=nowhere",), 3, "1m candles of BTC-USDT-SWAP are not stored in nowhere"),
        (("host=0.0.0.0",), 2, "host: '0.0.0.0' is not loopback"),
        (("host=example.org",), 2, "host: 'example.org' is not loopback"),
        ((*SMALL, "clock.start=2031-01-01"), 2, "clock.start=2031-01-01: the bars reach from 2024-01-01"),
        (("clock.start=soon",), 2, "clock.start: 'soon' is not a time"),
        (("clock.speed=-1",), 2, "clock.speed=-1"),
        (("faults=[{kind: delai}]",), 2, "faults.0.kind=delai: must be one of"),
        (("accounts=[{uid: a, usdt: 1}, {uid: a, usdt: 2}]",), 2, "two have the same uid"),
        (("bars=7m",), 2, "'7m' is not a timeframe (known: finest, 1m"),
        (("synthetic.start=2024-01-01T05:00",), 2, "is not midnight UTC"),
    ],
    ids=lambda value: value[-1] if isinstance(value, tuple) else None,
)
def test_a_mistake_is_one_sentence(job: Job, arguments, code, said):
    found, text = job.fails(*arguments)
    assert found == code
    assert said in text
    assert len(text.splitlines()) == 1
    assert text.startswith("error: ")


def test_a_state_that_is_no_state_is_one_sentence(job: Job, tmp_path: Path):
    (tmp_path / "paper.sqlite").write_text("no database at all, not even nearly" * 100)
    code, said = job.fails(*SMALL, "state=paper.sqlite")
    assert code == 3
    assert said.startswith("error: ")
    assert len(said.splitlines()) == 1


def test_further_instruments_come_by_their_group(job: Job):
    with job.running(*SMALL, "+symbol@more.eth=eth_usdt_swap") as (_, okx):
        rows = okx.get("/api/v5/public/instruments", instType="SWAP")["data"]
        assert [row["instId"] for row in rows] == [BTC, "ETH-USDT-SWAP"]


def test_commands_of_the_page_are_valid(job: Job, project: Path):
    page = (project / "docs" / "paper_exchange.md").read_text()
    found = [one.text for one in commands(page) if one.text.startswith("python -m jobs.paper_exchange")]
    assert len(found) >= 3
    for text in found:
        process = job.start(*shlex.split(text)[3:], "validate_only=true")
        out, err = process.communicate(timeout=60)
        assert (process.returncode, "the configuration is valid" in out + err) == (0, True), text


def test_clients_of_the_page_reach_it(job: Job, project: Path):
    page = (project / "docs" / "paper_exchange.md").read_text()
    clients = blocks(page, "python")
    assert len(clients) == 2
    with job.running(*SMALL) as (_, okx):
        for text in clients:
            code = text.replace("http://127.0.0.1:8899", okx.base_url)
            done = subprocess.run(
                [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False
            )
            assert done.returncode == 0, done.stderr
            assert "10000" in done.stdout
