"""A working copy for the documents' commands: the code, a generated market, archives to import."""

from __future__ import annotations

import gzip
import io
import json
import os
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from arena.core.bars import Bars
from arena.core.timeframe import Timeframe
from arena.data.service import DataService

SYMBOL = "BTC-USDT-SWAP"
OKX_HEADER = "instrument_name,open,high,low,close,vol,vol_ccy,vol_quote,open_time,confirm"
BINANCE_FROM = 1_735_689_600_000  # 2025-01-01: from here on Binance stamps in µs

Rows = list[list[object]]


@dataclass
class WorkingCopy:
    """A folder in which documented commands run, each once; those that only look, look again."""

    folder: Path
    done: dict[str, tuple[int, str]] = field(default_factory=dict)

    def run(self, command: str) -> tuple[int, str]:
        """Return exit code and output of a `python ...` or shell command."""
        if command not in self.done or command.startswith("ls "):
            environment = {
                **{name: value for name, value in os.environ.items() if name != "DATABASE_URL"},
                "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
                "PYTHONPATH": str(self.folder),
            }
            ran = subprocess.run(
                ["bash", "-c", command],
                cwd=self.folder,
                env=environment,
                capture_output=True,
                text=True,
                timeout=300,
                check=False,
            )
            self.done[command] = ran.returncode, ran.stdout + ran.stderr
        return self.done[command]


@pytest.fixture(scope="session")
def working_copy(tmp_path_factory: pytest.TempPathFactory, project: Path) -> WorkingCopy:
    """Return a copy of the code with the demo market (from 15m bars) and a folder of archives."""
    folder = tmp_path_factory.mktemp("working-copy")
    for name in ("arena", "conf", "docs", "jobs"):  # compiled kernels come along in __pycache__
        shutil.copytree(project / name, folder / name)
    copy = WorkingCopy(folder)
    code, output = copy.run(
        "python -m jobs.ingest store=demo exchange=synthetic timeframe=15m derive=[1h,4h,1d]"
    )
    assert code == 0, output
    _write_archives(folder / "downloads", DataService(folder / "data" / "demo"))
    return copy


def _write_archives(folder: Path, service: DataService) -> None:
    """Write two days of the market in each publisher's way of writing."""
    bars = _days(service, "candles")
    rows: Rows = np.column_stack([bars.ts, bars.open, bars.high, bars.low, bars.close, bars.volume]).tolist()
    funding = service.get_funding(SYMBOL, start=int(bars.ts[0]), end=int(bars.close_ts[-1]))
    rates: Rows = [[ts, rate] for ts, rate in zip(funding.ts.tolist(), funding.rate.tolist(), strict=True)]
    for name in ("binance", "okx", "own"):
        (folder / name).mkdir(parents=True)

    for month, part in (("2024-12", rows[:96]), ("2025-01", rows[96:])):
        stem = f"BTCUSDT-15m-{month}"
        _zip(folder / "binance" / f"{stem}.zip", f"{stem}.csv", _csv(_binance(part)))
    funding_rows: Rows = [[ts, 8, rate] for ts, rate in rates]
    header = "calc_time,funding_interval_hours,last_funding_rate"
    stem = "BTCUSDT-fundingRate-2025-01"
    _zip(folder / f"{stem}.zip", f"{stem}.csv", _csv(funding_rows, header))

    okx: Rows = [[SYMBOL, *r[1:5], r[5] * 100, r[5], r[5] * r[4], int(r[0]), 1] for r in rows]  # type: ignore[operator]
    archive = _csv(okx, OKX_HEADER)
    (folder / "okx" / "BTC-USDT-SWAP-candles-2025-01.csv.gz").write_bytes(gzip.compress(archive))
    answers = [[str(int(r[0])), *map(str, r[1:5]), str(r[5] * 100), str(r[5]), "0", "1"] for r in rows[::-1]]  # type: ignore[operator,call-overload]
    (folder / "okx" / "candles.json").write_text(json.dumps({"code": "0", "msg": "", "data": answers}))
    mark = _days(service, "mark").to_polars()
    marks = [[str(ts), *map(str, prices), "1"] for ts, *prices in mark.drop("volume").rows()]
    (folder / "okx-mark.json").write_text(json.dumps({"code": "0", "msg": "", "data": marks}))

    frame = bars.to_polars()
    dates = [datetime.fromtimestamp(ts / 1000, UTC) for ts in frame["ts"]]
    freqtrade = frame.drop("ts").insert_column(0, pl.Series("date", dates))
    freqtrade.write_ipc(folder / "BTC_USDT_USDT-15m-futures.feather", compression="zstd")
    frame.write_parquet(folder / "own" / "btc-15m.parquet")
    pl.DataFrame(rates, schema=["ts", "rate"], orient="row").write_csv(folder / "own-funding.csv")
    _write_damaged(folder / "damaged.csv", rows[:40])


def _days(service: DataService, kind: str) -> Bars:
    day = Timeframe.parse("1d").step_ms
    start, end = BINANCE_FROM - day, BINANCE_FROM + day
    return service.get_candles(SYMBOL, "15m", kind=kind, start=start, end=end)


def _binance(rows: Rows) -> Rows:
    written: Rows = []
    for ts, *prices, volume in rows:
        scale = 1000 if ts >= BINANCE_FROM else 1  # type: ignore[operator]
        opened = int(ts) * scale  # type: ignore[call-overload]
        written.append([opened, *prices, volume, opened + 900_000 * scale - 1, 0, 0, 0, 0, 0])
    return written


def _write_damaged(path: Path, rows: Rows) -> None:
    """Write own columns with one fault of several kinds each."""
    bad = [list(row) for row in rows]
    bad[3][4] = "n/a"
    bad[5][2] = 0.9 * float(bad[5][3])  # type: ignore[arg-type]
    bad[7][5] = -1
    bad[9][0] = int(bad[9][0]) + 1000  # type: ignore[call-overload]
    bad.insert(12, list(bad[11]))
    bad[20], bad[21] = bad[21], bad[20]
    path.write_bytes(_csv(bad, "ts,open,high,low,close,volume"))


def _csv(rows: Rows, header: str = "") -> bytes:
    lines = [header] if header else []
    text = [
        ",".join(str(int(v) if i == 0 and isinstance(v, float) else v) for i, v in enumerate(row))
        for row in rows
    ]
    return ("\n".join([*lines, *text]) + "\n").encode()


def _zip(path: Path, name: str, content: bytes) -> None:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(name, content)
    path.write_bytes(target.getvalue())


@pytest.fixture(scope="session")
def read_page(project: Path) -> Callable[[str], str]:
    """Return a reader of the project's pages by name."""
    return lambda name: (project / name).read_text(encoding="utf-8")
