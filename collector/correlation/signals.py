"""Events folded into signals: what is grouped as one.

A signal is an alert episode, a page with its notes, a person's report, a whole
deployment, or a single event of any other kind. Alerts, pages and reports are
intervals. Folding looks at one entity's events at a time (:func:`entity_keys`
says which those are), so a change of one event refolds one entity and nothing
else. Nothing here compares two signals.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from itertools import combinations

import msgspec

from collector.correlation.catalog import Catalog, Rules
from collector.event import MACHINE, PEOPLE, RecordedEvent, reading_order, refs_of
from collector.semantics.changes import SINGLE
from collector.semantics.closing import REOPENED, RESOLVED, OpenSpan, Word, last_turn, peak, word_of
from collector.semantics.episodes import Episode, episodes, page_span
from collector.semantics.leading import acknowledges, lead_of, leading

_WORDS = ("note.", "status.", "chat.")
SEPARATOR = "\x1f"
"""Between the parts of a key of :func:`entity_keys`: its shape, then what it is of."""
FIRED = ("group-fired:", "alert-fired:")
"""Beginnings of keys that alerts offer and only pages seek: no two alerts are tied by one."""
PAGED = "paged:"
"""What every page offers, so that those open at a moment are found; nothing is tied by it."""


class Signal(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """What is grouped as one, with all that grouping asks of it."""

    id: str
    """The id of its first event."""
    kind: str
    """``alert``, ``page``, ``report``, ``change``, ``observation``, ``note`` or ``fact``."""
    entity_key: str
    """Which events it was folded from; see :func:`entity_keys`."""
    events: tuple[str, ...]
    """By time; an alert's firing stands before its end whatever their times say."""
    start: int
    end: int | None
    """None while an alert, a page or a report is open, and where nobody told the end of an alert."""
    reach: int
    """Until when it may tie what comes later: its end, or ``rules.reach`` past its last word."""
    opening: bool = False
    service: str | None = None
    """Folded and aliased, like ``environment``."""
    service_name: str = ""
    """As first written."""
    environment: str | None = None
    environment_name: str = ""
    severity: str | None = None
    """The gravest that its events told."""
    title: str = ""
    state: str = ""
    """``firing``, ``triggered``, ``acknowledged`` or ``resolved``, of alerts and pages."""
    offers: tuple[str, ...] = ()
    """Keys under which others find it, beside its service."""
    seeks: tuple[str, ...] = ()
    """Keys it looks for in others: two signals are tied when one seeks what the other offers."""
    incident_refs: tuple[str, ...] = ()
    """Ids of events that it points at with ``incident:`` refs."""
    change_refs: tuple[str, ...] = ()
    """Its deployment, commit, pull request and repository refs: by these a change without a service learns one."""
    last: int
    """When its latest event happened."""
    page_targets: tuple[str, ...] = ()
    """Of a page that names its alert: its service, and the people whom it called. What two such pages have none of in
    common is not one storm."""
    acknowledged: tuple[int, str] | None = None
    """When and by whom a page was first acknowledged, or an alert by this note."""
    lead_given: tuple[int, str, str] | None = None
    """Of a page: when, by which event and to whom the lead of its response was given last, if they have it still."""
    word: Word | None = None

    @property
    def order(self) -> tuple[int, str]:
        """Opening signals are taken by start, ties broken by id."""
        return (self.start, self.id)

    @property
    def span(self) -> OpenSpan:
        """As what can keep an incident open; only people's words on the incident end a report."""
        return OpenSpan(self.entity_key, self.start, None if self.kind == "report" else self.end, self.kind)

    @property
    def paging(self) -> bool:
        """Whether it reached a person by itself: pages, and reports, which are like pages."""
        return self.kind in {"page", "report"}

    @property
    def storms(self) -> bool:
        """Whether what starts near it may be of one storm: pages only, since two reports on two services are two."""
        return self.kind == "page"


def entity_keys(event: RecordedEvent) -> tuple[str, ...]:
    """The entities an event is folded into: the one it belongs to first, then those it influences.

    Empty for what grouping never looks at: the daemon's own facts, ``source.*`` and ``delivery.*``.
    """
    family = event.type.partition(".")[0]
    if event.source == MACHINE or family in {"source", "collector", "delivery"}:
        return ()
    return (_owner(event, family), *_influenced(event))


