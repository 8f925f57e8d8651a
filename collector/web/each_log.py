"""Reading several logs for one answer: which ones are asked, what each gave, and which of them could not be read.

A log that is away is left out whole and named, with its reason, so that no figure is silently of fewer logs.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import Generic, TypeVar

import msgspec
from aiohttp import web

from collector.errors import InvalidInput, Unavailable
from collector.web.keys import LOGS, PROJECTIONS, READINESS, OneLog

T = TypeVar("T")

ALL = "all"
"""What stands for every log where one can be named."""


class ReadLogs(msgspec.Struct, Generic[T], frozen=True):
    """What was read of each log."""

    answers: Sequence[tuple[OneLog, T]]
    away: Mapping[str, str]
    """Each log that could not be read, and why."""


def asked_logs(request: web.Request, name: str | None) -> Sequence[OneLog]:
    """The logs that a request asks: all that its application speaks for, or the one that is named.

    Raises :class:`InvalidInput` where no such log is among them.
    """
    served = request.app[LOGS]()
    # The application of a log speaks for that one alone; the daemon's own has no lists.
    of = [log for log in served if log.app is request.app] if PROJECTIONS in request.app else served
    if name in (None, ALL):
        return of
    selected = [log for log in of if log.name == name]
    if not selected:
        known = ", ".join([*(log.name for log in of), ALL])
        raise InvalidInput(f"cannot find a log named {name!r} here; use one of {known}", "log")
    return selected


async def read_each(logs: Iterable[OneLog], read: Callable[[OneLog], Awaitable[T]]) -> ReadLogs[T]:
    """What ``read`` gives of each log that is not away, in their order, and why the others are."""
    away: dict[str, str] = {}

    async def read_log(log: OneLog) -> list[tuple[OneLog, T]]:
        if PROJECTIONS not in log.app:
            away[log.name] = (await log.app[READINESS]()).reason
            return []
        try:
            return [(log, await read(log))]
        except Unavailable as error:
            away[log.name] = str(error)
            return []

    found = await asyncio.gather(*map(read_log, logs))
    return ReadLogs([each for some in found for each in some], dict(sorted(away.items())))


def need_one(read: ReadLogs[T], attempt: str) -> None:
    """Raises :class:`Unavailable` where none could be read; ``attempt`` is what was attempted."""
    if not read.answers:
        why = "; ".join(f"{name}: {reason}" for name, reason in read.away.items())
        raise Unavailable(f"cannot {attempt} now: no log can be read ({why or 'it is being opened'}); come again")
