"""One body under load, slice by slice, and what the log has to hold afterwards.

Servers are compared in one run, in turn, so that a busy machine slows all of
them. What was acknowledged is counted, and the database has to agree: every
acknowledged delivery is there, beyond them only those whose answers were under
way when a slice ended, and positions have no gap.
"""

from __future__ import annotations

import asyncio
import statistics
from collections.abc import Sequence
from typing import NamedTuple

from sqlalchemy import Connection

from collector.event import MACHINE
from collector.log import open_log
from tests.bench import load
from tests.bench.bodies import PATH
from tests.bench.servers import Running, cpu, settle


class Slice(NamedTuple):
    """One server under load for a while."""

    seen: load.Result
    cpu: float
    """Microseconds of processor time, the server's and its helpers', for each answer."""

    @property
    def rate(self) -> float:
        """Answers a second."""
        return self.seen.rate


class Traffic:
    """Slices of load with one body; each slice's requests differ from every other's."""

    def __init__(
        self, body: bytes, *, connections: int, seconds: float, tool: str, times: int = 1, path: str = PATH,
        rate: float = 0.0,
    ) -> None:  # fmt: skip
        self._body, self._path, self._seconds, self._tool, self._rate = body, path, seconds, tool, rate
        self.connections, self.times = connections, times
        self._slices = 0

    def slice(self, server: Running, seconds: float | None = None) -> Slice:
        """Load one server, and wait until it is done with what it still owes."""
        self._slices += 1
        before = cpu(server.pids)
        load_result = load.run(
            server.port, self._path, self._body, connections=self.connections, seconds=seconds or self._seconds,
            slice_number=self._slices, tool=self._tool, times=self.times, rate=self._rate,
        )  # fmt: skip
        settle(server.pids)
        if load_result.refused or load_result.broken:
            said = f"{load_result.refused} answers were not 2xx and {load_result.broken} connections broke"
            raise SystemExit(f"cannot compare: on port {server.port} {said}")
        return Slice(load_result, 1e6 * (cpu(server.pids) - before) / max(1, load_result.answered))


class Stored(NamedTuple):
    """What a log holds."""

    deliveries: int
    events: int
    """Those that senders told; the daemon's own are left out."""
    every: int
    last: int
    """The last position."""


def stored(url: str) -> Stored:
    """Count what a log holds, whatever its back end."""
    return asyncio.run(_stored(url))


async def _stored(url: str) -> Stored:
    log = await open_log(url, writable=False)
    try:
        return await log.query(_counts)
    finally:
        await log.close()


def _counts(connection: Connection) -> Stored:
    query = connection.exec_driver_sql
    return Stored(
        query("SELECT count(*) FROM delivery").scalar_one(),
        query(f"SELECT count(*) FROM event WHERE source <> '{MACHINE}'").scalar_one(),  # noqa: S608 - a constant of ours
        query("SELECT count(*) FROM event").scalar_one(),
        query("SELECT coalesce(max(position), 0) FROM event").scalar_one(),
    )


def check(contents: Stored, slices: Sequence[Slice], *, alerts: int, connections: int, times: int = 1) -> str:
    """What was counted, in words; raises ``SystemExit`` where the log and the answers disagree."""
    answered = [each.seen.answered for each in slices]
    lowest = alerts * sum(-(-count // times) for count in answered)
    # A slice may begin and end within what belongs together.
    highest = alerts * sum(-(-(count + connections) // times) + (times > 1) for count in answered)
    told = sum(answered)
    agree = told <= contents.deliveries <= told + connections * len(slices) and lowest <= contents.events <= highest
    counted = f"{told} deliveries acknowledged, {contents.deliveries} stored, {contents.events} events"
    if not agree or contents.every != contents.last:
        raise SystemExit(f"cannot trust this run: {counted}, {contents.every} in all, last position {contents.last}")
    return f"{counted}, positions without a gap"


def beside(slices: Sequence[Slice], of: str = "") -> dict[str, tuple[float, ...]]:
    """What stands beside a ratio: rates, latencies and processor time of the slices it was made of."""
    prefix = f"{of} " if of else ""
    return {
        f"{prefix}req/s": tuple(each.rate for each in slices),
        f"{prefix}p50 ms": tuple(each.seen.p50 for each in slices),
        f"{prefix}p99 ms": tuple(each.seen.p99 for each in slices),
        f"{prefix}cpu us": tuple(each.cpu for each in slices),
    }


def described(name: str, slices: Sequence[Slice]) -> str:
    """One line about a server's slices."""
    rates = [each.rate for each in slices]
    middles = {what: statistics.median(values) for what, values in beside(slices).items()}
    rest = ", ".join(f"{what} {value:.1f}" for what, value in middles.items() if what != "req/s")
    return f"{name}: {middles['req/s']:.0f} req/s [{min(rates):.0f} .. {max(rates):.0f}], {rest}"
