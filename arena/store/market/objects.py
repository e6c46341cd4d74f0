"""Access to the store's files on object storage: `s3://BUCKET/PREFIX`.

Keys and endpoint come from the environment and are never kept here, nor shown. Nothing of the
storage's client is loaded before the first root of this kind. Invariant: an object that readers see
is whole, since it arrives under a hidden name and is copied into its place by the storage itself.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from arena.core.errors import ConfigError, DataError
from arena.store.market.locks import Check, ledger_lock

if TYPE_CHECKING:
    from arena.config.secrets import ObjectStorage

SCHEME = "s3"
_TEMP_SUFFIX = ".tmp"
_PARALLEL_READS = 8
_CONNECT_TIMEOUT_S, _REQUEST_TIMEOUT_S = 5.0, 30.0


@dataclass(frozen=True, slots=True)
class ObjectFile:
    """One object; `key` begins with the bucket."""

    key: str
    filesystem: Any = field(repr=False, compare=False)

    def __str__(self) -> str:
        return f"{SCHEME}://{self.key}"

    @property
    def name(self) -> str:
        """Last part of the key."""
        return self.key.rpartition("/")[2]

    @property
    def stem(self) -> str:
        """Name without its last suffix."""
        return self.name.rpartition(".")[0] or self.name

    def is_file(self) -> bool:
        """Whether the object is there."""
        with object_faults(str(self)):
            return bool(self.filesystem.get_file_info(self.key).is_file)

    def unlink(self) -> None:
        """Remove the object."""
        with object_faults(str(self)):
            self.filesystem.delete_file(self.key)

    def write(self, data: Any) -> None:
        """Put all of `data`; only under a hidden name, since an interrupt may leave less."""
        with object_faults(str(self)):
            stream = self.filesystem.open_output_stream(self.key)
            stream.write(data)
            stream.close()

    @contextmanager
    def opened(self) -> Iterator[tuple[Any, str]]:
        """Open for ranged reads; yield the stream and the version that it began with.

        Raises:
            FileNotFoundError: there is no such object.
        """
        with object_faults(str(self)), self.filesystem.open_input_file(self.key) as stream:
            yield stream, _version(stream)

    def version(self) -> str:
        """Return what changes whenever the object does; empty when it is gone."""
        try:
            with self.opened() as (_, version):
                return version
        except FileNotFoundError:
            return ""


class ObjectFiles:
    """Objects below one prefix, named by relative paths like `candles/BTC-USDT-SWAP/1h/2026.parquet`.

    Writers are kept apart by a lock in the ledger: see `lock`.
    """

    parallel_reads = _PARALLEL_READS

    def __init__(self, root: str, folder: str) -> None:
        from arena.config.secrets import ObjectStorage

        bucket_and_prefix = _checked(root)
        self._filesystem = _connect(ObjectStorage())
        self._store_root = root
        self.root = ObjectFile(f"{bucket_and_prefix}/{folder}", self._filesystem)
        self._lock_check: Check | None = None

    def path(self, name: str) -> ObjectFile:
        """Return the place of `name`."""
        return ObjectFile(f"{self.root.key}/{name}", self._filesystem)

    def exists(self, name: str) -> bool:
        """Whether a whole object lies there."""
        return self.path(name).is_file()

    def list_stems(self, folder: str, suffix: str) -> list[str]:
        """Return the stems of the visible objects with `suffix`, sorted."""
        names = [info.base_name for info in self._list(folder) if info.is_file]
        return sorted(
            name.removesuffix(suffix) for name in names if name.endswith(suffix) and not name.startswith(".")
        )

    def list_tree(self, folder: str) -> list[str]:
        """Return the visible objects at any depth, relative to `folder`, sorted."""
        above = len(self.path(folder).key) + 1
        found = [info for info in self._list(folder, recursive=True) if info.is_file]
        return sorted(info.path[above:] for info in found if not info.base_name.startswith("."))

    def list_sizes(self, folder: str) -> dict[str, int]:
        """Return the bytes of each visible object at any depth, by its name relative to `folder`."""
        top = len(self.path(folder).key.rstrip("/")) + 1
        return {
            one.path[top:]: int(one.size)
            for one in self._list(folder, recursive=True)
            if one.is_file and not one.base_name.startswith(".")
        }

    def make_folder(self, folder: str) -> None:
        """Do nothing: a prefix needs no making."""

    def temp_path(self, name: str) -> ObjectFile:
        """Return a fresh hidden name beside `name`, to be written and then handed to `publish`."""
        folder, _, last = name.rpartition("/")
        token = f"{os.uname().nodename}-{os.getpid()}-{secrets.token_hex(4)}"
        return self.path(f"{folder}/.{last}.{token}{_TEMP_SUFFIX}".lstrip("/"))

    def sync(self, temp: ObjectFile) -> None:
        """Do nothing: a put that was answered is durable."""

    def publish(self, temp: ObjectFile, name: str) -> None:
        """Let the storage copy the hidden object into the place of `name`, then drop the hidden one.

        Raises:
            DataError: the lock was lost on the way; nothing is replaced.
        """
        if self._lock_check is not None:
            self._lock_check()
        with object_faults(str(self.path(name))):
            self._filesystem.move(temp.key, self.path(name).key)

    def write_whole(self, name: str, data: bytes) -> None:
        """Put `data` in the place of `name` at one stroke."""
        temp = self.temp_path(name)
        temp.write(data)
        self.publish(temp, name)

    def stray_temps(self, name: str) -> list[ObjectFile]:
        """Return what dead writers of `name` left behind; ask only under its lock."""
        folder, _, last = name.rpartition("/")
        names = [info.base_name for info in self._list(folder) if info.is_file]
        return [
            self.path(f"{folder}/{found}")
            for found in names
            if found.startswith(f".{last}.") and found.endswith(_TEMP_SUFFIX)
        ]

    def dead_temps(self) -> list[ObjectFile]:
        """Return nothing: which machine's process wrote an object cannot be told."""
        return []

    @contextmanager
    def lock(self, name: str, *, holder: str, timeout_s: float) -> Iterator[None]:
        """Hold the write lock of `name` in the ledger's database; `publish` asks whether it still holds.

        Raises:
            ConfigError: DATABASE_URL names no ledger.
            DataError: another writer held it for `timeout_s`, or the database cannot be reached.
        """
        from arena.config.ledger_url import ledger_url

        url = ledger_url(self._store_root).get_secret_value()
        with ledger_lock(url, str(self.path(name)), holder=holder, timeout_s=timeout_s) as check:
            self._lock_check = check
            try:
                yield
            finally:
                self._lock_check = None

    def _list(self, folder: str, *, recursive: bool = False) -> list[Any]:
        from pyarrow.fs import FileSelector

        selector = FileSelector(self.path(folder).key, allow_not_found=True, recursive=recursive)
        with object_faults(str(self.path(folder))):
            found: list[Any] = self._filesystem.get_file_info(selector)
        return found


