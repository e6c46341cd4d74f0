"""Generator of a synthetic perpetual: a seeded market that needs no network and no download.

Writes nothing. Invariant: whatever comes out says that it is synthetic.
"""

from arena.exchange.synthetic.market import SyntheticMarket, generate_bars, generate_market
from arena.exchange.synthetic.spec import SyntheticSpec

__all__ = ["SyntheticMarket", "SyntheticSpec", "generate_bars", "generate_market"]
