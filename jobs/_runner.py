"""What every job is wrapped in: environment, config, run id, run folder, log, ledger, exit code.

Invariant: a run's folder appears under its final name whole or not at all; Ctrl-C removes what
was begun. Nothing heavy is imported before the configuration has been found valid.
"""

from __future__ import annotations

import functools
import os
import shlex
import shutil
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from logging import Logger
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from arena.config.base import validate
from arena.config.models import JobConfig
from arena.core.clock import Clock, wall_clock
from arena.core.errors import ArenaError, ConfigError
from arena.core.ids import canonical_json, content_hash, make_run_id
from jobs._messages import CONF, check_choices, translate

if TYPE_CHECKING:
    from arena.store.ledger import Ledger

EXIT_BUG = 1
EXIT_INTERRUPTED = 130

_NOT_IDENTITY = ("name", "validate_only", "reports", "report")
"""Keys that change what a run is called or leaves behind, not what it computes."""

Config = TypeVar("Config", bound=JobConfig)
Main = Callable[[Config, "JobContext"], float | None]


@dataclass(frozen=True)
class JobContext:
    """What a job gets beside its config."""

    job: str
    run_id: str
    config_hash: str
    config: dict[str, Any]
    command: str
    folder: Path
    final_folder: Path
    ledger_url: str
    log: Logger
    clock: Clock
    started: float

    @functools.cached_property
    def ledger(self) -> Ledger:
        """The ledger, opened at the first use."""
        from arena.store.ledger import open_ledger

        return open_ledger(self.ledger_url)

    @contextmanager
    def progress(self, label: str, total: int) -> Iterator[Callable[[int], None]]:
        """Show a bar on a terminal while the block runs; yields `update(done)`."""
        if not sys.stderr.isatty():
            yield lambda _done: None
            return
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
            task = bar.add_task(label, total=total)
            yield lambda done: bar.update(task, completed=done)


def job(
    name: str,
    model: type[Config],
    *,
    check: Callable[[Config], object] | None = None,
    recorded: bool = True,
) -> Callable[[Main[Config]], Callable[[], None]]:
    """Make `main(config, context)` the entry point of `python -m jobs.<name>`.

    Args:
        name: the job and its primary config `conf/<name>.yaml`.
        model: what the composed config is validated into.
        check: further validation that needs rooms above config; raises ConfigError.
        recorded: whether the run gets a folder and a row in the ledger.
    """

    def decorate(main: Main[Config]) -> Callable[[], None]:
        @functools.wraps(main)
        def entry() -> None:
            sys.exit(_guarded(name, model, main, check, recorded=recorded))

        return entry

    return decorate


def _guarded(
    name: str,
    model: type[Config],
    main: Main[Config],
    check: Callable[[Config], object] | None,
    *,
    recorded: bool,
) -> int:
    """Compose and run; return the exit code and tell the user why it is not 0."""
    started = time.perf_counter()
    signal.signal(signal.SIGTERM, lambda *_: (_ for _ in ()).throw(KeyboardInterrupt()))
    try:
        check_choices(sys.argv[1:])
        failures: list[Exception] = []
        _compose_and_run(name, _task(name, model, main, check, started, failures, recorded=recorded))
        _raise_first(failures)
    except ArenaError as error:
        _tell(error)
        return error.exit_code
    except KeyboardInterrupt:
        _say("interrupted: nothing was kept")
        return EXIT_INTERRUPTED
    except Exception as error:  # noqa: BLE001 - the outermost door: every other error is a bug of ours
        _say(f"this is a bug: {type(error).__name__}: {error}")
        if not getattr(error, "logged_in", None):
            import traceback

            traceback.print_exc()
        else:
            _say(f"the whole trace is in {error.logged_in}")  # type: ignore[attr-defined]
        return EXIT_BUG
    return 0


def _raise_first(failures: list[Exception]) -> None:
    if failures:
        raise failures[0]


def _compose_and_run(name: str, task: Callable[[Any], float | None]) -> None:
    if Path(".env").is_file():
        from dotenv import load_dotenv

        load_dotenv(".env")
    os.environ["HYDRA_FULL_ERROR"] = "1"  # Hydra raises instead of printing and exiting with 1
    import hydra
    from hydra.errors import HydraException
    from omegaconf.errors import OmegaConfBaseException

    try:
        hydra.main(version_base="1.3", config_path=str(CONF), config_name=name)(task)()
    except (HydraException, OmegaConfBaseException) as error:
        raise translate(error, name, sys.argv[1:]) from None


