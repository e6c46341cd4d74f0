"""The result.json of jobs that are no backtest.

Writes into the run's own folder. Invariant: what a result says of its run is what the ledger says.
"""

from __future__ import annotations

from arena.backtest.result import RunInfo
from arena.backtest.result_model import ResultModel
from arena.core.clock import to_iso
from jobs._context import JobContext


def run_info(context: JobContext) -> RunInfo:
    """Return which run this is."""
    return RunInfo(
        run_id=context.run_id,
        job=context.job,
        name=str(context.config.get("name") or ""),
        created_at=to_iso(context.created_ms),
        command=context.command,
    )


def write_result(context: JobContext, result: ResultModel) -> None:
    """Write `result` as result.json."""
    text = result.model_dump_json(indent=2) + "\n"
    (context.folder / "result.json").write_text(text, encoding="utf-8")
