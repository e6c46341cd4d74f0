"""Entry points: python -m jobs.NAME. Thin: compose, call arena, report.

Tuned here, before anything is imported, for processes that start, work and end.
"""

import gc
import os
import sys
from pathlib import Path

# imports allocate half a million objects that live as long as the process: collecting on the way
# costs 0.3 s of a cold backtest and finds nothing
gc.set_threshold(500_000, 20, 20)

# Arrow's own pool keeps 25 MB that the C library's allocator gives back
os.environ.setdefault("ARROW_DEFAULT_MEMORY_POOL", "system")

# Hydra takes plugins from the import name `hydra_plugins` only; last, so that it hides nothing
_PLUGINS = str(Path(__file__).resolve().parent.parent / "arena" / "plugins")
if _PLUGINS not in sys.path:
    sys.path.append(_PLUGINS)