def _owner(event: RecordedEvent, family: str) -> str:
    if family == "alert":
        return SEPARATOR.join(("alert", event.source, event.entity))
    if family == "page":
        return SEPARATOR.join(("page", event.entity))
    if event.type.startswith(_WORDS) and (page := _first_ref(event, "page:")):
        return SEPARATOR.join(("page", page))
    if family == "change" and event.type not in SINGLE:
        return SEPARATOR.join(("change", event.source, event.entity))
    if event.type == "incident.opened":
        return SEPARATOR.join(("report", event.id))
    return SEPARATOR.join(("event", event.id))


def _influenced(event: RecordedEvent) -> list[str]:
    """A person's note prolongs the report it is about, a person's word ends it."""
    if event.source != PEOPLE:
        return []
    return [SEPARATOR.join(("report", key)) for key in refs_of(event, "incident:")]


def alert_key(signal: Signal) -> str | None:
    """The key under which an alert's episodes find each other; None for anything else."""
    return signal.offers[0] if signal.kind == "alert" else None


def _first_ref(event: RecordedEvent, kind: str) -> str:
    return next(iter(refs_of(event, kind)), "")


def fold(key: str, events: Iterable[RecordedEvent], rules: Rules, catalog: Catalog) -> list[Signal]:
    """The signals of one entity, of all its events at their current revision."""
    ordered = sorted(events, key=reading_order)
    shape = key.partition(SEPARATOR)[0]
    fold_one = {"alert": _alerts, "page": _page, "report": _report, "change": _changes}.get(shape, _singles)
    return fold_one(_Folding(key, rules, catalog), ordered)


class _Folding:
    """One entity being folded: what every signal of it has in common."""

    def __init__(self, key: str, rules: Rules, catalog: Catalog) -> None:
        self.key = key
        self.rules = rules
        self.catalog = catalog

    def signal(
        self, kind: str, events: Sequence[RecordedEvent], start: int, end: int | None, last_word: int = 0,
        opening: bool = False, state: str = "", seeks: tuple[str, ...] = (), offers: tuple[str, ...] = (),
        until: int | None = None, title: str = "", severity: str | None = None, placing: Sequence[RecordedEvent] = (),
    ) -> Signal:  # fmt: skip
        """``until`` is when it was over where nobody told its end: it ties nothing after that. ``placing`` has those of
        the events that say where it is, the one that counts last; by default all do."""
        over = until if end is None else end
        service, service_name = self._last_service(placing or events)
        environment = self._last_environment(placing or events)
        incident_keys = sorted({key for event in events for key in refs_of(event, "incident:")})
        limit = max(last_word, start) + self.rules.reach
        return Signal(
            id=events[0].id, kind=kind, entity_key=self.key, events=tuple(event.id for event in events),
            start=start, end=end, reach=limit if over is None else min(over, limit), opening=opening,
            service=service, service_name=service_name, environment=environment[0], environment_name=environment[1],
            severity=severity or peak("", (event.severity for event in events)),
            title=title or _title(events), state=state, offers=offers, seeks=seeks, incident_refs=tuple(incident_keys),
            last=max(event.occurred_at for event in events),
            acknowledged=_acknowledged(events) if kind in ("page", "note") else None,
            lead_given=_lead_given(events) if kind == "page" else None,
            word=word_of(events[0]) if kind == "fact" else None,
            change_refs=_change_refs(events) if kind in {"change", "observation"} else (),
        )  # fmt: skip

    def environment(self, events: Sequence[RecordedEvent]) -> str | None:
        """The environment that the last of these events names."""
        return self._last_environment(events)[0]

    def _last_service(self, events: Sequence[RecordedEvent]) -> tuple[str | None, str]:
        """The last that is named, as it was spelt first."""
        services = [(key, shown) for key, shown in map(self.catalog.service, events) if key is not None]
        if not services:
            return None, ""
        key, last_spelling = services[-1]
        first_spelling = next(shown for other, shown in services if other == key)
        return key, first_spelling or last_spelling or key

    def _last_environment(self, events: Sequence[RecordedEvent]) -> tuple[str | None, str]:
        for event in reversed(events):
            key, shown = self.catalog.environment_of(event)
            if key is not None:
                return key, shown
        return None, ""


