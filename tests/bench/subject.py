"""The daemon's web room, intake and log, with nothing that follows. What the benchmarks of ingest measure.

The application and the listening end are the daemon's own; only the follower,
the jobs and the settings file are not there.
"""

from __future__ import annotations

import argparse
import asyncio
import signal
import time
from typing import Any

import uvloop
from aiohttp import web

from collector import daemon, projections
from collector.correlation import Rules
from collector.intake import Endpoint, Intake
from collector.intake.body_reader import BodyLimits
from collector.intake.writer import Writer
from collector.log import open_log
from collector.sources import alertmanager
from collector.web import Readiness, Runner, build_app, server_kwargs
from collector.webhook import Credentials


async def ready() -> Readiness:
    """Nobody asks here."""
    return Readiness(ready=True)


async def serve(port: int, url: str, **writer_options: Any) -> None:
    """Until SIGTERM; the options are those of :class:`collector.intake.writer.Writer`."""
    log = await open_log(url, extra_metadata=[projections.metadata])
    writer = Writer(log, **writer_options)
    endpoint = Endpoint(source=alertmanager.SOURCE, credentials=Credentials(open=True))
    app = build_app(
        intake=Intake(writer, {"alertmanager": endpoint}, BodyLimits()),
        log=log,
        projections=projections.Projections(projections.open_lists(log), Rules()),
        readiness=ready,
        clock=lambda: time.time_ns() // 1000,
    )
    runner = Runner(app, **server_kwargs())
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    await stop.wait()
    await runner.cleanup()
    await writer.close()
    await log.close()


def main() -> None:
    """``python -m tests.bench.subject PORT DATABASE [--batch-events N] [--queue-events N]``"""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("port", type=int)
    parser.add_argument("database", help="a file, or a database URL")
    parser.add_argument("--batch-events", type=int, help="1: every request has a commit of its own")
    parser.add_argument("--queue-events", type=int, help="so many may wait; more are refused")
    arguments = parser.parse_args()
    named = {"batch_events": arguments.batch_events, "queue_events": arguments.queue_events}
    options = {name: value for name, value in named.items() if value is not None}
    daemon.tune_gc()
    url = arguments.database if "://" in arguments.database else f"sqlite:///{arguments.database}"
    uvloop.run(serve(arguments.port, url, **options))


if __name__ == "__main__":
    main()
