"""Hydra's own suite for launchers: for tasks that know no sweeps ours is like Hydra's."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from hydra.core.plugins import Plugins
from hydra.plugins.launcher import Launcher
from hydra.plugins.sweeper import Sweeper
from hydra.test_utils.launcher_common_tests import LauncherTestSuite
from hydra.version import VersionBase, __compat_version__
from omegaconf import OmegaConf

import jobs  # noqa: F401 - puts the project's Hydra plugins on the path

# Hydra's suite runs jobs of the versions before 1.2, too
pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")


@pytest.fixture(autouse=True)
def _as_in_hydras_own_tests(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(VersionBase.instance(), "version_base", __compat_version__)


def test_hydra_finds_both():
    plugins = Plugins.instance()
    assert "AxisSweeper" in {one.__name__ for one in plugins.discover(Sweeper)}
    assert "BatchLauncher" in {one.__name__ for one in plugins.discover(Launcher)}


@pytest.mark.parametrize(
    ("launcher_name", "overrides"), [("batches", []), ("batches", ["hydra/sweeper=axes"])]
)
class TestBatchLauncher(LauncherTestSuite):
    """Every test of Hydra's suite, with Hydra's sweeper and with ours."""


def test_a_task_that_knows_sweeps_gets_all_batches_in_one_call():
    from hydra_plugins.arena_sweep.batch_launcher import BatchLauncher

    def load(_master, overrides):
        values = dict(word.split("=") for word in overrides)
        return OmegaConf.create({**values, "hydra": {"job": {}}})

    def task(_config):
        raise AssertionError("a run of its own")

    def sweep(batches, axes, texts):
        return [(dict(choices), OmegaConf.to_container(config)) for choices, config in batches], axes, texts

    vars(task).update(sweep=sweep, can_vary=lambda key: key == "y")
    launcher = BatchLauncher()
    launcher.setup(
        hydra_context=SimpleNamespace(config_loader=SimpleNamespace(load_sweep_config=load)),
        task_function=task,
        config=OmegaConf.create({"hydra": {"hydra_logging": {"root": None}, "verbose": False}}),
    )
    assert launcher.can_vary("y")
    batches = [(["x=1"], {"x": "1"}), (["x=2"], {"x": "2"})]
    assert launcher.launch_batches(batches, {"y": [1, 2]}, {"y": "1,2"}) == (
        [({"x": "1"}, {"x": "1"}), ({"x": "2"}, {"x": "2"})],
        {"y": [1, 2]},
        {"y": "1,2"},
    )


def test_a_task_that_knows_no_sweeps_says_so():
    from hydra_plugins.arena_sweep.batch_launcher import BatchLauncher

    launcher = BatchLauncher()
    launcher.setup(hydra_context=None, task_function=lambda _config: None, config=None)
    assert launcher.can_vary is None
