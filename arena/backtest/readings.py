"""One run under each reading of its bars: worst, best, ohlc, and detail along finer bars.

Nothing is read or run twice. Invariant: a run without an ambiguous bar is the same under all of them.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Literal

from arena.backtest.finer import FinerBars
from arena.backtest.market import RunMarket
from arena.core.instrument import Instrument
from arena.core.signal import Signal
from arena.engine.conduct import Conduct
from arena.engine.simulate import AccountCourse, AccountSettings, simulate

Reading = Literal["worst", "best", "ohlc", "detail"]


@dataclass(frozen=True, eq=False)
class Readings:
    """Everything a run is made of but how its bars are read.

    `finer` are the stored finer bars as far as they have been opened: those of bars that are not ambiguous
    in this run have no effect on it, so runs over the same bars may share them.
    """

    market: RunMarket
    signal: Signal
    instrument: Instrument
    settings: AccountSettings
    conduct: Conduct
    finer: FinerBars
    done: dict[Reading, AccountCourse] = field(default_factory=dict)

    def play(self, reading: Reading) -> AccountCourse:
        """Return the course of the account with the bars read as `reading`; each is run once."""
        if reading not in self.done:
            self.done[reading] = (
                self._detail() if reading == "detail" else self._run(self.conduct_of(reading))
            )
        return self.done[reading]

    def conduct_of(self, reading: Reading) -> Conduct:
        """Return how the market was met in `reading`, with the finer bars that were opened for it."""
        if reading == "detail":
            return replace(self.conduct, intrabar="worst", fine=self.finer.columns())
        return replace(self.conduct, intrabar=reading)

    def _detail(self) -> AccountCourse:
        """Run, open what was ambiguous, and run again, until no bar is left that could be opened."""
        while True:
            course = self._run(self.conduct_of("detail"))
            if not self.finer.read(course.unresolved):
                return course

    def _run(self, conduct: Conduct) -> AccountCourse:
        market = self.market
        return simulate(
            market.bars,
            self.signal,
            market.plan.settlements,
            market.mark,
            self.instrument,
            self.settings,
            conduct,
        )
