"""Read back what a killed sweep has kept.

Writes nothing. Invariant: a part that is damaged, or whose daily returns are, counts as not run; it is said,
and never guessed at.
"""

from __future__ import annotations

import json
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from arena.backtest.sweep.checkpoint import (
    CHECKPOINT,
    FIGURE,
    JOURNALS_FILE,
    PART_PATTERN,
    daily_folder,
)
from arena.backtest.sweep.result import DAILY_FILE, Pieces
from arena.backtest.sweep.statistics import FIGURES
from arena.backtest.sweep.study import Earlier
from arena.backtest.sweep.study_optuna import JOURNAL
from arena.core.bars import IntArray

_DAMAGES = (OSError, ValueError, KeyError, EOFError, RuntimeError, zipfile.BadZipFile, zlib.error)
"""What numpy and zipfile raise over a file that is not as it was written."""


def read_kept(folder: Path, before: Mapping[int, Earlier]) -> tuple[dict[int, Earlier], int]:
    """Return the trials that the killed sweep in `folder` has kept, by batch, and how many files are damaged.

    Args:
        folder: the run's folder.
        before: the trials of the sweep that it had gone on with.
    """
    pieces: dict[int, list[Earlier]] = {batch: [one] for batch, one in before.items()}
    mapped: dict[int, NDArray[np.float32]] = {}
    damaged = 0
    for path in sorted((folder / CHECKPOINT).glob(PART_PATTERN)):
        try:
            batch, part = _read_part(path, folder, mapped)
            _add(pieces.setdefault(batch, []), part)
        except _DAMAGES:
            damaged += 1
    found = {batch: _joined(parts) for batch, parts in pieces.items() if parts}
    try:
        found |= _read_journals(folder)
    except _DAMAGES:
        damaged += 1
    return found, damaged


def _read_part(path: Path, folder: Path, mapped: dict[int, NDArray[np.float32]]) -> tuple[int, Earlier]:
    with path.open("rb") as file, np.load(file, allow_pickle=False) as held:
        part: dict[str, NDArray[Any]] = {name: held[name] for name in held.files}
    batch, rows = int(part["batch"]), part["rows"]
    if "at" in part:
        if batch not in mapped:
            mapped[batch] = np.load(daily_folder(folder, batch) / DAILY_FILE, mmap_mode="r")
        daily, at = mapped[batch], part["at"]
    else:
        daily, at = part["daily"], np.arange(len(rows))
    figures = {name: part[FIGURE + name].astype(kind, casting="safe") for name, kind in FIGURES.items()}
    lengths = {len(column) for column in (rows, at, *figures.values())}
    if lengths != {len(rows)} or daily.dtype != np.float32 or daily.ndim != 2 or at.max() >= len(daily):
        raise ValueError("its columns do not belong together")
    return batch, Earlier(rows, figures, Pieces(((daily, at),)), str(part["dataset_hash"]))


def _add(parts: list[Earlier], part: Earlier) -> None:
    """Add a part, which has to be of the same market as those before.

    A trial may be in two of them: a sweep with none missing runs one again.
    """
    if parts and (parts[0].dataset_hash, _days(parts[0])) != (part.dataset_hash, _days(part)):
        raise ValueError("it is of another market")
    parts.append(part)


def _days(one: Earlier) -> int:
    return int(one.pieces.parts[0][0].shape[1])


def _joined(parts: list[Earlier]) -> Earlier:
    if len(parts) == 1:
        return parts[0]
    rows: IntArray = np.concatenate([part.rows for part in parts])
    return Earlier(
        rows,
        {name: np.concatenate([part.figures[name] for part in parts]) for name in FIGURES},
        Pieces(tuple(piece for part in parts for piece in part.pieces.parts)),
        parts[0].dataset_hash,
    )


def _read_journals(folder: Path) -> dict[int, Earlier]:
    """Return for each batch that was led how much of its journal is whole."""
    path = folder / CHECKPOINT / JOURNALS_FILE
    if not path.is_file():
        return {}
    found = {}
    for batch, size in json.loads(path.read_text(encoding="utf-8")).items():
        journal = daily_folder(folder, int(batch)) / JOURNAL
        if journal.stat().st_size < size:
            raise ValueError(f"{journal} is cut off")
        nothing = np.empty(0, np.int64)
        figures = {name: np.empty(0, kind) for name, kind in FIGURES.items()}
        found[int(batch)] = Earlier(nothing, figures, Pieces(()), "", journal, size)
    return found
