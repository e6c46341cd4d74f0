"""Serve the site on loopback until somebody ends the process.

Invariant: a stop request ends the server between two answers and the process with exit code 0.
"""

from __future__ import annotations

import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from types import FrameType
from typing import Any

from arena.core.loopback import HOST


def serve(app: Any, listener: socket.socket, ready: Callable[[str], None]) -> None:
    """Answer requests on `listener`; `ready` is told the address before the first one."""
    import uvicorn

    config = uvicorn.Config(app, log_level="warning", access_log=False, lifespan="off")
    server: Any = uvicorn.Server(config)
    server.capture_signals = nullcontext  # its own way would raise the signal once more at the end
    with _stopping(server), listener:
        ready(f"http://{HOST}:{listener.getsockname()[1]}/")
        server.run(sockets=[listener])


@contextmanager
def _stopping(server: Any) -> Iterator[None]:
    """Let Ctrl-C and a termination request end the server instead of the program."""

    def stop(_number: int, _frame: FrameType | None) -> None:
        server.should_exit = True

    before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
