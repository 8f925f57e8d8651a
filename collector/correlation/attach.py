"""Everything that is no opening signal: what it attaches to, or what it missed.

Attaching never ties incidents. Low alerts join the earliest incident that
fits; changes, observations, notes and people's facts join every one. A signal is
judged alone, against the incidents that offer what it looks for.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import NamedTuple, Protocol

import msgspec

from collector.correlation.catalog import Catalog, Rules
from collector.correlation.constraints import Constraints
from collector.correlation.matches import DEPENDENCY, GROUP, PAGE, RULE_NAMES, SERVICE, key_match
from collector.correlation.signals import Signal
from collector.correlation.values import IncidentTraits
from collector.event import HOUR, MINUTE, SECOND
from collector.names import PRODUCTION, elsewhere
from collector.semantics.exclusions import OTHER_ENVIRONMENT, OTHER_SERVICE

NEAR = 24 * HOUR
"""How far from an incident's window an event of its service still names it as a near miss."""

LOW_ALERT, PERSON_RULE = "alert", "person"

ServicesOfRef = Callable[[str], frozenset[str]]
"""See :meth:`IncidentLookup.services_of_ref`."""


class IncidentLookup(Protocol):
    """Where incidents are looked up; it may answer more than fits, never less."""

    def offering(self, key: str, start: int, end: int) -> Iterable[IncidentTraits]:
        """Incidents with an opening signal that offers this key, near this span; for a page wherever they are."""

    def serving(self, service: str, start: int, end: int) -> Iterable[IncidentTraits]:
        """Incidents with an opening signal of this service and a window less than :data:`NEAR` from this span."""

    def holding(self, event: str) -> Iterable[IncidentTraits]:
        """Incidents that this event belongs to as part of an opening signal."""

    def tied(self, name: str) -> Iterable[IncidentTraits]:
        """Incidents with a signal of this class of people's."""

    def services_of_ref(self, ref: str) -> frozenset[str]:
        """The services that changes with this deployment, commit, pull request or repository ref name."""


class Attachment(msgspec.Struct, frozen=True):
    """A signal's place in one incident."""

    view: IncidentTraits
    rule: str
    reason: str


class Miss(NamedTuple):
    """How far a signal was from an incident in µs, and words for it; the least of all misses is told."""

    distance: int
    words: str

    def in_words(self) -> str:
        """The words; of thousands of misses one is put into words."""
        return self.words.format(in_words(self.distance)) if self.distance > 0 else self.words


