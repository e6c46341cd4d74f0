"""Which past runs and decisions looked at bars that were changed since, and how many trades touch them.

Reads the ledger, and the run folders of what is run again. Invariant: a run is listed where it read a
changed bar, as its own or in the history before it; one that only might have is listed and says so.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from arena.audit.archive import find_run
from arena.audit.mended import Changes
from arena.audit.repair_result import AffectedDecision, AffectedRun, Figures, Reading
from arena.audit.reproduce import config_of
from arena.backtest.result import BacktestResult, RunArrays
from arena.backtest.run import RunIdentity, run_backtest
from arena.config.models import BacktestConfig
from arena.core.bars import TsArray
from arena.core.clock import to_iso
from arena.core.errors import ArenaError, ConfigError
from arena.core.timeframe import Timeframe

if TYPE_CHECKING:
    from arena.store.ledger import LedgerReads

_HOUR_MS = 3_600_000
_FIGURES = ("total_return", "sharpe", "max_drawdown", "trades")


def affected_runs(ledger: LedgerReads, changes: Sequence[Changes]) -> list[AffectedRun]:
    """Return the runs made before the changes that read a changed bar, each once, the newest first.

    One that read bars of several changed series is told with those of its own length.
    """
    found: dict[str, AffectedRun] = {}
    for changed in changes:
        for row in ledger.list_runs_over(changed.inst_id, int(changed.ts[0]), changed.changed_at):
            run_id, reading = str(row["run_id"]), _reading(row, changed)
            if reading == "bars" or (reading is not None and run_id not in found):
                found[run_id] = _affected(row, reading, ledger.list_backtest_orders(run_id), changed)
    return sorted(found.values(), key=lambda run: (run.made_at, run.run_id), reverse=True)


def affected_decisions(ledger: LedgerReads, changes: Sequence[Changes]) -> list[AffectedDecision]:
    """Return the decisions made before the changes at a changed bar or later, the oldest first.

    Every one of them looked back at the changed bars; `own_bar` tells whether its own was among them.
    """
    found: dict[str, tuple[int, AffectedDecision]] = {}
    for changed in changes:
        length = changed.series.timeframe
        own = frozenset(changed.ts.tolist())
        rows = ledger.list_decisions_over(
            changed.inst_id, None if length is None else length.name, int(changed.ts[0]), changed.changed_at
        )
        for row in rows:
            found[str(row["decision_id"])] = int(row["created_ms"]), _decision(row, own)
    return [one for _, one in sorted(found.values(), key=lambda pair: (pair[0], pair[1].decision_id))]


def rerun(
    affected: Sequence[AffectedRun],
    reports: Path,
    *,
    root: str,
    tell: Callable[[str], None] = lambda _step: None,
    read: Callable[[BacktestResult, BacktestConfig], None] = lambda _result, _config: None,
) -> list[AffectedRun]:
    """Return the runs with the figures that they have on today's bars, or with why they have none.

    Args:
        affected: runs to make again.
        reports: folder of reports, where their configs are.
        root: the store; a run that read another one is not made again.
        tell: called with the id of each run as it begins.
        read: called with each result and its config, so that the reading can be counted.
    """
    return [_again(one, reports, root, tell, read) for one in affected]


def trades_of(fills: Sequence[Mapping[str, Any]]) -> Iterator[tuple[int, int | None]]:
    """Yield when each trade was opened and closed, UTC ms of the bars; None: it is still open.

    A trade is what lies between two moments without a position, or two changes of its side.
    """
    opened: int | None = None
    side = 0
    for fill in fills:
        now = int(np.sign(fill["position"] or 0.0))
        ts = int(fill["ts"])
        if side and now != side and opened is not None:
            yield opened, ts
            opened = None
        if now and now != side:
            opened = ts
        side = now
    if side and opened is not None:
        yield opened, None


def count_touching(fills: Sequence[Mapping[str, Any]], changed: TsArray, step_ms: int) -> tuple[int, int]:
    """Return how many trades there are and how many of them a changed bar lies in.

    A trade reaches from the bar whose close decided it to the bar that it was closed in.
    """
    total = touching = 0
    for opened, closed in trades_of(fills):
        total += 1
        begin = int(np.searchsorted(changed, opened - step_ms))
        end = len(changed) if closed is None else int(np.searchsorted(changed, closed, side="right"))
        touching += end > begin
    return total, touching


def _decision(row: Mapping[str, Any], own: frozenset[int]) -> AffectedDecision:
    return AffectedDecision(
        decision_id=str(row["decision_id"]),
        cycle_id=None if row["cycle_id"] is None else str(row["cycle_id"]),
        bar=to_iso(int(row["ts"])),
        strategy=None if row["strategy"] is None else str(row["strategy"]),
        action=str(row["action"]),
        target=row["target"],
        own_bar=int(row["ts"]) in own,
    )


def _reading(row: Mapping[str, Any], changed: Changes) -> Reading | None:
    """Return what a run read of a series: its bars, finer ones inside them, marks, funding; None for nothing.

    A run on the market as it was known at a time does not change with what is mended later, and none reads
    index prices.
    """
    config = json.loads(row["config_json"] or "{}")
    kind, timeframe = changed.series.kind, changed.series.timeframe
    if config.get("as_of") or kind == "index":
        return None
    if timeframe is None:
        return "funding"
    own = row["timeframe"] == timeframe.name
    if kind == "mark":  # settlements, which come on whole hours, look for a mark of any length
        return "mark" if own or bool((changed.ts % _HOUR_MS == 0).any()) else None
    if own:
        return "bars"
    finer = timeframe.step_ms < Timeframe.parse(str(row["timeframe"])).step_ms
    return "detail" if finer and config.get("intrabar") == "detail" else None


def _affected(
    row: Mapping[str, Any], reading: Reading, fills: Sequence[Mapping[str, Any]], changed: Changes
) -> AffectedRun:
    start, end = int(row["start_ms"]), int(row["end_ms"])
    inside = int(np.count_nonzero((changed.ts >= start) & (changed.ts < end)))
    before = int(np.count_nonzero(changed.ts < start))
    step_ms = Timeframe.parse(str(row["timeframe"])).step_ms
    trades, touching = count_touching(fills, changed.ts, step_ms)
    return AffectedRun(
        run_id=str(row["run_id"]),
        name=str(row["name"] or ""),
        strategy=str(row["strategy"]),
        timeframe=str(row["timeframe"]),
        start=to_iso(start),
        end=to_iso(end),
        made_at=to_iso(int(row["created_ms"])),
        reading=reading,
        bars_inside=inside,
        bars_before=before,
        trades=trades,
        trades_touching=touching,
        then=Figures(**{name: row[name] for name in _FIGURES}),
    )


def _again(
    one: AffectedRun,
    reports: Path,
    root: str,
    tell: Callable[[str], None],
    read: Callable[[BacktestResult, BacktestConfig], None],
) -> AffectedRun:
    tell(one.run_id)
    try:
        config = config_of(find_run(reports, one.run_id))
        if Path(config.store.root).resolve() != Path(root).resolve():
            raise ConfigError(f"it read another store, {config.store.root}")
        result, _arrays = _run(_same_bars(config, one), one.run_id)
        read(result, config)
    except ArenaError as error:
        return one.model_copy(update={"not_rerun": str(error)})
    values = {metric.name: metric.value for metric in (*result.primary, *result.secondary)}
    return one.model_copy(update={"now": Figures(**{name: values.get(name) for name in _FIGURES})})


def _same_bars(config: BacktestConfig, one: AffectedRun) -> BacktestConfig:
    """Return the config with the run's own bars as its window: newer ones may be stored by now."""
    window = config.window.model_copy(
        update={"start": one.start, "end": one.end, "holdout": 0.0, "unlock": False}
    )
    quick = config.report.model_copy(update={"honesty": False})
    return config.model_copy(update={"window": window, "report": quick})


def _run(config: BacktestConfig, run_id: str) -> tuple[BacktestResult, RunArrays]:
    return run_backtest(config, RunIdentity(run_id, 0, f"again after a repair: {run_id}", ""))