def _title(events: Sequence[RecordedEvent]) -> str:
    return next((event.title for event in events if event.title), "")


def _acknowledged(events: Sequence[RecordedEvent]) -> tuple[int, str] | None:
    return next(((e.occurred_at, e.actor) for e in events if e.actor and _is_acknowledgement(e)), None)


def _is_acknowledgement(event: RecordedEvent) -> bool:
    return event.type == "page.acknowledged" or (event.type == "note.added" and acknowledges(event))


def _lead_given(events: Sequence[RecordedEvent]) -> tuple[int, str, str] | None:
    return max([(e.occurred_at, e.id, lead_of(e) or "") for e in leading(events)], default=None)


def _change_refs(events: Sequence[RecordedEvent]) -> tuple[str, ...]:
    kinds = ("deployment:", "commit:", "pr:", "repository:")
    return tuple(sorted({ref for event in events for ref in event.refs if ref.startswith(kinds)}))


# Alerts


def _alerts(folding: _Folding, events: Sequence[RecordedEvent]) -> list[Signal]:
    return [_alert(folding, episode) for episode in episodes(events)]


def _alert(folding: _Folding, episode: Episode) -> Signal:
    members, start, end = episode.bounds, episode.start, episode.end
    severity = peak("", (event.severity for event in members))
    last_word = max((e.occurred_at for e in members if e.type == "alert.firing"), default=start)
    placing = sorted(members, key=lambda event: event.type == "alert.firing")
    _, source, entity = folding.key.split(SEPARATOR, 2)
    seeks = [f"alert:{source}{SEPARATOR}{entity}", f"alert-paged:{entity}"]
    offers = [f"alert:{source}{SEPARATOR}{entity}", f"alert-fired:{entity}"]
    for group in sorted({ref for event in members for ref in refs_of(event, "alertgroup:")}):
        seeks.append(f"group-paged:{group}")
        offers.append(f"group-fired:{group}")
        if any(_ties(event, folding.catalog) for event in members):
            # One group may hold the alerts of several environments: it says nothing of two that are apart.
            tie = SEPARATOR.join((f"group:{group}", folding.environment(placing) or ""))
            seeks.append(tie)
            offers.append(tie)
    pages = sorted({f"page:{ref}" for event in members for ref in refs_of(event, "page:")})
    opening = episode.begun and folding.rules.opens(severity, _title(members))
    signal = folding.signal(
        "alert", members, start, end, last_word, opening=opening,
        state="firing" if end is None else "resolved", seeks=(*seeks, *pages), offers=(*offers, *pages),
        until=episode.until, severity=severity, placing=placing,
    )  # fmt: skip
    if len(members) == len(episode.events):
        return signal
    return msgspec.structs.replace(signal, events=tuple([event.id for event in episode.events]))


def _ties(event: RecordedEvent, catalog: Catalog) -> bool:
    """Whether an alert's group ties it to the group's other alerts: its labels must name a service."""
    labels = event.data.get("group_labels")
    return isinstance(labels, dict) and catalog.names_service(labels)


# Pages and reports


def _page(folding: _Folding, events: Sequence[RecordedEvent]) -> list[Signal]:
    steps = [event for event in events if event.type.startswith("page.")]
    if not steps:
        return _singles(folding, events)
    span = page_span(steps)
    end = span.end
    last_word = max(
        (e.occurred_at for e in events if e.type != "page.resolved" and (end is None or e.occurred_at <= end)),
        default=span.start,
    )
    seeks, offers = _page_keys(folding.key.partition(SEPARATOR)[2], steps)
    signal = folding.signal("page", list(events), span.start, end, last_word, opening=span.begun,
                        state=_page_state(steps, end), seeks=seeks, offers=offers, title=span.title)  # fmt: skip
    return [msgspec.structs.replace(signal, page_targets=_page_targets(signal, steps))]


def _page_targets(page: Signal, steps: Sequence[RecordedEvent]) -> tuple[str, ...]:
    """What tells a page from those of others; nothing where it names no alert, or no service."""
    if page.service is None or not any(key.startswith(FIRED) for key in page.seeks):
        return ()
    people = {
        name for event in steps if event.type == "page.triggered"
        for name in _texts(event.data.get("assignees"))
    }  # fmt: skip
    return (f"service:{page.service}", *sorted(f"person:{name}" for name in people))


