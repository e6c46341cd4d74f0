import os
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from arena.core.bars import Bars, FundingSeries
from arena.core.clock import parse_time
from arena.core.errors import DataError
from arena.core.timeframe import Timeframe
from arena.store.market.files import LocalFiles
from arena.store.market.layout import Kind
from arena.store.market.merge import WriteReport
from arena.store.market.reader import MarketReader
from arena.store.market.writer import MarketWriter

HOUR = 3_600_000
NEW_YEAR = parse_time("2026-01-01")
BTC, H1 = "BTC-USDT-SWAP", Timeframe.parse("1h")
FIELDS = ("open", "high", "low", "close", "volume")


def as_dict(bars: Bars) -> dict[int, tuple[float, ...]]:
    rows = zip(*(getattr(bars, name).tolist() for name in FIELDS), strict=True)
    return dict(zip(bars.ts.tolist(), rows, strict=True))


def mtimes(root: Path) -> dict[str, tuple[int, int]]:
    files = root.rglob("*.parquet")
    return {str(path): (path.stat().st_mtime_ns, path.stat().st_ino) for path in files}


WRITES = st.lists(
    st.tuples(
        st.dictionaries(st.integers(-6, 6), st.integers(1, 3), max_size=8),
        st.sampled_from(["revise", "keep"]),
    ),
    max_size=6,
)


@settings(max_examples=60, deadline=None)
@given(WRITES)
def test_any_sequence_of_writes_equals_a_dictionary(make_bars: Any, writes: list[Any]) -> None:
    with tempfile.TemporaryDirectory() as root:
        writer, reader = MarketWriter(root, clock=lambda: 5), MarketReader(root)
        oracle: dict[int, tuple[float, ...]] = {}
        for rows, policy in writes:
            ts = sorted(rows)
            bars = make_bars([NEW_YEAR + t * HOUR for t in ts], [float(rows[t]) for t in ts])
            report = writer.write_bars(Kind.CANDLES, bars, source="okx", on_conflict=policy)
            new = as_dict(bars)
            assert report.inserted == len(new.keys() - oracle.keys())
            assert report.inserted + report.unchanged + report.revised + report.kept == len(new)
            oracle = {**oracle, **new} if policy == "revise" else {**new, **oracle}
        stored = reader.read_bars(Kind.CANDLES, BTC, H1)
        assert as_dict(stored) == oracle
        assert stored.ts.tolist() == sorted(oracle)


def test_writing_the_same_again_touches_no_file(root: Path, clock: Any, make_bars: Any) -> None:
    writer = MarketWriter(root, clock=clock)
    bars = make_bars([NEW_YEAR + k * HOUR for k in range(-5, 5)])
    assert writer.write_bars(Kind.CANDLES, bars, source="okx") == WriteReport(inserted=10)
    before = mtimes(root)
    clock.now_ms += 1
    assert writer.write_bars(Kind.CANDLES, bars, source="okx") == WriteReport(unchanged=10)
    assert len(before) == 2
    assert mtimes(root) == before


def test_append_rewrites_only_the_partition_it_falls_in(root: Path, clock: Any, make_bars: Any) -> None:
    writer = MarketWriter(root, clock=clock)
    writer.write_bars(Kind.CANDLES, make_bars([NEW_YEAR - HOUR, NEW_YEAR]), source="okx")
    before = mtimes(root)
    writer.write_bars(Kind.CANDLES, make_bars([NEW_YEAR + HOUR]), source="okx")
    changed = [Path(name).name for name, state in mtimes(root).items() if before[name] != state]
    assert changed == ["2026.parquet"]


def test_keep_never_replaces_a_stored_value(any_root: str, clock: Any, make_bars: Any) -> None:
    writer = MarketWriter(any_root, clock=clock)
    writer.write_bars(Kind.CANDLES, make_bars([NEW_YEAR], 100.0), source="okx")
    report = writer.write_bars(
        Kind.CANDLES, make_bars([NEW_YEAR, NEW_YEAR + HOUR], 200.0), source="derived", on_conflict="keep"
    )
    assert report == WriteReport(inserted=1, kept=1)
    assert MarketReader(any_root).read_bars(Kind.CANDLES, BTC, H1).open.tolist() == [100.0, 200.0]
    assert MarketReader(any_root).read_revisions(Kind.CANDLES, BTC, H1) == {}


def test_no_rows_make_no_folder(root: Path, clock: Any, make_bars: Any) -> None:
    report = MarketWriter(root, clock=clock).write_bars(Kind.CANDLES, make_bars([]), source="okx")
    assert report == WriteReport()
    assert not root.exists()


def test_mark_and_index_are_stored_without_volume(any_root: str, clock: Any, make_bars: Any) -> None:
    writer, reader = MarketWriter(any_root, clock=clock), MarketReader(any_root)
    for kind in (Kind.MARK, Kind.INDEX):
        writer.write_bars(kind, make_bars([NEW_YEAR]), source="okx")
        assert reader.read_bars(kind, BTC, H1).volume.tolist() == [0.0]
        assert writer.write_bars(kind, make_bars([NEW_YEAR]), source="okx") == WriteReport(unchanged=1)
    assert len(reader.read_bars(Kind.CANDLES, BTC, H1)) == 0


