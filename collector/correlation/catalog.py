"""What the configuration says of grouping: its rules, and which service and which environment an event is of.

Names are folded (``collector.names``) and then aliased. What the catalog says
outranks what an event's own field says, since a person wrote the catalog: two
services that it lists are two, however alike their names.
"""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Mapping
from functools import lru_cache
from itertools import chain

import msgspec

from collector import names
from collector.event import HOUR, MINUTE, Event, cloud_subject
from collector.names.persons import People
from collector.names.spelling import Whereabouts
from collector.semantics import severities

GROUP_LABELS = ("service", "app", "application", "component", "job")
"""Group labels that name a service, besides those the catalog names (a group ties alerts only then)."""

_DROPPED = str.maketrans("", "", " \t-_")


def _literal(name: str) -> str:
    """A name with nothing taken out of it but case and separators."""
    return name.casefold().translate(_DROPPED)


class Service(msgspec.Struct, frozen=True, kw_only=True):
    """What the catalog says of one service."""

    name: str
    aliases: tuple[str, ...] = ()
    depends_on: tuple[str, ...] | None = None
    """None where the catalog does not list them, which is not the same as an empty list."""
    labels: Mapping[str, str] = {}
    """An event that carries all of these labels is of this service."""
    repositories: tuple[str, ...] = ()


class Rules(msgspec.Struct, frozen=True, kw_only=True):
    """How events are grouped. Times in µs. ``quiet`` must not exceed ``gap``."""

    reach: int = 24 * HOUR
    gap: int = 15 * MINUTE
    storm: int = 5 * MINUTE
    lookback: int = 2 * HOUR
    quiet: int = 10 * MINUTE
    longest: int = 24 * HOUR
    """Rules 3 and 4 join an incident only if it began at most this long before, or has a page within reach."""
    follow_up: int = 24 * HOUR
    """How long after its end merges, deployments and releases are looked at as what followed an incident."""
    services: tuple[Service, ...] = ()
    people: Mapping[str, tuple[str, ...]] = {}
    """A person → names, logins and addresses of theirs that folding does not find to be one."""
    environment_aliases: Mapping[str, str] = {}
    """A name of an environment, or a pattern with ``*`` → the environment that it is."""
    opening_severities: tuple[str, ...] = ()
    """Words of severities that open an incident, beside those of the table."""
    silent_severities: tuple[str, ...] = ()
    """Those that open none."""

    def opens(self, severity: str | None, name: str = "") -> bool:
        """Whether an alert of this severity and this name opens an incident."""
        return severities.opens(severity, self.opening_severities, self.silent_severities, name=name)


