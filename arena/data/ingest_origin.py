"""Keep generated and observed prices apart.

Reads the store alone. Invariant: prices of one instrument in one store are all generated or all observed.
"""

from __future__ import annotations

from arena.core.bars import SYNTHETIC
from arena.core.errors import ConfigError
from arena.store.market.reader import MarketReader


def check_origin(reader: MarketReader, inst_id: str, *, generated: bool) -> None:
    """Refuse to bring prices of one kind into a store that holds the other.

    Raises:
        ConfigError: it holds prices of the instrument that were made the other way.
    """
    stored = [
        SYNTHETIC in reader.read_bars(series.kind, inst_id, series.timeframe, limit=1).origin
        for series in reader.list_series()
        if series.inst_id == inst_id
    ]
    if inst_id in reader.list_funding():
        stored.append(SYNTHETIC in reader.read_funding(inst_id, limit=1).source)
    if any(was_generated != generated for was_generated in stored):
        held, new = ("real", "synthetic") if generated else ("synthetic", "real")
        raise ConfigError(
            f"{reader.location} holds {held} prices of {inst_id}: {new} ones go to a store of their own, "
            "name one with store.root"
        )
