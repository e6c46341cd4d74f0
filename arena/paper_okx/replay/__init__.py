"""The market that the exchange replays: a stored series, or one of the generator.

Reads through DataService, writes nothing. Invariant: nothing after the moment asked for is ever shown.
"""

from arena.paper_okx.replay.listing import Listing
from arena.paper_okx.replay.market import ReplayMarket
from arena.paper_okx.replay.shape import MarketShape
from arena.paper_okx.replay.sources import SyntheticSource, load_stored, make_synthetic

__all__ = ["Listing", "MarketShape", "ReplayMarket", "SyntheticSource", "load_stored", "make_synthetic"]
