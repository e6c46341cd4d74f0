"""The store on object storage: what is read, what a dead writer leaves, who may write, what is said."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from arena.core.bars import Bars
from arena.core.clock import parse_time
from arena.core.errors import ConfigError, DataError
from arena.core.timeframe import Timeframe
from arena.data.service import DataService
from arena.store.market import objects
from arena.store.market.files import open_files
from arena.store.market.layout import Kind
from arena.store.market.merge import WriteReport
from arena.store.market.reader import MarketReader
from arena.store.market.writer import MarketWriter

HOUR, MINUTE = 3_600_000, 60_000
BTC, H1, M1 = "BTC-USDT-SWAP", Timeframe.parse("1h"), Timeframe.parse("1m")
NEW_YEAR = parse_time("2026-01-01")
OLD_TS = [NEW_YEAR + k * HOUR for k in range(-6, 4)]
NEW_TS = [NEW_YEAR + k * HOUR for k in range(-3, 8)]
OLD_STATE = dict.fromkeys(OLD_TS, 10.0)
NEW_STATE = {**OLD_STATE, **dict.fromkeys(NEW_TS, 20.0)}
BEFORE, CRASHED, REDONE = 100, 200, 300


class Killed(BaseException):
    """Ends a writer between two requests, as a signal would; the storage keeps what it has."""


class Stream:
    """An object opened for reading that counts, and tells of, each range that is fetched."""

    def __init__(self, inner: Any, on_read: Callable[[int], None]) -> None:
        self._inner, self._on_read = inner, on_read

    def read(self, size: int = -1) -> bytes:
        data: bytes = self._inner.read(size)
        self._on_read(len(data))
        return data

    def read_buffer(self, size: int) -> bytes:
        return self.read(size)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    def __enter__(self) -> Stream:
        return self

    def __exit__(self, *_: object) -> None:
        self._inner.close()


class Watched:
    """The storage's client, which calls `step` before and after each change and notes each range read."""

    def __init__(self, inner: Any, step: Callable[[], None] = lambda: None) -> None:
        self.inner, self.step = inner, step
        self.opened: list[str] = []
        self.ranges: list[int] = []
        self.on_read: Callable[[], None] = lambda: None

    def open_input_file(self, key: str) -> Stream:
        self.opened.append(key)
        return Stream(self.inner.open_input_file(key), self._note)

    def _note(self, size: int) -> None:
        self.ranges.append(size)
        self.on_read()

    def open_output_stream(self, key: str) -> Any:
        self.step()
        return self.inner.open_output_stream(key)

    def move(self, source: str, target: str) -> None:
        self.step()
        self.inner.copy_file(source, target)
        self.step()
        self.inner.delete_file(source)
        self.step()

    def delete_file(self, key: str) -> None:
        self.step()
        self.inner.delete_file(key)

    def get_file_info(self, selector: Any) -> Any:
        return self.inner.get_file_info(selector)


@pytest.fixture
def watch(s3_root: str, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Watched]:
    """Put a watched client in the place of the real one, from here to the end of the test."""

    def put(step: Callable[[], None] = lambda: None) -> Watched:
        watched = Watched(open_files(s3_root, "")._filesystem, step)  # type: ignore[attr-defined]
        inner = watched.inner.inner if isinstance(watched.inner, Watched) else watched.inner
        watched.inner = inner
        monkeypatch.setattr(objects, "_connect", lambda _settings: watched)
        return watched

    return put


def level_bars(ts: list[int] | Any, value: float, timeframe: Timeframe = H1) -> Bars:
    level = np.full(len(ts), value)
    stamps = np.array(ts, np.int64)
    return Bars(BTC, timeframe, stamps, level, level + 2, level - 2, level + 1, level, frozenset({"okx"}))


def opens(root: str, as_of: int | None = None) -> dict[int, float]:
    bars = MarketReader(root).read_bars(Kind.CANDLES, BTC, H1, as_of=as_of)
    return dict(zip(bars.ts.tolist(), bars.open.tolist(), strict=True))


