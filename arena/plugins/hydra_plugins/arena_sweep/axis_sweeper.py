"""Split the overrides of `-m` into columns of numbers and choices that need a market of their own.

Hydra runs this module before it is in `sys.modules`: no dataclasses here. Invariant: what is handed on is
as long as the axes together, never as their product; only choices are multiplied out.
"""

import math
from collections.abc import Sequence
from typing import Any

from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
from hydra.core.config_store import ConfigStore
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override, OverrideType
from hydra.errors import HydraException

ConfigStore.instance().store(
    group="hydra/sweeper",
    name="axes",
    node={
        "_target_": "hydra_plugins.arena_sweep.axis_sweeper.AxisSweeper",
        "max_batch_size": None,
        "params": None,
    },
    provider="arena",
)


class AxisSweeper(BasicSweeper):
    """Hydra's grammar of sweeps; numbers that can be columns are not multiplied out.

    Hands `launch_batches` of the launcher the overrides of each combination of choices, the choices that
    tell it from the others, and the axes. A launcher or a task without that gets Hydra's own sweep.
    """

    def sweep(self, arguments: list[str]) -> Any:
        """Run what `arguments` ask for; return what the launcher returns."""
        launch = getattr(self.launcher, "launch_batches", None)
        can_vary = getattr(launch and self.launcher, "can_vary", None)
        if launch is None or can_vary is None:
            return super().sweep(arguments)
        overrides = self._parse([*self._parse_config(), *arguments])
        swept = {key: list(one.sweep_iterator()) for key, one in overrides.items() if one.is_sweep_override()}
        if math.prod(len(values) for values in swept.values()) == 1:
            return super().sweep(arguments)
        axes = {
            key: values
            for key, values in swept.items()
            if overrides[key].type is OverrideType.CHANGE and _numbers(values) and can_vary(key)
        }
        fixed = [one for key, one in overrides.items() if key not in axes]
        combinations = self.split_arguments(fixed, None)[0]
        telling = {key for key in swept if key not in axes}
        batches = [(one, _choices(one, telling)) for one in combinations]
        return launch(batches, axes, {key: _text(one) for key, one in overrides.items()})

    def _parse(self, arguments: Sequence[str]) -> dict[str, Override]:
        """Return the overrides by key; of two with one key the later holds, as in Hydra."""
        if self.hydra_context is None:
            raise HydraException("the sweeper was not set up")
        parser = OverridesParser.create(config_loader=self.hydra_context.config_loader)
        overrides: dict[str, Override] = {}
        for one in parser.parse_overrides(list(arguments)):
            if one.is_sweep_override() and not one.is_discrete_sweep():
                raise HydraException(
                    f"{one.key_or_group}: an interval has no values of its own: write "
                    "range(start,stop,step) or a list"
                )
            overrides[one.get_key_element()] = one
        return overrides


def _numbers(values: Sequence[Any]) -> bool:
    return all(isinstance(value, int | float) and not isinstance(value, bool) for value in values)


def _choices(overrides: Sequence[str], telling: set[str]) -> dict[str, str]:
    pairs = (override.partition("=")[::2] for override in overrides)
    return {key.lstrip("+"): value for key, value in pairs if key in telling}


def _text(override: Override) -> str:
    """Return the value as it was typed."""
    return (override.input_line or "").partition("=")[2]
