"""The sweeper and launcher by themselves: Hydra's grammar in, data out."""

from __future__ import annotations

import subprocess
import sys
import time
from types import SimpleNamespace

import pytest
from hydra.errors import HydraException

import jobs  # noqa: F401 - puts the project's Hydra plugins on the path


class _Launcher:
    """Keeps what it is handed."""

    def __init__(self, varies=lambda key: True):
        self.can_vary = varies
        self.batches = self.axes = self.texts = self.launched = None

    def launch_batches(self, batches, axes, texts):
        self.batches, self.axes, self.texts = batches, axes, texts
        return "swept"


@pytest.fixture
def sweeper():
    from hydra_plugins.arena_sweep.axis_sweeper import AxisSweeper

    made = AxisSweeper(None, None)
    made.hydra_context = SimpleNamespace(config_loader=None)
    made.launcher = _Launcher()
    return made


@pytest.mark.parametrize(
    ("word", "values"),
    [
        ("strategy.fast=1,2,5", [1, 2, 5]),
        ("strategy.fast=choice(1,4.5)", [1, 4.5]),
        ("strategy.fast=range(1,4)", [1, 2, 3]),
        ("strategy.fast=range(0,0.3,step=0.1)", [0.0, 0.1, 0.2]),
        ("strategy.fast=range(5,1,-2)", [5, 3]),
        ("strategy.fast=sort(3,1,2)", [1, 2, 3]),
        ("strategy.fast=tag(a,range(1,3))", [1, 2]),
        ("strategy.fast=1e-4,2e-4", [0.0001, 0.0002]),
    ],
)
def test_numbers_are_an_axis_with_the_values_of_hydras_grammar(sweeper, word, values):
    assert sweeper.sweep([word, "limit=5"]) == "swept"
    assert sweeper.launcher.axes == {"strategy.fast": values}
    assert sweeper.launcher.batches == [(["limit=5"], {})]
    assert sweeper.launcher.texts == {"strategy.fast": word.partition("=")[2], "limit": "5"}


@pytest.mark.parametrize(
    "word",
    ["strategy.side=long,short", "strategy.fast=5,abc", "strategy.on=true,false", "strategy.fast='5','6'",
     "+strategy.fast=5,6", "costs.slippage_bps=null,1"],
)  # fmt: skip
def test_what_is_no_list_of_numbers_of_a_known_key_is_a_choice(sweeper, word):
    sweeper.sweep([word])
    assert sweeper.launcher.axes == {}
    assert len(sweeper.launcher.batches) == 2


def test_numbers_that_cannot_be_a_column_are_choices(sweeper):
    sweeper.launcher = _Launcher(varies=lambda key: key != "limit")
    sweeper.sweep(["limit=100,200", "fee_rate=0,0.1"])
    assert sweeper.launcher.axes == {"fee_rate": [0, 0.1]}
    assert sweeper.launcher.batches == [(["limit=100"], {"limit": "100"}), (["limit=200"], {"limit": "200"})]


def test_choices_are_multiplied_out_in_order(sweeper):
    sweeper.sweep(["timeframe=1h,4h", "strategy.fast=1,2", "symbol=a,b", "name=x"])
    choices = [tells for _, tells in sweeper.launcher.batches]
    assert choices == [{"timeframe": tf, "symbol": symbol} for tf in ("1h", "4h") for symbol in "ab"]
    assert all(overrides[-1] == "name=x" for overrides, _ in sweeper.launcher.batches)


def test_of_two_overrides_with_one_key_the_later_holds(sweeper):
    sweeper.sweep(["strategy.fast=1,2", "strategy.slow=7,8", "strategy.fast=3"])
    assert sweeper.launcher.axes == {"strategy.slow": [7, 8]}
    assert sweeper.launcher.batches == [(["strategy.fast=3"], {})]


def test_values_of_the_config_are_swept_and_beaten_by_the_command_line(sweeper):
    sweeper.params = {"strategy.fast": "range(1,4)", "strategy.slow": "8,9"}
    sweeper.sweep(["strategy.slow=7,8,9"])
    assert sweeper.launcher.axes == {"strategy.fast": [1, 2, 3], "strategy.slow": [7, 8, 9]}


def test_an_interval_is_refused(sweeper):
    with pytest.raises(HydraException, match="has no values of its own"):
        sweeper.sweep(["strategy.fast=interval(1,5)"])


def test_a_billion_combinations_stay_data(sweeper):
    began = time.process_time()
    sweeper.sweep([f"strategy.{name}=range(0,1000)" for name in "abc"])
    assert [len(values) for values in sweeper.launcher.axes.values()] == [1000] * 3
    assert len(sweeper.launcher.batches) == 1
    assert time.process_time() - began < 2.0


def test_plugins_import_nothing_heavy():
    code = (
        "import jobs, sys; from hydra.core.plugins import Plugins; Plugins.instance();"
        "print(*sorted(name for name in sys.modules if '.' not in name or 'hydra_plugins' in name))"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    loaded = set(done.stdout.split())
    assert {"hydra_plugins.arena_sweep.axis_sweeper", "hydra_plugins.arena_sweep.batch_launcher"} <= loaded
    assert not loaded & {"arena", "numpy", "numba", "polars", "pyarrow", "pandas", "pydantic"}
