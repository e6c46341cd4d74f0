"""Golden results: what the strategies make of the real history, kept in tests/golden.

`make golden` runs every golden run again, rewrites the files and prints what moved; the tests make the
same runs and compare. Invariant: a file holds numbers that follow from data, config and arithmetic alone.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import math
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from scripts.real_data import EXIT_DATA, PROJECT, STEPS, import_history

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from arena.backtest.result import BacktestResult, RunArrays
    from arena.config.models import BacktestConfig

FOLDER = PROJECT / "tests" / "golden"
REL_TOLERANCE = 1e-9
ABS_TOLERANCE = 1e-12
ENDS = 3  # trades kept from each end

RUNS = tuple(
    (strategy, timeframe)
    for timeframe in ("1h", "15m")
    for strategy in ("ema_trend", "bollinger_range", "funding_rate_arbitrage")
)

# All that the tests of real history read: BTC's bars of both lengths, mark, funding and the pair's spot bars.
_GOLDEN_PARTS = ("SWAP_15m", "SWAP_1h", "SPOT_1h", "mark_1h", "funding")
GOLDEN_STEPS = tuple(
    step for step in STEPS if "BTC" in step.file and any(part in step.file for part in _GOLDEN_PARTS)
)

Document = dict[str, Any]


def compose_config(*overrides: str) -> BacktestConfig:
    """Return the config that `python -m jobs.backtest <overrides>` would run."""
    from hydra import compose, initialize_config_dir
    from omegaconf import OmegaConf

    import jobs  # noqa: F401 - puts the project's Hydra plugins on the path
    from arena.config.base import validate
    from arena.config.models import BacktestConfig

    with initialize_config_dir(str(PROJECT / "conf"), version_base="1.3"):
        composed = compose("backtest", overrides=list(overrides))
    values = OmegaConf.to_container(composed, resolve=True, throw_on_missing=True)
    return validate(BacktestConfig, values)  # type: ignore[arg-type]


def run_golden(strategy: str, timeframe: str, store: Path) -> tuple[BacktestResult, RunArrays]:
    """Run one strategy with its defaults over the whole history in `store`."""
    from arena.backtest.run import RunIdentity, run_backtest

    config = compose_config(
        f"strategy={strategy}", f"timeframe={timeframe}", "limit=null", f"store.root={store}"
    )
    return run_backtest(config, RunIdentity("golden", 0, "make golden", ""))


def golden_document(result: BacktestResult, arrays: RunArrays) -> Document:
    """Return what of a run is kept: nothing that depends on the code's version, the day or the machine."""
    pnl = result.pnl.model_dump()
    pnl.pop("identity_error")  # rounding dust: the job asserts its size
    data = result.data.model_dump()
    trades = arrays.trades
    last = trades[max(ENDS, len(trades) - ENDS) :]
    return {
        "market": {
            "start": result.market.start,
            "end": result.market.end,
            "bars": result.market.bars,
            "traded_bars": result.market.traded_bars,
        },
        "primary": {metric.name: metric.value for metric in result.primary},
        "buy_and_hold": {metric.name: metric.value for metric in result.buy_and_hold},
        "pnl": pnl,
        "counts": result.counts.model_dump(),
        "costs": {
            cost.cost: {
                "status": cost.status,
                "actual": cost.actual_share,
                "estimated": cost.estimated_share,
                "missing": cost.missing_share,
            }
            for cost in result.costs
        },
        "data": data,
        "dataset_hash": result.provenance.dataset_hash,
        "fills_sha256": fills_hash(arrays.fills),
        "trades": {
            "rows": len(trades),
            "first": [_trade(row) for row in trades[:ENDS]],
            "last": [_trade(row) for row in last],
        },
    }


def fills_hash(fills: NDArray[np.void]) -> str:
    """Return a hash over when, why and how much at which price: grids and counts, so no rounding is in it."""
    import numpy as np

    columns = {name: fills[name] for name in ("ts", "order_id", "reason", "side", "signal_bar")}
    # hundredths of a contract and tenths of a dollar are the grids; two digits more show a broken one
    columns["contracts"] = np.rint(fills["contracts"] * 1e4).astype(np.int64)
    columns["price"] = np.rint(fills["price"] * 1e3).astype(np.int64)
    digest = hashlib.sha256()
    for name in sorted(columns):
        digest.update(name.encode())
        digest.update(np.ascontiguousarray(columns[name], "<i8").tobytes())
    return digest.hexdigest()


