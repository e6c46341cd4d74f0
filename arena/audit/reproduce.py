"""Run a past backtest again and say whether the same comes out, and if not, why it may.

Reads the run's folder and the market; computes in memory and writes nothing. Invariant: `equal` means
that every number of the result and every value of every table has the same bits.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field, ValidationError

from arena.audit.archive import OPTIONAL_TABLES, TABLES, PastRun
from arena.audit.comparison import Comparison, compare_results, compare_tables
from arena.backtest.judge import PastTrials
from arena.backtest.result import BacktestResult, RunArrays, RunInfo
from arena.backtest.result_model import Finite, ResultModel
from arena.backtest.run import RunIdentity, run_backtest
from arena.backtest.verdict import TrialHistory
from arena.config.base import validate
from arena.config.models import BacktestConfig
from arena.core.clock import parse_time
from arena.core.errors import ArenaError, ConfigError, DataError
from arena.data.service import DataService

if TYPE_CHECKING:
    import pyarrow as pa

Verdict = Literal["equal", "data_differ", "numbers_differ"]
MakeTables = Callable[[BacktestResult, RunArrays], Mapping[str, "pa.Table"]]
Made = tuple[BacktestResult, RunArrays]

MOST_DIFFERENCES = 50
_SHOWN = 8


class DifferenceRow(ResultModel):
    """One place where stored and new differ: its first value, and in how many rows."""

    place: str
    stored: str
    again: str
    rows: int
    first_row: int | None
    first_time: str | None


class MadeBy(ResultModel):
    """What made one of the two results."""

    dataset_hash: str
    code_version: str
    versions: dict[str, str]


class Reproduction(ResultModel):
    """The whole of `result.json` of jobs.reproduce."""

    schema_version: Literal["1.0"] = "1.0"
    synthetic: bool
    run: RunInfo
    of: str = Field(description="the run that was made again; of a sweep: its best trial")
    folder: str
    sweep: str | None = Field(description="the sweep whose best trial it is")
    verdict: Verdict
    known_at: str | None = Field(
        description="the market was read as it was known then, because today's differs; ISO-8601 UTC"
    )
    compared: dict[str, int] = Field(description="values compared, by file")
    differences: list[DifferenceRow] = Field(description="at most 50, in the order of the files")
    difference_count: int = Field(description="places, not rows")
    wording: list[str] = Field(description="texts that differ; they are not counted as differences")
    causes: list[str] = Field(description="what is not as it was then, in words")
    stored: MadeBy
    again: MadeBy
    causality: bool | None = Field(description="the badge of the new run; null: nothing was compared")
    total_return: Finite | None = Field(description="of the stored run, a fraction")


def reproduce(
    past: PastRun,
    identity: RunInfo,
    *,
    read_from: str | None,
    hash_of: Callable[[BacktestConfig], str],
    tables_of: MakeTables,
    tell: Callable[[str], None] = lambda _step: None,
    read: Callable[[BacktestResult, BacktestConfig], None] = lambda _result, _config: None,
) -> Reproduction:
    """Run `past` again from its config.yaml and compare.

    Where today's market is not the one that the run read, it is read as it was known at the run's time.

    Args:
        past: the run.
        identity: who asks.
        read_from: the store to read, None for the one that the run's config names.
        hash_of: the hash that a run of this config would carry.
        tables_of: the tables that a run of this result and these arrays writes.
        tell: called with the name of each step as it begins.
        read: called with what the market was read for, before anything is compared.

    Raises:
        ConfigError: the run's files cannot be read, or its config is not valid any more.
        DataError: the market that it read is not stored, or not fit.
    """
    stored = past.read_json()
    config = config_of(past)
    asked = _Asked(*_facts_of(past, stored), read_from or config.store.root, _trials_of(past, stored), tell)
    judged = asked.trials is not None
    again = config.model_copy(update={"report": config.report.model_copy(update={"honesty": judged})})
    (result, arrays), known_at = _run_again(again, asked)
    read(result, config)
    tell("comparing")
    comparison = Comparison()
    compare_results(stored, result.model_dump(mode="json"), comparison)
    tables = tables_of(result, arrays)
    for name in (*TABLES, *(name for name in OPTIONAL_TABLES if name in tables)):
        compare_tables(f"{name}.parquet", past.read_table(name), tables[name], comparison)
    then, now = _made(stored["provenance"]), _made(result.provenance.model_dump())
    edited = hash_of(config) != stored["provenance"]["config_hash"]
    return Reproduction(
        synthetic=result.synthetic,
        run=identity,
        of=past.run_id,
        folder=str(past.folder),
        sweep=past.sweep,
        verdict=_verdict(comparison, then, now),
        known_at=known_at,
        compared=comparison.values,
        differences=[_row(one) for one in comparison.differences[:MOST_DIFFERENCES]],
        difference_count=len(comparison.differences),
        wording=comparison.wording,
        causes=_causes(then, now, known_at, edited=edited),
        stored=then,
        again=now,
        causality=None if result.causality is None else result.causality.passed,
        total_return=next((m["value"] for m in stored["primary"] if m["name"] == "total_return"), None),
    )


def problem_of(found: Reproduction) -> ArenaError | None:
    """Return what a job ends with: None where equal, exit code 3 for other data, 1 for other numbers."""
    if found.verdict == "equal":
        return None
    if found.verdict == "data_differ":
        return DataError(
            f"run {found.of} cannot be reproduced: the market's data is not what it read "
            f"({found.stored.dataset_hash[:12]} then, {found.again.dataset_hash[:12]} now), and the store "
            "does not know it as it was: restore the data, or name its copy by read_from=FOLDER"
        )
    return ArenaError(
        f"run {found.of} is not reproduced: on the same data {_places(found.difference_count)}, first "
        f"{_line(found.differences[0])}"
    )


def in_words(found: Reproduction) -> str:
    """Return the findings for the console."""
    counted = ", ".join(f"{name} {count:,}" for name, count in found.compared.items())
    lines = ["SYNTHETIC: the market was generated"] if found.synthetic else []
    lines.append(f"run        {found.of}" + (" (the best trial of the sweep)" if found.sweep else ""))
    if found.known_at:
        lines.append(f"market     as it was known at {found.known_at}")
    lines.append(f"compared   {counted} values")
    lines += [f"  {_line(one)}" for one in found.differences[:_SHOWN]]
    if found.difference_count > _SHOWN:
        lines.append(f"  ... {found.difference_count - _SHOWN} more places: see result.json")
    if found.wording:
        lines.append(f"wording    {len(found.wording)} texts differ, first {found.wording[0]}")
    lines += [f"not as it was: {cause}" for cause in found.causes]
    said = {
        "equal": "EQUAL, bit for bit",
        "data_differ": "NOT COMPARABLE: the data differ",
        "numbers_differ": "DIFFERENT on the same data",
    }
    return "\n".join([*lines, f"verdict    {said[found.verdict]}"])


def config_of(past: PastRun) -> BacktestConfig:
    """Return the config that a past run was made with.

    Raises:
        ConfigError: it cannot be read, or not by this version.
    """
    try:
        return validate(BacktestConfig, past.read_config())
    except ConfigError as error:
        raise ConfigError(
            f"config.yaml of run {past.run_id} cannot be run by this version: {error}"
        ) from None


def _facts_of(past: PastRun, stored: Mapping[str, Any]) -> tuple[RunIdentity, str]:
    """Return who the run was and the hash of the data it read."""
    try:
        run, made = stored["run"], stored["provenance"]
        created_ms = parse_time(run["created_at"])
        identity = RunIdentity(run["run_id"], created_ms, run["command"], made["config_hash"])
        return identity, made["dataset_hash"]
    except (KeyError, TypeError) as error:
        raise ConfigError(f"{past.folder}/result.json has no {error}: the run has to be made anew") from None


def _trials_of(past: PastRun, stored: Mapping[str, Any]) -> PastTrials | None:
    """Return what the run knew of earlier trials: the ledger knows more by now.

    None where it has no verdict to compare; that of a sweep's best trial is the sweep's.
    """
    verdict = stored.get("verdict") or {}
    if past.sweep is not None or not verdict.get("trials"):
        return None
    try:
        history = TrialHistory.model_validate(verdict["trials"])
    except ValidationError:
        return None
    return PastTrials(history, (verdict.get("lockbox") or {}).get("unlocks", 0))


@dataclass(frozen=True, slots=True)
class _Asked:
    """What is the same in each attempt to run again."""

    identity: RunIdentity
    dataset_hash: str
    root: str
    trials: PastTrials | None
    tell: Callable[[str], None]

    def run(self, config: BacktestConfig, service: DataService) -> Made:
        """Run on what `service` reads."""
        known = self.trials
        past = None if known is None else lambda _result: known
        return run_backtest(config, self.identity, tell=self.tell, service=service, past=past)


def _run_again(config: BacktestConfig, asked: _Asked) -> tuple[Made, str | None]:
    """Return the run on today's market, or, where that is another, on the one known at the run's time."""
    today: Made | None = None
    refused: DataError | None = None
    try:
        today = asked.run(config, DataService(asked.root, known_at=config.as_of_ms))
        if today[0].provenance.dataset_hash == asked.dataset_hash:
            return today, None
    except DataError as error:
        refused = error
    asked.tell("reading the market as it was known then")
    with suppress(DataError):  # it was not stored then: today's answer stands
        then = asked.run(config, DataService(asked.root, known_at=asked.identity.created_ms))
        if then[0].provenance.dataset_hash == asked.dataset_hash:
            return then, then[0].run.created_at
    if today is None:
        raise refused or DataError(f"the market cannot be read in {asked.root}")
    return today, None


def _verdict(comparison: Comparison, then: MadeBy, now: MadeBy) -> Verdict:
    if then.dataset_hash != now.dataset_hash:
        return "data_differ"
    return "equal" if comparison.equal else "numbers_differ"


def _causes(then: MadeBy, now: MadeBy, known_at: str | None, *, edited: bool) -> list[str]:
    found = []
    if then.dataset_hash != now.dataset_hash:
        found.append(
            f"the data: {then.dataset_hash[:12]} then, {now.dataset_hash[:12]} now; bars or funding were "
            "revised, added or removed since"
        )
    elif known_at:
        found.append("the data: bars or funding were revised or added since, and were read as known then")
    if then.code_version != now.code_version:
        found.append(f"the code: {then.code_version} then, {now.code_version} now")
    for name in sorted(then.versions.keys() | now.versions.keys()):
        before, after = then.versions.get(name, "absent"), now.versions.get(name, "absent")
        if before != after:
            found.append(f"{name}: {before} then, {after} now")
    if edited:
        found.append(
            "the config: config.yaml gives another hash than the result names, it or its keys changed"
        )
    return found


def _made(provenance: Mapping[str, Any]) -> MadeBy:
    return MadeBy(
        dataset_hash=provenance["dataset_hash"],
        code_version=provenance["code_version"],
        versions=provenance["versions"],
    )


def _row(one: Any) -> DifferenceRow:
    return DifferenceRow(
        place=one.place,
        stored=one.stored,
        again=one.again,
        rows=one.rows,
        first_row=one.first_row,
        first_time=one.first_time,
    )


def _places(count: int) -> str:
    return "1 place differs" if count == 1 else f"{count} places differ"


def _line(row: DifferenceRow) -> str:
    at = "" if row.first_row is None else f", row {row.first_row:,} ({row.first_time})"
    more = f"; {row.rows:,} rows" if row.rows > 1 else ""
    return f"{row.place}{at}: {row.stored} then, {row.again} now{more}"
