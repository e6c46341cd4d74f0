"""Where a replay takes its bars from: the store, or the generator.

Reads through DataService alone. Invariant: what is not stored is a DataError that says how to get it.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from arena.core.bars import Bars
from arena.core.errors import DataError
from arena.core.instrument import Instrument
from arena.core.timeframe import Timeframe
from arena.data.service import DataService
from arena.paper_okx.replay.listing import Listing
from arena.paper_okx.replay.shape import MarketShape

__all__ = ["SyntheticSource", "load_stored", "make_synthetic"]

FINEST = "finest"
_START_PRICE = {"BTC": 16_500.0, "ETH": 1_200.0}


def load_stored(
    root: str | Path, instruments: Sequence[Instrument], timeframe: str, shape: MarketShape
) -> list[Listing]:
    """Return the stored series of each instrument, in `timeframe` or in the finest that is stored.

    Mark and index prices, two thirds of the reading, go on in threads of their own after the return.

    Raises:
        DataError: the candles are not stored.
    """
    service, pool = DataService(root), ThreadPoolExecutor(2, thread_name_prefix="paper-bars")
    try:
        return [_stored(service, pool, instrument, timeframe, shape) for instrument in instruments]
    finally:
        pool.shutdown(wait=False)


def _stored(
    service: DataService, pool: Executor, instrument: Instrument, timeframe: str, shape: MarketShape
) -> Listing:
    inst_id = instrument.inst_id
    stored = {(one.kind.value, one.timeframe) for one in service.list_series() if one.inst_id == inst_id}
    lengths = sorted(length for kind, length in stored if kind == "candles")
    length = lengths[0] if timeframe == FINEST and lengths else Timeframe.parse(_named(timeframe))

    candles = service.get_candles(inst_id, length)
    if not len(candles):
        raise DataError(f"{inst_id} candles {length} hold no bar: run python -m jobs.ingest for them")

    def read(kind: str) -> Bars | None:
        return service.get_candles(inst_id, length, kind=kind) if (kind, length) in stored else None

    mark, index = pool.submit(read, "mark"), pool.submit(read, "index")
    funding = service.get_funding(inst_id)
    return Listing(instrument, candles, mark.result, index.result, funding, shape.funding_rate)


def _named(timeframe: str) -> str:
    """Return the timeframe that is looked for: of an instrument without any bars, the usual one."""
    return "1m" if timeframe == FINEST else timeframe


@dataclass(frozen=True, slots=True)
class SyntheticSource:
    """A generated market: whole days from a midnight on, in bars of `timeframe`."""

    seed: int
    start_ms: int
    days: int
    timeframe: str = "1m"


def make_synthetic(
    source: SyntheticSource, instruments: Sequence[Instrument], shape: MarketShape
) -> list[Listing]:
    """Return a generated market of each instrument; the first has the seed itself, each other its next."""
    from arena.exchange.synthetic import SyntheticSpec, generate_market

    timeframe = Timeframe.parse(source.timeframe)
    spec = SyntheticSpec(seed=source.seed, start_ms=source.start_ms, days=source.days)
    listings = []
    for place, instrument in enumerate(instruments):
        price = _START_PRICE.get(instrument.base, 100.0)
        made = generate_market(instrument, replace(spec, seed=source.seed + place, start_price=price))
        listings.append(
            Listing(
                instrument,
                made.candles(timeframe),
                partial(made.mark, timeframe),
                partial(made.index, timeframe),
                made.funding,
                shape.funding_rate,
            )
        )
    return listings