class Catalog:
    """The rules' services and environments, indexed for looking up."""

    def __init__(self, rules: Rules) -> None:
        self._names: dict[str, str] = {}
        self._literal: dict[str, str] = {}
        """What the catalog spells → the key of its service: asked before names are folded any further."""
        self._alias: dict[str, str] = {}
        self._listed: set[str] = set()
        self._labels: list[tuple[Mapping[str, str], str]] = []
        self._repositories: dict[str, set[str]] = {}
        for service in rules.services:
            self._name(service)
        self._key = lru_cache(maxsize=4096)(self._service_key)
        self.dependencies: dict[str, frozenset[str]] = {}
        self.dependents: dict[str, set[str]] = {}
        for service in rules.services:
            self._depend(service)
        self._labels.sort(key=lambda entry: (-len(entry[0]), entry[1]))
        self._environments = [
            (re.compile(fnmatch.translate(_spelt(name)), re.IGNORECASE), meant)
            for name, meant in rules.environment_aliases.items()
        ]
        self._environment = lru_cache(maxsize=4096)(self._environment_key)
        self._people = {
            names.fold_person(spelling): names.fold_person(person)
            for person, spellings in rules.people.items()
            for spelling in spellings
        }
        self._listed_people = {names.fold_person(person): person for person in rules.people}
        self._spellings = tuple(chain.from_iterable((person, *more) for person, more in rules.people.items()))
        self._addresses = {
            spelling.casefold(): names.fold_person(person)
            for person, spellings in rules.people.items()
            for spelling in spellings
            if "@" in spelling
        }
        self._is_named_by = lru_cache(maxsize=4096)(_is_service_label)
        self._group_labels = {*GROUP_LABELS, *(label for labels, _ in self._labels for label in labels)}

    def _name(self, service: Service) -> None:
        key = names.fold_service(service.name) or _literal(service.name)
        if key in self._names:
            # The catalog tells two apart that are spelt alike.
            key = _literal(service.name)
        self._names[key] = service.name
        for alias in (service.name, *service.aliases):
            self._literal.setdefault(_literal(alias), key)
            self._alias.setdefault(names.fold_service(alias), key)
        if service.labels:
            self._labels.append((service.labels, key))
        for repository in service.repositories:
            self._repositories.setdefault(repository.casefold(), set()).add(key)

    def _depend(self, service: Service) -> None:
        if service.depends_on is None:
            return
        key = self.key(service.name)
        self._listed.add(key)
        self.dependencies[key] = frozenset(self.key(name) for name in service.depends_on) - {key}
        for dependency in self.dependencies[key]:
            self.dependents.setdefault(dependency, set()).add(key)

    def key(self, name: str) -> str:
        """The folded and aliased form of a service's name; empty where it is none."""
        return self._key(name)

    def _service_key(self, name: str) -> str:
        if (listed := self._literal.get(_literal(name))) is not None:
            return listed
        key = names.fold_service(name)
        return self._alias.get(key, key)

    def repository(self, name: str) -> str:
        """The key of the service that a repository's name is like; most teams name the two alike."""
        last = name.rstrip("/").rpartition("/")[2]
        if (listed := self._literal.get(_literal(last))) is not None:
            return listed
        key = names.fold_repository(last)
        return self._alias.get(key, key)

    def display_name(self, key: str) -> str:
        """How a service is written: as in the catalog, else folded."""
        return self._names.get(key, key)

    def service(self, event: Event) -> tuple[str | None, str | None]:
        """An event's service, folded and as shown; (None, None) where nothing names one.

        Labels that the catalog names decide, unless a person corrected the service of this very event. What names no
        service is of the one that the catalog calls like what it is about.
        """
        for labels, key in () if "service" in event.data.get("corrected", ()) else self._labels:
            if labels.items() <= event.labels.items():
                return key, self._names[key]
        if not event.service:
            listed = self._about(event)
            return (listed, self._names[listed]) if listed else (None, None)
        if not (key := self.key(event.service)):
            return None, None
        return key, self._names.get(key, event.service)

    def _about(self, event: Event) -> str:
        """The key of the service that the catalog spells as a CloudEvent's subject, or its last part; else empty."""
        subject = cloud_subject(event)
        if not subject or "service" in event.data.get("corrected", ()):
            return ""
        written = (_literal(subject), _literal(subject.rpartition("/")[2]))
        return next((key for name in written if (key := self._literal.get(name))), "")

    def environment(self, name: str | None) -> str | None:
        """The folded and aliased form of an environment's name; None where there is none."""
        return self._environment(name) if name else None

    def _environment_key(self, name: str) -> str | None:
        for spelling, meant in self._environments:
            if spelling.fullmatch(_spelt(name)):
                return names.environment_key(meant) or None
        return names.environment_key(name) or None

    def environment_of(self, event: Event) -> tuple[str | None, str]:
        """An event's environment, folded and as written: its own, else the one in its service's name.

        What a sender marks as production is production, whatever its name.
        """
        as_written = event.environment or ""
        key = self.environment(as_written)
        corrected = event.data.get("corrected", ())
        if key is None and event.service and "environment" not in corrected:
            as_written = names.environment_in(event.service) or ""
            key = self.environment(as_written)
        if event.data.get("production") is True and "environment" not in corrected:
            return names.in_production(key or ""), as_written or names.PRODUCTION
        return key, as_written

    def whereabouts(self, event: Event) -> Whereabouts:
        """The same of an event, service and environment, for what shows them."""
        service, shown = self.service(event)
        environment, written = self.environment_of(event)
        listed = (shown or "") if service in self._names else ""
        return Whereabouts(service or "", environment or "", listed, written)

    def person(self, name: str) -> str:
        """What stands for a person: a login and a display name fold to the same, and the catalog says who else is one.

        Empty for no name.
        """
        key = names.fold_person(name)
        return self._addresses.get(name.strip().casefold()) or self._people.get(key, key)

    @property
    def people(self) -> People:
        """Who is one person, and how the catalog writes those that it lists."""
        return People(self.person, self._listed_people, self._spellings)

    def neighbours(self, key: str) -> frozenset[str]:
        """Services that directly depend on this one, and those it depends on.

        Both directions: which of the two fires first is an accident of thresholds.
        """
        return self.dependencies.get(key, frozenset()) | self.dependents.get(key, set())

    def lists(self, key: str | None) -> bool:
        """Whether the catalog lists a service's dependencies."""
        return key in self._listed

    def has(self, key: str | None) -> bool:
        """Whether the catalog has this service."""
        return key in self._names

    def deploys(self, repository: str) -> frozenset[str]:
        """The services that the catalog says a repository deploys."""
        return frozenset(self._repositories.get(repository.casefold(), ()))

    def names_service(self, group_labels: Mapping[str, object]) -> bool:
        """Whether an alert group is about one service: one of its labels names it."""
        return any(
            self._is_named_by(label, str(value)) for label, value in group_labels.items() if label in self._group_labels
        )


def _is_service_label(label: str, value: str) -> bool:
    return not names.is_placeholder(value) and not (label == "job" and names.is_exporter(value))


def _spelt(name: str) -> str:
    """An environment's name as patterns are compared with it."""
    return "-".join(re.split(r"[\s_-]+", name.strip()))
