"""How the engine's kernels are compiled.

No allocation happens inside them, so reference counting is switched off (`_nrt`): it costs more
than the arithmetic. `numpy` errors: a division by zero gives inf instead of a check per division;
the inputs are validated before.
"""

from collections.abc import Callable
from typing import Any, TypeVar, cast

from numba import njit

Function = TypeVar("Function", bound=Callable[..., Any])

_compile: Any = njit
_OPTIONS = {"cache": True, "nogil": True, "error_model": "numpy", "_nrt": False}


def kernel(function: Function) -> Function:
    """Compile an entry point that Python calls."""
    return cast("Function", _compile(**_OPTIONS)(function))


def inlined(function: Function) -> Function:
    """Compile a part of a kernel, merged into whatever kernel calls it."""
    return cast("Function", _compile(**_OPTIONS, forceinline=True)(function))
