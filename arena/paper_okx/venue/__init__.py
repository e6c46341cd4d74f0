"""The exchange behind the paper OKX: accounts, orders, matching, margin, funding, liquidation and bills.

Decimal throughout, no HTTP, no clock of its own: it knows the time it was advanced to. Invariant: an
account's cash is the sum of its bills.
"""

from arena.paper_okx.venue.desk import Event, Row
from arena.paper_okx.venue.settings import FeeRates, VenueSettings
from arena.paper_okx.venue.state import State
from arena.paper_okx.venue.venue import Venue

__all__ = ["Event", "FeeRates", "Row", "State", "Venue", "VenueSettings"]