def test_origin_of_a_partition_is_the_union_of_its_writes(any_root: str, clock: Any, make_bars: Any) -> None:
    writer, reader = MarketWriter(any_root, clock=clock), MarketReader(any_root)
    synthetic = make_bars([NEW_YEAR], origin=frozenset({"synthetic"}))
    writer.write_bars(Kind.CANDLES, synthetic, source="generator")
    writer.write_bars(Kind.CANDLES, make_bars([NEW_YEAR + HOUR], origin=frozenset()), source="okx")
    bars = reader.read_bars(Kind.CANDLES, BTC, H1)
    assert bars.origin == {"synthetic", "okx"}
    assert bars.is_synthetic


@pytest.mark.parametrize(
    ("ts", "values", "message"),
    [
        ([NEW_YEAR, NEW_YEAR + 1], 1.0, "1 of 2 stamps are off the 1h grid, first 2026-01-01T00:00:00.001Z"),
        ([NEW_YEAR, NEW_YEAR], 1.0, "does not come after"),
        ([NEW_YEAR, NEW_YEAR - HOUR], 1.0, "does not come after"),
        ([-HOUR], 1.0, "before 1970"),
        ([NEW_YEAR, NEW_YEAR + HOUR], [1.0, np.nan], "open is nan at 2026-01-01T01:00:00Z"),
        ([NEW_YEAR], np.inf, "only finite values"),
    ],
    ids=["off-grid", "duplicate", "backwards", "negative", "nan", "infinite"],
)
def test_rows_that_may_not_be_stored_are_refused_whole(
    root: Path, clock: Any, make_bars: Any, ts: list[int], values: Any, message: str
) -> None:
    with pytest.raises(DataError, match=message):
        MarketWriter(root, clock=clock).write_bars(Kind.CANDLES, make_bars(ts, values), source="okx")
    assert not root.exists()


def test_source_with_a_comma_is_refused(root: Path, clock: Any, make_bars: Any) -> None:
    bars = make_bars([NEW_YEAR], origin=frozenset({"a,b"}))
    with pytest.raises(DataError, match="without commas"):
        MarketWriter(root, clock=clock).write_bars(Kind.CANDLES, bars, source="okx")


def test_funding_keeps_the_source_of_each_settlement(any_root: str, clock: Any) -> None:
    writer, reader = MarketWriter(any_root, clock=clock), MarketReader(any_root)
    ts = np.array([NEW_YEAR - 8 * HOUR, NEW_YEAR, NEW_YEAR + 8 * HOUR], np.int64)
    rate = np.array([1e-4, -2e-4, 3e-4])
    stand_in = FundingSeries(BTC, ts, rate, ("binance",) * 3)
    assert writer.write_funding(stand_in, job="j1") == WriteReport(inserted=3)
    real = FundingSeries(BTC, ts[1:2], np.array([5e-4]), ("okx",))
    clock.now_ms = 2_000
    assert writer.write_funding(real, job="j2") == WriteReport(revised=1)
    stored = reader.read_funding(BTC)
    assert stored.rate.tolist() == [1e-4, 5e-4, 3e-4]
    assert stored.source == ("binance", "okx", "binance")
    before = reader.read_funding(BTC, as_of=1_999)
    assert before.rate.tolist() == rate.tolist()
    assert before.source == ("binance",) * 3
    assert reader.read_funding_revisions(BTC)["job"].tolist() == ["j2"]
    assert reader.list_funding() == [BTC]


def test_held_lock_ends_in_a_message_that_names_the_holder(root: Path, clock: Any, make_bars: Any) -> None:
    bars = make_bars([NEW_YEAR])
    MarketWriter(root, clock=clock).write_bars(Kind.CANDLES, bars, source="okx")
    files = LocalFiles(root / "market")
    late = MarketWriter(root, clock=clock, lock_timeout_s=0.02)
    name = f"candles/{BTC}/1h/2026.parquet"
    with (
        files.lock(name, holder="importing", timeout_s=1),
        pytest.raises(DataError, match=f"held for 0.02 s by process {os.getpid()}, importing"),
    ):
        late.write_bars(Kind.CANDLES, bars, source="okx")
    assert late.write_bars(Kind.CANDLES, bars, source="okx") == WriteReport(unchanged=1)


def test_write_that_the_disk_refuses_leaves_the_store_as_it_was(
    root: Path, clock: Any, make_bars: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    writer = MarketWriter(root, clock=clock)
    writer.write_bars(Kind.CANDLES, make_bars([NEW_YEAR]), source="okx")

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(DataError, match="No space left on device"):
            writer.write_bars(Kind.CANDLES, make_bars([NEW_YEAR + HOUR]), source="okx")
    assert len(MarketReader(root).read_bars(Kind.CANDLES, BTC, H1)) == 1
    writer.write_bars(Kind.CANDLES, make_bars([NEW_YEAR + HOUR]), source="okx")
    assert len(MarketReader(root).read_bars(Kind.CANDLES, BTC, H1)) == 2
    assert not list(root.rglob("*.tmp"))
