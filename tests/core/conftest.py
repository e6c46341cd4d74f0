"""Fixtures of the core tests: the grids of the first instrument."""

import pytest

from arena.core.lots import Lots
from arena.core.quantity import Coins, Contracts, Price


@pytest.fixture(scope="session")
def btc() -> Lots:
    """BTC-USDT-SWAP: a contract is 0.01 BTC, sizes and prices as the exchange lists them."""
    return Lots("BTC-USDT-SWAP", Coins("0.01"), Contracts("0.01"), Contracts("0.01"), Price("0.1"))
