"""The whole of correlation over a set of events, at once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from collector.correlation.attach import NEAR, Attacher, Attachment
from collector.correlation.catalog import Catalog, Rules
from collector.correlation.constraints import Constraints, is_link
from collector.correlation.matches import RULE_NAMES, Match, reason
from collector.correlation.signals import Signal, entity_keys, fold
from collector.correlation.sweep import Group, Sweep
from collector.correlation.values import Grouping, Incident, IncidentTraits, Membership, Unjoined
from collector.event import RecordedEvent, current, reading_order
from collector.semantics.closing import Word, closing


def correlate(events: Iterable[RecordedEvent], rules: Rules) -> Grouping:
    """Group a set of events; the order they are given in does not matter."""
    return _Correlation(current(events), rules).grouping()


def fold_all(events: Sequence[RecordedEvent], rules: Rules, catalog: Catalog) -> list[Signal]:
    """Every signal of a set of current events."""
    entities: dict[str, list[RecordedEvent]] = {}
    for event in events:
        for key in entity_keys(event):
            entities.setdefault(key, []).append(event)
    return [signal for key, members in entities.items() for signal in fold(key, members, rules, catalog)]


def view_of(group: Group, rules: Rules) -> IncidentTraits:
    """An incident as attaching sees it."""
    return IncidentTraits(
        key=group.order[1],
        start=group.order[0],
        low=group.order[0] - rules.lookback,
        high=max(signal.reach for signal in group.signals) + rules.quiet,
        environments=frozenset(group.environments),
        classes=frozenset(group.classes),
    )


class _Correlation:
    """One run over one set of events; it is also the index that attaching looks into."""

    def __init__(self, events: Sequence[RecordedEvent], rules: Rules) -> None:
        self._events = {event.id: event for event in events}
        self._rules, self._catalog = rules, Catalog(rules)
        self._signals = fold_all(events, rules, self._catalog)
        self._signal_of = {event: signal.id for signal in self._signals for event in signal.events}
        self._constraints = Constraints(filter(is_link, events), self._signal_of)
        self._sweep = Sweep(rules, self._catalog, self._constraints)
        self._groups = self._sweep.run(signal for signal in self._signals if signal.opening)
        self._views = [view_of(group, rules) for group in self._groups]
        self._index()

    def _index(self) -> None:
        self._by_key: dict[str, dict[str, IncidentTraits]] = {}
        self._by_service: dict[str, list[IncidentTraits]] = {}
        self._by_signal_id: dict[str, IncidentTraits] = {}
        self._by_class: dict[str, IncidentTraits] = {}
        self._services_of_refs: dict[str, set[str]] = {}
        for group, view in zip(self._groups, self._views, strict=True):
            self._by_class.update(dict.fromkeys(view.classes, view))
            for service in {signal.service for signal in group.signals if signal.service is not None}:
                self._by_service.setdefault(service, []).append(view)
            for signal in group.signals:
                self._by_signal_id[signal.id] = view
                for key in signal.offers:
                    self._by_key.setdefault(key, {})[view.key] = view
        for signal in self._signals:
            if signal.kind == "change" and signal.service is not None:
                for ref in signal.change_refs:
                    self._services_of_refs.setdefault(ref, set()).add(signal.service)

    def offering(self, key: str, start: int, end: int) -> Iterable[IncidentTraits]:
        return self._by_key.get(key, {}).values()

    def serving(self, service: str, start: int, end: int) -> Iterable[IncidentTraits]:
        views = self._by_service.get(service, ())
        return [view for view in views if view.low - NEAR <= end and start <= view.high + NEAR]

    def holding(self, event: str) -> Iterable[IncidentTraits]:
        view = self._by_signal_id.get(self._signal_of.get(event, ""))
        return () if view is None else (view,)

    def tied(self, name: str) -> Iterable[IncidentTraits]:
        view = self._by_class.get(name)
        return () if view is None else (view,)

    def services_of_ref(self, ref: str) -> frozenset[str]:
        return frozenset(self._services_of_refs.get(ref, ()))

    def grouping(self) -> Grouping:
        """Everything found out, in its fixed order."""
        attacher = Attacher(self._rules, self._catalog, self._constraints, self)
        members: dict[str, list[Membership]] = {view.key: [] for view in self._views}
        words: dict[str, list[Word]] = {view.key: [] for view in self._views}
        unjoined: list[Unjoined] = []
        ignored = {entry.event for entry in self._constraints.ignored}
        for group, view in zip(self._groups, self._views, strict=True):
            members[view.key] += opened_members(group, self._sweep.joined, self._rules, self._catalog)
        for signal in self._signals:
            if signal.opening or signal.id in ignored:
                continue
            attachments, missed = attacher.attach(signal)
            for attachment in attachments:
                members[attachment.view.key] += attached_members(signal, attachment)
                words[attachment.view.key] += [signal.word] if signal.word else []
            if not attachments:
                unjoined += [Unjoined(event=event, reason=missed) for event in signal.events]
        keys = [view.key for view in self._views]
        incidents = [self._incident(g, members[k], words[k]) for g, k in zip(self._groups, keys, strict=True)]
        unjoined.sort(key=lambda entry: reading_order(self._events[entry.event]))
        return Grouping(incidents=tuple(incidents), unjoined=tuple(unjoined), ignored=tuple(self._constraints.ignored))

    def _incident(self, group: Group, members: list[Membership], words: list[Word]) -> Incident:
        view = view_of(group, self._rules)
        signals = sorted(group.signals, key=lambda signal: signal.order)
        return Incident(
            key=view.key,
            members=tuple(sorted(members, key=lambda m: reading_order(self._events[m.event]))),
            anchors=tuple(signal.id for signal in signals),
            started_at=view.start,
            ended_at=closing((signal.span for signal in signals), words).at,
            window=(view.low, view.high),
        )


def opened_members(group: Group, joined: Mapping[str, Match], rules: Rules, catalog: Catalog) -> list[Membership]:
    """The memberships of a group's opening signals."""
    return [member for signal in group.signals for member in signal_members(signal, joined[signal.id], rules, catalog)]


def signal_members(signal: Signal, match: Match, rules: Rules, catalog: Catalog) -> list[Membership]:
    """The memberships of one opening signal's events: all by what tied the signal."""
    why = reason(signal, match, rules, catalog)
    return [Membership(event=event, rule=RULE_NAMES[match[0]], reason=why) for event in signal.events]


def attached_members(signal: Signal, attachment: Attachment) -> list[Membership]:
    """The memberships of what attached."""
    return [Membership(event=event, rule=attachment.rule, reason=attachment.reason) for event in signal.events]
