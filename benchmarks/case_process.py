"""Case 3: a cold process from the shell's prompt to figures, with its peak memory.

Ours reads its store and leaves JSON, Parquet, HTML and a row in the ledger; the peers read one Parquet
file and print a line. Invariant: the programs that are compared agree on trades and final equity.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from benchmarks.cold_rules import FIRST_BAR, UNIT
from benchmarks.market import SMALL, make_market
from benchmarks.stored import fill_store
from benchmarks.table import Row, row
from benchmarks.timing import Sample

PROJECT = Path(__file__).parents[1]
DEFAULT, PLAIN = "arena, strategy and costs as they come", "arena, the peers' job"
PEERS = {"backtesting.py": "benchmarks.cold_backtesting", "vectorbt": "benchmarks.cold_vectorbt"}

WALL_TARGET_S = 1.5
MEMORY_TARGET_MIB = 250.0
TOLERANCE = 1e-6


@dataclass(frozen=True, slots=True)
class Launch:
    """One process from start to end."""

    wall_s: float
    cpu_s: float
    peak_mib: float
    printed: str


def measure_cold(folder: Path, checks: list[str], *, quick: bool) -> list[Row]:
    """Start each program once for its caches, compare what they say, then take turns.

    A quick run counts that first start, so that its figures may hold a first compilation.
    """
    programs = _programs(folder)
    as_installed = _hide_others(folder / "hidden")
    environments = {name: {} if name in PEERS else as_installed for name in programs}
    warm = {name: _launch(arguments, environments[name]) for name, arguments in programs.items()}
    for sentence in _compare(folder, warm):
        checks.append(sentence)
        print(f"  {sentence}")
    rounds = {name: [launch] if quick else [] for name, launch in warm.items()}
    for _ in range(0 if quick else 5):
        for name, arguments in programs.items():
            rounds[name].append(_launch(arguments, environments[name]))
    return _rows(rounds)


def _rows(rounds: dict[str, list[Launch]]) -> list[Row]:
    case = f"3. Cold process, {SMALL:,} bars of 1h (peers: figures printed, no report)"
    wall = {name: Sample(tuple(one.wall_s for one in taken)) for name, taken in rounds.items()}
    rows = []
    for name, taken in rounds.items():
        ours = name not in PEERS
        cpu = Sample(tuple(one.cpu_s for one in taken))
        memory = Sample(tuple(one.peak_mib for one in taken))
        rows.append(row(case, f"{name}: wall", "s", wall[name], WALL_TARGET_S if ours else None))
        rows.append(row(case, f"{name}: processor time", "s", cpu))
        rows.append(row(case, f"{name}: peak memory", "MiB", memory, MEMORY_TARGET_MIB if ours else None))
    rows += [row(case, f"{peer} / {PLAIN}: wall", "times", wall[peer].over(wall[PLAIN])) for peer in PEERS]
    return rows


def _programs(folder: Path) -> dict[str, list[str]]:
    """Fill the stores and return each program's arguments."""
    market = make_market(SMALL)
    fill_store(folder / "full", market, with_funding=True)
    fill_store(folder / "plain", market, with_funding=False)
    bars = folder / "bars.parquet"
    market.bars.to_polars().write_parquet(bars)
    common = [
        "jobs.backtest",
        f"timeframe={market.bars.timeframe}",
        f"limit={SMALL}",
        f"signal_window={FIRST_BAR}",
    ]
    lots = UNIT / 0.01  # contracts of 0.01 coins
    return {
        DEFAULT: [*common, f"store.root={folder / 'full'}", f"reports.root={folder / 'reports-full'}"],
        PLAIN: [
            *common,
            f"store.root={folder / 'plain'}",
            f"reports.root={folder / 'reports-plain'}",
            "strategy.side=long",
            "strategy.atr_stop=0",
            "costs=frictionless",
            f"symbol.lot_sz={lots}",
            f"symbol.min_sz={lots}",
            "symbol.tick_sz=0.01",
        ],
        **{peer: [module, str(bars), str(FIRST_BAR)] for peer, module in PEERS.items()},
    }


def _hide_others(folder: Path) -> dict[str, str]:
    """Return an environment without scipy and coverage, as it is for a user of ours.

    One came with vectorbt, one with the tests; numba loads them wherever it finds them, at 14 MiB and more
    than a tenth of a second.
    """
    folder.mkdir()
    for name in ("scipy", "coverage"):
        (folder / f"{name}.py").write_text('raise ImportError("not part of this program")\n')
    return {"PYTHONPATH": str(folder)}


def _launch(arguments: list[str], extra: dict[str, str]) -> Launch:
    """Run `python -m` with these arguments by way of the small launcher."""
    environment = {
        k: v for k, v in os.environ.items() if k not in {"PYTHONDONTWRITEBYTECODE", "DATABASE_URL"}
    }
    ended = subprocess.run(
        [sys.executable, "-m", "benchmarks.cold_launcher", sys.executable, "-m", *arguments],
        cwd=PROJECT,
        env=environment | extra,
        capture_output=True,
        text=True,
        check=True,
    )
    *printed, told = ended.stdout.splitlines()
    usage = json.loads(told)
    if usage["code"]:
        raise RuntimeError(f"{arguments[0]} ended with {usage['code']}:\n{ended.stdout}{ended.stderr}")
    return Launch(usage["wall_s"], usage["cpu_s"], usage["peak_mib"], printed[-1] if printed else "")


def _compare(folder: Path, warm: dict[str, Launch]) -> list[str]:
    """Hold the peers' line against our result.json; unequal trades end the case."""
    result = json.loads((folder / "reports-plain" / "backtest" / "latest" / "result.json").read_text())
    trades = result["counts"]["trades"] + result["counts"]["open_trades"]
    equity = result["account"]["final_equity"]
    sentences = []
    for peer in PEERS:
        figures = json.loads(warm[peer].printed)
        apart = abs(figures["final_equity"] / equity - 1.0)
        if figures["trades"] != trades or apart > TOLERANCE:
            raise RuntimeError(
                f"cold {peer}: {figures['trades']} trades and {figures['final_equity']:.6f} at the end, "
                f"ours {trades} and {equity:.6f}: not the same job, so no ratio"
            )
        sentences.append(f"cold process, {peer}: {trades} trades equal, final equity {apart:.1e} apart")
    return sentences
