"""One spelling for each service, environment and person of an incident, so that a draft shows one and compares by it.

The log keeps what each sender wrote; this rewrites the events that are about
to be told. The catalog's spelling is shown where it has one, else the one that
the first alert used, else the first; of a person the name, not the login.
Refuses to guess: what folding and the catalog do not know to be one stays two.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import msgspec

from collector.event import RecordedEvent, reading_order
from collector.names.environments import environment_key, in_production
from collector.names.persons import People, PersonNames
from collector.names.services import service_name
from collector.names.stages import PRODUCTION


class Whereabouts(msgspec.Struct, frozen=True):
    """Which service and environment an event is of."""

    service: str
    """The key by which it is compared; empty where none is named."""
    environment: str
    """Likewise."""
    listed: str = ""
    """How the catalog writes the service."""
    environment_text: str = ""
    """The environment as the event writes it, or its service's name."""


def placed(event: RecordedEvent) -> Whereabouts:
    """The place of an event for whom has no catalog."""
    service = service_name(event.service or "")
    corrected = event.data.get("corrected", ())
    within = "" if "environment" in corrected else service.environment or ""
    environment = event.environment if environment_key(event.environment or "") else within
    key = environment_key(environment or "")
    if event.data.get("production") is True and "environment" not in corrected:
        key = in_production(key)
    return Whereabouts(service.key, key, "", environment or "")


class Spelling:
    """The spellings of some events."""

    def __init__(
        self, events: Iterable[RecordedEvent], locate: Callable[[RecordedEvent], Whereabouts] = placed,
        people: People | None = None,
    ) -> None:  # fmt: skip
        self._locate = locate
        self._services: dict[str, str] = {}
        self._environments: dict[str, str] = {}
        self._implied: dict[str, str] = {}
        """Environments that stand in the name of a service alone: what somebody wrote as an environment goes first."""
        ordered = sorted(events, key=reading_order)
        for alerts in (True, False):
            for event in ordered:
                if event.type.startswith("alert.") is alerts and (event.service or event.environment):
                    self._learn(event)
        self._people = PersonNames(ordered, people or People())

    def _learn(self, event: RecordedEvent) -> None:
        whereabouts = self._locate(event)
        if whereabouts.service:
            self._services.setdefault(whereabouts.service, whereabouts.listed or event.service or whereabouts.service)
        if whereabouts.environment:
            stated = bool(environment_key(event.environment or ""))
            (self._environments if stated else self._implied).setdefault(
                whereabouts.environment, _environment_text(whereabouts)
            )

    def respelled(self, event: RecordedEvent) -> RecordedEvent:
        """The event with the spellings that are shown; without a service or an environment that is no name."""
        event = self._respelled_beside(self._people.respelled(event))
        found = self._locate(event)
        service = (found.listed or self._services.get(found.service, event.service)) if found.service else None
        environment = self._environment(found) if found.environment else None
        if service == event.service and environment == event.environment:
            return event
        return msgspec.structs.replace(event, service=service, environment=environment)

    def _respelled_beside(self, event: RecordedEvent) -> RecordedEvent:
        """The event with the spellings of the services that it names beside its own, without what is no name."""
        further = event.data.get("further_services")
        if not isinstance(further, list | tuple):
            return event
        spelt: dict[str, str] = {}
        for name in filter(None, further):
            # The labels that say of which service an event is say nothing of these.
            found = self._locate(msgspec.structs.replace(event, service=str(name), labels={}))
            if found.service:
                spelt.setdefault(found.service, found.listed or self._services.get(found.service, str(name)))
        return msgspec.structs.replace(event, data={**event.data, "further_services": list(spelt.values())})

    def _environment(self, found: Whereabouts) -> str:
        key = found.environment
        return self._environments.get(key) or self._implied.get(key) or _environment_text(found)

    def all(self, events: Sequence[RecordedEvent]) -> Sequence[RecordedEvent]:
        """The same of several."""
        return [self.respelled(event) for event in events]


def _environment_text(whereabouts: Whereabouts) -> str:
    """As it was written; what its sender alone calls production says so."""
    if environment_key(whereabouts.environment_text) == whereabouts.environment or "/" not in whereabouts.environment:
        return whereabouts.environment_text or whereabouts.environment
    return (
        f"{whereabouts.environment_text} ({PRODUCTION})"
        if whereabouts.environment.startswith(PRODUCTION)
        else whereabouts.environment_text
    )
