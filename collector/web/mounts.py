"""Several applications on one port: of each request's address, which of them answers it.

A log with a name has all its addresses beneath ``/logs/NAME``, where its application answers as if there were no other.
Deliveries go to the log of their source. What is said of the daemon, or of all logs, is answered by an application of
its own; everything else is the default log's.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from urllib.parse import unquote

from aiohttp import web

from collector.web.keys import ENDING
from collector.web.prefix import Answer

LOGS = "/logs/"
_WEBHOOKS = "/webhooks/"
_OWN = (
    "/-", "/static", "/api/v1/logs", "/api/v1/metrics", "/analytics", "/analytics.csv", "/across",
    "/across.csv", "/metrics", "/login", "/logout",
)  # fmt: skip
"""Addresses of the daemon's own application, with what lies beneath them."""


class Mounts:
    """The applications, each running from when it is put in its place until it is replaced, or :meth:`close`."""

    def __init__(self, log_of: Callable[[str], str], default: str) -> None:
        """``log_of`` says which log a source delivers to; that of a name that is no source's is ``default``."""
        self._log_of, self._default = log_of, default
        self._running: dict[str, web.AppRunner] = {}

    @property
    def apps(self) -> Mapping[str, web.Application]:
        """The log's name → what answers for it."""
        return {name: runner.app for name, runner in self._running.items()}

    async def put(self, name: str, app: web.Application) -> None:
        """Have this answer for a log from now on; what did before ends what it is at."""
        runner = web.AppRunner(app)
        await runner.setup()
        before = self._running.get(name)
        self._running[name] = runner
        if before is not None:
            _end(before)
            await before.cleanup()

    def find(self, path: str) -> tuple[str, Answer] | None:
        """What to take off the beginning of an address, and who answers the rest; None where it is the daemon's own."""
        if path == LOGS.rstrip("/") or any(path == own or path.startswith(f"{own}/") for own in _OWN):
            return None
        name, prefix = self._default, ""
        if path.startswith(LOGS):
            name = path.removeprefix(LOGS).partition("/")[0]
            prefix = LOGS + name
        elif path.startswith(_WEBHOOKS):
            name = self._log_of(unquote(path.removeprefix(_WEBHOOKS).partition("/")[0]))
        server = self._running[name].server if name in self._running else None
        return None if server is None else (prefix, server.request_handler)

    def end(self) -> None:
        """End what would never end by itself."""
        for runner in self._running.values():
            _end(runner)

    async def close(self) -> None:
        """Nothing answers any more."""
        for runner in self._running.values():
            await runner.cleanup()
        self._running.clear()


def _end(runner: web.AppRunner) -> None:
    for end in runner.app.get(ENDING, ()):
        end()
