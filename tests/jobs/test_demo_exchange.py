"""make demo-exchange, on a shorter market."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from arena.core.timeframe import Timeframe
from arena.data.ingest import ingest_synthetic
from arena.exchange.synthetic import SyntheticSpec
from arena.store.market.layout import Kind
from arena.store.market.reader import MarketReader
from tests.paper_okx.running import START_MS, listed_instrument

DAYS = 60


def run(project: Path, folder: Path) -> subprocess.CompletedProcess[str]:
    script = [sys.executable, str(project / "scripts" / "demo_exchange.py"), f"--days={DAYS - 1}"]
    roots = [f"--{name}={folder / name}" for name in ("source", "store", "reports")]
    return subprocess.run([*script, *roots], capture_output=True, text=True, timeout=120, check=False)


def test_what_came_over_http_equals_what_was_replayed(project: Path, tmp_path: Path) -> None:
    instrument, quarter = listed_instrument("btc_usdt_swap"), Timeframe.parse("15m")
    coarser = [Timeframe.parse(name) for name in ("1h", "4h", "1d")]
    spec = SyntheticSpec(seed=8, start_ms=START_MS, days=DAYS)
    source = tmp_path / "source"
    ingest_synthetic(instrument, quarter, str(source), spec=spec, derive=coarser)
    before = sorted((path, path.stat().st_mtime_ns) for path in source.rglob("*.parquet"))
    done = run(project, tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    bars = len(MarketReader(tmp_path / "store").read_bars(Kind.CANDLES, instrument.inst_id, quarter))
    assert bars == (DAYS - 1) * 96
    assert f"candles 15m: {bars:,} bars equal their source" in done.stdout
    assert "bars are equal to the source, bar for bar" in done.stdout
    assert "DIFFER" not in done.stdout
    report = Path(done.stdout.rpartition("report: ")[2].strip())
    assert report.is_file()
    assert sorted((path, path.stat().st_mtime_ns) for path in source.rglob("*.parquet")) == before


def test_without_the_demo_market_it_says_what_to_run(project: Path, tmp_path: Path) -> None:
    done = run(project, tmp_path)
    assert done.returncode == 1
    assert "run make demo first" in done.stderr
