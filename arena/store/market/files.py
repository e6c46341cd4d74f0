"""Access to the store's files: listing, atomic replacement, locks.

The only module that knows the store lies on a local disk; another filesystem is another class
with these methods. Invariant: a name that readers see always leads to a whole, synced file.
"""

from __future__ import annotations

import fcntl
import os
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import unquote, urlsplit

from arena.core.errors import ConfigError, DataError

_TEMP_SUFFIX = ".tmp"
_LOCK_POLL_S = 0.005


def local_path(root: str | Path) -> Path:
    """Return the folder that a plain path or `file://` URI names.

    Raises:
        ConfigError: another scheme.
    """
    text = str(root)
    parts = urlsplit(text)
    if "://" not in text:
        return Path(text)
    if parts.scheme != "file" or parts.netloc not in {"", "localhost"}:
        raise ConfigError(
            f"store root '{text}' is on a filesystem that is not supported (known: plain path, file://)"
        )
    return Path(unquote(parts.path))


class LocalFiles:
    """Files below one folder, named by relative paths like `candles/BTC-USDT-SWAP/1h/2026.parquet`."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def path(self, name: str) -> Path:
        """Return the place of `name` on disk."""
        return self.root / name

    def exists(self, name: str) -> bool:
        """Whether a whole file lies there."""
        return self.path(name).is_file()

    def list_stems(self, folder: str, suffix: str) -> list[str]:
        """Return the stems of the visible files with `suffix`, sorted; empty when there is no folder."""
        try:
            names = [path.name for path in self.path(folder).iterdir()]
        except (FileNotFoundError, NotADirectoryError):
            return []
        return sorted(
            name.removesuffix(suffix) for name in names if name.endswith(suffix) and not name.startswith(".")
        )

    def list_folders(self, folder: str) -> list[str]:
        """Return the names of the folders inside, sorted; empty when there is no folder."""
        try:
            with os.scandir(self.path(folder)) as entries:
                return sorted(entry.name for entry in entries if entry.is_dir())
        except (FileNotFoundError, NotADirectoryError):
            return []

    def make_folder(self, folder: str) -> None:
        """Create `folder` durably: each new entry is synced into its parent."""
        missing = []
        path = self.path(folder)
        while not path.is_dir():
            missing.append(path)
            path = path.parent
        for new in reversed(missing):
            new.mkdir(exist_ok=True)
            _sync(new.parent)

    def temp_path(self, name: str) -> Path:
        """Return a fresh hidden name beside `name`, to be written and then handed to `publish`."""
        target = self.path(name)
        token = f"{os.getpid()}-{secrets.token_hex(4)}"
        return target.with_name(f".{target.name}.{token}{_TEMP_SUFFIX}")

    def sync(self, temp: Path) -> None:
        """Force the bytes of a temp file to disk."""
        _sync(temp)

    def publish(self, temp: Path, name: str) -> None:
        """Put a synced temp file in the place of `name` at one stroke, and sync the folder."""
        temp.replace(self.path(name))
        _sync(self.path(name).parent)

    def stray_temps(self, name: str) -> list[Path]:
        """Return what dead writers of `name` left behind; ask only under its lock."""
        target = self.path(name)
        prefix = f".{target.name}."
        try:
            siblings = list(target.parent.iterdir())
        except FileNotFoundError:
            return []
        return [path for path in siblings if path.name.startswith(prefix) and path.suffix == _TEMP_SUFFIX]

    @contextmanager
    def lock(self, name: str, *, holder: str, timeout_s: float) -> Iterator[None]:
        """Hold the write lock of `name`; it ends with the process, so a dead writer blocks nobody.

        Raises:
            DataError: another writer held it for `timeout_s`; the message names it.
        """
        target = self.path(name)
        lock_path = target.with_name(f".{target.stem}.lock")
        descriptor = os.open(lock_path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            _acquire(descriptor, lock_path, timeout_s)
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, f"process {os.getpid()}, {holder}".encode(), 0)
            yield
        finally:
            os.close(descriptor)


def _acquire(descriptor: int, lock_path: Path, timeout_s: float) -> None:
    deadline = time.monotonic() + timeout_s
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= deadline:
                found = os.pread(descriptor, 200, 0).decode(errors="replace") or "an unnamed process"
                raise DataError(
                    f"{lock_path} has been held for {timeout_s:g} s by {found}: "
                    "wait until that writer ends, or stop it, and run again"
                ) from None
            time.sleep(_LOCK_POLL_S)
        else:
            return


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