def write(root: str, ts: list[int], value: float, now: int) -> WriteReport:
    writer = MarketWriter(root, clock=lambda: now, lock_timeout_s=0)
    return writer.write_bars(Kind.CANDLES, level_bars(ts, value), source="okx", job=str(now))


def hidden(root: str) -> list[str]:
    from pyarrow.fs import FileSelector

    files: Any = open_files(root, "market")
    found = files._filesystem.get_file_info(FileSelector(files.root.key, recursive=True))
    return [info.path for info in found if info.base_name.startswith(".")]


def killed_write(root: str, watch: Callable[..., Watched], kill_at: int) -> bool:
    """Write the new rows and die at step `kill_at`; return whether that step was reached."""
    steps = 0

    def step() -> None:
        nonlocal steps
        if steps == kill_at:
            raise Killed
        steps += 1

    watch(step)
    try:
        write(root, NEW_TS, 20.0, CRASHED)
    except Killed:
        return True
    finally:
        watch()
    return False


@pytest.mark.slow
def test_killed_between_any_two_requests_the_redo_completes_the_write(
    bucket: Any, s3_root: str, watch: Callable[..., Watched]
) -> None:
    reached = True
    kill_at = 0
    while reached:
        root = bucket.new_root()
        write(root, OLD_TS, 10.0, BEFORE)
        reached = killed_write(root, watch, kill_at)
        found = opens(root)
        for begin, end in ((0, NEW_YEAR), (NEW_YEAR, NEW_YEAR * 2)):
            part = {ts: value for ts, value in found.items() if begin <= ts < end}
            whole = [{t: v for t, v in state.items() if begin <= t < end} for state in (OLD_STATE, NEW_STATE)]
            assert part in whole
        assert opens(root, BEFORE) == OLD_STATE
        if kill_at % 3 == 0:
            killed_write(root, watch, kill_at // 3)  # dies again while it clears up, or completes
        write(root, NEW_TS, 20.0, REDONE)
        assert opens(root) == NEW_STATE
        assert opens(root, BEFORE) == OLD_STATE
        assert opens(root, REDONE) == NEW_STATE
        revisions = MarketReader(root).read_revisions(Kind.CANDLES, BTC, H1)
        assert revisions["ts"].tolist() == sorted(set(OLD_TS) & set(NEW_TS))
        assert set(revisions["old_open"].tolist()) == {10.0}
        assert write(root, NEW_TS, 20.0, REDONE) == WriteReport(unchanged=len(NEW_TS))
        assert not hidden(root)
        kill_at += 1
    assert kill_at > 15, "two partitions, revisions and data of each: every request must have been a step"


def test_object_replaced_between_footer_and_columns_is_read_anew(
    s3_root: str, watch: Callable[..., Watched]
) -> None:
    first, second = (level_bars(NEW_YEAR + HOUR * np.arange(5000), value) for value in (1.0, 2.0))
    MarketWriter(s3_root, clock=lambda: 1).write_bars(Kind.CANDLES, first, source="okx")
    watched = watch()
    swaps = 0

    def replace_once() -> None:
        nonlocal swaps
        if swaps == 0:
            swaps = 1
            watched.on_read = lambda: None
            MarketWriter(s3_root, clock=lambda: 2).write_bars(Kind.CANDLES, second, source="okx")

    watched.on_read = replace_once
    bars = MarketReader(s3_root).read_bars(Kind.CANDLES, BTC, H1)
    assert swaps == 1
    assert set(bars.open.tolist()) == {2.0}
    assert len(bars) == 5000


def test_object_that_never_rests_is_an_error_and_no_mixture(
    s3_root: str, watch: Callable[..., Watched]
) -> None:
    write(s3_root, OLD_TS[-2:], 1.0, 1)
    watched, value = watch(), 1.0

    def replace() -> None:
        nonlocal value
        value += 1
        watched.on_read = lambda: None
        write(s3_root, OLD_TS[-2:], value, int(value))
        watched.on_read = replace

    watched.on_read = replace
    with pytest.raises(DataError, match=r"2026\.parquet was replaced 8 times while it was read"):
        MarketReader(s3_root).read_bars(Kind.CANDLES, BTC, H1)


def test_readers_beside_a_writer_see_whole_states_only(s3_root: str) -> None:
    stamps = [NEW_YEAR + k * HOUR for k in range(600)]
    write(s3_root, stamps, 1.0, 1)
    done = threading.Event()

    def keep_writing() -> None:
        for value in range(2, 22):
            write(s3_root, stamps, float(value), value)
        done.set()

    worker = threading.Thread(target=keep_writing)
    worker.start()
    seen = set()
    while not done.is_set():
        bars = MarketReader(s3_root).read_bars(Kind.CANDLES, BTC, H1)
        assert len(bars) == 600
        assert len(set(bars.open.tolist())) == 1
        seen.add(bars.open[0])
    worker.join()
    assert len(seen) > 3


def test_two_writers_of_one_partition_lose_nothing(s3_root: str) -> None:
    failures: list[BaseException] = []

    def write_every_other(first: int) -> None:
        try:
            writer = MarketWriter(s3_root, clock=lambda: 1)
            for rank in range(first, 20, 2):
                writer.write_bars(Kind.CANDLES, level_bars([NEW_YEAR + rank * HOUR], rank), source="okx")
        except BaseException as error:  # noqa: BLE001 - told by the test below
            failures.append(error)

    workers = [threading.Thread(target=write_every_other, args=(first,)) for first in (0, 1)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert not failures
    assert opens(s3_root) == {NEW_YEAR + rank * HOUR: float(rank) for rank in range(20)}


def test_second_writer_is_told_who_holds_the_partition(s3_root: str) -> None:
    files = open_files(s3_root, "market")
    name = f"candles/{BTC}/1h/2026.parquet"
    with (
        files.lock(name, holder="importing", timeout_s=1),
        pytest.raises(DataError, match=r"held for 0 s by process \d+, importing \(s3://arena/"),
    ):
        write(s3_root, [NEW_YEAR], 1.0, 1)


@pytest.fixture
def minutes(s3_root: str) -> Bars:
    """Three months of one-minute bars, stored."""
    ts = parse_time("2025-11-01") + MINUTE * np.arange(90 * 1440, dtype=np.int64)
    close = 40_000 + np.cumsum(np.random.default_rng(3).normal(0, 5, len(ts)))
    bars = Bars(BTC, M1, ts, close, close + 1, close - 1, close, np.ones(len(ts)), frozenset({"okx"}))
    MarketWriter(s3_root, clock=lambda: 1).write_bars(Kind.CANDLES, bars, source="okx")
    return bars


@pytest.mark.parametrize(
    ("ask", "periods", "most_bytes"),
    [
        ({"limit": 300}, {"2026-01"}, 500_000),
        ({"start": parse_time("2025-12-05"), "end": parse_time("2025-12-06")}, {"2025-12"}, 500_000),
        ({"limit": 60_000}, {"2026-01", "2025-12"}, 2_600_000),
        ({"start": parse_time("2027-01-01")}, set(), 0),
    ],
    ids=["newest", "a-day", "newest-over-two", "beyond"],
)
def test_read_fetches_only_the_ranges_it_needs(
    s3_root: str,
    minutes: Bars,
    watch: Callable[..., Watched],
    ask: dict[str, int],
    periods: set[str],
    most_bytes: int,
) -> None:
    watched = watch()
    bars = MarketReader(s3_root).read_bars(Kind.CANDLES, BTC, M1, **ask)
    if "limit" in ask:
        assert np.array_equal(bars.close, minutes.close[-ask["limit"] :])
    assert {key.rpartition("/")[2].removesuffix(".parquet") for key in watched.opened} == periods
    assert sum(watched.ranges) <= most_bytes
    watched.ranges.clear()
    whole = MarketReader(s3_root).read_bars(Kind.CANDLES, BTC, M1)
    assert np.array_equal(whole.close, minutes.close)
    assert sum(watched.ranges) > 3_000_000


def test_coverage_reads_footers_alone(s3_root: str, minutes: Bars, watch: Callable[..., Watched]) -> None:
    watched = watch()
    coverage = MarketReader(s3_root).coverage(Kind.CANDLES, BTC, M1)
    assert coverage is not None
    assert (coverage.present, coverage.missing) == (len(minutes), 0)
    assert sum(watched.ranges) < 3 * 100_000


def test_list_series_names_what_is_stored(s3_root: str) -> None:
    write(s3_root, OLD_TS, 1.0, 1)
    service = DataService(s3_root)
    assert [series.label for series in service.list_series()] == [f"1h candles of {BTC}"]
    with pytest.raises(DataError, match=r"not stored in s3://arena/store-\d+/market \(stored: 1h candles"):
        service.get_candles(BTC, "4h")


@pytest.mark.parametrize(
    "root",
    ["s3://", "s3:///prefix", "s3://id:canary-9931@bucket/x", "s3://bucket/x?secret_key=canary-9931"],
)
def test_root_with_more_than_bucket_and_prefix_is_refused_and_not_quoted(root: str) -> None:
    with pytest.raises(ConfigError, match=r"s3://BUCKET/PREFIX and nothing more") as caught:
        MarketReader(root)
    assert "canary" not in str(caught.value)


@pytest.mark.parametrize("endpoint", ["127.0.0.1:9000", "http://id:canary-1@127.0.0.1:9000", "ftp://x"])
def test_endpoint_that_cannot_be_used_is_refused_and_not_quoted(
    endpoint: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", endpoint)
    with pytest.raises(ConfigError, match="AWS_ENDPOINT_URL must be") as caught:
        MarketReader("s3://bucket/x")
    assert "canary" not in str(caught.value)


def test_bucket_that_is_not_there_is_named_and_no_key_is(s3_root: str, bucket: Any) -> None:
    with pytest.raises(DataError, match=r"s3://nowhere/x/market/.*NO_SUCH_BUCKET") as caught:
        write("s3://nowhere/x", [NEW_YEAR], 1.0, 1)
    assert not any(value in str(caught.value) for name, value in bucket.environment.items() if "KEY" in name)


def test_writer_without_a_ledger_is_refused(s3_root: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DATABASE_URL")
    with pytest.raises(ConfigError, match="set DATABASE_URL"):
        write(s3_root, [NEW_YEAR], 1.0, 1)
    with pytest.raises(ConfigError, match="set DATABASE_URL"):
        _ = DataService(s3_root).ledger


def test_damaged_object_is_named(s3_root: str) -> None:
    write(s3_root, [NEW_YEAR], 1.0, 1)
    files: Any = open_files(s3_root, "market")
    files.path(f"candles/{BTC}/1h/2026.parquet").write(b"PAR1 not really")
    with pytest.raises(DataError, match=r"s3://.*/2026\.parquet cannot be read .* ingest its period again"):
        MarketReader(s3_root).read_bars(Kind.CANDLES, BTC, H1)


def test_local_store_never_starts_the_client_of_object_storage(tmp_path: Path, project: Path) -> None:
    script = f"""
import sys, numpy as np
from pyarrow import fs
def refuse(*_, **__): raise SystemExit("started")
fs.S3FileSystem = fs.initialize_s3 = refuse
from arena.core.bars import Bars
from arena.core.timeframe import Timeframe
from arena.store.market.layout import Kind
from arena.store.market.objects import _connect
from arena.store.market.reader import MarketReader
from arena.store.market.writer import MarketWriter
one, root = np.ones(1), {str(tmp_path)!r}
bars = Bars("X-USDT-SWAP", Timeframe.parse("1h"), np.zeros(1, np.int64), *[one] * 5)
MarketWriter(root, clock=lambda: 1).write_bars(Kind.CANDLES, bars, source="test")
assert len(MarketReader(root).read_bars(Kind.CANDLES, "X-USDT-SWAP", bars.timeframe)) == 1
assert "sqlalchemy" not in sys.modules
assert "pydantic_settings" not in sys.modules
"""
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=project, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
