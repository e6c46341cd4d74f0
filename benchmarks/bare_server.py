"""What aiohttp costs alone: a server that answers every request with the same bytes. Started by case 7."""

from __future__ import annotations

import asyncio

from aiohttp import web

from arena.paper_okx.serving import loop_factory

BODY = b'{"code":"0","msg":"","data":[]}'


async def main() -> None:
    """Serve on a free loopback port, which is printed, until killed."""
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", _answer)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    print(f"bare server at http://127.0.0.1:{runner.addresses[0][1]}: ready", flush=True)
    await asyncio.Event().wait()


async def _answer(_request: web.Request) -> web.Response:
    return web.Response(body=BODY, content_type="application/json")


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=loop_factory()) as runner:
        runner.run(main())
