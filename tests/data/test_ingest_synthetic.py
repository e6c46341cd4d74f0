"""The generated market in a store: every series, every timeframe, and never beside real prices."""

from __future__ import annotations

import numpy as np
import pytest

from arena.core.errors import ConfigError
from arena.core.instrument import Instrument, TierTable
from arena.core.timeframe import Timeframe
from arena.data.ingest import ingest_synthetic
from arena.exchange.files import FileRequest
from arena.exchange.synthetic import SyntheticSpec, generate_market
from arena.exchange.synthetic.spec import Events
from arena.store.market.layout import Kind
from arena.store.market.reader import MarketReader

SWAP = Instrument(
    "BTC-USDT-SWAP",
    "BTC/USDT:USDT",
    0.01,
    0.01,
    0.01,
    0.1,
    12_000,
    100,
    8 * 3_600_000,
    TierTable("2026-05-12", "test", ()),
)
SPEC = SyntheticSpec(seed=3, days=6, events=Events(outage_day=1.5, crash_day=2.5, hole_day=4.5))
TARGETS = [Timeframe.parse(name) for name in ("15m", "1h", "4h", "1d")]
NOW_MS = SPEC.end_ms + 1


def _fill(root, *, timeframe: str = "5m", progress=None):
    return ingest_synthetic(
        SWAP,
        Timeframe.parse(timeframe),
        str(root),
        spec=SPEC,
        derive=TARGETS,
        run_id="demo",
        clock=lambda: NOW_MS,
        progress=progress,
    )


def test_every_series_is_stored_and_says_synthetic(tmp_path):
    report = _fill(tmp_path)
    reader = MarketReader(tmp_path)
    names = {(info.kind, info.timeframe.name) for info in reader.list_series()}
    assert names == {(kind, tf) for kind in Kind for tf in ("5m", "15m", "1h", "4h", "1d")}
    for info in reader.list_series():
        assert reader.read_bars(info.kind, SWAP.inst_id, info.timeframe).is_synthetic
    assert set(reader.read_funding(SWAP.inst_id).source) == {"synthetic"}
    assert report.is_synthetic
    assert report.lines()[0].startswith("SYNTHETIC")


def test_stored_bars_equal_the_generator_in_every_timeframe(tmp_path):
    _fill(tmp_path)
    reader, market = MarketReader(tmp_path), generate_market(SWAP, SPEC)
    for kind in Kind:
        for timeframe in (Timeframe.parse("5m"), *TARGETS):
            stored = reader.read_bars(kind, SWAP.inst_id, timeframe)
            made = getattr(market, str(kind))(timeframe)
            for name in ("ts", "open", "high", "low", "close"):
                np.testing.assert_array_equal(getattr(stored, name), getattr(made, name))
            np.testing.assert_allclose(stored.volume, made.volume, rtol=1e-12)


def test_hole_is_reported_for_candles_alone(tmp_path):
    series = {entry.label: entry for entry in _fill(tmp_path).series}
    assert (series["BTC-USDT-SWAP candles 5m"].gaps, series["BTC-USDT-SWAP candles 5m"].missing) == (1, 63)
    assert series["BTC-USDT-SWAP mark 5m"].gaps == 0
    assert series["BTC-USDT-SWAP funding"].inserted == 17


def test_second_fill_changes_nothing(tmp_path):
    _fill(tmp_path)
    assert _fill(tmp_path).changed == 0


def test_generated_prices_do_not_enter_a_store_of_real_ones(tmp_path):
    from arena.data.ingest import ingest_files

    file = tmp_path / "f.csv"
    file.write_text(f"ts,rate\n{SPEC.start_ms},0.0001\n")
    request = FileRequest(str(file), SWAP, "funding", None)
    ingest_files(request, str(tmp_path / "store"), clock=lambda: NOW_MS)
    with pytest.raises(ConfigError, match="holds real prices of BTC-USDT-SWAP: synthetic ones go to"):
        _fill(tmp_path / "store")
    assert MarketReader(tmp_path / "store").list_series() == []


def test_progress_ends_whole(tmp_path):
    steps = []
    _fill(tmp_path, progress=lambda done, total, label: steps.append((done, total, label)))
    assert [done for done, _, _ in steps] == sorted(done for done, _, _ in steps)
    assert steps[-1][0] == steps[-1][1]