def called_together(calls: Collection[tuple[str, ...]]) -> bool:
    """Whether pages have, each with each, something of :attr:`Signal.page_targets` in common; of many nobody looks."""
    return len(calls) < _MANY and not any(set(one).isdisjoint(other) for one, other in combinations(calls, 2))


_MANY = 9


def _texts(value: object) -> list[str]:
    return [each for each in value if isinstance(each, str)] if isinstance(value, list) else []


def _page_state(steps: Sequence[RecordedEvent], end: int | None) -> str:
    if end is not None:
        return "resolved"
    state = "triggered"
    for event in steps:
        if event.type == "page.acknowledged":
            state = "acknowledged"
        elif event.type in {"page.unacknowledged", "page.snooze_ended", "page.reopened"}:
            state = "triggered"
    return state


def _page_keys(page: str, steps: Sequence[RecordedEvent]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    groups = sorted({ref for event in steps for ref in refs_of(event, "alertgroup:")})
    alerts = sorted({ref for event in steps for ref in refs_of(event, "alert:")})
    others = {ref for event in steps for ref in refs_of(event, "page:")}
    offers = sorted({f"page:{key}" for key in {page, *others}})
    offers += [f"group-paged:{group}" for group in groups] + [f"alert-paged:{alert}" for alert in alerts]
    numbers = sorted({number for event in steps if type(number := event.data.get("number")) is int})
    seeks = [*offers, *(f"group-fired:{group}" for group in groups), *(f"alert-fired:{alert}" for alert in alerts)]
    # A number is one account's: others may point at the page by it, but two pages of one number are not one.
    return tuple(seeks), (*offers, *(f"page:#{number}" for number in numbers), PAGED)


def _report(folding: _Folding, events: Sequence[RecordedEvent]) -> list[Signal]:
    """An incident opened by hand: open until a person resolves it by name."""
    key = folding.key.partition(SEPARATOR)[2]
    opened = next((event for event in events if event.id == key and event.type == "incident.opened"), None)
    if opened is None:
        return []
    start = opened.occurred_at
    end = _stated_end(event for event in events if event.type in {RESOLVED, REOPENED})
    words = [e.occurred_at for e in events if e.type.startswith(_WORDS) and (end is None or e.occurred_at <= end)]
    end = None if end is None else max(end, start)
    pages = tuple(f"page:{ref}" for ref in refs_of(opened, "page:"))
    return [
        folding.signal(
            "report", [opened], start, end, max(words, default=start), opening=True, seeks=pages, offers=pages
        )
    ]


def _stated_end(events: Iterable[RecordedEvent]) -> int | None:
    turn = last_turn(word for event in events if (word := word_of(event)) is not None)
    return turn.at if turn is not None and turn.type == RESOLVED else None


# Changes and everything else


def _changes(folding: _Folding, events: Sequence[RecordedEvent]) -> list[Signal]:
    """All states of a deployment together; a silence longer than ``reach`` begins another."""
    runs: list[list[RecordedEvent]] = []
    for event in events:
        if runs and event.occurred_at - runs[-1][-1].occurred_at <= folding.rules.reach:
            runs[-1].append(event)
        else:
            runs.append([event])
    return [_attachable(folding, "change", run) for run in runs]


def _singles(folding: _Folding, events: Sequence[RecordedEvent]) -> list[Signal]:
    return [_attachable(folding, _kind(event), [event]) for event in events]


def _kind(event: RecordedEvent) -> str:
    if event.type.startswith("change."):
        return "change"
    if event.type.startswith(_WORDS):
        return "note"
    return "fact" if event.type.startswith(("incident.", "mark.", "action.")) else "observation"


def _attachable(folding: _Folding, kind: str, events: list[RecordedEvent]) -> Signal:
    end = events[-1].occurred_at
    seeks: list[str] = []
    for event in events:
        seeks += [f"page:{ref}" for ref in refs_of(event, "page:")]
        for ref in refs_of(event, "alertgroup:"):
            seeks += [f"group-paged:{ref}", f"group-fired:{ref}"]
        for ref in refs_of(event, "alert:"):
            seeks += [f"alert-paged:{ref}", f"alert-fired:{ref}"]
    return folding.signal(kind, events, events[0].occurred_at, end, end, seeks=tuple(sorted(set(seeks))))