@contextmanager
def object_faults(what: str) -> Iterator[None]:
    """Raise a `DataError` in place of the storage's own error; what is not there stays FileNotFoundError.

    Raises:
        DataError: the storage cannot be reached, or refused.
    """
    try:
        yield
    except FileNotFoundError:
        raise
    except OSError as error:
        if "AWS Error" not in str(error):
            raise
        raise DataError(
            f"{what}: the object storage did not do it ({str(error).partition(' (Request ID')[0]}): check "
            "AWS_ENDPOINT_URL, AWS_REGION, the keys in AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, and the "
            "bucket"
        ) from error


def _checked(root: str) -> str:
    """Return bucket and prefix.

    Raises:
        ConfigError: there is no bucket, or more than bucket and prefix; not quoted, it may be a key.
    """
    parts = urlsplit(root)
    if not parts.netloc or "@" in parts.netloc or ":" in parts.netloc or parts.query or parts.fragment:
        raise ConfigError(
            "store.root on object storage is s3://BUCKET/PREFIX and nothing more: the endpoint goes into "
            "AWS_ENDPOINT_URL, keys into AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
        )
    return f"{parts.netloc}{parts.path}".rstrip("/")


@lru_cache(maxsize=4)
def _connect(settings: ObjectStorage) -> Any:
    """Return the client; keys are found by the client itself (environment, profile, role of the machine)."""
    from pyarrow.fs import S3FileSystem

    options: dict[str, Any] = {}
    if settings.endpoint:
        endpoint = urlsplit(settings.endpoint)
        if endpoint.scheme not in {"http", "https"} or not endpoint.hostname or endpoint.username is not None:
            raise ConfigError("AWS_ENDPOINT_URL must be http://HOST:PORT or https://HOST:PORT, without keys")
        options = {"scheme": endpoint.scheme, "endpoint_override": f"{endpoint.netloc}{endpoint.path}"}
    return S3FileSystem(
        region=settings.region or None,
        connect_timeout=_CONNECT_TIMEOUT_S,
        request_timeout=_REQUEST_TIMEOUT_S,
        allow_delayed_open=True,  # a partition fits into one put
        **options,
    )


def _version(stream: Any) -> str:
    facts = {str(name).lower(): value for name, value in stream.metadata().items()}
    tag, size = facts.get("etag", b""), facts.get("content-length", b"")
    return f"{tag!r} {size!r} {facts.get('last-modified', b'')!r}"
