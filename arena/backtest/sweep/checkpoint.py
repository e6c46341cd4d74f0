"""What a running sweep has done, put on the disk a part at a time, so that a killed one can go on.

Writes below the run's folder, in a thread of its own. Invariant: a part is whole or not there, and mapped
daily returns are on the disk before the part that tells of them.
"""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from arena.core.bars import IntArray
from arena.core.durable import sync, whole_file, write_whole

if TYPE_CHECKING:
    from arena.backtest.sweep.study import Study

PLAN_FILE = "plan.json"
RECORD_FILE = "sweep.json"
CHECKPOINT = "checkpoint"
EARLIER_FOLDER = "earlier"
JOURNALS_FILE = "journals.json"
PART_PATTERN = "part-*.npz"
FIGURE = "figure."
_MAPPED = ".batch-"

PERIOD_S = 5.0
"""Time between two parts; a sweep that takes less writes none."""

PART_BYTES = 16_000_000
"""Most of a part: its columns are put together in memory."""

Keep = Callable[[IntArray, dict[str, NDArray[Any]]], None]
"""Told the trials that were just done and the columns of figures that theirs are in."""


@dataclass(eq=False)
class _Done:
    """Trials of a batch that are in no part yet: `at` are their places in the columns."""

    batch: int
    rows: IntArray
    figures: dict[str, NDArray[Any]]
    daily: NDArray[np.float32]
    dataset_hash: str
    at: list[IntArray] = field(default_factory=list)


