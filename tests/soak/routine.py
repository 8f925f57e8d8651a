"""What goes on every day beside what goes wrong: deliveries, statements, reads, reloads, exchanged secrets, rotated
logs, backups and verifications."""

from __future__ import annotations

import asyncio
import itertools
import json
import random
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import aiohttp

from tests.faults.clients import Clients
from tests.faults.deliveries import Deliveries, Delivery
from tests.faults.history import Attempt, Fact
from tests.faults.supervisor import PROJECT, until
from tests.soak.unit import Unit

TRAFFIC = ("alertmanager", "quiet", "odd")
_BETWEEN = 0.6
"""Seconds between two deliveries of one sender."""
_AGAIN = 0.3
"""Seconds until what was not acknowledged is sent again."""
_STANDSTILL = 600.0
"""Seconds for which the daemon may stand still, or be stopped, in an episode."""
_STORMS = 50_000
"""Numbers from here on are those of storms: no sender of a run comes so far."""


class Senders:
    """Senders that send again what was not acknowledged, until it is."""

    def __init__(self, clients: Clients, seed: str) -> None:
        self.clients, self._numbers = clients, itertools.count(1)
        self._seed, self._storms = seed, itertools.count(_STORMS)
        self.again = 0
        """How often something was sent again."""

    async def delivered(self, delivery: Delivery) -> Attempt:
        """One delivery, sent until it is taken."""
        while True:
            attempt = await self.clients.send(delivery)
            if attempt.status in (200, 202):
                return attempt
            self.again += 1
            await asyncio.sleep(_AGAIN)

    async def go_on(self, number: int) -> None:
        """One sender of traffic."""
        deliveries = Deliveries(f"{self._seed}/{number}", self._numbers)
        while True:
            await self.delivered(deliveries.fresh())
            await asyncio.sleep(_BETWEEN)

    def storm(self, size: int = 100) -> Delivery:
        """So many alerts in one delivery, which open no incident."""
        return alerts([next(self._storms) for _ in range(size)], "alertmanager")

    def one(self, source: str, ahead: timedelta | None = None) -> Delivery:
        """One alert of a source; with ``ahead`` it began so far in our future."""
        return alerts([next(self._storms)], source, None if ahead is None else datetime.now(UTC) + ahead)


def alerts(numbers: Sequence[int], source: str, since: datetime | None = None) -> Delivery:
    """Alerts of these numbers, of a severity that opens no incident."""
    begin = since or datetime(2025, 1, 6, tzinfo=UTC)
    told = [_alert(number, (begin + number * timedelta(milliseconds=1)).isoformat()) for number in numbers]
    whole = {"version": "4", "status": "firing", "receiver": "soak", "groupKey": f"{{}}:{numbers[0]}", "alerts": told}
    facts = tuple(Fact(each["fingerprint"], "alert.firing") for each in told)
    return Delivery(json.dumps(whole).encode(), facts, source)


def _alert(number: int, since: str) -> dict[str, Any]:
    labels = {"alertname": f"Storm{number}", "service": "batch", "severity": "info", "environment": "production"}
    return {
        "status": "firing", "labels": labels, "annotations": {"summary": f"Job {number} waits."}, "startsAt": since,
        "endsAt": "0001-01-01T00:00:00Z", "fingerprint": f"{number:016x}",
    }  # fmt: skip


class People:
    """Somebody who looks at incidents and notes what was seen."""

    def __init__(self, unit: Unit, seed: str) -> None:
        self._unit, self._random = unit, random.Random(seed)  # noqa: S311 - to be repeated, not to be secret
        self.asked = 0

    async def look(self) -> None:
        """The list, one incident, its draft, the metrics; and a note."""
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=20)) as session:
            try:
                async with session.get(f"{self._unit.address}/api/v1/incidents") as answer:
                    listed = (await answer.json()).get("incidents", [])
                for one in self._random.sample(listed, min(1, len(listed))):
                    address = f"{self._unit.address}/api/v1/incidents/{one['number']}"
                    for path in ("", "/events", "/postmortem.md"):
                        async with session.get(address + path) as answer:
                            await answer.read()
                    async with session.post(f"{address}/notes", json={"by": "Ana", "text": "Seen."}) as answer:
                        await answer.read()
                self.asked += 1
            except (aiohttp.ClientError, OSError, TimeoutError):
                return  # it is down, or busy: a person asks later


class Tokens:
    """The two tokens that the daemon takes of Alertmanager, of which one is in use: each exchange uses the other."""

    def __init__(self, ours: Sequence[Path], theirs: Path, unit: Unit) -> None:
        self._ours, self._theirs, self._unit = ours, theirs, unit
        self.exchanged = 0
        for number, path in enumerate(ours):
            path.write_text(f"soak-token-of-the-start-{number}-0123456789\n")
        theirs.write_text(ours[0].read_text())

    async def exchange(self) -> None:
        """A new one is known to the daemon first, and then used; files alone are written."""
        self.exchanged += 1
        new, unit = self._ours[self.exchanged % 2], self._unit
        exchanges, readies = unit.exchanges, unit.readies
        new.write_text(f"soak-token-{self.exchanged}-0123456789abcdef\n")
        # It is in force seconds later. What tried it before would be refused, and there is an alert for that.
        await until(
            lambda: unit.exchanges > exchanges or unit.readies > readies, "an exchanged token is in force", _STANDSTILL
        )
        if unit.exchanges == exchanges:
            # A daemon that started meanwhile has read it by itself, or looks at the files within a second or two.
            await asyncio.sleep(3)
        self._theirs.write_text(new.read_text())


async def command(unit: Unit, *words: str) -> int:
    """Run ``timelined`` on the unit's log; its exit code."""
    words = (*unit.interpreter, *words, "--storage.url", unit.url)
    process = await asyncio.create_subprocess_exec(
        *words, cwd=PROJECT, stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL
    )
    return await process.wait()


async def every(seconds: float, work: Callable[[], Awaitable[Any]]) -> None:
    """Do something again and again, the first time after the pause."""
    while True:
        await asyncio.sleep(seconds)
        await work()
