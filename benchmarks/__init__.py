"""Speed and memory, side by side with vectorbt and backtesting.py. Run by hand, never by the tests."""

import os

os.environ.setdefault("TQDM_DISABLE", "1")  # a peer's progress bar is no part of its work