def _task(
    name: str,
    model: type[Config],
    main: Main[Config],
    check: Callable[[Config], object] | None,
    started: float,
    failures: list[Exception],
    *,
    recorded: bool,
) -> Callable[[Any], float | None]:
    def run_one(composed: Any) -> float | None:
        from omegaconf import OmegaConf

        values = OmegaConf.to_container(composed, resolve=True, throw_on_missing=True)
        if not isinstance(values, dict):
            raise ConfigError(f"conf/{name}.yaml must hold keys and values")
        plain = {str(key): value for key, value in values.items()}
        config = validate(model, plain)
        if check is not None:
            check(config)
        if config.validate_only:
            sys.stdout.write("the configuration is valid\n")
            return None
        resolved = OmegaConf.to_yaml(composed, resolve=True)
        context = _open_context(name, config, plain, resolved, started, recorded=recorded)
        return _run(main, config, context) if recorded else main(config, context)

    def task(composed: Any) -> float | None:
        try:
            return run_one(composed)
        except Exception as error:  # noqa: BLE001 - told by the outermost door; a sweep's other jobs go on
            failures.append(error)
            return None

    return task


def _open_context(
    name: str,
    config: JobConfig,
    plain: dict[str, Any],
    resolved_yaml: str,
    started: float,
    *,
    recorded: bool,
) -> JobContext:
    from arena.config.secrets import ledger_url
    from jobs._logging import open_log

    identity = {key: value for key, value in plain.items() if key not in _NOT_IDENTITY}
    config_hash = content_hash(identity)
    parent = Path(config.reports.root) / name
    run_id, folder = _claim_folder(parent, config_hash) if recorded else ("", parent)
    if recorded:
        (folder / "config.yaml").write_text(resolved_yaml)
    return JobContext(
        job=name,
        run_id=run_id,
        config_hash=config_hash,
        config=plain,
        command=f"python -m jobs.{name} {shlex.join(sys.argv[1:])}".strip(),
        folder=folder,
        final_folder=parent / run_id,
        ledger_url=ledger_url(config.store.root).get_secret_value(),
        log=open_log(folder / "log.jsonl" if recorded else None, run_id),
        clock=wall_clock,
        started=started,
    )


def _claim_folder(parent: Path, config_hash: str) -> tuple[str, Path]:
    """Create the hidden folder that the run writes into; its final name is not taken yet."""
    now_ms = wall_clock()
    while True:
        run_id = make_run_id(now_ms, config_hash)
        staging = parent / f".{run_id}.partial"
        try:
            staging.mkdir(parents=True, exist_ok=False)
        except FileExistsError:
            now_ms += 1
            continue
        except OSError as error:
            raise ConfigError(
                f"cannot write to {parent} ({error.strerror}): set reports.root to another folder"
            ) from None
        if (parent / run_id).exists():
            staging.rmdir()
            now_ms += 1
            continue
        return run_id, staging


def _run(main: Main[Config], config: Config, context: JobContext) -> float | None:
    from arena.reporting.run_folder import publish_run
    from jobs._logging import close_log

    context.ledger.start_job_run(
        run_id=context.run_id,
        job=context.job,
        config_hash=context.config_hash,
        config_json=canonical_json(context.config),
        command=context.command,
        started_ms=context.clock(),
    )
    outcome, code, message = "failed", EXIT_BUG, ""
    try:
        objective = main(config, context)
        outcome, code = "done", 0
        close_log(context.log)
        publish_run(context.folder, context.final_folder)
    except KeyboardInterrupt:
        outcome, code, message = "interrupted", EXIT_INTERRUPTED, "interrupted"
        close_log(context.log)
        shutil.rmtree(context.folder, ignore_errors=True)
        raise
    except ArenaError as error:
        code, message = error.exit_code, str(error)
        context.log.error(message, extra={"event": "failed", "exit_code": code})  # noqa: TRY400 - no trace for a user's fault
        _keep(context)
        raise
    except Exception as error:
        message = f"{type(error).__name__}: {error}"
        context.log.exception("bug", extra={"event": "bug"})
        _keep(context)
        error.logged_in = context.final_folder / "log.jsonl"  # type: ignore[attr-defined]
        raise
    else:
        return objective
    finally:
        context.ledger.finish_job_run(
            run_id=context.run_id, status=outcome, exit_code=code, error=message, finished_ms=context.clock()
        )


def _keep(context: JobContext) -> None:
    """Give a failed run's folder its name, so that its log can be read; `latest` stays where it was."""
    from jobs._logging import close_log

    close_log(context.log)
    if context.folder.exists():
        context.folder.rename(context.final_folder)


def _tell(error: ArenaError) -> None:
    for line in str(error).splitlines():
        _say(line)


def _say(text: str) -> None:
    sys.stderr.write(f"error: {text}\n" if not text.startswith("interrupted") else f"{text}\n")
