"""Case 7: the paper exchange: its start on three years of one-minute bars, requests, pages of history.

A server process and one client in this process, by one connection after another. Invariant: processor time is
the server's alone, so that a client that is slow does not flatter it.
"""

from __future__ import annotations

import http.client
import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from arena.core.clock import to_iso, wall_clock
from arena.core.timeframe import Timeframe
from arena.exchange.synthetic import SyntheticSpec, generate_market
from arena.paper_okx.auth import sign
from arena.store.market.layout import Kind
from arena.store.market.writer import MarketWriter
from benchmarks.market import MIDDLE, listed_instrument
from benchmarks.table import Row, row
from benchmarks.timing import Sample

PROJECT = Path(__file__).parents[1]
START_TARGET_S = 2.0
REQUEST_TARGET_MS = 1000 / 300  # 300 a second
PAGES_TARGET_S = 5.0
BTC = "BTC-USDT-SWAP"
RESTING = 100

_URL = re.compile(r"at http://127\.0\.0\.1:(\d+)")
_ORDER = {"instId": BTC, "tdMode": "cross", "side": "buy", "ordType": "limit", "sz": "0.01", "px": "9000"}


@dataclass(frozen=True, slots=True)
class Server:
    """A running server, when it was begun and how long it took to say that it runs."""

    process: subprocess.Popen[str]
    port: int
    begun: float
    ready_s: float

    def cpu_s(self) -> float:
        """Return the processor time that it has used."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def measure_paper(folder: Path, *, quick: bool) -> list[Row]:
    """Return the rows of the start, of requests and of pages."""
    root = folder / "paper"
    _fill(root)
    case = f"7. Paper exchange, {SyntheticSpec().minutes:,} bars of 1m"
    rounds, requests = (1, 500) if quick else (5, 3000)
    ready: list[float] = []
    first: list[float] = []
    cpu: list[float] = []
    for _ in range(rounds + 1):  # the first one fills the page cache
        with _paper(root) as server:
            ready.append(server.ready_s)
            cpu.append(server.cpu_s())
            _ask(server, [("GET", f"/api/v5/market/ticker?instId={BTC}", b"")])
            first.append(time.perf_counter() - server.begun)
    rows = [
        row(case, "process until it says that it is ready", "s", Sample(tuple(ready[1:])), START_TARGET_S),
        row(case, "processor time until then", "s", Sample(tuple(cpu[1:]))),
        row(case, "process until its first ticker has come", "s", Sample(tuple(first[1:])), START_TARGET_S),
    ]
    with _paper(root) as server, _running([sys.executable, "-m", "benchmarks.bare_server"]) as bare:
        rows += _requests(case, server, bare, rounds, requests)
        rows += _pages(case, server, rounds)
    return rows


def _requests(case: str, server: Server, bare: Server, rounds: int, requests: int) -> list[Row]:
    """Ask for each kind in turn, the bare server among them."""
    kinds: dict[str, tuple[Server, Callable[[int], tuple[str, str, bytes]]]] = {
        "aiohttp alone, a constant": (bare, lambda _n: ("GET", "/", b"")),
        "ticker": (server, lambda _n: ("GET", f"/api/v5/market/ticker?instId={BTC}", b"")),
        "balance, signed": (server, lambda _n: ("GET", "/api/v5/account/balance", b"")),
        f"order placed beside up to {RESTING} others, state kept": (server, _order),
    }
    wall: dict[str, list[float]] = {name: [] for name in kinds}
    cpu: dict[str, list[float]] = {name: [] for name in kinds}
    for turn in range(rounds):
        for name, (target, make) in kinds.items():
            count = RESTING if make is _order else requests
            before, begin = target.cpu_s(), time.perf_counter()
            _ask(target, [make(turn * count + n) for n in range(count)])
            wall[name].append((time.perf_counter() - begin) / count * 1e3)
            cpu[name].append((target.cpu_s() - before) / count * 1e3)
            if make is _order:
                _cancel_all(target)
    rows = []
    for name in kinds:
        limit = None if "alone" in name else REQUEST_TARGET_MS
        rows.append(row(case, f"{name}: the client waits", "ms", Sample(tuple(wall[name])), limit))
        rows.append(row(case, f"{name}: processor time of the server", "ms", Sample(tuple(cpu[name])), limit))
    first = next(iter(kinds))
    rows += [
        row(
            case,
            f"{name} / {first}: processor time",
            "times",
            Sample(tuple(cpu[name])).over(Sample(tuple(cpu[first]))),
        )
        for name in kinds
        if name != first
    ]
    return rows


def _order(number: int) -> tuple[str, str, bytes]:
    return "POST", "/api/v5/trade/order", json.dumps(_ORDER | {"clOrdId": f"n{number}"}).encode()


def _cancel_all(server: Server) -> None:
    """Take the resting orders away again, so that every round meets the same account."""
    while rows := _ask(server, [("GET", "/api/v5/trade/orders-pending", b"")])[0]["data"]:
        items = [{"instId": BTC, "ordId": one["ordId"]} for one in rows]
        batches = [items[at : at + 20] for at in range(0, len(items), 20)]
        _ask(server, [("POST", "/api/v5/trade/cancel-batch-orders", json.dumps(b).encode()) for b in batches])


def _pages(case: str, server: Server, rounds: int) -> list[Row]:
    """Read 105,000 bars of 15m back in pages of 300."""
    taken = []
    for _ in range(rounds):
        begin, after, seen = time.perf_counter(), "", 0
        while seen < MIDDLE:
            path = f"/api/v5/market/history-candles?instId={BTC}&bar=15m&limit=300{after}"
            rows = _ask(server, [("GET", path, b"")])[0]["data"]
            if not rows:
                break
            seen += len(rows)
            after = f"&after={rows[-1][0]}"
        taken.append(time.perf_counter() - begin)
        assert seen > MIDDLE - 5000, seen
    what = f"about {MIDDLE:,} bars of 15m in pages of 300, one after the other"
    return [row(case, what, "s", Sample(tuple(taken)), PAGES_TARGET_S)]


def _ask(server: Server, calls: Sequence[tuple[str, str, bytes]]) -> list[dict[str, list]]:
    """Send calls by one connection and return their answers."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)
    answers = []
    for method, path, body in calls:
        connection.request(method, path, body or None, _headers(method, path, body))
        answers.append(json.loads(connection.getresponse().read()))
        assert answers[-1]["code"] == "0", answers[-1]
    connection.close()
    return answers


