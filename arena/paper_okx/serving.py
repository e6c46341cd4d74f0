"""A paper exchange listens: one loop, one loopback port, until it is asked to stop.

Refuses every address but loopback. Invariant: `ready` is called when the first request can be served.
"""

from __future__ import annotations

import asyncio
import ipaddress
import signal
from collections.abc import Callable
from typing import Any

from aiohttp import web

from arena.core.errors import ConfigError
from arena.paper_okx.app import create_app
from arena.paper_okx.exchange import PaperExchange

__all__ = ["loop_factory", "serve"]


def serve(exchange: PaperExchange, host: str, port: int, ready: Callable[[str], object]) -> None:
    """Serve until SIGINT or SIGTERM; `ready` is handed the URL.

    Raises:
        ConfigError: the address is not loopback, or the port is taken.
    """
    if host != "localhost" and not ipaddress.ip_address(host).is_loopback:
        raise ConfigError(f"host={host}: the paper exchange listens on loopback alone, as on 127.0.0.1")
    with asyncio.Runner(loop_factory=loop_factory()) as runner:
        runner.run(_serve(exchange, host, port, ready))


async def _serve(exchange: PaperExchange, host: str, port: int, ready: Callable[[str], object]) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    runner = web.AppRunner(create_app(exchange), access_log=None, shutdown_timeout=1.0)
    await runner.setup()
    try:
        site = web.TCPSite(runner, host, port)
        try:
            await site.start()
        except OSError as error:
            raise ConfigError(
                f"port={port}: cannot listen on {host} ({error.strerror or error}): stop what listens there, "
                "or take another port (port=0: any free one)"
            ) from error
        bound = runner.addresses[0][1]
        ready(f"http://{f'[{host}]' if ':' in host else host}:{bound}")
        await asyncio.to_thread(exchange.market.complete)
        await stop.wait()
    finally:
        await runner.cleanup()


def loop_factory() -> Callable[[], Any] | None:
    """Return uvloop's where it is installed; it is not made for every system."""
    try:
        import uvloop
    except ImportError:
        return None
    return uvloop.new_event_loop
