"""Fixtures of the ledger's tests: an empty ledger on SQLite, and on a PostgreSQL server of their own."""

import dataclasses
import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import pytest

from arena.store.ledger import BacktestRecord, Ledger, LedgerReads, open_ledger, open_reads
from arena.store.ledger.migration import migrate

NOW_MS = 1_768_478_400_000  # 2026-01-15T12:00:00Z
PASSWORD = "canary-7f3a"  # noqa: S105 - a known word, to be looked for where it must not be


@dataclass(frozen=True)
class Server:
    """A running PostgreSQL server on loopback."""

    folder: Path
    port: int

    def url(self, database: str, password: str = PASSWORD) -> str:
        return f"postgresql://arena:{password}@127.0.0.1:{self.port}/{database}"

    def run(self, statement: str) -> None:
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            connection.execute(statement)


def _server_programs() -> Path:
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/pg_ctl"), key=lambda path: int(path.parts[-3]))
    if found:
        return found[-1].parent
    reason = "no PostgreSQL server program in /usr/lib/postgresql/*/bin: apt-get install postgresql"
    if os.environ.get("CI"):
        pytest.fail(reason)
    pytest.skip(reason)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _as_server_user(*command: str | Path) -> None:
    """Run a server program; the server refuses to run as root, so root lends it another user."""
    prefix = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"] if os.getuid() == 0 else []
    done = subprocess.run(
        [*prefix, *map(str, command)], capture_output=True, text=True, cwd="/", check=False, timeout=120
    )
    assert done.returncode == 0, f"{command[0]}: {done.stdout}{done.stderr}"


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[Server]:
    programs = _server_programs()
    folder = Path(tempfile.mkdtemp(prefix="arena-postgres-"))
    data, secret = folder / "data", folder / "password"
    secret.write_text(PASSWORD)
    if os.getuid() == 0:
        for path in (folder, secret):
            shutil.chown(path, "postgres", "postgres")
    server = Server(folder, _free_port())
    try:
        _as_server_user(
            *(programs / "initdb", "-D", data, "-U", "arena", "-A", "scram-sha-256", "-E", "UTF8"),
            *("--locale=C", "--no-sync", f"--pwfile={secret}"),
        )
        options = f"-F -p {server.port} -c listen_addresses=127.0.0.1 -c unix_socket_directories={folder}"
        start = (programs / "pg_ctl", "-D", data, "-w", "-l", folder / "log")
        _as_server_user(*start, "-o", options, "start")
        yield server
    finally:
        if (data / "postmaster.pid").exists():
            _as_server_user(programs / "pg_ctl", "-D", data, "-m", "immediate", "-w", "stop")
        shutil.rmtree(folder)


@pytest.fixture(scope="session")
def postgres_template(postgres_server: Server) -> str:
    """Name of a database at the newest revision, to be copied for each test."""
    postgres_server.run("CREATE DATABASE ledger_template")
    migrate(postgres_server.url("ledger_template"))
    return "ledger_template"


_numbers = iter(range(1_000_000))


@pytest.fixture
def new_postgres(postgres_server: Server) -> Callable[[str | None], str]:
    """Make a database, empty or copied from another, and return its URL."""

    def make(template: str | None = None) -> str:
        name = f"ledger_{next(_numbers)}"
        postgres_server.run(f"CREATE DATABASE {name}" + (f" TEMPLATE {template}" if template else ""))
        return postgres_server.url(name)

    return make


BACKENDS = ["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)]


@pytest.fixture(params=BACKENDS)
def backend(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def empty_url(backend: str, request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """URL of a database without any table."""
    if backend == "sqlite":
        return f"sqlite:///{tmp_path}/ledger.sqlite"
    return str(request.getfixturevalue("new_postgres")(None))


@pytest.fixture
def ledger_url(backend: str, request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """URL of an empty ledger at the newest revision."""
    if backend == "sqlite":
        url = f"sqlite:///{tmp_path}/ledger.sqlite"
        migrate(url, clock=lambda: NOW_MS)
        return url
    template = request.getfixturevalue("postgres_template")
    return str(request.getfixturevalue("new_postgres")(template))


@pytest.fixture
def ledger(ledger_url: str) -> Iterator[Ledger]:
    with open_ledger(ledger_url, clock=lambda: NOW_MS) as opened:
        yield opened


@pytest.fixture
def reads(ledger: Ledger, ledger_url: str) -> Iterator[LedgerReads]:
    with open_reads(ledger_url) as opened:
        yield opened


def _fills(count: int, **changes: object) -> list[dict[str, object]]:
    fill: dict[str, object] = {"ts": NOW_MS, "order_id": 1, "reason": "open", "side": 1, "contracts": 2.0}
    fill |= {"ref_price": 100.0, "price": 100.1, "fee": 0.05, "slippage": 0.2, "penalty": 0.0, "cash": 99.0}
    fill |= {"realized": 0.0, "position": 2.0, "funding_total": -0.5, "signal_bar": 2}
    return [{**fill, **changes, "bar": number} for number in range(count)]


@pytest.fixture
def fills() -> Callable[..., list[dict[str, object]]]:
    """Return a maker of plain fill rows: `fills(count, column=value)`."""
    return _fills


@pytest.fixture
def backtest() -> Callable[..., BacktestRecord]:
    """Return a maker of backtest records: `backtest(run_id, field=value)`."""

    def make(run_id: str = "run-1", **changes: object) -> BacktestRecord:
        record: dict[str, object] = {
            "run_id": run_id,
            "name": "first look",
            "created_ms": NOW_MS,
            "job": "backtest",
            "strategy": "ema_trend",
            "inst_id": "BTC-USDT-SWAP",
            "symbol": "BTC/USDT:USDT",
            "timeframe": "1h",
            "config_hash": "c" * 64,
            "config_json": '{"fast":12}',
            "dataset_hash": "d" * 64,
            "code_version": "0.1.0",
            "synthetic": True,
            "start_ms": NOW_MS - 1000,
            "end_ms": NOW_MS,
            "bars": 2000,
            "metrics": {"total_return": 0.25, "sharpe": 1.5, "max_drawdown": 0.1, "trades": 42, "skew": None},
            "orders": _fills(3),
            "decisions": [{"bar": 0, "ts": NOW_MS, "target": 0.5, "confidence": 0.9, "stop_distance": None}],
        }
        return BacktestRecord(**(record | changes))  # type: ignore[arg-type]

    return make


_EXAMPLES: dict[str, object] = {
    "account": "demo",
    "inst_id": "BTC-USDT-SWAP",
    "symbol": "BTC/USDT:USDT",
    "timeframe": "1h",
    "position_side": "net",
    "currency": "USDT",
    "side": "buy",
    "status": "new",
    "severity": "warning",
    "start_ts": 0,
    "end_ts": 3_600_000,
    "order_id": None,
}


@pytest.fixture
def row() -> Callable[..., Any]:
    """Return a maker of any row class: required fields are filled in by their name or type."""

    def make(kind: type, /, **given: object) -> object:
        values = dict(given)
        for field in dataclasses.fields(kind):
            required = field.default is dataclasses.MISSING
            if field.name in values or not required:
                continue
            fallback = NOW_MS if field.type in {int, "int"} else field.name
            values[field.name] = (
                "1.5" if field.name.endswith("_text") else _EXAMPLES.get(field.name, fallback)
            )
        return kind(**values)

    return make
