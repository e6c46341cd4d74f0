"""Find the files a user handed over and open them, whatever they are wrapped in.

Reads only; says nothing about what the rows mean. Invariant: the container of a file is told
from its first bytes, never from its name, so a renamed download still opens.
"""

from __future__ import annotations

import glob
import gzip
import io
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from arena.core.errors import ConfigError

Container = Literal["parquet", "feather", "json", "csv"]

SUFFIXES = (".parquet", ".pq", ".feather", ".arrow", ".ipc", ".csv", ".txt", ".json", ".gz", ".zip")
"""Endings that are taken from a folder; a file that is named itself may end in anything."""

_PARQUET, _ARROW, _FEATHER_1, _GZIP, _ZIP = b"PAR1", b"ARROW1", b"FEA1", b"\x1f\x8b", b"PK\x03\x04"


@dataclass(frozen=True, slots=True)
class Source:
    """One table's bytes; `label` is the file's name, with the member's name for an archive."""

    label: str
    path: Path
    container: Container
    content: bytes


def find_files(path: str) -> list[Path]:
    """Return the files that `path` means: one file, a folder's files, or what a pattern matches.

    Raises:
        ConfigError: nothing is there.
    """
    place = Path(path).expanduser()
    if place.is_file():
        return [place]
    if place.is_dir():
        found = sorted(file for file in place.rglob("*") if _is_data(file))
        if found:
            return found
        raise ConfigError(
            f"exchange.path={path}: the folder holds no data file (known: {', '.join(SUFFIXES)})"
        )
    if glob.has_magic(path):
        found = sorted(file for file in map(Path, glob.glob(str(place), recursive=True)) if file.is_file())  # noqa: PTH207 - Path.glob takes no absolute pattern
        if found:
            return found
        raise ConfigError(f"exchange.path={path}: the pattern matches no file")
    raise ConfigError(f"exchange.path={path}: no such file or folder; name a file, a folder or a pattern")


def _is_data(file: Path) -> bool:
    hidden = file.name.startswith((".", "_"))
    return file.is_file() and not hidden and file.suffix.lower() in SUFFIXES


def open_sources(file: Path) -> Iterator[Source]:
    """Yield the tables inside `file`: itself, or the data members of a zip archive.

    Raises:
        ConfigError: the file cannot be read, or an archive holds no table.
    """
    try:
        content = file.read_bytes()
    except OSError as error:
        raise ConfigError(f"{file}: cannot be read ({error.strerror})") from error
    yield from _unwrap(file.name, file, content)


def _unwrap(label: str, file: Path, content: bytes) -> Iterator[Source]:
    if not content:
        raise ConfigError(f"{label}: the file is empty")
    try:
        if content.startswith(_GZIP):
            yield from _unwrap(label, file, gzip.decompress(content))
        elif content.startswith(_ZIP):
            yield from _members(label, file, content)
        else:
            yield Source(label, file, _container(label, content), content)
    except (OSError, EOFError, zlib.error, zipfile.BadZipFile, NotImplementedError, RuntimeError) as error:
        raise ConfigError(f"{label}: the archive cannot be unpacked ({error}); download it again") from error


def _members(label: str, file: Path, content: bytes) -> Iterator[Source]:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        names = [name for name in archive.namelist() if Path(name).suffix.lower() in SUFFIXES]
        if not names:
            inside = ", ".join(archive.namelist()[:5]) or "nothing"
            raise ConfigError(f"{label}: the archive holds no data file (found: {inside})")
        for name in sorted(names):
            yield from _unwrap(f"{label}/{Path(name).name}", file, archive.read(name))


def _container(label: str, content: bytes) -> Container:
    if content.startswith(_PARQUET):
        return "parquet"
    if content.startswith(_ARROW):
        return "feather"
    if content.startswith(_FEATHER_1):
        raise ConfigError(f"{label}: feather version 1 is not read; save it again as feather version 2")
    head = content[:4096].removeprefix(b"\xef\xbb\xbf").lstrip()
    if head[:1] in {b"[", b"{"}:
        return "json"
    if b"\x00" in head:
        raise ConfigError(
            f"{label}: not a table (known: Parquet, feather, CSV, JSON, each also in .gz or .zip)"
        )
    return "csv"
