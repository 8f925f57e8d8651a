"""One spelling for each service, environment and person of an incident, so that a draft shows one and compares by it.

The log keeps what each sender wrote; this rewrites the events that are about
to be told. The catalog's spelling is shown where it has one, else the one that
the first alert used, else the first; who did something is named as the catalog
names them. Refuses to guess: what folding and the
catalog do not know to be one stays two.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import msgspec

from collector import names
from collector.event import RecordedEvent, reading_order


class Place(msgspec.Struct, frozen=True):
    """Which service and environment an event is of."""

    service: str
    """The key by which it is compared; empty where none is named."""
    environment: str
    """Likewise."""
    listed: str = ""
    """How the catalog writes the service."""
    written: str = ""
    """The environment as the event writes it, or its service's name."""


def placed(event: RecordedEvent) -> Place:
    """The place of an event for whom has no catalog."""
    service = names.service_name(event.service or "")
    corrected = event.data.get("corrected", ())
    within = "" if "environment" in corrected else service.environment or ""
    written = event.environment if names.environment_key(event.environment or "") else within
    key = names.environment_key(written or "")
    if event.data.get("production") is True and "environment" not in corrected:
        key = names.in_production(key)
    return Place(service.key, key, "", written or "")


class Spelling:
    """The spellings of some events."""

    def __init__(
        self,
        events: Iterable[RecordedEvent],
        place: Callable[[RecordedEvent], Place] = placed,
        called: Callable[[str], str] = str,
    ) -> None:
        self._place = place
        self._called = called
        self._services: dict[str, str] = {}
        self._environments: dict[str, str] = {}
        ordered = sorted(events, key=reading_order)
        for alerts in (True, False):
            for event in ordered:
                if event.type.startswith("alert.") is alerts and (event.service or event.environment):
                    self._learn(event)

    def _learn(self, event: RecordedEvent) -> None:
        found = self._place(event)
        if found.service:
            self._services.setdefault(found.service, found.listed or event.service or found.service)
        if found.environment:
            self._environments.setdefault(found.environment, _shown(found))

    def told(self, event: RecordedEvent) -> RecordedEvent:
        """The event with the spellings that are shown; without a service or an environment that is no name."""
        found = self._place(event)
        service = (found.listed or self._services.get(found.service, event.service)) if found.service else None
        environment = self._environments.get(found.environment, _shown(found)) if found.environment else None
        actor = self._called(event.actor) if event.actor else event.actor
        if (service, environment, actor) == (event.service, event.environment, event.actor):
            return event
        return msgspec.structs.replace(event, service=service, environment=environment, actor=actor)

    def all(self, events: Sequence[RecordedEvent]) -> Sequence[RecordedEvent]:
        """The same of several."""
        return [self.told(event) for event in events]


def _shown(found: Place) -> str:
    """As it was written; what its sender alone calls production says so."""
    if names.environment_key(found.written) == found.environment or "/" not in found.environment:
        return found.written or found.environment
    return f"{found.written} ({names.PRODUCTION})" if found.environment.startswith(names.PRODUCTION) else found.written
