"""Access to the store's files: listing, atomic replacement, locks.

`LocalFiles` knows that the store lies on a local disk; object storage is another class with the same
methods. Invariant: a name that readers see always leads to a whole, synced file.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from typing import Any, Protocol, cast
from urllib.parse import unquote, urlsplit

from arena.core.durable import sync
from arena.core.errors import ConfigError
from arena.store.market.locks import file_lock
from arena.store.market.objects import SCHEME, ObjectFile, ObjectFiles

StoredFile = Path | ObjectFile
"""One file of a store: has `name`, `stem`, `is_file()`, `unlink()`, and `str()` for messages."""

_TEMP_SUFFIX = ".tmp"


class Files(Protocol):
    """What reader and writer need of a place where files lie."""

    root: Any
    parallel_reads: int

    def path(self, name: str) -> Any: ...
    def exists(self, name: str) -> bool: ...
    def list_stems(self, folder: str, suffix: str) -> list[str]: ...
    def list_tree(self, folder: str) -> list[str]: ...
    def list_sizes(self, folder: str) -> dict[str, int]: ...
    def make_folder(self, folder: str) -> None: ...
    def temp_path(self, name: str) -> Any: ...
    def sync(self, temp: Any) -> None: ...
    def publish(self, temp: Any, name: str) -> None: ...
    def write_whole(self, name: str, data: bytes) -> None: ...
    def stray_temps(self, name: str) -> list[Any]: ...
    def dead_temps(self) -> list[Any]: ...
    def lock(self, name: str, *, holder: str, timeout_s: float) -> AbstractContextManager[None]: ...


def open_files(root: str | Path, folder: str) -> Files:
    """Return the files of `folder` below a plain path, a `file://` or an `s3://` URI.

    Raises:
        ConfigError: another scheme, or one that is not written as it should be.
    """
    text = str(root)
    if text.startswith(f"{SCHEME}://"):
        return cast("Files", ObjectFiles(text, folder))
    return cast("Files", LocalFiles(local_path(root) / folder))


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
            f"store root '{text}' is on a filesystem that is not supported (known: plain path, file://, s3://)"
        )
    return Path(unquote(parts.path))


class LocalFiles:
    """Files below one folder, named by relative paths like `candles/BTC-USDT-SWAP/1h/2026.parquet`."""

    parallel_reads = 1  # a disk is read faster by one than its files are shared out

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

    def list_tree(self, folder: str) -> list[str]:
        """Return the visible files at any depth, relative to `folder`, sorted; empty when there is none."""
        top = self.path(folder)
        return sorted(
            (Path(parent) / name).relative_to(top).as_posix()
            for parent, _, names in os.walk(top)
            for name in names
            if not name.startswith(".")
        )

    def list_sizes(self, folder: str) -> dict[str, int]:
        """Return the bytes of each visible file at any depth, by its path relative to `folder`."""
        sizes = {}
        for name in self.list_tree(folder):
            with suppress(FileNotFoundError):  # replaced just now
                sizes[name] = (self.path(folder) / name).stat().st_size
        return sizes

    def make_folder(self, folder: str) -> None:
        """Create `folder` durably: each new entry is synced into its parent."""
        missing = []
        path = self.path(folder)
        while not path.is_dir():
            missing.append(path)
            path = path.parent
        for new in reversed(missing):
            new.mkdir(exist_ok=True)
            sync(new.parent)

    def temp_path(self, name: str) -> Path:
        """Return a fresh hidden name beside `name`, to be written and then handed to `publish`."""
        target = self.path(name)
        token = f"{os.getpid()}-{secrets.token_hex(4)}"
        return target.with_name(f".{target.name}.{token}{_TEMP_SUFFIX}")

    def sync(self, temp: Path) -> None:
        """Force the bytes of a temp file to disk."""
        sync(temp)

    def publish(self, temp: Path, name: str) -> None:
        """Put a synced temp file in the place of `name` at one stroke, and sync the folder."""
        temp.replace(self.path(name))
        sync(self.path(name).parent)

    def write_whole(self, name: str, data: bytes) -> None:
        """Put `data` in the place of `name` at one stroke."""
        self.make_folder(name.rpartition("/")[0])
        temp = self.temp_path(name)
        temp.write_bytes(data)
        self.sync(temp)
        self.publish(temp, name)

    def stray_temps(self, name: str) -> list[Path]:
        """Return what dead writers of `name` left behind; ask only under its lock."""
        target = self.path(name)
        prefix = f".{target.name}."
        try:
            siblings = list(target.parent.iterdir())
        except FileNotFoundError:
            return []
        return [path for path in siblings if path.name.startswith(prefix) and path.suffix == _TEMP_SUFFIX]

    def dead_temps(self) -> list[Path]:
        """Return what writers left at the top of the folder whose process is gone; needs no lock."""
        try:
            found = [path for path in self.root.iterdir() if path.suffix == _TEMP_SUFFIX]
        except FileNotFoundError:
            return []
        return [path for path in found if not _is_running(path.name.split(".")[-2].partition("-")[0])]

    @contextmanager
    def lock(self, name: str, *, holder: str, timeout_s: float) -> Iterator[None]:
        """Hold the write lock of `name`; it ends with the process, so a dead writer blocks nobody.

        Raises:
            DataError: another writer held it for `timeout_s`; the message names it.
        """
        target = self.path(name)
        lock_path = target.with_name(f".{target.stem}.lock")
        with file_lock(lock_path, holder=holder, timeout_s=timeout_s):
            yield


def _is_running(pid: str) -> bool:
    """Whether a process of this number runs here; what names none is taken to."""
    if not pid.isdigit():
        return True
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True
