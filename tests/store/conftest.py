"""An S3 server on loopback, for whatever lies on object storage."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count
from typing import Any

import pytest

KEYS = {"AWS_ACCESS_KEY_ID": "canary-id-5512", "AWS_SECRET_ACCESS_KEY": "canary-secret-9931"}


@dataclass(frozen=True)
class Bucket:
    """A bucket of a storage server on loopback, and what it was asked for."""

    environment: dict[str, str]
    filesystem: Any
    requests: list[str]
    name: str = "arena"

    def new_root(self) -> str:
        return f"s3://{self.name}/store-{next(_numbers)}"


_numbers = count()


class _Requests(logging.Handler):
    """Keeps `METHOD path` of each request the server tells its log of."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        words = record.getMessage().replace("\x1b", "").split('"')
        if len(words) > 1:
            self.lines.append(" ".join(words[1].split("m")[-1].split()[:2]) if "[" in words[1] else words[1])


@pytest.fixture(scope="session")
def bucket() -> Iterator[Bucket]:
    """An S3 server in this process, without a network."""
    server_module = pytest.importorskip("moto.server", reason="needs moto[server], an extra of the tests")
    from pyarrow.fs import S3FileSystem

    log, seen = logging.getLogger("werkzeug"), _Requests()
    log.setLevel(logging.INFO)
    log.propagate = False
    log.addHandler(seen)
    server = server_module.ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    maker = S3FileSystem(
        access_key=KEYS["AWS_ACCESS_KEY_ID"],
        secret_key=KEYS["AWS_SECRET_ACCESS_KEY"],
        region="eu-central-1",
        scheme="http",
        endpoint_override=f"{host}:{port}",
        allow_bucket_creation=True,
    )
    environment = {**KEYS, "AWS_REGION": "eu-central-1", "AWS_ENDPOINT_URL": f"http://{host}:{port}"}
    found = Bucket(environment, maker, seen.lines)
    maker.create_dir(found.name)
    try:
        yield found
    finally:
        server.stop()


@pytest.fixture
def s3_root(bucket: Bucket, monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> str:
    """An empty store on object storage, with a ledger to keep its writers apart."""
    ledger = tmp_path_factory.mktemp("ledger") / "ledger.sqlite"
    for name, value in {**bucket.environment, "DATABASE_URL": f"sqlite:///{ledger}"}.items():
        monkeypatch.setenv(name, value)
    return bucket.new_root()
