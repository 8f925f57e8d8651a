"""Whether the follower keeps up: the whole daemon at half of the highest rate it takes in.

First as many requests as the daemon answers, its follower beside it; then,
once it has caught up, a client that keeps half of that rate. Every tenth of a
second the daemon is asked (``/-/ready``) how far its log is, and how far the
follower is behind it. The lag in seconds is how long ago the log was where the
follower is now, its own ``incident.*`` events included.

The traffic is of a thousand services in turn. Four alerts fire on each, then
they end: one incident of eight events, and the next one on the same service is
hours later by the sender's clock. Drafts are off: some hundred incidents
resolve in a second here, and what their drafts cost is another question.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import math
import sys
import time
from collections import deque
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

import uvloop

from collector import projections
from collector.log import upgrade
from collector.projections import shape
from tests import postgres
from tests.bench import entry, results
from tests.bench.bodies import PATH
from tests.bench.entry import Option
from tests.bench.servers import Running, server
from tests.bench.slices import stored

BACK_ENDS = ("sqlite", "postgresql")
GOAL = 2.0
"""Seconds of lag."""
SENT_GOAL = 0.95
"""How much of the wanted rate must have been sent: a client that falls behind measures nothing."""
SHARE = 0.5
"""Of the highest rate."""
SERVICES = 1_000
PODS = 4
"""Alerts of one incident."""
EVERY = 0.1
"""Seconds between two looks at the lag."""
TICK = 0.005
"""Seconds between two times of sending what is due."""
CATCH_UP = 300.0
"""Seconds that the follower may take to catch up after the highest rate."""
BEGIN = datetime(2026, 3, 1, tzinfo=UTC)
APART = timedelta(hours=6)
EPISODE = timedelta(minutes=20)


def body_of(number: int) -> bytes:
    """The body of a request: a firing or an end of one alert of one service."""
    visit, service = divmod(number, SERVICES)
    incident, step = divmod(visit, 2 * PODS)
    ended, pod = divmod(step, PODS)
    since = BEGIN + incident * APART + timedelta(seconds=service + 15 * pod)
    group = {"alertname": "HighErrorRate", "service": f"service-{service}"}
    alert = {
        "status": "resolved" if ended else "firing",
        "labels": group | {"severity": "critical", "environment": "production", "pod": f"service-{service}-{pod}"},
        "annotations": {"summary": f"5xx ratio of service-{service} is 7.3 % on pod {pod}"},
        "startsAt": since.isoformat(),
        "endsAt": (since + EPISODE).isoformat() if ended else "0001-01-01T00:00:00Z",
        "generatorURL": "https://prometheus.example.org/graph?g0.expr=errors&g0.tab=1",
        "fingerprint": f"{service * PODS + pod:016x}",
    }
    key = f'{{}}:{{alertname="HighErrorRate", service="service-{service}"}}'
    rest = {"version": "4", "receiver": "timelined", "status": alert["status"], "groupKey": key, "groupLabels": group}
    return json.dumps(rest | {"alerts": [alert]}).encode()


# --- the client -------------------------------------------------------------------------------------------------------


class Client:
    """Sends over a fixed number of connections; how many requests are due is for others to say."""

    def __init__(self, port: int, connections: int) -> None:
        self._port, self._connections = port, connections
        self._idle: deque[_Connection] = deque()
        self._due = 0
        self._sent = 0
        self.answered = 0
        self.refused = 0
        self._over = asyncio.Event()

    async def connect(self) -> None:
        """Open all connections."""
        loop = asyncio.get_running_loop()
        for _ in range(self._connections):
            await loop.create_connection(lambda: _Connection(self), "127.0.0.1", self._port)

    def more(self, count: int) -> None:
        """So many more requests are due; they go out as connections become free."""
        self._due += count
        while self._due and self._idle:
            self.idle(self._idle.popleft())

    def idle(self, connection: _Connection) -> None:
        """A connection that could send."""
        if not self._due:
            self._idle.append(connection)
            if len(self._idle) == self._connections:
                self._over.set()
            return
        self._due -= 1
        self._over.clear()
        body = body_of(self._sent)
        self._sent += 1
        head = f"POST {PATH} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: "
        connection.send(f"{head}{len(body)}\r\n\r\n".encode() + body)

    async def finish(self) -> None:
        """Send nothing more, and wait for the answers under way."""
        self._due = 0
        await asyncio.wait_for(self._over.wait(), 60)

    async def flood(self, seconds: float) -> float:
        """As many as are answered, for so long and until one is; how many that is a second."""
        began, before = time.monotonic(), self.answered
        self.more(1 << 40)
        await asyncio.sleep(seconds)
        while self.answered == before and time.monotonic() - began < CATCH_UP:  # noqa: ASYNC110 - it is a rate, whose clock is no event
            await asyncio.sleep(TICK)
        rate = (self.answered - before) / (time.monotonic() - began)
        await self.finish()
        return rate

    async def pace(self, rate: float, seconds: float) -> float:
        """A steady rate for a while, and until one is answered; the rate that was answered."""
        began, before, sent = time.monotonic(), self.answered, 0
        while (passed := time.monotonic() - began) < seconds:
            self.more(int(passed * rate) - sent)
            sent = int(passed * rate)
            await asyncio.sleep(TICK)
        while self.answered == before and time.monotonic() - began < CATCH_UP:  # noqa: ASYNC110 - as above
            await asyncio.sleep(TICK)
        reached = (self.answered - before) / (time.monotonic() - began)
        await self.finish()
        return reached


class _Connection(asyncio.Protocol):
    """One request at a time."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._buffer = b""
        self._transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport  # type: ignore[assignment]
        self._client.idle(self)

    def send(self, request: bytes) -> None:
        self._transport.write(request)

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        head, found, rest = self._buffer.partition(b"\r\n\r\n")
        if not found or len(rest) < int(head.lower().partition(b"content-length:")[2].split(b"\r\n")[0]):
            return
        self._buffer = b""
        self._client.answered += 1
        self._client.refused += not head[9:12].startswith(b"2")
        self._client.idle(self)