def _headers(method: str, path: str, body: bytes) -> dict[str, str]:
    stamp = to_iso(wall_clock() // 1000 * 1000 + 1)
    return {
        "OK-ACCESS-KEY": "paper-demo",
        "OK-ACCESS-SIGN": sign("paper-demo-secret", f"{stamp}{method}{path}".encode() + body),
        "OK-ACCESS-TIMESTAMP": stamp,
        "OK-ACCESS-PASSPHRASE": "paper-demo-passphrase",
        "x-simulated-trading": "1",
        "Content-Type": "application/json",
    }


def _paper(root: Path):
    state = root / "paper.sqlite"
    for file in root.glob("paper.sqlite*"):
        file.unlink()
    words = [f"store.root={root}", "port=0", "rate_limits=false", f"state={state}", "clock.start=2025-12-31"]
    return _running([sys.executable, "-m", "jobs.paper_exchange", *words])


@contextmanager
def _running(command: list[str]) -> Iterator[Server]:
    begin = time.perf_counter()
    process = subprocess.Popen(command, cwd=PROJECT, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        found = _URL.search(process.stdout.readline())
        assert found, "the server did not start"
        yield Server(process, int(found[1]), begin, time.perf_counter() - begin)
    finally:
        process.terminate()
        process.communicate(timeout=30)


def _fill(root: Path) -> None:
    """Store three generated years: candles, mark, index and funding."""
    made = generate_market(listed_instrument())
    minute = Timeframe.parse("1m")
    writer = MarketWriter(root, clock=lambda: made.spec.end_ms)
    series = {Kind.CANDLES: made.candles, Kind.MARK: made.mark, Kind.INDEX: made.index}
    for kind, bars in series.items():
        writer.write_bars(kind, bars(minute), source="synthetic")
    writer.write_funding(made.funding)