class Attacher:
    """Judges signals against the incidents of an index."""

    def __init__(self, rules: Rules, catalog: Catalog, constraints: Constraints, index: IncidentLookup) -> None:
        self._rules, self._catalog, self._constraints, self._index = rules, catalog, constraints, index

    def attach(self, signal: Signal) -> tuple[list[Attachment], str]:
        """The incidents a signal joins, by (start, key); if there are none, why."""
        by_key: dict[str, Attachment] = {}
        missed: list[Miss] = []
        for attached in self._candidates(signal, missed):
            if self._kept_apart(signal, attached):
                missed.append(Miss(-1, "a person took it out"))
            else:
                by_key.setdefault(attached.view.key, attached)
        attachments = sorted(by_key.values(), key=lambda attachment: (attachment.view.start, attachment.view.key))
        if (
            signal.kind == LOW_ALERT
            and attachments
            and not any(attachment.rule == PERSON_RULE for attachment in attachments)
        ):
            attachments = [min(attachments, key=lambda one: _away(signal, one.view))]
        if attachments:
            return attachments, ""
        return attachments, min(missed).in_words() if missed else self._nothing(signal)

    def _kept_apart(self, signal: Signal, attached: Attachment) -> bool:
        name = self._constraints.linked_group(signal.id)
        if name is None or attached.rule == PERSON_RULE:
            return False
        return not self._constraints.cannot_link(name).isdisjoint(attached.view.classes)

    def _candidates(self, signal: Signal, missed: list[Miss]) -> list[Attachment]:
        """Where a signal belongs by the first kind of evidence that says anything: person, ref, then service."""
        if tied := self._by_person(signal):
            return tied
        referred = self._by_ref(signal, missed)
        if signal.kind == LOW_ALERT:
            return [*referred, *self._by_service(signal, missed)]
        return referred or self._by_service(signal, missed) or self._by_origin(signal, missed)

    def _by_person(self, signal: Signal) -> list[Attachment]:
        attachments = [
            Attachment(view, "ref", "names this incident")
            for key in signal.incident_refs
            for view in self._index.holding(key)
        ]
        if (name := self._constraints.linked_group(signal.id)) is not None:
            why = f"{self._constraints.by(signal.id)} put it into the incident"
            attachments += [Attachment(view, PERSON_RULE, why) for view in self._index.tied(name)]
        return attachments

    def _by_ref(self, signal: Signal, missed: list[Miss]) -> list[Attachment]:
        ranked: list[tuple[int, str, Attachment]] = []
        for key in signal.seeks:
            rule, name = key_match(key)
            reference = {PAGE: f"page {name}", GROUP: f"alert group {name[:12]}"}.get(rule, f"alert {name}")
            rule_name = RULE_NAMES[rule] if signal.kind == LOW_ALERT else "ref"
            views = [
                view
                for view in self._index.offering(key, signal.start, signal.last)
                if rule == PAGE or self._within(signal, view, missed)
            ]
            ranked += [(rule, name, Attachment(view, rule_name, f"shares {reference}")) for view in views]
        return [attachment for _, _, attachment in sorted(ranked, key=lambda r: (r[0], r[1], r[2].view.key))]

    def _by_service(self, signal: Signal, missed: list[Miss]) -> list[Attachment]:
        if signal.service is None:
            return []
        attachments = self._of_service(signal, signal.service, SERVICE, f"same service {signal.service_name}", missed)
        if signal.kind in {"note", "fact"}:
            return attachments
        for other in sorted(_related(signal, self._catalog)):
            why = f"{self._catalog.display_name(other)} depends on {signal.service_name} directly"
            if other not in self._catalog.dependents.get(signal.service, ()):
                why = f"{signal.service_name} depends on {self._catalog.display_name(other)} directly"
            attachments += self._of_service(signal, other, DEPENDENCY, why, missed)
        return attachments

    def _of_service(self, signal: Signal, service: str, rule: int, why: str, missed: list[Miss]) -> list[Attachment]:
        return [
            Attachment(view, RULE_NAMES[rule], why)
            for view in self._index.serving(service, signal.start, signal.last)
            if self._within(signal, view, missed) and self._somewhere(signal, view, missed)
        ]

    def _by_origin(self, signal: Signal, missed: list[Miss]) -> list[Attachment]:
        """A change without a service: what its refs' other deployments say, the catalog, or its repository's name; and
        what depends on that service, if it is one.

        Where its own commit, pull request or deployment is known to have gone to some services, it is theirs only: what
        else its repository deploys is not changed by it.
        """
        owners = () if signal.service is not None else _owners(signal, self._catalog, self._index.services_of_ref)
        for services, rule, why in owners:
            attachments = [
                Attachment(attachment.view, rule, f"{why} {self._catalog.display_name(service)}")
                for service in sorted(services)
                for attachment in self._of_service(signal, service, SERVICE, "", missed)
            ]
            for other in sorted(_dependents(services, self._catalog)):
                reason = (
                    f"{self._catalog.display_name(other)} depends on {self._catalog.display_name(*services)} directly"
                )
                attachments += self._of_service(signal, other, DEPENDENCY, reason, missed)
            if attachments:
                return attachments
        return []

    def _within(self, signal: Signal, view: IncidentTraits, missed: list[Miss]) -> bool:
        """Whether a signal falls into an incident's window: a low alert by its start, all else by any part of it."""
        end = signal.start if signal.kind == LOW_ALERT or signal.end is None else signal.end
        if view.low <= end and signal.start <= view.high:
            return True
        if signal.start > view.high:
            distance = signal.start - view.high + self._rules.quiet
            words = "started {} after the incident"
        else:
            distance = view.start - end
            words = "ended {} before the incident"
        if view.low - NEAR <= end and signal.start <= view.high + NEAR:
            missed.append(Miss(distance, words))
        return False

    def _somewhere(self, signal: Signal, view: IncidentTraits, missed: list[Miss]) -> bool:
        if not elsewhere(signal.environment, view.environments):
            return True
        missed.append(Miss(0, OTHER_ENVIRONMENT))
        return False

    def _nothing(self, signal: Signal) -> str:
        if signal.incident_refs:
            return "names no event of an incident"
        if signal.kind == LOW_ALERT and self._rules.opens(signal.severity, signal.title):
            return "only its end is known, which opens no incident"
        if signal.kind == LOW_ALERT and not signal.severity:
            return "it fires by design, which opens no incident"
        if signal.kind == LOW_ALERT:
            return f"severity {signal.severity} opens no incident"
        if signal.service is not None:
            return OTHER_SERVICE
        return (
            "no service, and its references are in no incident"
            if signal.seeks or signal.change_refs
            else ("no service and no reference")
        )


