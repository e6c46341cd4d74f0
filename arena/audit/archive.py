"""Past runs: found by id, by its beginning, by folder or as `latest`, and read back.

Reads below the folder of reports and writes nothing. Invariant: what is found is complete; a run that
failed and left its log alone is told apart from one that never was.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import ValidationError

from arena.backtest.result import BacktestResult
from arena.core.errors import ConfigError, nearest
from arena.core.ids import resume_command

if TYPE_CHECKING:
    import pyarrow as pa

LATEST = "latest"
RESULT, SWEEP, PLAN, CONFIG = "result.json", "sweep.json", "plan.json", "config.yaml"
TABLES = ("equity", "fills", "trades")
OPTIONAL_TABLES = ("spot_fills",)
_SHOWN = 5


@dataclass(frozen=True, slots=True)
class PastRun:
    """The folder of a backtest; `sweep` is the sweep's own id where it is the best trial of one."""

    run_id: str
    folder: Path
    sweep: str | None = None

    def read_json(self) -> dict[str, Any]:
        """Return result.json as it is.

        Raises:
            ConfigError: it is no JSON.
        """
        path = self.folder / RESULT
        try:
            values = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise ConfigError(f"{path} cannot be read ({error}): the run has to be made anew") from None
        if not isinstance(values, dict):
            raise ConfigError(f"{path} holds no result: the run has to be made anew")
        return values

    def read_result(self) -> BacktestResult:
        """Return result.json as its model.

        Raises:
            ConfigError: it is not the result of a backtest, or of another schema.
        """
        try:
            return BacktestResult.model_validate(self.read_json())
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            where = ".".join(str(part) for part in first["loc"])
            raise ConfigError(
                f"{self.folder / RESULT} is of another schema ({where}: {first['msg']}): make the run anew"
            ) from None

    def read_config(self) -> dict[str, Any]:
        """Return the values of config.yaml, without what Hydra needs.

        Raises:
            ConfigError: it is not there, or cannot be read.
        """
        from omegaconf import OmegaConf
        from yaml import YAMLError  # type: ignore[import-untyped]

        path = self.folder / CONFIG
        try:
            values = OmegaConf.to_container(OmegaConf.load(path), resolve=True)
        except (OSError, YAMLError) as error:
            raise ConfigError(
                f"{path} cannot be read ({error}): without it nothing can be run again"
            ) from None
        if not isinstance(values, dict):
            raise ConfigError(f"{path} holds no keys: without them nothing can be run again")
        return {str(key): value for key, value in values.items() if key not in {"defaults", "hydra"}}

    def read_table(self, name: str) -> pa.Table:
        """Return one of `TABLES`.

        Raises:
            ConfigError: it is not there, or cannot be read.
        """
        import pyarrow as pa
        import pyarrow.parquet as pq

        path = self.folder / f"{name}.parquet"
        try:
            return pq.read_table(path)
        except (OSError, pa.ArrowException) as error:
            raise ConfigError(f"{path} cannot be read ({error}): the run has to be made anew") from None


def find_run(root: Path, name: str) -> PastRun:
    """Return the run that `name` means: a folder, `latest`, a run id or the beginning of exactly one.

    Args:
        root: the folder of reports.
        name: as a user types it.

    Raises:
        ConfigError: nothing is called so, several are, or it left no result; names the nearest runs.
    """
    wanted = name.strip().rstrip("/")
    if "/" in wanted or wanted in {".", ".."}:
        return _from_folder(Path(wanted) if Path(wanted).is_dir() else root / wanted, wanted)
    runs = list_runs(root)
    if wanted == LATEST:
        if not runs:
            raise ConfigError(f"run=latest: there is no finished backtest or sweep below {root}")
        return _open(runs[-1])
    found = [folder for folder in runs if folder.name.startswith(wanted)] if wanted else []
    exact = [folder for folder in found if folder.name == wanted]
    if len(exact or found) == 1:
        return _open((exact or found)[0])
    if found:
        raise ConfigError(f"run={wanted} begins {len(found)} run ids: {_listed(found)}: give more of it")
    if wanted and Path(wanted).is_dir():
        return _from_folder(Path(wanted), wanted)
    for folder in sorted(root.glob(f"*/{wanted}*")) if wanted and not set("*?[") & set(wanted) else []:
        raise ConfigError(_without_result(folder))
    close = nearest(wanted, [folder.name for folder in runs])
    hint = f": did you mean '{close}'?" if close else ""
    known = f"newest: {_listed(runs)}" if runs else "there is none"
    raise ConfigError(f"no backtest or sweep '{wanted}' below {root}{hint} ({known})")


def numbers_of(values: pa.Array) -> NDArray[Any]:
    """Return an Arrow array of whole or real 64-bit numbers as numpy, by its buffer, without a copy.

    Arrow's own `to_numpy` would look for pandas. No value may be null.
    """
    kind = np.float64 if str(values.type) == "double" else np.int64
    if not len(values):
        return np.zeros(0, kind)
    return np.frombuffer(values.buffers()[1], kind)[values.offset :][: len(values)]


def list_runs(root: Path) -> list[Path]:
    """Return the folders of all finished backtests and sweeps below `root`, the oldest first."""
    folders = (path for path in root.glob("*/[0-9]*") if path.is_dir() and not path.is_symlink())
    return sorted((folder for folder in folders if _is_run(folder)), key=lambda folder: folder.name)


def _is_run(folder: Path) -> bool:
    return (folder / SWEEP).is_file() or (
        (folder / RESULT).is_file() and (folder / f"{TABLES[0]}.parquet").is_file()
    )


def _from_folder(folder: Path, wanted: str) -> PastRun:
    if not folder.is_dir():
        raise ConfigError(f"run={wanted}: there is no such folder, here or below the reports")
    folder = folder.resolve()
    if not _is_run(folder):
        raise ConfigError(_without_result(folder))
    return _open(folder)


def _open(folder: Path) -> PastRun:
    """Return the run in `folder`; of a sweep, its best trial."""
    record = folder / SWEEP
    if not record.is_file():
        return PastRun(folder.name, folder)
    try:
        best = json.loads(record.read_text(encoding="utf-8")).get("best_run_folder")
    except (OSError, ValueError, AttributeError) as error:
        raise ConfigError(f"{record} cannot be read ({error}): the sweep has to be made anew") from None
    if not best or not _is_run(folder / best):
        raise ConfigError(
            f"sweep {folder.name} kept no run of its best trial: nothing of it can be read back"
        )
    return PastRun(f"{folder.name}/{best}", folder / best, sweep=folder.name)


def _without_result(folder: Path) -> str:
    if (folder / PLAN).is_file():
        return (
            f"{folder} is a sweep that was killed or failed, without a result yet; "
            f"to go on: {resume_command(folder)}"
        )
    return f"{folder} holds no result of a backtest: it failed or is of another job, see its log.jsonl"


def _listed(folders: list[Path]) -> str:
    names = [folder.name for folder in folders[: -_SHOWN - 1 : -1]]
    return ", ".join(names) + (", ..." if len(folders) > _SHOWN else "")
