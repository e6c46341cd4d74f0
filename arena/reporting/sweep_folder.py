"""Write what a sweep leaves behind, and read back what an interrupted one has left.

Writes under the folder it is given and nowhere else; the job gives the folder its final name. Invariant:
row i of a batch in trials.parquet is row i of its daily returns.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from arena.backtest.sweep.checkpoint import (
    CHECKPOINT,
    EARLIER_FOLDER,
    PLAN_FILE,
    RECORD_FILE,
    daily_folder,
    drop_checkpoint,
    left_in,
    link,
    plan_text,
)
from arena.backtest.sweep.kept import read_kept
from arena.backtest.sweep.record import SweepRecord
from arena.backtest.sweep.result import DAILY_FILE, ROWS_AT_ONCE, SweepResult, write_trials
from arena.backtest.sweep.statistics import FIGURES
from arena.backtest.sweep.study import Earlier, Study
from arena.backtest.sweep.summary import BEST_FOLDER, Conclusion
from arena.core.durable import sync, write_whole
from arena.core.errors import ConfigError, DataError
from arena.reporting.run_folder import write_run

TRIALS_FILE = "trials.parquet"
REPORT_FILE = "report.html"
JOURNAL_FILE = "optuna.log"


@dataclass(frozen=True, slots=True)
class Plan:
    """What a sweep was asked for: the composed config of each batch and the choices that tell it."""

    batches: list[tuple[dict[str, str], dict[str, Any]]]


def write_sweep(folder: Path, end: Conclusion, *, best_config: str, html: bool = True) -> None:
    """Write plan, trials, daily returns and, in `best/`, the best trial as a run of its own.

    The record is written by `seal_sweep`; until then all that a killed sweep goes on from stays.

    Args:
        folder: a staging folder; daily returns that `run_study` has mapped lie in it already.
        end: trials, record and best trials.
        best_config: config.yaml of the best trial.
        html: whether to render the reports.
    """
    folder.mkdir(parents=True, exist_ok=True)
    found, best = end.found, end.best[0]
    batches = len(found.study.batches)
    write_trials(folder / TRIALS_FILE, found.results)
    for at, result in enumerate(found.results):
        _write_daily(folder / _numbered(DAILY_FILE, at, batches), result)
        journal = daily_folder(folder, at) / JOURNAL_FILE
        if journal.is_file():
            link(journal, folder / _numbered(JOURNAL_FILE, at, batches))
    if not (folder / PLAN_FILE).is_file():
        (folder / PLAN_FILE).write_text(plan_text(found.study), encoding="utf-8")
    write_run(folder / BEST_FOLDER, best.result, best.arrays, html=html)
    (folder / BEST_FOLDER / "config.yaml").write_text(best_config, encoding="utf-8")
    if html:
        _write_report(folder, end.record)


def seal_sweep(folder: Path, record: SweepRecord) -> None:
    """Write the record, by which a sweep is whole, and drop what a killed one would have gone on from."""
    text = (record.model_dump_json(indent=2) + "\n").encode()
    if (folder / CHECKPOINT).is_dir():
        for path in folder.rglob("*"):
            if CHECKPOINT not in path.relative_to(folder).parts and not path.is_symlink():
                sync(path)
        write_whole(folder / RECORD_FILE, text)
    else:  # a short one is not worth waiting for the disk
        partial = folder / f".{RECORD_FILE}.partial"
        partial.write_bytes(text)
        partial.replace(folder / RECORD_FILE)
    drop_checkpoint(folder)


def _write_report(folder: Path, record: SweepRecord) -> None:
    from arena.reporting.sweep_html import render_sweep

    (folder / REPORT_FILE).write_text(render_sweep(record, folder), encoding="utf-8")


def resume_from(folder: str | None, study: Study) -> tuple[dict[int, Earlier], list[str]]:
    """Return the trials that an interrupted or killed sweep has, by batch, and what has to be said of it."""
    if folder is None:
        return {}, []
    run = Path(folder)
    earlier, damaged = _read(run, study)
    known = sum(len(np.unique(one.rows)) for one in earlier.values())
    what = "unfinished" if left_in(run) == "trials" else "interrupted"
    note = f"Resumed: {known:,} trials come from the {what} run {run.name}"
    if any(one.journal_bytes is not None for one in earlier.values()):
        note += ", and what was proposed comes from its journal"
    if damaged:
        note += f"; of what it had kept, {damaged} damaged file{'s are' if damaged > 1 else ' is'} left out"
    return earlier, [f"{note}."]


def daily_file(batch: int, batches: int) -> str:
    """Return the name of a batch's daily returns."""
    return _numbered(DAILY_FILE, batch, batches)


