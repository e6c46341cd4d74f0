"""Import the real market history that may lie beside the project into a store of its own.

Runs the `python -m jobs.ingest` commands below one by one, so that this file is also their
documentation. Paths are relative to the project. Invariant: a second call changes nothing and says so.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

PROJECT = Path(__file__).resolve().parent.parent
EXIT_DATA = 3


@dataclass(frozen=True)
class Step:
    """One import: a file of the history and what it is."""

    file: str
    arguments: tuple[str, ...]
    stand_in_for: str | None = None  # instrument whose own funding the file only stands in for

    def command(self, market: str, store: str, reports: str) -> list[str]:
        """Return the command line of the import, without the interpreter."""
        roots = (f"store.root={store}", f"reports.root={reports}")
        return ["-m", "jobs.ingest", f"exchange.path={market}/{self.file}", *self.arguments, *roots]


# The files have columns of their own, so they cannot tell who published them: exchange.source does.
OKX, BINANCE = "exchange.source=okx", "exchange.source=binance"
BTC, ETH = "symbol=btc_usdt_swap", "symbol=eth_usdt_swap"

STEPS = (
    # Every length of bar comes from its own file.
    Step("okx_BTC-USDT-SWAP_15m.parquet", (BTC, "timeframe=15m", OKX)),
    Step("okx_BTC-USDT-SWAP_1h.parquet", (BTC, "timeframe=1h", OKX)),
    Step("okx_BTC-USDT-SWAP_4h.parquet", (BTC, "timeframe=4h", OKX)),
    Step("okx_BTC-USDT-SWAP_1d.parquet", (BTC, "timeframe=1d", OKX)),
    Step("okx_BTC-USDT-SWAP_1m_2026-01.parquet", (BTC, "timeframe=1m", OKX)),
    Step("okx_BTC-USDT-SWAP_5m_2022.parquet", (BTC, "timeframe=5m", OKX)),
    # Coarser mark bars are exact; finer ones cannot be had, so a 15m run marks at the last price.
    Step(
        "okx_BTC-USDT-SWAP_mark_1h_2022-2026.parquet",
        (BTC, "kind=mark", "timeframe=1h", OKX, "derive=[4h,1d]"),
    ),
    # OKX's spot history is not at hand: Binance's stands in for the leg of hedge=spot.
    Step(
        "binance_BTCUSDT-SPOT_1h_2021-2026.parquet",
        (BTC, "kind=spot", "timeframe=1h", BINANCE, "derive=[4h,1d]"),
    ),
    # OKX hands out three months of funding: Binance's stands in for the years before. OKX's own comes
    # after it and replaces it where both are known; what was replaced stays in the revisions.
    Step(
        "binance_BTCUSDT-PERP_funding_8h_2020-2026.parquet",
        (BTC, "kind=funding", BINANCE),
        stand_in_for="BTC-USDT-SWAP",
    ),
    Step("okx_BTC-USDT-SWAP_funding_8h_2025-2026.parquet", (BTC, "kind=funding", OKX)),
    # 5m and mark 1h are all there is of ETH's prices: the hour is what both have.
    Step("okx_ETH-USDT-SWAP_5m_2022.parquet", (ETH, "timeframe=5m", OKX, "derive=[15m,1h]")),
    Step("okx_ETH-USDT-SWAP_mark_1h_2022-2026.parquet", (ETH, "kind=mark", "timeframe=1h", OKX)),
    Step("okx_ETH-USDT-SWAP_funding_8h_2025-2026.parquet", (ETH, "kind=funding", OKX)),
)


def import_history(market: str, store: str, reports: str, steps: tuple[Step, ...] = STEPS) -> int:
    """Run the imports and return how many rows are new or changed.

    Raises:
        subprocess.CalledProcessError: an import failed; it has said why.
    """
    changed = 0
    for step in steps:
        if step.stand_in_for is not None and _adds_nothing(PROJECT / market / step.file, step, store):
            print(f"# {step.file}: every settlement is stored already, the exchange's own ones stay")
            continue
        command = step.command(market, store, reports)
        print("python", *command, flush=True)
        subprocess.run([sys.executable, *command], cwd=PROJECT, check=True)
        outcome = json.loads((PROJECT / reports / "ingest" / "latest" / "result.json").read_text())
        changed += outcome["changed"]
    return changed


def _adds_nothing(file: Path, step: Step, store: str) -> bool:
    """Whether the store holds a rate, own or stand-in, for every settlement of a stand-in file.

    Importing the file again would put its rates over the exchange's own.
    """
    import numpy as np
    import polars as pl

    from arena.core.errors import DataError
    from arena.data.service import DataService

    if not file.is_file():
        return False
    stamps = pl.read_parquet(file, columns=["ts"])["ts"].to_numpy()
    try:
        stored = DataService(PROJECT / store).get_funding(step.stand_in_for or "")
    except DataError:
        return False
    return bool(np.isin(stamps, stored.ts).all())


def main(arguments: list[str] | None = None) -> int:
    """Import everything; return the exit code."""
    parser = argparse.ArgumentParser(prog="make real-data", description="Import the real market history.")
    parser.add_argument("--market", default="../shared/market", help="folder of the history")
    parser.add_argument("--store", default="data/real", help="store to import into")
    parser.add_argument("--reports", default="reports", help="where the imports leave their run folders")
    options = parser.parse_args(arguments)
    if not (PROJECT / options.market).is_dir():
        sys.stderr.write(
            f"error: there is no market history at {options.market}: put it there or name its folder with "
            "--market, or fill a generated market with make demo\n"
        )
        return EXIT_DATA
    try:
        changed = import_history(options.market, options.store, options.reports)
    except subprocess.CalledProcessError as error:
        return int(error.returncode)
    if changed:
        print(f"{changed:,} rows new or changed in {options.store}")
    else:
        print(f"nothing to do: {options.store} holds all of {options.market}")
    print(f"try it: python -m jobs.backtest strategy=ema_trend timeframe=1h store.root={options.store}")
    return 0


if __name__ == "__main__":
    sys.path.insert(0, str(PROJECT))
    sys.exit(main())
