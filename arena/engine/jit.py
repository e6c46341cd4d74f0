"""How the engine's kernels are compiled.

No allocation happens inside them, so reference counting is switched off (`_nrt`): it costs more
than the arithmetic. `numpy` errors: a division by zero gives inf instead of a check per division;
the inputs are validated before.

The kernels are spread over several files and merged into one by the compiler, whose cache knows
the entry point's file alone. Machine code of an older `account.py` must never run, so the cache is
stamped with all sources of this package.
"""

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar, cast

from numba import njit

Function = TypeVar("Function", bound=Callable[..., Any])

_compile: Any = njit
_OPTIONS = {"nogil": True, "error_model": "numpy", "_nrt": False}


def kernel(function: Function) -> Function:
    """Compile an entry point that Python calls."""
    dispatcher = _compile(**_OPTIONS, cache=True)(function)
    dispatcher._cache._cache_file._source_stamp = _sources()  # noqa: SLF001 - numba has no public way
    return cast("Function", dispatcher)


def inlined(function: Function) -> Function:
    """Compile a part of a kernel, merged into whatever kernel calls it."""
    return cast("Function", _compile(**_OPTIONS, forceinline=True)(function))


def _sources() -> str:
    digest = hashlib.sha256()
    for path in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(path.read_bytes())
    return digest.hexdigest()
