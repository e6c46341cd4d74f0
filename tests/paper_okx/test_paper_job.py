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
from decimal import Decimal
from pathlib import Path

import pytest

from tests.docs.commands import blocks, commands
from tests.paper_okx.foreign_clients import official_sdk
from tests.paper_okx.running import DEMO, LIVE, RunningPaperOkx

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

    def make_demo_market(self) -> None:
        """Store the market of make demo, of bars of 15m alone."""
        words = ("exchange=synthetic", "timeframe=15m", "store=demo")
        command = [sys.executable, "-m", "jobs.ingest", *words]
        done = subprocess.run(
            command, cwd=self._folder, env=self._environment, capture_output=True, timeout=120, check=False
        )
        assert done.returncode == 0, done.stderr

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
        (("fee_level=VIP11",), 2, "unknown fee level 'VIP11': did you mean 'VIP1'? (known: Lv1, VIP1,"),
        (("accounts=[{uid: a, usdt: 1, fee_level: vip2}]",), 2, "did you mean 'VIP2'?"),
        (("fee_levels.VIP1.taker=0.05",), 2, "fee_levels.VIP1.taker=0.05: must be below 0.01"),
        (("accounts=[{uid: a, usdt: 1, acct_lv: 3}]",), 2, "account level 3 (multi-currency margin) is not"),
        (("accounts=[{uid: a, usdt: 1, acct_lv: 4}]",), 2, "account level 4 (portfolio margin) is not"),
        (("accounts=[{uid: a, usdt: 1, acct_lv: 5}]",), 2, "acct_lv=5: must be one of '1' or '2'"),
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


# The SDK calls httpx in a way that httpx calls outdated.
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_fee_levels_are_charged_billed_and_told_alike(job: Job):
    accounts = "accounts=[{uid: demo, usdt: 10000}, {uid: live, usdt: 10000, demo: false, fee_level: mine}]"
    mine = "+fee_levels.mine={maker: -0.0001, taker: 0.0003}"
    with job.running(*SMALL, "fee_level=VIP1", mine, accounts) as (_, okx):
        okx.keys["live"] = LIVE
        for uid, level, taker in (("demo", "VIP1", "0.00045"), ("live", "mine", "0.0003")):
            with official_sdk(okx, uid) as sdk:
                [told] = sdk.account.get_fee_rates("SWAP")["data"]
                assert (told["level"], told["takerU"]) == (level, f"-{taker}")
                assert sdk.account.get_account_config()["data"][0]["level"] == level
                sdk.trade.place_order(BTC, "cross", "buy", "market", "2")
                [fill] = sdk.trade.get_fills("SWAP")["data"]
                [bill] = sdk.account.get_account_bills(type="2")["data"]
                charged = -Decimal(fill["fillPx"]) * 2 * Decimal("0.01") * Decimal(taker)
                assert Decimal(fill["fee"]) == Decimal(bill["fee"]) == charged
                assert Decimal(bill["balChg"]) == charged


def test_a_fee_level_follows_the_configuration_from_start_to_start(job: Job):
    for level, taker in (("Lv1", "-0.0005"), ("VIP8", "-0.00015")):
        with job.running(*SMALL, f"fee_level={level}", "state=paper.sqlite") as (_, okx):
            [told] = okx.private_get("/api/v5/account/trade-fee", instType="SWAP")["data"]
            assert (told["level"], told["taker"]) == (level, taker)


def test_a_state_with_a_fee_level_that_is_gone_is_one_sentence(job: Job):
    mine = ("+fee_levels.mine={maker: 0, taker: 0}", "fee_level=mine")
    with job.running(*SMALL, *mine, "state=paper.sqlite"):
        pass
    code, said = job.fails(*SMALL, "state=paper.sqlite")
    assert code == 3
    assert "account demo has the fee level mine, which is not listed (known: Lv1, VIP1," in said
    assert len(said.splitlines()) == 1


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


def test_every_command_of_the_page_serves_until_it_is_stopped(job: Job, project: Path):
    page = (project / "docs" / "paper_exchange.md").read_text()
    found = [one.text for one in commands(page) if one.text.startswith("python -m jobs.paper_exchange")]
    assert len(found) >= 5
    job.make_demo_market()
    for text in found:
        with job.running(*shlex.split(text)[3:], "port=0") as (process, okx):
            assert okx.get("/api/v5/market/ticker", instId=BTC)["code"] == "0", text
            process.send_signal(signal.SIGTERM)
            out, err = process.communicate(timeout=30)
            assert (process.returncode, out, err) == (0, "", ""), text


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
