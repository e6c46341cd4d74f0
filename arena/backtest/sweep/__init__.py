"""Parameter sweeps: many runs over one market, as columns.

One engine for all: a trial's figures are those of a single run of the same config.
"""

from arena.backtest.sweep.axes import ACCOUNT_AXES, Axes
from arena.backtest.sweep.engines import ENGINES, Engine
from arena.backtest.sweep.grid import Grid, check_grid
from arena.backtest.sweep.result import SweepResult
from arena.backtest.sweep.run import run_sweep
from arena.backtest.sweep.sampling import draw_grid
from arena.backtest.sweep.statistics import FIGURES

__all__ = [
    "ACCOUNT_AXES",
    "ENGINES",
    "FIGURES",
    "Axes",
    "Engine",
    "Grid",
    "SweepResult",
    "check_grid",
    "draw_grid",
    "run_sweep",
]
