"""How kernels are compiled, and the door through which arrays reach them.

Signatures are declared, with read-only inputs: one machine-code version then serves both
writable and read-only arrays, and nothing is compiled behind a caller's back.
Invariant: a kernel calls no kernel of another module, because numba's cache does not see changes there.
"""

from collections.abc import Callable
from typing import Any, TypeVar, cast

import numba
import numpy as np
from numba import types
from numpy.typing import ArrayLike, NDArray

from arena.core.bars import FloatArray
from arena.core.errors import ConfigError

F = TypeVar("F", bound=Callable[..., Any])

SERIES = types.Array(types.float64, 1, "C", readonly=True)
STAMPS = types.Array(types.int64, 1, "C", readonly=True)
FLAGS = types.Array(types.boolean, 1, "C", readonly=True)
COUNT = types.int64
NUMBER = types.float64


def kernel(*arguments: Any) -> Callable[[F], F]:
    """Return a decorator that compiles a function for exactly these argument types, cached on disk."""
    return cast("Callable[[F], F]", numba.njit([arguments], cache=True, nogil=True))


def as_series(values: ArrayLike) -> FloatArray:
    """Return `values` as contiguous float64, copied only where they are something else."""
    return np.ascontiguousarray(values, np.float64)


def as_stamps(values: ArrayLike) -> NDArray[np.int64]:
    """Return `values` as contiguous int64, copied only where they are something else."""
    return np.ascontiguousarray(values, np.int64)


def as_flags(values: ArrayLike) -> NDArray[np.bool_]:
    """Return `values` as contiguous booleans, copied only where they are something else."""
    return np.ascontiguousarray(values, np.bool_)


def check_period(period: int, least: int = 1) -> int:
    """Return `period`.

    Raises:
        ConfigError: it is below `least`.
    """
    if period < least:
        raise ConfigError(f"period={period}: an indicator needs at least {least} bars; give a longer period")
    return period


def check_same_length(**arrays: NDArray[Any]) -> None:
    """Pass when all arrays have one length.

    Raises:
        ConfigError: they differ; a kernel would read past the end of the shorter one.
    """
    lengths = {name: len(array) for name, array in arrays.items()}
    if len(set(lengths.values())) > 1:
        found = ", ".join(f"{name} {length}" for name, length in lengths.items())
        raise ConfigError(f"an indicator got arrays of different lengths ({found}): pass rows of one series")
