"""The package of statistics gives every name it lists, and a run loads few of them."""

import subprocess
import sys

import pytest

from arena.backtest import honesty


@pytest.mark.parametrize("name", honesty.__all__)
def test_every_listed_name_is_there(name):
    assert getattr(honesty, name) is not None


def test_unknown_name_is_refused_as_of_any_module():
    with pytest.raises(AttributeError, match="has no attribute 'sharpe_ratio'"):
        _ = honesty.sharpe_ratio


def test_a_run_loads_no_statistics_package_and_not_those_of_sweeps():
    script = (
        "import sys\n"
        "import arena.backtest.run\n"
        "of_sweeps = ['arena.backtest.honesty.overfitting', 'arena.backtest.honesty.trials']\n"
        "heavy = ['scipy', 'statistics', *of_sweeps]\n"
        "sys.exit(', '.join(name for name in heavy if name in sys.modules) or None)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False, timeout=60
    )
    assert (done.returncode, done.stderr.strip()) == (0, "")
