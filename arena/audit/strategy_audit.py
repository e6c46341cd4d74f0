"""The causality audit of a strategy on stored bars, and what it leaves as result.json.

Reads the market through DataService. Invariant: a passed audit compared at least one bar.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Literal

from pydantic import Field

from arena.backtest.causality import describe_difference, difference_text
from arena.backtest.code_version import code_version, library_versions
from arena.backtest.result import CausalityDifference, Provenance, RunInfo, StrategyInfo
from arena.backtest.result_model import ResultModel
from arena.config.audit import AuditConfig
from arena.core.clock import to_iso
from arena.core.errors import DataError
from arena.core.ids import canonical_json
from arena.data.hashing import bars_arrays, dataset_hash, funding_arrays
from arena.data.service import DataService
from arena.strategies import check_causality, get_strategy, parse_params

if TYPE_CHECKING:
    from arena.store.ledger import AuditRow

PASSED, FAILED = "causality.pass", "causality.fail"


class AuditedMarket(ResultModel):
    """The bars on which a strategy was audited; times are ISO-8601 UTC."""

    inst_id: str
    symbol: str
    timeframe: str
    start: str
    end: str
    bars: int
    settlements: int


class AuditResult(ResultModel):
    """The whole of `result.json` of jobs.audit."""

    schema_version: Literal["1.0"] = "1.0"
    synthetic: bool
    run: RunInfo
    strategy: StrategyInfo
    market: AuditedMarket
    passed: bool
    prefixes: int = Field(description="bars at which the future was cut off or spoilt")
    recomputations: int
    refused: int = Field(description="recomputations in which the strategy raised instead of answering")
    bars: int = Field(description="bars compared with the future cut off, over all prefixes")
    differences: list[CausalityDifference] = Field(description="the earliest bar first, at most 20")
    provenance: Provenance


def audit_strategy(
    config: AuditConfig,
    identity: RunInfo,
    config_hash: str,
    *,
    tell: Callable[[int, int], None] = lambda _done, _of: None,
) -> AuditResult:
    """Recompute the strategy at many bars with the future cut off, absurd and NaN.

    Args:
        config: the validated job config.
        identity: who asks.
        config_hash: of the config.
        tell: called with the prefixes done and their total.

    Raises:
        ConfigError: the strategy or its parameters are wrong, or it gives no valid signal on a prefix.
        DataError: the series is not stored, or has no two bars.
    """
    spec = get_strategy(config.strategy.name)
    params = parse_params(spec, config.strategy.params)
    service = DataService(config.store.root)
    bars = service.get_candles(config.symbol.inst_id, config.timeframe.name, limit=config.limit)
    if len(bars) < 2:
        raise DataError(f"{len(bars)} bars of {bars.inst_id} {bars.timeframe} are stored: an audit needs two")
    funding = service.get_funding(config.symbol.inst_id, end=int(bars.close_ts[-1]) + 1)
    report = check_causality(spec, bars, funding, params, most=config.prefixes, tell=tell)
    found = sorted(report.violations, key=lambda violation: violation.bar)
    return AuditResult(
        synthetic=bars.is_synthetic or "synthetic" in funding.source,
        run=identity,
        strategy=StrategyInfo(name=spec.name, params=params.model_dump()),
        market=AuditedMarket(
            inst_id=bars.inst_id,
            symbol=config.symbol.symbol,
            timeframe=str(bars.timeframe),
            start=to_iso(int(bars.ts[0])),
            end=to_iso(int(bars.close_ts[-1])),
            bars=len(bars),
            settlements=len(funding),
        ),
        passed=report.passed,
        prefixes=report.checked,
        recomputations=report.comparisons,
        refused=report.refused,
        bars=sum(cut + 1 for cut in report.cuts[: report.checked]),
        differences=[describe_difference(one, bars) for one in found],
        provenance=Provenance(
            config_hash=config_hash,
            dataset_hash=dataset_hash({**bars_arrays("candles", bars), **funding_arrays("funding", funding)}),
            code_version=code_version(),
            versions=library_versions(),
            seed=None,
        ),
    )


def problem_of(found: AuditResult) -> DataError | None:
    """Return what a job ends with: None where nothing changed."""
    if found.passed:
        return None
    first = found.differences[0]
    return DataError(f"strategy '{found.strategy.name}' looks ahead: {difference_text(first)}")


def in_words(found: AuditResult) -> str:
    """Return the findings for the console."""
    market = found.market
    lines = ["SYNTHETIC: the market was generated"] if found.synthetic else []
    lines += [
        f"{found.strategy.name}  {market.symbol}  {market.timeframe}",
        f"{market.start} to {market.end}, {market.bars:,} bars, {market.settlements:,} settlements",
        f"{found.prefixes:,} prefixes, {found.recomputations:,} recomputations, {found.bars:,} bars compared",
    ]
    if found.refused:
        lines.append(f"{found.refused:,} times the strategy raised an error on a spoilt future")
    lines += [f"  {difference_text(one)}" for one in found.differences[:5]]
    return "\n".join([*lines, "CAUSAL, bit for bit" if found.passed else "LOOKS AHEAD"])


def audit_row(found: AuditResult, ts: int) -> AuditRow:
    """Return the row of the ledger's audit log."""
    from arena.store.ledger import AuditRow

    detail = {
        "params": found.strategy.params,
        "dataset_hash": found.provenance.dataset_hash,
        "code_version": found.provenance.code_version,
        "prefixes": found.prefixes,
        "differences": [one.model_dump() for one in found.differences[:1]],
    }
    return AuditRow(
        ts=ts,
        actor="jobs.audit",
        action=PASSED if found.passed else FAILED,
        subject_kind="strategy",
        subject_id=found.strategy.name,
        run_id=found.run.run_id,
        detail_json=canonical_json(detail),
    )