def _away(signal: Signal, view: IncidentTraits) -> bool:
    """Whether a signal that says nowhere where it is would be taken for one of an incident outside of production."""
    return signal.environment is None and elsewhere(PRODUCTION, view.environments)


def sought(signal: Signal, catalog: Catalog, services_of_ref: ServicesOfRef) -> frozenset[str]:
    """The services whose incidents a signal may join: what it depends on to be judged again."""
    if signal.service is not None:
        return _related(signal, catalog) | {signal.service}
    owners = [services for services, _, _ in _owners(signal, catalog, services_of_ref)]
    return frozenset().union(*owners, *(_dependents(services, catalog) for services in owners))


def _related(signal: Signal, catalog: Catalog) -> frozenset[str]:
    """A low alert may be cause or symptom; a change only matters to what depends on it."""
    service = signal.service or ""
    if signal.kind == LOW_ALERT:
        return catalog.neighbours(service)
    return frozenset(catalog.dependents.get(service, ()))


def _dependents(services: frozenset[str], catalog: Catalog) -> frozenset[str]:
    """What depends on the service that a change is of; of several it may be of any, which shows nothing."""
    [one, *more] = services or ("",)
    return frozenset() if more else frozenset(catalog.dependents.get(one, ()))


def _owners(
    signal: Signal, catalog: Catalog, services_of_ref: ServicesOfRef
) -> list[tuple[frozenset[str], str, str]]:  # fmt: skip
    """Whose a change without a service may be: services, and the rule and the words that say so."""
    repositories: list[tuple[frozenset[str], str, str]] = []
    for ref in sorted(signal.change_refs):
        kind, _, name = ref.partition(":")
        if kind == "repository":
            services, why = _deployed(ref, name, catalog, services_of_ref)
            repositories.append((services, kind, why))
        elif services := services_of_ref(ref):
            return [(services, "ref", f"shares {kind} {name[:80]} with a deployment of")]
    return repositories


def _deployed(
    ref: str, repository: str, catalog: Catalog, services_of_ref: ServicesOfRef
) -> tuple[frozenset[str], str]:  # fmt: skip
    learnt = catalog.deploys(repository) | services_of_ref(ref)
    if learnt:
        return learnt, f"repository {repository} deploys"
    # Most teams name the two alike, and GitHub's deployments name no service at all.
    like = catalog.repository(repository)
    return frozenset({like} if like else ()), f"repository {repository} is named like"


def in_words(distance: int) -> str:
    """A distance in time as a person would say it: the two largest units at most."""
    if distance < MINUTE:
        return f"{distance // SECOND} s"
    if distance < HOUR:
        return f"{distance // MINUTE} min"
    hours, minutes = distance // HOUR, distance % HOUR // MINUTE
    return f"{hours} h {minutes} min" if minutes and hours < 10 else f"{hours} h"
