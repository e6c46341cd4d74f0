"""Strategies: one file each, a pure function from closed bars to target exposure.

They see arrays and nothing else: no files, no clock, no exchange. Invariant: value t depends on bars
and settlements known at the close of bar t; `check_causality` shows it for any strategy.
"""

from arena.strategies.base import StrategyParams, StrategySpec
from arena.strategies.causality import CausalityReport, check_causality
from arena.strategies.evaluation import compute_signal
from arena.strategies.parameters import parse_params
from arena.strategies.pieces import make_signal
from arena.strategies.registry import get_strategy, register, strategy_names

__all__ = [
    "CausalityReport",
    "StrategyParams",
    "StrategySpec",
    "check_causality",
    "compute_signal",
    "get_strategy",
    "make_signal",
    "parse_params",
    "register",
    "strategy_names",
]
