"""The hidden folder that a run writes into until it is whole.

A run holds a system lock on its own folder; the system lets go of it when the process dies, and
by that the next run of the job knows what it may sweep away. Invariant: only an unlocked hidden
folder is ever removed or renamed on behalf of another run, and what a sweep has kept is never removed.
"""

from __future__ import annotations

import fcntl
import os
import shutil
from dataclasses import dataclass
from pathlib import Path

from arena.core.clock import Clock
from arena.core.errors import ConfigError
from arena.core.ids import make_run_id

CONFIG_FILE = "config.yaml"
LOG_FILE = "log.jsonl"

_PREFIX, _SUFFIX = ".", ".partial"
_PLAN_FILE = "plan.json"


@dataclass(frozen=True, slots=True)
class DeadRun:
    """A run whose process is gone; `last_ms` is the last time it wrote something, UTC ms.

    `is_kept`: its folder has its final name now, with trials of a sweep to go on from.
    """

    run_id: str
    last_ms: int
    is_kept: bool = False


@dataclass(frozen=True, slots=True)
class Staging:
    """The claimed folder of one run: `folder` while it runs, `final` once it is whole.

    `created_ms` is the time that the run id tells, UTC ms.
    """

    run_id: str
    created_ms: int
    folder: Path
    final: Path
    lock: int

    @property
    def holds_trials(self) -> bool:
        """Whether it is the folder of a sweep that can be gone on with."""
        return has_kept(self.folder)

    def discard(self) -> None:
        """Remove the folder and everything in it, unless a sweep has kept trials: then give it its name."""
        if self.holds_trials:
            self.folder.rename(self.final)
        shutil.rmtree(self.folder, ignore_errors=True)

    def keep_log(self) -> Path:
        """Give the folder of a failed run its name; return the log's path.

        Config and log alone are left in it, unless a sweep has kept trials.
        """
        if self.folder.exists():
            for path in () if self.holds_trials else self.folder.iterdir():
                if path.name not in {CONFIG_FILE, LOG_FILE}:
                    shutil.rmtree(path) if path.is_dir() else path.unlink()
            self.folder.rename(self.final)
        return self.final / LOG_FILE

    def release(self) -> None:
        """Let go of the lock."""
        os.close(self.lock)


def claim(parent: Path, config_hash: str, clock: Clock) -> Staging:
    """Create and lock a hidden folder whose run id and final name nobody else has.

    Raises:
        ConfigError: the folder cannot be created there.
    """
    now_ms = clock() - 1
    while True:
        now_ms += 1
        run_id = make_run_id(now_ms, config_hash)
        folder = parent / f"{_PREFIX}{run_id}{_SUFFIX}"
        try:
            folder.mkdir(parents=True)
        except FileExistsError:
            if not parent.is_dir():
                raise _refused(parent, "something that is no folder is in the way") from None
            continue
        except OSError as error:
            raise _refused(parent, error.strerror) from None
        lock = _lock(folder, lockable=False)
        if lock is None:  # swept by another run before it was locked
            continue
        if (parent / run_id).exists():
            os.close(lock)
            folder.rmdir()
            continue
        return Staging(run_id, now_ms, folder, parent / run_id, lock)


def sweep(parent: Path) -> list[DeadRun]:
    """Clear away the hidden folders of runs whose process is gone, and say which those were.

    What a sweep has kept gets its final name; a run that was whole, too, and is not among those returned.
    """
    dead = []
    for folder in sorted(parent.glob(f"{_PREFIX}*{_SUFFIX}")):
        lock = _lock(folder)
        if lock is None:
            continue
        try:
            files = list(folder.iterdir())
            last_ms = max(path.stat().st_mtime_ns for path in (folder, *files)) // 1_000_000
            left = _left_in(folder)
            if left == "nothing":
                shutil.rmtree(folder)
            else:
                _give_name(folder, left)
        except OSError:  # not ours to remove: it harms nobody
            continue
        finally:
            os.close(lock)
        # an empty one may be a claim that is just being made: its owner takes another name
        if files and left != "all":
            dead.append(DeadRun(_final(folder).name, last_ms, left == "trials"))
    return dead


def take_up(final: Path) -> Path | None:
    """Return the folder of the run that is or would be called `final`; None where there is neither.

    That of a dead one which has kept something gets its name first.

    Raises:
        ConfigError: the run is still going, or was killed before anything of it was kept.
    """
    if final.name.startswith(_PREFIX) and final.name.endswith(_SUFFIX):
        final = _final(final)
    folder = final.with_name(f"{_PREFIX}{final.name}{_SUFFIX}") if final.name else final
    if not final.is_dir() and folder.is_dir():
        lock = _lock(folder)
        if lock is None:
            raise ConfigError(f"{final.name} is still running: wait for it, or stop it with Ctrl-C")
        try:
            left = _left_in(folder)
            if left == "nothing":
                raise ConfigError(
                    f"{final.name} was killed before anything of it was kept: give its command again"
                )
            _give_name(folder, left)
        finally:
            os.close(lock)
    return final if final.is_dir() else None


def has_kept(folder: Path) -> bool:
    """Return whether a folder holds trials of a sweep that was not ended."""
    return _left_in(folder) == "trials"


def left_behind(folder: Path) -> int | None:
    """Return when a finished folder that no process holds was made whole, UTC ms; else None."""
    lock = _lock(folder)
    if lock is None:
        return None
    os.close(lock)
    return folder.stat().st_mtime_ns // 1_000_000


def _final(folder: Path) -> Path:
    return folder.with_name(folder.name.removeprefix(_PREFIX).removesuffix(_SUFFIX))


def _give_name(folder: Path, left: str) -> None:
    """Give the folder of a dead sweep its name; with all its results there, without what led to them."""
    if left == "all":
        from arena.backtest.sweep.checkpoint import drop_checkpoint

        drop_checkpoint(folder)
    folder.rename(_final(folder))


def _left_in(folder: Path) -> str:
    """Return what a sweep has left in a folder: nothing, trials or all."""
    if not (folder / _PLAN_FILE).is_file():  # looked at here: to import sweeps takes long
        return "nothing"
    from arena.backtest.sweep.checkpoint import left_in

    return left_in(folder)


def _lock(folder: Path, *, lockable: bool = True) -> int | None:
    """Return a handle that holds the folder's lock, or None where it is gone or somebody has it.

    `lockable=False` is content with an unlocked handle where the file system has no such locks;
    there, nobody sweeps either.
    """
    try:
        handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        held = True
    except BlockingIOError:
        held = False
    except OSError:
        held = not lockable
    if held and _is_there(folder, handle):
        return handle
    os.close(handle)
    return None


def _is_there(folder: Path, handle: int) -> bool:
    """Whether the opened folder is still the one of that name."""
    try:
        return os.path.samestat(folder.stat(), os.fstat(handle))
    except OSError:
        return False


def _refused(parent: Path, reason: str | None) -> ConfigError:
    return ConfigError(f"cannot write to {parent} ({reason}): set reports.root to another folder")
