"""Names: which service and which environment an event is of, and who depends on whom.

Names are folded (case, spaces, dashes and underscores do not matter) and then
aliased. What the catalog says outranks what an event's own field says, since
a person wrote the catalog.
"""

from __future__ import annotations

from collections.abc import Mapping

from collector.correlation.values import Rules, Service
from collector.event import Event

GROUP_LABELS = ("service", "app", "application", "component", "job")
"""Group labels that name a service, besides those the catalog names (design §5: a group ties alerts only then)."""

_DROPPED = str.maketrans("", "", " \t-_")


def folded(name: str) -> str:
    """A name as it is compared: ``Check-Out`` and ``check_out`` are one."""
    return name.casefold().translate(_DROPPED)


class Catalog:
    """The rules' services and environments, indexed for looking up."""

    def __init__(self, rules: Rules) -> None:
        self._shown: dict[str, str] = {}
        self._alias: dict[str, str] = {}
        self._listed: set[str] = set()
        self._labels: list[tuple[Mapping[str, str], str]] = []
        self._repositories: dict[str, set[str]] = {}
        for service in rules.services:
            self._name(service)
        self.dependencies: dict[str, frozenset[str]] = {}
        self.dependents: dict[str, set[str]] = {}
        for service in rules.services:
            self._depend(service)
        self._labels.sort(key=lambda entry: (-len(entry[0]), entry[1]))
        self._environments = {folded(k): folded(v) for k, v in rules.environment_aliases.items()}
        self._group_labels = {*GROUP_LABELS, *(label for labels, _ in self._labels for label in labels)}

    def _name(self, service: Service) -> None:
        key = folded(service.name)
        self._shown[key] = service.name
        for alias in service.aliases:
            self._alias[folded(alias)] = key
        if service.labels:
            self._labels.append((service.labels, key))
        for repository in service.repositories:
            self._repositories.setdefault(repository.casefold(), set()).add(key)

    def _depend(self, service: Service) -> None:
        if service.depends_on is None:
            return
        key = folded(service.name)
        self._listed.add(key)
        self.dependencies[key] = frozenset(self.key(name) for name in service.depends_on) - {key}
        for dependency in self.dependencies[key]:
            self.dependents.setdefault(dependency, set()).add(key)

    def key(self, name: str) -> str:
        """The folded and aliased form of a service's name."""
        key = folded(name)
        return self._alias.get(key, key)

    def shown(self, key: str) -> str:
        """How a service is written: as in the catalog, else folded."""
        return self._shown.get(key, key)

    def service(self, event: Event) -> tuple[str | None, str | None]:
        """An event's service, folded and as shown; (None, None) where nothing names one.

        Labels that the catalog names decide, unless a person corrected the service of this very event.
        """
        for labels, key in () if "service" in event.data.get("corrected", ()) else self._labels:
            if labels.items() <= event.labels.items():
                return key, self._shown[key]
        if not event.service or not (key := self.key(event.service)):
            return None, None
        return key, self._shown.get(key, event.service)

    def environment(self, name: str | None) -> str | None:
        """The folded and aliased form of an environment's name; None where there is none."""
        if not name or not (key := folded(name)):
            return None
        return self._environments.get(key, key)

    def person(self, name: str) -> str:
        """What stands for a person: a login and a display name fold to the same; empty for no name."""
        return "".join(character for character in name.casefold() if character.isalnum())

    def neighbours(self, key: str) -> frozenset[str]:
        """Services that directly depend on this one, and those it depends on.

        Both directions: which of the two fires first is an accident of thresholds.
        """
        return self.dependencies.get(key, frozenset()) | self.dependents.get(key, set())

    def lists(self, key: str | None) -> bool:
        """Whether the catalog lists a service's dependencies."""
        return key in self._listed

    def deploys(self, repository: str) -> frozenset[str]:
        """The services that the catalog says a repository deploys."""
        return frozenset(self._repositories.get(repository.casefold(), ()))

    def names_service(self, group_labels: Mapping[str, object]) -> bool:
        """Whether an alert group is about one service: one of its labels names it."""
        return any(label in self._group_labels for label in group_labels)
