"""Bodies for a run: seeded, every fact unique, so that what is found can be told from what was never sent."""

from __future__ import annotations

import itertools
import json
import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from tests.faults.history import Fact

SERVICES = ("checkout", "cart", "billing", "search", "login", "mail", "images")
SEVERITIES = ("critical", "critical", "page", "warning")
_BEGIN = datetime(2021, 1, 4, tzinfo=UTC)
_APART = timedelta(minutes=20)
"""Between two alerts' starts: incidents stay small, and some are joined."""


class Delivery(NamedTuple):
    """What is sent in one request."""

    body: bytes
    facts: tuple[Fact, ...]
    source: str = "alertmanager"
    encoding: str = ""


class Deliveries:
    """One client's deliveries. ``numbers`` is shared by all clients of a run."""

    def __init__(self, seed: str, numbers: Iterator[int]) -> None:
        self._random = random.Random(seed)  # noqa: S311 - to be repeated, not to be secret
        self._numbers = numbers
        self._firing: list[dict[str, Any]] = []
        self._sent: list[Delivery] = []

    def next(self) -> Delivery:
        """Mostly something new; at times the same again, and what has to be refused."""
        kind = self._random.random()
        if kind < 0.08 and self._sent:
            return self._random.choice(self._sent)
        delivery = self.fresh()
        if kind > 0.97:
            return delivery._replace(source="nobody")
        if kind > 0.95:
            return delivery._replace(encoding="br")
        if kind > 0.93:
            return Delivery(delivery.body[: len(delivery.body) // 2], ())
        self._sent = [*self._sent[-20:], delivery]
        return delivery

    def fresh(self) -> Delivery:
        """Something new, and nothing to be refused."""
        count = self._random.choice((1, 1, 1, 1, 2, 2, 5))
        alerts = [self._resolved() if self._random.random() < 0.3 else self._fired() for _ in range(count)]
        facts = tuple(Fact(each["fingerprint"], f"alert.{each['status']}") for each in alerts)
        group = {"alertname": alerts[0]["labels"]["alertname"]}
        whole = {
            "version": "4", "status": "firing", "receiver": "faults", "groupKey": f"{{}}:{facts[0].entity}",
            "groupLabels": group, "commonLabels": group, "alerts": alerts,
        }  # fmt: skip
        return Delivery(json.dumps(whole).encode(), facts)

    def _fired(self) -> dict[str, Any]:
        number = next(self._numbers)
        service = self._random.choice(SERVICES)
        alert = {
            "status": "firing",
            "labels": {
                "alertname": f"Fault{number}", "service": service, "severity": self._random.choice(SEVERITIES),
                "environment": "production",
            },
            "annotations": {"summary": f"{service} does not answer ({number})", "description": "x" * 200},
            "startsAt": (_BEGIN + number * _APART).isoformat(),
            "endsAt": "0001-01-01T00:00:00Z",
            "fingerprint": f"{number:016x}",
        }  # fmt: skip
        self._firing.append(alert)
        return alert

    def _resolved(self) -> dict[str, Any]:
        if not self._firing:
            return self._fired()
        fired = self._firing.pop(self._random.randrange(len(self._firing)))
        ends = datetime.fromisoformat(fired["startsAt"]) + timedelta(minutes=self._random.randint(1, 90))
        return fired | {"status": "resolved", "endsAt": ends.isoformat()}


def several(seed: str, count: int) -> list[Deliveries]:
    """As many clients' deliveries, no two of which state the same fact."""
    numbers = itertools.count(1)
    return [Deliveries(f"{seed}/{client}", numbers) for client in range(count)]
