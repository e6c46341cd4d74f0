import tempfile
from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from arena.core.clock import parse_time
from arena.core.timeframe import Timeframe
from arena.store.market.layout import Kind
from arena.store.market.reader import MarketReader
from arena.store.market.revisions import drop_unapplied
from arena.store.market.writer import MarketWriter

HOUR = 3_600_000
NEW_YEAR = parse_time("2026-01-01")
BTC, H1 = "BTC-USDT-SWAP", Timeframe.parse("1h")

HISTORY = st.lists(st.dictionaries(st.integers(-4, 4), st.integers(1, 3), max_size=6), max_size=6)


@settings(max_examples=25, deadline=None)
@given(HISTORY)
def test_every_past_state_can_be_read_back(make_bars: Any, history: list[dict[int, int]]) -> None:
    with tempfile.TemporaryDirectory() as root:
        now = 0
        writer, reader = MarketWriter(root, clock=lambda: now), MarketReader(root)
        state: dict[int, float] = {}
        states, since = {0: state}, dict[int, int]()
        for rows in history:
            now += 10
            ts = sorted(rows)
            bars = make_bars([NEW_YEAR + t * HOUR for t in ts], [float(rows[t]) for t in ts])
            writer.write_bars(Kind.CANDLES, bars, source="okx")
            state = {**state, **{NEW_YEAR + t * HOUR: float(value) for t, value in rows.items()}}
            since |= {ts: now for ts, value in state.items() if states[now - 10].get(ts) != value}
            states[now] = state
        stored, known_since = reader.read_known_bars(Kind.CANDLES, BTC, H1)
        assert dict(zip(stored.ts.tolist(), stored.open.tolist(), strict=True)) == state
        assert dict(zip(stored.ts.tolist(), known_since.tolist(), strict=True)) == since
        known_rows = reader.read_known_since(Kind.CANDLES, BTC, H1)
        assert not known_rows or known_rows["known_since"].tolist() == known_since.tolist()
        for moment, known in states.items():
            for as_of in (moment, moment + 9):
                bars = reader.read_bars(Kind.CANDLES, BTC, H1, as_of=as_of)
                assert dict(zip(bars.ts.tolist(), bars.open.tolist(), strict=True)) == known
                np.testing.assert_array_equal(bars.close, bars.open + 1)
                newest = reader.read_bars(Kind.CANDLES, BTC, H1, as_of=as_of, limit=2)
                assert newest.ts.tolist() == bars.ts.tolist()[-2:]


def test_revision_keeps_old_and_new_value_source_job_and_times(
    any_root: str, clock: Any, make_bars: Any
) -> None:
    writer, reader = MarketWriter(any_root, clock=clock), MarketReader(any_root)
    for now, value in ((100, 10.0), (200, 20.0), (300, 30.0)):
        clock.now_ms = now
        bars = make_bars([NEW_YEAR, NEW_YEAR + HOUR], [value, 5.0])
        writer.write_bars(Kind.CANDLES, bars, source="okx", job=f"job-{now}")
    revisions = {
        name: column.tolist() for name, column in reader.read_revisions(Kind.CANDLES, BTC, H1).items()
    }
    assert revisions == {
        "ts": [NEW_YEAR] * 2,
        "old_open": [10.0, 20.0],
        "old_high": [12.0, 22.0],
        "old_low": [8.0, 18.0],
        "old_close": [11.0, 21.0],
        "old_volume": [1.0, 2.0],
        "new_open": [20.0, 30.0],
        "new_high": [22.0, 32.0],
        "new_low": [18.0, 28.0],
        "new_close": [21.0, 31.0],
        "new_volume": [2.0, 3.0],
        "known_since": [100, 200],
        "changed_at": [200, 300],
        "source": ["okx"] * 2,
        "job": ["job-200", "job-300"],
    }


def test_change_and_change_back_are_two_revisions(any_root: str, clock: Any, make_bars: Any) -> None:
    writer, reader = MarketWriter(any_root, clock=clock), MarketReader(any_root)
    for value in (10.0, 20.0, 10.0, 20.0):
        clock.now_ms += 1
        writer.write_bars(Kind.MARK, make_bars([NEW_YEAR], value), source="okx")
    revisions = reader.read_revisions(Kind.MARK, BTC, H1)
    assert revisions["old_open"].tolist() == [10.0, 20.0, 10.0]
    assert "old_volume" not in revisions


def test_revisions_of_several_partitions_come_together(any_root: str, clock: Any, make_bars: Any) -> None:
    writer, reader = MarketWriter(any_root, clock=clock), MarketReader(any_root)
    for value in (10.0, 20.0):
        writer.write_bars(Kind.CANDLES, make_bars([NEW_YEAR - HOUR, NEW_YEAR], value), source="okx")
    assert reader.read_revisions(Kind.CANDLES, BTC, H1)["ts"].tolist() == [NEW_YEAR - HOUR, NEW_YEAR]


def test_only_a_last_revision_that_never_reached_the_data_is_dropped() -> None:
    revisions = {
        "ts": np.array([1, 2, 1], np.int64),
        "old_rate": np.array([1.0, 5.0, 2.0]),
        "new_rate": np.array([2.0, 6.0, 3.0]),
        "changed_at": np.array([10, 10, 20], np.int64),
    }
    applied = {"ts": np.array([1, 2], np.int64), "rate": np.array([3.0, 6.0])}
    half = {"ts": np.array([1, 2], np.int64), "rate": np.array([2.0, 6.0])}
    assert drop_unapplied(revisions, applied, ("rate",)) is None
    left = drop_unapplied(revisions, half, ("rate",))
    assert left is not None
    assert (left["ts"].tolist(), left["new_rate"].tolist()) == ([1, 2], [2.0, 6.0])
