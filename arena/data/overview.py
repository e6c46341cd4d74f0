"""The whole store at a glance: the health of every series, its size and its revisions.

Reads alone. Invariant: what is stored is all that is told of; nothing has to be named.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from arena.core.bars import FundingSeries
from arena.core.timeframe import Timeframe
from arena.data.scan.rules import ScanRules
from arena.data.scan.series import SeriesHealth
from arena.data.service import DataService
from arena.data.survey import SurveyRequest, survey
from arena.store.market.layout import Kind

USUAL_FUNDING_MS = 8 * 3_600_000


@dataclass(frozen=True, slots=True)
class RevisionTally:
    """How often values of a series were changed: changes in all, bars concerned, UTC ms of the newest."""

    changes: int
    bars: int
    newest_ms: int


class StoreOverview(DataService):
    """The reads of a DataService, and those that go over everything that is stored."""

    def survey_all(self, now_ms: int, rules: ScanRules | None = None) -> list[SeriesHealth]:
        """Return the health of every stored series, instrument by instrument.

        Raises:
            DataError: a stored file cannot be read.
        """
        stored = [one for one in self.list_series() if one.kind is Kind.CANDLES]
        found: list[SeriesHealth] = []
        for inst_id in sorted({one.inst_id for one in stored}):
            request = SurveyRequest(
                inst_id,
                [one.timeframe for one in stored if one.inst_id == inst_id],
                usual_interval(self.get_funding(inst_id)),
                now_ms,
                rules or ScanRules(),
            )
            healths = survey(self._market, request)
            # a spot pair has no funding, and nobody asked for any
            found += [one for one in healths if one.kind != "funding" or one.first is not None]
        return found

    def get_sizes(self) -> dict[str, int]:
        """Return the bytes of each stored series by its folder, like `candles/BTC-USDT-SWAP/1h`."""
        return self._market.sizes()

    def get_revisions(
        self, inst_id: str, timeframe: Timeframe, *, kind: Kind = Kind.CANDLES
    ) -> RevisionTally | None:
        """Return how often the values of a series were changed, None where they never were.

        Raises:
            DataError: a stored file cannot be read.
        """
        rows = self._market.read_revisions(kind, inst_id, timeframe)
        if not rows or not len(rows["ts"]):
            return None
        newest = int(rows["changed_at"].max())
        return RevisionTally(len(rows["ts"]), len(np.unique(rows["ts"])), newest)


def usual_interval(funding: FundingSeries) -> int:
    """Return the time between two settlements that is met most often, eight hours where there are none."""
    steps = np.diff(funding.ts)
    if not len(steps):
        return USUAL_FUNDING_MS
    lengths, counts = np.unique(steps, return_counts=True)
    return int(lengths[np.argmax(counts)])
