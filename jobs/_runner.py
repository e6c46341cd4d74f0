"""What every job is wrapped in: environment, composing, validation, run record, exit code.

Invariant: nothing heavy is imported before the configuration has been found valid, and a user's
mistake ends in sentences, never in a trace.
"""

from __future__ import annotations

import functools
import gc
import os
import secrets
import shlex
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from arena.config.base import validate
from arena.config.models import JobConfig
from arena.core.clock import wall_clock
from arena.core.errors import ArenaError, ConfigError
from arena.core.ids import content_hash
from jobs._command_line import CONF, check_choices, join_lists, order
from jobs._console import EXIT_BUG, EXIT_INTERRUPTED, show, tell_error, tell_note
from jobs._context import JobContext, identity_of, rerunnable
from jobs._environment import load_environment
from jobs._interrupts import Interrupts
from jobs._logging import hide_secrets, keep_warnings_from_console, open_log, secret_in
from jobs._scheduled import is_scheduled, run_scheduled

if TYPE_CHECKING:
    from arena.backtest.sweep.study import Study
    from jobs._staging import Staging
    from jobs._sweeps import Asked

__all__ = ["JobContext", "job"]

Config = TypeVar("Config", bound=JobConfig)
Main = Callable[[Config, JobContext], float | None]
Check = Callable[[dict[str, Any]], object]
SweepMain = Callable[["Study", JobContext], float | None]


def job(
    name: str,
    model: type[Config],
    *,
    check: Check | None = None,
    sweep: SweepMain | None = None,
    recorded: bool = True,
    lists: Sequence[str] = (),
) -> Callable[[Main[Config]], Callable[[], None]]:
    """Make `main(config, context)` the entry point of `python -m jobs.<name>`.

    Args:
        name: the job and its primary config `conf/<name>.yaml`.
        model: what the composed config is validated into.
        check: further validation of the composed values, by rooms above config; raises ConfigError.
        sweep: main of a sweep, where the job has one: many trials in one run.
        recorded: whether the run gets a folder and a row in the ledger.
        lists: keys that hold a list, so that `key=a,b` is one and asks for no sweep.
    """

    def decorate(main: Main[Config]) -> Callable[[], None]:
        @functools.wraps(main)
        def entry() -> None:
            arguments = join_lists(sys.argv[1:], lists)
            code = _Call(name, model, main, check, sweep, recorded=recorded).run(arguments)
            gc.freeze()  # all that is left ends with the process: no search through it for garbage
            sys.exit(code)

        return entry

    return decorate