def read_plan(folder: Path) -> Plan:
    """Return what the sweep in `folder` was asked for.

    Raises:
        ConfigError: there is no sweep.
    """
    try:
        text = (folder / PLAN_FILE).read_text(encoding="utf-8")
    except OSError:
        raise ConfigError(
            f"{folder} holds no sweep ({PLAN_FILE} is not there): give the id or the folder of one"
        ) from None
    try:
        batches = json.loads(text)["batches"]
        return Plan([(dict(one["choices"]), dict(one["values"])) for one in batches])
    except (ValueError, KeyError, TypeError) as error:
        raise DataError(f"{folder / PLAN_FILE} is damaged ({error}): start the sweep anew") from None


def read_record(folder: Path) -> SweepRecord:
    """Return the record of the sweep in `folder`.

    Raises:
        ConfigError: there is no sweep.
        DataError: its record is damaged.
    """
    try:
        return SweepRecord.model_validate_json((folder / RECORD_FILE).read_text(encoding="utf-8"))
    except OSError:
        raise ConfigError(f"{folder} holds no sweep ({RECORD_FILE} is not there)") from None
    except ValueError as error:
        raise DataError(f"{folder / RECORD_FILE} is damaged ({error}): start the sweep anew") from None


def read_earlier(folder: Path, study: Study) -> dict[int, Earlier]:
    """Return the trials that the sweep in `folder` has, by batch; of a killed one, what it had kept.

    Raises:
        DataError: its files do not belong together.
    """
    return _read(folder, study)[0]


def _read(folder: Path, study: Study) -> tuple[dict[int, Earlier], int]:
    """Return the trials by batch, and how many files are damaged and left out."""
    if left_in(folder) != "trials":
        return _read_sealed(folder, study), 0
    before: dict[int, Earlier] = {}
    damaged = 0
    earlier = folder / CHECKPOINT / EARLIER_FOLDER
    if earlier.is_dir():
        before, damaged = _read(earlier, study)
    found, more = read_kept(folder, before)
    return found, damaged + more


def _read_sealed(folder: Path, study: Study) -> dict[int, Earlier]:
    import polars as pl

    record = read_record(folder)
    try:
        trials = pl.read_parquet(folder / TRIALS_FILE)
        found = {}
        for batch in record.batches:
            mine = trials.filter(pl.col("batch") == batch.index) if "batch" in trials.columns else trials
            if len(mine):
                daily = np.load(folder / daily_file(batch.index, len(study.batches)), mmap_mode="r")
                journal = folder / _numbered(JOURNAL_FILE, batch.index, len(study.batches))
                known = _earlier(mine, daily, batch.dataset_hash)
                found[batch.index] = replace(known, journal=journal if journal.is_file() else None)
    except (OSError, ValueError, pl.exceptions.PolarsError) as error:
        raise DataError(f"the sweep in {folder} cannot be read ({error}): start it anew") from None
    return found


def _numbered(name: str, batch: int, batches: int) -> str:
    stem, _, ending = name.partition(".")
    return name if batches == 1 else f"{stem}_{batch}.{ending}"


def _earlier(trials: Any, daily: NDArray[np.float32], dataset_hash: str) -> Earlier:
    if len(daily) != len(trials):
        raise ValueError(f"{len(trials)} trials and {len(daily)} rows of daily returns")
    figures = {name: trials[name].to_numpy().astype(kind) for name, kind in FIGURES.items()}
    return Earlier(trials["trial"].to_numpy(), figures, daily, dataset_hash)


def _write_daily(path: Path, result: SweepResult) -> None:
    """Put the daily returns of the trials that were run under their name."""
    daily = result.daily_returns
    mapped = Path(daily.filename) if isinstance(daily, np.memmap) and daily.filename else None
    if isinstance(daily, np.memmap):
        daily.flush()
    if bool(result.done.all()):
        if mapped is None:
            np.save(path, daily, allow_pickle=False)
            return
        if mapped.stat().st_size == daily.nbytes + daily.offset:  # type: ignore[attr-defined]
            link(mapped, path)
            return
    _write_rows(path, daily, np.flatnonzero(result.done))


def _write_rows(path: Path, daily: NDArray[np.float32], rows: Sequence[int] | NDArray[np.int64]) -> None:
    shape = (len(rows), daily.shape[1])
    written = np.lib.format.open_memmap(path, mode="w+", dtype=np.float32, shape=shape)
    for start in range(0, len(rows), ROWS_AT_ONCE):
        written[start : start + ROWS_AT_ONCE] = daily[rows[start : start + ROWS_AT_ONCE]]
    written.flush()
