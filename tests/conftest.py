"""Fixtures shared by all tests."""

from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parent.parent
MARKET = PROJECT.parent / "shared" / "market"


@pytest.fixture(scope="session")
def project() -> Path:
    """The checkout."""
    return PROJECT


@pytest.fixture(scope="session")
def real_market() -> Path:
    """The folder of real market history; skips where it is not beside the project."""
    if not (MARKET / "MANIFEST.md").is_file():
        pytest.skip("no real market history beside the project (../shared/market)")
    return MARKET