class _Call:
    """One call of a job: a single run, or the runs of a sweep one after the other."""

    def __init__(
        self,
        name: str,
        model: type[Any],
        main: Main[Any],
        check: Check | None,
        sweep: SweepMain | None,
        *,
        recorded: bool,
    ) -> None:
        self._name, self._model, self._main, self._check, self._sweep = name, model, main, check, sweep
        self._recorded = recorded
        self._interrupts = Interrupts()
        self._started = time.perf_counter()
        self._arguments: list[str] = []
        self._runs = 0
        self._exit_codes: list[int] = []

    def run(self, arguments: list[str]) -> int:
        """Compose and run; return the exit code, and tell the user why it is not 0."""
        self._interrupts.listen()
        keep_warnings_from_console()
        try:
            self._arguments = order(arguments)
            check_choices(arguments)
            load_environment()
            self._compose()
        except KeyboardInterrupt as stop:
            # an interrupt inside of an exec() of text (imports of dataclasses do that) makes CPython end
            # the process by SIGINT whatever we return; the next such exec() makes it forget
            exec("")  # noqa: S102
            tell_note(f"interrupted: {str(stop) or 'nothing of the unfinished run was kept'}")
            return EXIT_INTERRUPTED
        except Exception as error:  # noqa: BLE001 - the outermost door: what is not ours is a bug
            self._fail(error)
        finally:
            self._interrupts.close()
        if self._exit_codes and self._runs > 1:
            tell_error(f"{len(self._exit_codes)} of {self._runs} runs failed")
        return self._exit_codes[0] if self._exit_codes else 0

    def _compose(self) -> None:
        """Have each run's config composed and handed to `_task`."""
        os.environ["HYDRA_FULL_ERROR"] = "1"  # Hydra raises instead of printing and exiting with 1
        from hydra.errors import HydraException
        from omegaconf.errors import OmegaConfBaseException

        try:
            if any(word.startswith("-") for word in self._arguments) or not self._compose_single():
                self._hand_to_hydra()
        except (HydraException, OmegaConfBaseException) as error:
            raise self._translated(error) from None
        except ValueError as error:  # of flags that do not go together: a run's own errors end in `_task`
            raise ConfigError(str(error)) from None

    def _compose_single(self) -> bool:
        """Do the one run that overrides without flags ask for; False where the config asks for a sweep.

        `hydra.main` composes twice, once to read the mode alone: a tenth of a cold backtest.
        """
        from hydra import compose, initialize_config_dir
        from omegaconf import open_dict, read_write

        with initialize_config_dir(str(CONF), version_base="1.3"):
            composed = compose(self._name, self._arguments, return_hydra_config=True)
        if composed.hydra.mode is not None and composed.hydra.mode.name == "MULTIRUN":
            return False
        with read_write(composed), open_dict(composed):
            del composed["hydra"]
        self._task(composed)
        return True

    def _hand_to_hydra(self) -> None:
        """Let Hydra's own command line do it: sweeps, --help, --cfg and the like."""
        import hydra

        # what Hydra writes about a sweep is in the runs' own folders already
        scratch = Path(tempfile.gettempdir()) / f"arena-{secrets.token_hex(8)}"
        sys.argv[1:] = [*self._arguments, f"hydra.sweep.dir={scratch}"]
        entry = hydra.main(version_base="1.3", config_path=str(CONF), config_name=self._name)
        try:
            entry(self._hydra_task())()
        finally:
            shutil.rmtree(scratch, ignore_errors=True)

    def _hydra_task(self) -> Callable[[Any], float | None]:
        """Return what Hydra calls with a composed config; on it, what the launcher `batches` calls."""

        def task(composed: Any) -> float | None:
            return self._task(composed)

        if self._sweep is not None:
            from jobs._sweeps import can_vary

            vars(task).update(sweep=self._batches_task, can_vary=can_vary)
        return task

    def _translated(self, error: Exception) -> ConfigError:
        from jobs._messages import translate

        return translate(error, self._name, self._arguments)

    def _task(self, composed: Any) -> float | None:
        """Do one run; one that fails does not keep a sweep's others from being done."""
        started = time.perf_counter() if self._runs else self._started
        self._runs += 1
        try:
            return self._run_one(composed, started)
        except Exception as error:  # noqa: BLE001 - told here; the exit code remembers it
            self._fail(error)
            return None

    def _batches_task(
        self,
        batches: Sequence[tuple[Mapping[str, str], Any]],
        axes: Mapping[str, Sequence[float]],
        texts: Mapping[str, str],
    ) -> float | None:
        """Do one sweep over composed batches that share the axes."""
        from jobs._sweeps import from_command_line

        self._runs += 1
        try:
            plain = [(choices, self._plain(composed)) for choices, composed in batches]
            return self._run_sweep(from_command_line(plain, axes, texts))
        except Exception as error:  # noqa: BLE001 - told by `_fail`
            self._fail(error)
            return None

    def _fail(self, error: Exception) -> None:
        """Tell what went wrong and note the exit code."""
        from jobs._recorded import LoggedBug

        swept = self._swept()
        prefix = f"[{' '.join(swept)}] " if swept else ""
        if isinstance(error, ArenaError):
            tell_error("\n".join(f"{prefix}{line}" for line in str(error).splitlines()))
            self._exit_codes.append(error.exit_code)
            return
        self._exit_codes.append(EXIT_BUG)
        if isinstance(error, LoggedBug):
            tell_error(f"{prefix}{error}")
            return
        import traceback

        tell_error(f"{prefix}this is a bug ({type(error).__name__}: {error})")
        sys.stderr.write(hide_secrets("".join(traceback.format_exception(error))))

    def _swept(self) -> list[str]:
        """Return the overrides that tell this run of a sweep from its others; none outside of a sweep."""
        overrides = _sweep_overrides()
        if overrides is None:
            return []
        from hydra.core.override_parser.overrides_parser import OverridesParser

        given = [word for word in self._arguments if "=" in word and not word.startswith("-")]
        parsed = OverridesParser.create().parse_overrides(given)
        fixed = {one.key_or_group for one in parsed if not one.is_sweep_override()}
        return [one for one in overrides if one.partition("=")[0].lstrip("+~") not in fixed]

    def _run_one(self, composed: Any, started: float) -> float | None:
        values = self._plain(composed)
        if self._sweep is not None and (values.get("sweep") is not None or values.get("resume") is not None):
            from jobs._sweeps import from_config

            return self._run_sweep(from_config(values, self._arguments, self._name))
        config = self._validated(values)
        if config.validate_only:
            show(["the configuration is valid"])
            return None
        if is_scheduled(config):
            sweeping = _sweep_overrides() is not None
            run_scheduled(self._name, config, composed, self._run_one, self._fail, self._interrupts, sweeping)
            self._exit_codes.clear()  # each run has its own in the ledger
            return None
        identity = identity_of(config)
        if self._recorded:
            text = self._rerunnable(composed)
            return self._run_recorded(
                config, values, identity, text, started, lambda context: self._main(config, context)
            )
        context = self._context(config, values, identity, None, started)
        objective = self._main(config, context)
        show(context.shown)
        return objective

    def _run_sweep(self, asked: Asked) -> float | None:
        """Do one sweep: every value checked first, then one run with one folder."""
        from jobs._sweeps import identity_of_sweep

        if self._sweep is None:
            raise ConfigError(f"jobs.{self._name} knows no sweeps")
        study, main = asked.study(), self._sweep
        config, values = study.batches[0].config, study.batches[0].values
        if config.validate_only:
            show([f"the configuration is valid: {study.trials:,} trials, {study.dropped:,} dropped"])
            return None
        return self._run_recorded(
            config,
            values,
            identity_of_sweep(study),
            asked.rerunnable(self._name),
            self._started,
            lambda context: main(study, context),
        )

    def _plain(self, composed: Any) -> dict[str, Any]:
        """Return the composed config as plain values, with no secret among them."""
        from omegaconf import OmegaConf
        from omegaconf.errors import OmegaConfBaseException

        try:
            values = OmegaConf.to_container(composed, resolve=True, throw_on_missing=True)
        except OmegaConfBaseException as error:
            raise self._translated(error) from None
        if not isinstance(values, dict):
            raise ConfigError(f"conf/{self._name}.yaml must hold keys and values")
        plain = {str(key): value for key, value in values.items()}
        leak = secret_in(plain)
        if leak:
            raise ConfigError(
                f"{leak} holds a secret of the environment: take it out, configs are written down"
            )
        return plain

    def _validated(self, values: dict[str, Any]) -> JobConfig:
        """Return the config; everything that is wrong with it is said at once."""
        config: JobConfig | None = None
        problems = []
        try:
            config = validate(self._model, values)
        except ConfigError as error:
            problems.append(str(error))
        try:
            if self._check is not None:
                self._check(values)
        except ConfigError as error:
            problems.append(str(error))
        if config is None or problems:
            raise ConfigError("\n".join(problems))
        return config

    def _run_recorded(
        self,
        config: JobConfig,
        values: dict[str, Any],
        identity: dict[str, Any],
        text: str,
        started: float,
        work: Callable[[JobContext], float | None],
    ) -> float | None:
        """Do `work` as a run with a folder, whose config.yaml is `text`, and a row in the ledger."""
        from arena.config.ledger_url import ledger_url
        from jobs._recorded import run_recorded
        from jobs._staging import CONFIG_FILE, claim, sweep

        ledger_url(config.store.root)  # without a place for a ledger nothing is begun
        parent = Path(config.reports.root) / self._name
        dead = sweep(parent)
        with self._interrupts.held():
            staging = claim(parent, content_hash(identity), wall_clock)
            (staging.folder / CONFIG_FILE).write_text(text, encoding="utf-8")
            context = self._context(config, values, identity, staging, started)
            objective = run_recorded(lambda: work(context), context, staging, dead, self._interrupts)
            show(context.shown)
        if context.stops:
            tell_note(f"interrupted: {context.stops[0]}")
            self._exit_codes.append(EXIT_INTERRUPTED)
        for problem in context.findings:
            self._fail(problem)
        return objective

    def _context(
        self,
        config: JobConfig,
        values: dict[str, Any],
        identity: dict[str, Any],
        staging: Staging | None,
        started: float,
    ) -> JobContext:
        from arena.config.ledger_url import ledger_url
        from jobs._staging import LOG_FILE

        words = _sweep_overrides() or self._arguments
        nowhere = Path(config.reports.root) / self._name
        run_id = staging.run_id if staging else ""
        return JobContext(
            job=self._name,
            run_id=run_id,
            created_ms=staging.created_ms if staging else wall_clock(),
            config_hash=content_hash(identity),
            identity=identity,
            config=values,
            command=f"python -m jobs.{self._name} {shlex.join(words)}".strip(),
            folder=staging.folder if staging else nowhere,
            final_folder=staging.final if staging else nowhere,
            ledger_url=ledger_url(config.store.root).get_secret_value(),
            log=open_log(staging.folder / LOG_FILE if staging else None, run_id),
            clock=wall_clock,
            started=started,
        )

    def _rerunnable(self, composed: Any) -> str:
        """Return the resolved config as a primary config that gives the same run again."""
        from omegaconf import OmegaConf

        return rerunnable(self._name, OmegaConf.to_yaml(composed, resolve=True))


def _sweep_overrides() -> list[str] | None:
    """Return the overrides of the run that a sweep is at, None outside of a sweep."""
    hydra_config = sys.modules.get("hydra.core.hydra_config")
    if hydra_config is None or not hydra_config.HydraConfig.initialized():
        return None
    now = hydra_config.HydraConfig.get()
    return list(now.overrides.task) if now.mode.name == "MULTIRUN" else None
