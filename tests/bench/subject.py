"""The smallest server around intake and log: no projections, no API. What ``ingest.py`` measures."""

from __future__ import annotations

import argparse
import asyncio
import signal
import time
from pathlib import Path

import uvloop
from aiohttp import web

from collector.intake import Endpoint, Intake, Limits, Writer
from collector.log import open_log
from collector.sources import alertmanager
from collector.webhook import Credentials

INTAKE = web.AppKey("intake", Intake)


async def receive(request: web.Request) -> web.Response:
    """As the daemon's own route does it."""
    intake = request.app[INTAKE]
    source = request.match_info["source"]
    headers = {name.lower(): value for name, value in request.headers.items()}
    content = request.content
    body = await intake.read_body(
        source,
        # Small bodies arrive together with their headers.
        content.read_nowait() if content.is_eof() else content.iter_any(),
        encoding=headers.get("content-encoding", ""),
        length=request.content_length,
    )
    receipt = await intake.receive(source, headers, body, "", time.time_ns() // 1000)
    items = ",".join(
        f'{{"event":"{item.event_id}","position":{item.position},"known":{"true" if item.known else "false"}}}'
        for item in receipt.items
    )
    text = f'{{"delivery":"{receipt.delivery}","status":"{receipt.status}","items":[{items}]}}'
    return web.Response(body=text.encode(), status=200 if receipt.known else 202, content_type="application/json")


async def serve(port: int, database: Path) -> None:
    """Until SIGTERM."""
    log = open_log(f"sqlite:///{database}")
    writer = Writer(log)
    endpoint = Endpoint(source=alertmanager.SOURCE, credentials=Credentials(open=True))
    app = web.Application()
    app[INTAKE] = Intake(writer, {"alertmanager": endpoint}, Limits())
    app.router.add_post("/webhooks/{source}", receive)
    runner = web.AppRunner(app, access_log=None, auto_decompress=False, keepalive_timeout=15)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    await stop.wait()
    await runner.cleanup()
    await writer.close()
    await log.close()


def main() -> None:
    """``python -m tests.bench.subject PORT DATABASE``"""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("port", type=int)
    parser.add_argument("database", type=Path)
    given = parser.parse_args()
    uvloop.run(serve(given.port, given.database))


if __name__ == "__main__":
    main()