async def look(port: int) -> Look:
    """How far the daemon's log is and how far its follower, by its own word."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"GET /-/ready HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n")
    told = await reader.read()
    writer.close()
    said = json.loads(told.partition(b"\r\n\r\n")[2])
    return Look(time.monotonic(), int(said["position"]), int(said["position"]) - int(said["lag"]))


# --- what is measured -------------------------------------------------------------------------------------------------


class Look(NamedTuple):
    """One look at a daemon."""

    at: float
    """By our clock, seconds."""
    head: int
    followed: int
    """Both are positions."""


def lags(looks: Sequence[Look]) -> list[float]:
    """At each look, how many seconds ago the log was where the follower is: between two looks it grows evenly.

    At the first of them the follower is where the log is.
    """
    lags_found = []
    for now in looks:
        if now.followed >= now.head:
            lags_found.append(0.0)
            continue
        number = next(number for number, one in enumerate(looks) if one.head > now.followed)
        before, after = looks[number - 1], looks[number]
        share = (now.followed - before.head) / (after.head - before.head)
        lags_found.append(now.at - before.at - (after.at - before.at) * share)
    return lags_found


class Round(NamedTuple):
    """One daemon from its start to its end."""

    highest: float
    """Requests a second."""
    paced: float
    lags: tuple[float, ...]
    """Seconds, every tenth of a second."""
    acknowledged: int

    @property
    def wanted(self) -> float:
        """The rate the client was to keep."""
        return self.highest * SHARE


async def drive(options: argparse.Namespace, daemon: Running) -> Round:
    """Flood, wait until the follower is there, pace and look."""
    client = Client(daemon.port, options.connections)
    await client.connect()
    highest = await client.flood(options.flood)
    until = time.monotonic() + CATCH_UP
    while (now := await look(daemon.port)).followed < now.head:
        if time.monotonic() > until:
            raise SystemExit(f"cannot measure: the follower is still behind after {CATCH_UP:.0f} s")
        await asyncio.sleep(EVERY)
    looks = [now]
    watching = asyncio.create_task(_watch(daemon.port, looks))
    paced = await client.pace(highest * SHARE, options.seconds)
    watching.cancel()
    if client.refused:
        raise SystemExit(f"cannot measure: {client.refused} answers were not 2xx")
    return Round(highest, paced, tuple(sorted(lags(looks))), client.answered)


async def _watch(port: int, looks: list[Look]) -> None:
    while True:
        looks.append(await look(port))
        await asyncio.sleep(EVERY)


def one_round(options: argparse.Namespace, folder: Path, url: str) -> Round:
    """A daemon of its own over an empty log."""
    config = folder / "timelined.yml"
    config.write_text(f"drafts: {{enabled: {str(options.drafts).lower()}}}\n")
    command = ("collector", "serve", "--config.file", str(config), "--web.listen-address", "127.0.0.1:PORT")
    with server(*command, "--storage.url", url, "--log.level", "error", cwd=folder) as daemon:
        outcome = uvloop.run(drive(options, daemon))
    held = stored(url)
    if not held.every == held.last or held.events != outcome.acknowledged:
        raise SystemExit(f"cannot trust this run: {outcome.acknowledged} acknowledged, stored {held}")
    return outcome


def measure(options: argparse.Namespace, report: results.Report) -> None:
    """Every round on a fresh log."""
    if "sqlite" in options.backends:
        record(report, "", rounds(options, lambda folder: f"sqlite:///{folder / 'log.db'}"))
    if "postgresql" not in options.backends:
        return
    if reason := postgres.absent():
        report.note(f"Not measured on PostgreSQL: {reason}.")
        return
    with postgres.plain(results.disk()) as database:
        record(report, ", on PostgreSQL", rounds(options, lambda folder: made(database)))


def rounds(options: argparse.Namespace, url_of: Callable[[Path], str]) -> list[Round]:
    """So many daemons, one after the other."""
    rounds_done = []
    for _ in range(options.rounds):
        with results.workplace() as folder:
            rounds_done.append(one_round(options, folder, url_of(folder)))
    return rounds_done


def made(database: postgres.Server) -> str:
    """The address of an empty log, as ``timelined db upgrade`` makes it."""
    url = database.url(database.database())
    asyncio.run(upgrade(url, [projections.metadata], shape.fit))
    return url


def record(report: results.Report, where: str, outcomes: list[Round]) -> None:
    """Note what the rounds came to."""
    told = sum(each.acknowledged for each in outcomes)
    report.note(f"{told} events acknowledged{where}, all of them stored, positions without a gap.")
    report.add(f"highest rate, follower on{where}", [each.highest for each in outcomes], "req/s")
    report.add(
        f"paced rate, of the wanted one{where}", [each.paced / each.wanted for each in outcomes],
        at_least=SENT_GOAL, worst=True, beside={"req/s": tuple(each.paced for each in outcomes)},
    )  # fmt: skip
    extra = {
        "median s": tuple(each.lags[len(each.lags) // 2] for each in outcomes),
        "p90 s": tuple(each.lags[math.ceil(len(each.lags) * 0.9) - 1] for each in outcomes),
        "looks": tuple(float(len(each.lags)) for each in outcomes),
    }
    worst = [each.lags[-1] for each in outcomes]
    report.add(f"longest lag at half of it{where}", worst, "s", below=GOAL, worst=True, beside=extra)


OPTIONS = (
    Option("rounds", 2, 1),
    Option("flood", 5.0, 0.3, help="seconds at the highest rate"),
    Option("seconds", 15.0, 0.5, help="seconds at half of it"),
    Option("connections", 64, 4),
    Option("backends", BACK_ENDS, choices=BACK_ENDS),
    Option("drafts", False, help="have a draft written of each incident that resolves"),
)


if __name__ == "__main__":
    sys.exit(entry.main("keepup", __doc__, OPTIONS, measure))
