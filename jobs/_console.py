"""What a job says to its user outside of the log, and the exit codes that no error class has.

Invariant: a reader that leaves early (a pipe into head) ends nothing, and no line holds a secret.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable

from jobs._logging import hide_secrets

EXIT_BUG = 1
EXIT_INTERRUPTED = 130
EXIT_KILLED = 137


def show(texts: Iterable[str]) -> None:
    """Print results."""
    try:
        sys.stdout.writelines(f"{text}\n" for text in texts)
        sys.stdout.flush()
    except BrokenPipeError:
        # what is still buffered would fail again at exit
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def tell_error(text: str) -> None:
    """Print a problem, one `error:` line a line of `text`."""
    sys.stderr.writelines(f"error: {line}\n" for line in hide_secrets(text).splitlines())


def tell_note(text: str) -> None:
    """Print what is no problem but has to be known."""
    sys.stderr.write(f"{hide_secrets(text)}\n")
