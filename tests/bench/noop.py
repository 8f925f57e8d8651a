"""aiohttp's own no-op: read the body, answer 202. What a benchmark of ingest is measured against."""

from __future__ import annotations

import argparse
import asyncio

from aiohttp import web


async def answer(request: web.Request) -> web.Response:
    """Nothing but what aiohttp itself does."""
    await request.read()
    return web.Response(status=202)


async def serve(port: int) -> None:
    """Until killed."""
    app = web.Application(client_max_size=64 << 20)
    app.router.add_post("/webhooks/{source}", answer)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    await asyncio.Event().wait()


def main() -> None:
    """``python -m tests.bench.noop PORT [--loop uvloop]``"""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("port", type=int)
    parser.add_argument("--loop", choices=("asyncio", "uvloop"), default="asyncio")
    options = parser.parse_args()
    if options.loop == "uvloop":
        import uvloop

        uvloop.run(serve(options.port))
    else:
        asyncio.run(serve(options.port))


if __name__ == "__main__":
    main()
