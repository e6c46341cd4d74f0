"""The trading gateway of OKX: orders, stops and the account behind the house's port.

Invariant: made without `trading_enabled=True` it sends no request that acts.
"""

from __future__ import annotations

from arena.exchange.okx.accounts import Accounts
from arena.exchange.okx.algos import Algos
from arena.exchange.okx.orders import Orders

__all__ = ["OkxTradingGateway"]


class OkxTradingGateway(Orders, Algos, Accounts):
    """One account of OKX. May be used from many threads, as its client may."""
