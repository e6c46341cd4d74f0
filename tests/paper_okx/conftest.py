"""A paper exchange for the tests of this folder; other folders take `run_paper_okx` from `running`."""

from collections.abc import Iterator

import pytest

from arena.paper_okx.replay import ReplayMarket
from tests.paper_okx.running import RunningPaperOkx, run_paper_okx, small_market


@pytest.fixture(scope="session")
def replay_market() -> ReplayMarket:
    """Five generated days of two instruments; nobody writes into it."""
    return small_market()


@pytest.fixture
def paper_okx(replay_market: ReplayMarket) -> Iterator[RunningPaperOkx]:
    """A fresh exchange on a free port, its clock by step, without rate limits."""
    with run_paper_okx(market=replay_market) as running:
        yield running
