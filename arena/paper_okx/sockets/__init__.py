"""The WebSocket side of the paper exchange: market and account channels, and order entry.

A face of the exchange on its application; keeps no money and no order. Invariant: what a socket tells, REST
tells in the same row at the same moment.
"""

from __future__ import annotations

from aiohttp import web

from arena.paper_okx.exchange import PaperExchange
from arena.paper_okx.sockets.channels import BUSINESS, PRIVATE, PUBLIC
from arena.paper_okx.sockets.service import SocketService
from arena.paper_okx.sockets.settings import SocketSettings

__all__ = ["SocketSettings", "add_sockets"]


def add_sockets(
    app: web.Application, exchange: PaperExchange, settings: SocketSettings | None = None
) -> None:
    """Serve /ws/v5/public, /ws/v5/private and /ws/v5/business on `app`."""
    service = SocketService(exchange, settings or SocketSettings())
    for url in (PUBLIC, PRIVATE, BUSINESS):
        app.router.add_get(f"/ws/v5/{url}", service.handler(url))
    app.cleanup_ctx.append(service.run)
    app.on_shutdown.append(service.close)
