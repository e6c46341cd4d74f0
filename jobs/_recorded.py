"""A run with a folder and a row in the ledger, from its first row to its last.

Invariant: outside of the blocks that allow it, Ctrl-C waits; so the folder, `latest` and the ledger
tell one story whenever it comes.
"""

from __future__ import annotations

import errno
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from logging import DEBUG, INFO
from pathlib import Path

from arena.core.errors import ArenaError, ConfigError, DataError
from arena.core.ids import canonical_json, resume_command
from jobs._console import EXIT_BUG, EXIT_INTERRUPTED, EXIT_KILLED
from jobs._context import JobContext
from jobs._interrupts import Interrupts
from jobs._logging import close_log, hide_secrets
from jobs._staging import DeadRun, Staging, has_kept, left_behind

_REFUSALS = {errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


class LoggedBug(Exception):  # noqa: N818 - told to the user by what it is
    """An unexpected exception whose trace is in the run's log."""

    def __init__(self, error: Exception, log: Path) -> None:
        super().__init__(f"this is a bug ({type(error).__name__}: {error}): the trace is in {log}")


@dataclass
class _Ending:
    """How a run ended, as the ledger has it."""

    status: str = "failed"
    exit_code: int = EXIT_BUG
    message: str | None = None


def run_recorded(
    work: Callable[[], float | None],
    context: JobContext,
    staging: Staging,
    dead: Sequence[DeadRun],
    interrupts: Interrupts,
) -> float | None:
    """Do `work` with a row in the ledger around it; the caller holds interrupts back.

    Raises:
        LoggedBug: anything unexpected, with its trace in the log.
        ArenaError: what `work` or the ledger raised.
        KeyboardInterrupt: somebody asked to stop; what is left, if anything, is its text.
    """
    ending, started = _Ending(), False
    try:
        with interrupts.allowed():
            ledger = context.ledger  # may wait for a server, or make the tables
        _close_rows(context, dead)
        ledger.start_job_run(
            run_id=context.run_id,
            job=context.job,
            config_hash=context.config_hash,
            config_json=canonical_json(context.config),
            command=hide_secrets(context.command),
            started_ms=context.created_ms,
        )
        started = True
        context.log.debug("started", extra={"event": "started", "command": context.command})
        with interrupts.allowed(), _refused_writes():
            objective = work()
        with _refused_writes():
            _publish(context)
        ending = _Ending("done", 0)
        if context.stops:
            ending = _Ending("interrupted", EXIT_INTERRUPTED, context.stops[0])
        elif context.findings:
            ending = _Ending("done", context.findings[0].exit_code, hide_secrets(str(context.findings[0])))
    except (KeyboardInterrupt, SystemExit) as stop:
        kept = _to_go_on(context, context.run_id) if staging.holds_trials else ""
        ending = _Ending(
            "interrupted", EXIT_INTERRUPTED, f"{type(stop).__name__}: {kept or 'nothing was kept'}"
        )
        close_log(context.log)
        staging.discard()
        if kept:
            raise KeyboardInterrupt(kept) from None
        raise
    except ArenaError as error:
        ending = _Ending("failed", error.exit_code, hide_secrets(str(error)))
        context.log.error(str(error), extra={"event": "failed", "exit_code": error.exit_code})  # noqa: TRY400 - no trace for a user's fault
        _tell_kept(context, staging)
        close_log(context.log)
        if started and not isinstance(error, ConfigError):
            staging.keep_log()
        else:
            staging.discard()
        raise
    except Exception as error:
        ending = _Ending("failed", EXIT_BUG, hide_secrets(f"{type(error).__name__}: {error}"))
        context.log.exception("bug", extra={"event": "bug"})
        _tell_kept(context, staging)
        close_log(context.log)
        raise LoggedBug(error, staging.keep_log()) from error
    else:
        return objective
    finally:
        staging.release()
        if started:
            _finish(context, ending)


@contextmanager
def _refused_writes() -> Iterator[None]:
    """Tell the system's refusal to write from a bug.

    Raises:
        ConfigError: the disk is full, or a folder may not be written to.
    """
    try:
        yield
    except OSError as error:
        if error.errno not in _REFUSALS:
            raise
        where = error.filename or "the disk"
        raise ConfigError(
            f"cannot write to {where} ({error.strerror}): make room or mend the permissions, "
            "or set reports.root and store.root to other folders"
        ) from error


def _publish(context: JobContext) -> None:
    from arena.reporting.run_folder import publish_run

    for step in context.last_steps:
        step()
    context.log.debug("done", extra={"event": "done"})
    close_log(context.log)
    publish_run(context.folder, context.final_folder)


def _finish(context: JobContext, ending: _Ending) -> None:
    """Close the run's row; an error here does not hide the one that ended the run."""
    try:
        context.ledger.finish_job_run(
            run_id=context.run_id,
            status=ending.status,
            exit_code=ending.exit_code,
            error=ending.message,
            finished_ms=context.clock(),
        )
        context.ledger.close()
    except ArenaError:
        if ending.exit_code == 0:
            raise


def _to_go_on(context: JobContext, run_id: str) -> str:
    return f"what it had done is kept; to go on: {resume_command(context.final_folder.with_name(run_id))}"


def _tell_kept(context: JobContext, staging: Staging) -> None:
    if staging.holds_trials:
        context.log.info("run %s failed: %s", context.run_id, _to_go_on(context, context.run_id))


def _close_rows(context: JobContext, dead: Sequence[DeadRun]) -> None:
    """Close the rows of runs that were killed, those whose results were whole by then included."""
    for run in dead:
        kept = _to_go_on(context, run.run_id) if run.is_kept else "its unfinished folder is removed"
        context.log.info("run %s was killed: %s", run.run_id, kept)
        with suppress(DataError):  # it belongs to another ledger, or never got a row
            context.ledger.finish_job_run(
                run_id=run.run_id,
                status="interrupted",
                exit_code=EXIT_KILLED,
                error=f"the process was gone before the run ended{f': {kept}' if run.is_kept else ''}",
                finished_ms=run.last_ms,
            )
    for run_id in context.ledger.open_job_runs(context.job):
        folder = context.final_folder.parent / run_id
        left_ms = left_behind(folder)
        if left_ms is None:
            continue
        status, error = "done", "the process was gone right after its results were whole"
        if has_kept(folder):  # `resume` asked for it by name, or who renamed it was killed in turn
            kept = _to_go_on(context, run_id)
            is_resumed = Path(str(context.config.get("resume"))).name == run_id
            context.log.log(DEBUG if is_resumed else INFO, "run %s was killed: %s", run_id, kept)
            status, error = "interrupted", f"the process was gone before the run ended: {kept}"
        context.ledger.finish_job_run(
            run_id=run_id, status=status, exit_code=EXIT_KILLED, error=error, finished_ms=left_ms
        )
