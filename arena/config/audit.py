"""Typed configs of the jobs that look back: audit, reproduce, compare.

Invariant: which runs are meant is text here; that they exist is found out by the job.
"""

from __future__ import annotations

from typing import Any

from pydantic import Field, field_validator

from arena.config.models import JobConfig, StrategyChoice, SymbolConfig, TimeframeConfig

MOST_COMPARED = 6


class AuditConfig(JobConfig):
    """python -m jobs.audit"""

    symbol: SymbolConfig
    timeframe: TimeframeConfig
    strategy: StrategyChoice
    limit: int | None = Field(ge=2, description="newest stored bars to audit on; null: all")
    prefixes: int = Field(
        ge=8, le=100_000, description="about how many bars to cut at; a slow strategy wants fewer"
    )


class ReproduceConfig(JobConfig):
    """python -m jobs.reproduce"""

    run: str = Field(min_length=1, description="run id, its beginning, a run's folder, or latest")
    read_from: str | None = Field(
        min_length=1, description="store to read the market from; null: the one that the run names"
    )

    @field_validator("run", mode="before")
    @classmethod
    def _is_text(cls, value: Any) -> Any:
        return _as_text(value)


class CompareConfig(JobConfig):
    """python -m jobs.compare"""

    run: list[str] = Field(
        description=f"2 to {MOST_COMPARED} runs: ids, their beginnings, folders, or latest",
    )

    @field_validator("run", mode="before")
    @classmethod
    def _is_list(cls, value: Any) -> Any:
        several = value if isinstance(value, list) else [value]
        if not 2 <= len(several) <= MOST_COMPARED:
            raise ValueError(f"{len(several)} given: name 2 to {MOST_COMPARED} runs, like run=ID,latest")
        return [_as_text(one) for one in several]


def _as_text(value: Any) -> Any:
    """Return the beginning of a run id as text: one of digits alone comes as a number."""
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value