class Keeper:
    """Keeps what a study has done, every few seconds.

    A part costs what is new since the one before. A disk that refuses ends the keeping, not the sweep.

    Args:
        folder: the run's folder, where `run_study` maps daily returns.
        study: what is run.
        earlier: folder of the run that is gone on with; what it has is linked beside the parts.
        warn: told once if nothing can be kept any more.
        clock: seconds.
    """

    def __init__(
        self,
        folder: Path,
        study: Study,
        *,
        earlier: str | Path | None = None,
        warn: Callable[[str], object],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._folder, self._study = folder, study
        self._earlier = None if earlier is None else Path(earlier)
        self._warn, self._clock = warn, clock
        self._due = clock() + PERIOD_S
        self._is_long = self._has_failed = self._is_prepared = False
        self._new: dict[int, _Done] = {}
        self._journals: dict[int, tuple[Path, int]] = {}
        self._is_marked = False
        self._parts = 0
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="checkpoint")
        self._writing: Future[None] | None = None

    def trials(self, batch: int, rows: IntArray, daily: NDArray[np.float32], dataset_hash: str) -> Keep:
        """Return what is to be told of the trials of `batch` as they are done.

        Args:
            batch: its number in the study.
            rows: (trials,) rows of the grid.
            daily: (trials, days), in memory or mapped.
            dataset_hash: of the market.
        """

        def keep(new: IntArray, figures: dict[str, NDArray[Any]]) -> None:
            if self._has_failed:
                return
            if batch not in self._new:
                self._new[batch] = _Done(batch, rows, figures, daily, dataset_hash)
            self._new[batch].at.append(new)
            self._write_if_due()

        return keep

    def journal(self, batch: int, path: Path) -> None:
        """Remember the journal of a batch as it is now: a study can go on from here."""
        self._journals[batch] = (path, path.stat().st_size)
        self._is_marked = True
        self._write_if_due()

    def close(self) -> None:
        """Write what is left, unless the sweep was a short one, and wait until it is written."""
        try:
            if self._writing is not None:
                self._writing.result()
            if (self._new or self._is_marked) and (self._is_long or self._clock() >= self._due):
                self._hand_over().result()
        finally:
            self._pool.shutdown()

    def _write_if_due(self) -> None:
        if self._clock() < self._due or self._has_failed:
            return
        if self._writing is not None:
            if not self._writing.done():
                return
            self._writing.result()
        self._hand_over()

    def _hand_over(self) -> Future[None]:
        new, self._new = list(self._new.values()), {}
        self._is_long, self._is_marked = True, False
        self._due = self._clock() + PERIOD_S
        self._writing = self._pool.submit(self._write, new, dict(self._journals))
        return self._writing

    def _write(self, new: list[_Done], journals: dict[int, tuple[Path, int]]) -> None:
        if self._has_failed:
            return
        try:
            self._prepare()
            for done in new:
                self._write_parts(done)
            if journals:
                self._write_journals(journals)
        except OSError as error:
            self._has_failed = True
            self._warn(
                f"cannot keep what is done in {self._folder / CHECKPOINT} ({error.strerror or error}): "
                "the sweep goes on, but what it does from now on is lost if it is killed"
            )

    def _prepare(self) -> None:
        """Write what belongs to the parts before the first of them."""
        if self._is_prepared:
            return
        place = self._folder / CHECKPOINT
        place.mkdir(exist_ok=True)
        if self._earlier is not None:
            _link_folder(self._earlier, place / EARLIER_FOLDER)
        write_whole(self._folder / PLAN_FILE, plan_text(self._study).encode())
        sync(self._folder.parent)
        self._is_prepared = True

    def _write_parts(self, done: _Done) -> None:
        mapped = getattr(done.daily, "filename", None)
        if mapped is not None:
            self._sync(Path(mapped))
        at = np.concatenate(done.at)
        a_row = sum(column.itemsize for column in done.figures.values()) + 16
        size = max(1, PART_BYTES // (a_row + (0 if mapped is not None else 4 * done.daily.shape[1])))
        for start in range(0, len(at), size):
            self._write_part(done, at[start : start + size], is_mapped=mapped is not None)

    def _write_part(self, done: _Done, at: IntArray, *, is_mapped: bool) -> None:
        columns: dict[str, Any] = {FIGURE + name: column[at] for name, column in done.figures.items()}
        columns |= {"at": at} if is_mapped else {"daily": done.daily[at]}
        columns |= {"batch": np.int64(done.batch), "dataset_hash": np.array(done.dataset_hash)}
        with whole_file(self._folder / CHECKPOINT / f"part-{self._parts:06d}.npz") as file:
            np.savez(file, rows=done.rows[at], **columns)
        self._parts += 1

    def _write_journals(self, journals: dict[int, tuple[Path, int]]) -> None:
        for path, _ in journals.values():
            self._sync(path)
        sizes = {str(batch): size for batch, (_, size) in journals.items()}
        write_whole(self._folder / CHECKPOINT / JOURNALS_FILE, json.dumps(sizes).encode())

    def _sync(self, path: Path) -> None:
        """Have a file of a batch's folder on the disk, and the names on the way to it."""
        for place in (path, path.parent, self._folder):
            sync(place)


def daily_folder(folder: Path, batch: int) -> Path:
    """Return where the daily returns of a batch may be mapped while it runs."""
    return folder / f"{_MAPPED}{batch}"


def plan_text(study: Study) -> str:
    """Return what plan.json says: the composed config of each batch and the choices that tell it."""
    plan = [{"choices": batch.choices, "values": batch.values} for batch in study.batches]
    return json.dumps({"batches": plan}, indent=1) + "\n"


def left_in(folder: Path) -> Literal["nothing", "trials", "all"]:
    """Return what the sweep that has written into `folder` has left: trials to go on from, or all of it."""
    if not (folder / PLAN_FILE).is_file():
        return "nothing"
    if (folder / RECORD_FILE).is_file():
        return "all"
    place = folder / CHECKPOINT
    return "trials" if (place / JOURNALS_FILE).is_file() or any(place.glob(PART_PATTERN)) else "nothing"


def drop_checkpoint(folder: Path) -> None:
    """Remove the parts, and what is mapped while a sweep runs: its results are whole."""
    for place in (folder / CHECKPOINT, *folder.glob(f"{_MAPPED}*")):
        shutil.rmtree(place, ignore_errors=True)


def link(source: Path, target: Path) -> None:
    """Give a file that is never changed again a second name; where that is not possible, copy it."""
    try:
        target.hardlink_to(source)
    except FileExistsError:
        raise
    except OSError:
        shutil.copyfile(source, target)
        sync(target)


def _link_folder(source: Path, target: Path) -> None:
    """Link the files below `source` into `target`, all or none of them."""
    partial = target.with_name(f".{target.name}.partial")
    for path in sorted(source.rglob("*")):
        if path.is_file() and not path.is_symlink():
            place = partial / path.relative_to(source)
            place.parent.mkdir(parents=True, exist_ok=True)
            link(path, place)
    for place in (partial, *partial.rglob("*/")):
        sync(place)
    partial.rename(target)
    sync(target.parent)