def _trade(row: Any) -> Document:
    from arena.core.clock import to_iso
    from arena.engine.records import FillReason

    reason = int(row["exit_reason"])
    return {
        "entry": to_iso(int(row["entry_ts"])),
        "exit": "open" if row["is_open"] else to_iso(int(row["exit_ts"])),
        "exit_reason": FillReason(reason).name.lower() if reason else None,
        "side": "long" if row["side"] > 0 else "short",
        "contracts": float(row["contracts"]),
        "entry_price": float(row["entry_price"]),
        "exit_price": float(row["exit_price"]),
        "net_pnl": float(row["net_pnl"]),
    }


def golden_path(strategy: str, timeframe: str) -> Path:
    """Return where a run's golden numbers are kept."""
    return FOLDER / f"{strategy}_{timeframe}.json"


def find_changes(old: Any, new: Any, path: str = "") -> list[str]:
    """Return one line a value that differs, `path: old -> new`; numbers are compared with a tolerance."""
    if isinstance(old, dict) and isinstance(new, dict):
        keys = [*old, *(key for key in new if key not in old)]
        pairs = [(f"{path}.{key}".lstrip("."), old.get(key), new.get(key)) for key in keys]
    elif isinstance(old, list) and isinstance(new, list) and len(old) == len(new):
        pairs = [(f"{path}[{place}]", a, b) for place, (a, b) in enumerate(zip(old, new, strict=True))]
    else:
        return [] if _same(old, new) else [f"{path}: {_text(old)} -> {_text(new)}{_move(old, new)}"]
    return [line for name, a, b in pairs for line in find_changes(a, b, name)]


def _same(old: Any, new: Any) -> bool:
    if isinstance(old, float) and isinstance(new, float | int):
        return math.isclose(old, new, rel_tol=REL_TOLERANCE, abs_tol=ABS_TOLERANCE)
    return type(old) is type(new) and bool(old == new)


def _text(value: Any) -> str:
    return f"{value:.10g}" if isinstance(value, float) else json.dumps(value)


def _move(old: Any, new: Any) -> str:
    numbers = [value for value in (old, new) if isinstance(value, float)]
    return f"  ({numbers[1] / numbers[0] - 1.0:+.3g} relative)" if len(numbers) == 2 and numbers[0] else ""


def main(arguments: list[str] | None = None) -> int:
    """Make every golden run, rewrite what moved and say so; return the exit code."""
    parser = argparse.ArgumentParser(prog="make golden", description="Rewrite the golden results.")
    parser.add_argument("--market", default="../shared/market", help="folder of the real history")
    options = parser.parse_args(arguments)
    if not (PROJECT / options.market).is_dir():
        sys.stderr.write(f"error: golden results are made from {options.market}, which is not there\n")
        return EXIT_DATA
    os.environ["DATABASE_URL"] = ""  # the imports are nobody's history: their ledger goes with the folder
    with tempfile.TemporaryDirectory() as folder:
        store = Path(folder) / "store"
        try:
            import_history(options.market, str(store), f"{folder}/reports", GOLDEN_STEPS)
        except subprocess.CalledProcessError as error:
            return int(error.returncode)
        for strategy, timeframe in RUNS:
            _rewrite(
                golden_path(strategy, timeframe), golden_document(*run_golden(strategy, timeframe, store))
            )
    return 0


def _rewrite(path: Path, document: Document) -> None:
    if path.exists():
        changes = find_changes(json.loads(path.read_text()), document)
        news = f"{len(changes)} numbers moved, old -> new" if changes else "unchanged"
    else:
        changes, news = [], "new"
    if changes or news == "new":
        path.write_text(json.dumps(document, indent=2) + "\n")
    print("\n  ".join([f"{path.name}: {news}", *changes]))


if __name__ == "__main__":
    sys.exit(main())
