"""What a daemon that serves several logs says of itself, and of all of them at once: readiness, metrics, lists."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

from aiohttp import web

from collector.daemon import gauges
from collector.daemon.face import Face
from collector.daemon.keeping import KeptLog, Logs
from collector.daemon.opening import Say, read_only
from collector.daemon.runtime import Clock, request_limits, wall_clock
from collector.errors import TimelinedError
from collector.settings import Settings
from collector.telemetry.metrics import Metrics
from collector.telemetry.refusals import Refusals
from collector.web import Frame, Front, Readiness, build_overall
from collector.web.options import Renderings, WebLimits
from renderers.formats import STYLES


def overall(logs: Logs, face: Face) -> web.Application:
    """The application for it."""
    settings, names, own = face.settings, [kept.name for kept in logs], Metrics()
    frame = Frame(
        clock=wall_clock, metrics=own, refusals=Refusals(wall_clock), logs=logs.served, front=face.front,
        renderings=Renderings(zone=settings.drafts.zone, styles=STYLES),
        access=face.access(local_only=settings.web.loopback), bounds=WebLimits(limits=request_limits(settings)),
    )  # fmt: skip

    async def looked_up() -> gauges.Families:
        told = dict(zip(names, await asyncio.gather(*map(_families, logs)), strict=True))
        return gauges.of_daemon(own.registry.collect(), gauges.reloads(not face.reload_failure, face.reloaded_at), told)

    async def readiness() -> Readiness:
        return await _ready(logs, face)

    return build_overall(frame, readiness, looked_up, face.reload)


async def _families(kept_log: KeptLog) -> gauges.Families:
    """What is counted and looked up of one log."""
    counters = [*kept_log.host.metrics.registry.collect()]
    if kept_log.runtime is not None:
        return [*counters, *await kept_log.runtime.gauges()]
    return [*counters, gauges.ready(False)]


async def _ready(logs: Logs, face: Face) -> Readiness:
    """Ready as long as one log is: whoever takes the daemon out of a balance takes every log out of it.

    Each log says whether it is, and why not; the reason names those that are not. What else is said is the default
    log's.
    """
    found = await asyncio.gather(*(kept.readiness() for kept in logs))
    states = {kept.name: state for kept, state in zip(logs, found, strict=True)}
    failing = {name: state for name, state in states.items() if not state.ready}
    reason = "; ".join(f"{name}: {state.reason}" for name, state in failing.items())
    told = {name: {"ready": state.ready, "reason": state.reason, **state.facts} for name, state in states.items()}
    facts = {**states[logs.default.name].facts, **face.facts, "failing": list(failing), "logs": told}
    return Readiness(ready=len(failing) < len(states), reason=reason, facts=facts)


@asynccontextmanager
async def read_only_all(
    settings: Settings, clock: Clock = wall_clock, say: Say = lambda text: None
) -> AsyncIterator[web.Application]:
    """The lists of all logs for one command, whether daemons write to them or not. It listens nowhere.

    A log that cannot be read is away in them. ``say`` is told where lists have to be made first.
    """
    face = Face(settings, clock, Front())
    logs = Logs(settings, clock, face)
    async with AsyncExitStack() as stack:
        for kept_log in logs:
            try:
                app = await stack.enter_async_context(read_only(kept_log.settings, clock, say))
            except TimelinedError as error:
                kept_log.failure = str(error)
                app = kept_log.app_away(local_only=True)
            await logs.mounts.put(kept_log.name, app)
        stack.push_async_callback(logs.mounts.close)
        yield overall(logs, face)
