"""Compose one config a combination of choices and hand all of them to the task in one call.

Hydra runs this module before it is in `sys.modules`: no dataclasses here. Invariant: the task is called
once, with every config composed, or not at all.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from hydra._internal.core_plugins.basic_launcher import BasicLauncher
from hydra.core.config_store import ConfigStore
from hydra.core.utils import configure_log, setup_globals
from hydra.errors import HydraException
from omegaconf import open_dict, read_write

ConfigStore.instance().store(
    group="hydra/launcher",
    name="batches",
    node={"_target_": "hydra_plugins.arena_sweep.batch_launcher.BatchLauncher"},
    provider="arena",
)


class BatchLauncher(BasicLauncher):
    """Runs what `launch` is given as Hydra's own launcher does, one job after the other.

    A task with the attributes `sweep` and `can_vary` gets its batches through `launch_batches`.
    """

    @property
    def can_vary(self) -> Callable[[str], bool] | None:
        """What says whether numbers under a key can be a column; None: the task knows no sweeps."""
        return getattr(self.task_function, "can_vary", None)

    def launch_batches(
        self,
        batches: Sequence[tuple[Sequence[str], Mapping[str, str]]],
        axes: Mapping[str, Sequence[float]],
        texts: Mapping[str, str],
    ) -> Any:
        """Compose each batch and call the task's `sweep(batches, axes, texts)` with all of them.

        Args:
            batches: overrides of each and the choices that tell it from the others.
            axes: the columns, by key.
            texts: all overrides as they were typed, by key.
        """
        if self.hydra_context is None or self.config is None:
            raise HydraException("the launcher was not set up")
        setup_globals()
        configure_log(self.config.hydra.hydra_logging, self.config.hydra.verbose)
        composed = []
        for overrides, choices in batches:
            config = self.hydra_context.config_loader.load_sweep_config(self.config, list(overrides))
            with read_write(config), open_dict(config):
                del config["hydra"]
            composed.append((choices, config))
        return self.task_function.sweep(composed, axes, texts)  # type: ignore[union-attr]
