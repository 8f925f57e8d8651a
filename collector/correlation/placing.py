"""What no service and no reference can place: whose it is by what this incident's people did, said and undid.

Grouping goes by services, references and people's links. What is left over,
a change of a repository that names no service, a restart by hand, a post, may
still be shown to belong: a responder did it, people's words name it, it was
undone in the incident, or it is about a thing that the incident hit or a
responder acted upon in it. Each rule has a name and a reason; none of them ties
two incidents, and none moves a window. Pure: the same facts in any order give
the same answer.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence

import msgspec

from collector.correlation.attach import in_words
from collector.correlation.mentions import Mention, SearchedText, names_of
from collector.correlation.subjects import (
    acted_upon,
    clock,
    conversation_of,
    is_undoing,
    subjects_of,
    thing_of,
    undone_before,
)
from collector.event import HOUR, MINUTE, RecordedEvent, cloud_subject
from collector.names import PRODUCTION, apart, environment_key, fold_service, is_automation, says_nothing
from collector.semantics.changes import reach_of
from collector.semantics.closing import tells_of_incident
from collector.semantics.exclusions import OTHER_ENVIRONMENT

RESPONDER, NAMED, MENTION, ACTED_ON, FOLLOW_UP = "responder", "named", "mention", "acted_on", "follow_up"
"""The rules' names."""

EARLY_WORDS = 15 * MINUTE
"""How long before an incident's start a post about what it hit is of it, µs: people notice before alerts do."""
EARLIER = 24 * HOUR
"""How long before an incident's start a thing may have changed that is undone or named by its number in it, µs."""
TAKEN_OUT = "a person took it out"
"""Why something joined nothing that a person kept out: it is never placed."""

_POSTS = ("note.", "chat.", "status.")
_ASKED = ("page.responder_added", "page.responder_replied", "page.reassigned", "page.escalated", "page.role_assigned")
_FIXING = re.compile(
    r"\b(?:(?:hot|bug)?fix(?:e[sd]|ing)?|revert\w*|roll(?:s|ed|ing)?[ -]?back|undo\w*|back(?:s|ed|ing)? out)\b"
)
"""What a title says that speaks of a fix; a ``prefix`` is none."""


class Scene(msgspec.Struct, frozen=True, kw_only=True):
    """One incident: its span, and those of its events by which other things can be placed."""

    started_at: int
    ended_at: int | None
    low: int
    high: int
    """The window in which things attach to it, µs."""
    services: Mapping[str, str] = {}
    """The services that it hit: the folded name → the name as it is shown."""
    events: tuple[RecordedEvent, ...]
    """Its pages, posts, people's facts, changes and observations, each at its current revision, in reading order."""

    @property
    def until(self) -> int:
        """When it ended; the end of its window while it is open."""
        return self.high if self.ended_at is None else self.ended_at


class Candidate(msgspec.Struct, frozen=True, kw_only=True):
    """A change, an observation or a post that joined nothing."""

    signal_id: str
    start: int
    last: int
    missed: str
    events: tuple[RecordedEvent, ...]
    elsewhere: bool = False
    """Whether the catalog, or deployments that named a service, show that it is of a service not in this incident."""


class Engagement(msgspec.Struct, frozen=True):
    """A person who took part in another incident, and that incident's span."""

    person: str
    start: int
    end: int


class Placement(msgspec.Struct, frozen=True):
    """Why something belongs to an incident, or followed it."""

    rule: str
    reason: str


class PlacementMove(msgspec.Struct, frozen=True):
    """A candidate that was placed in an incident or is not any more, or is for another reason."""

    signal_id: str
    number: int
    start: int
    before: Placement | None
    """None where it was not placed in the incident."""
    after: Placement | None
    """None where it is not placed in the incident any more."""


class _Writing(msgspec.Struct, frozen=True):
    """Words of people in an incident, and how a reason calls them."""

    text: SearchedText
    called: str


_NOBODY: Mapping[str, str] = {}
Fold = Callable[[str], str]
"""From a person's name or login to what stands for that person."""


def place(
    scene: Scene, candidates: Sequence[Candidate], engagements: Iterable[Engagement] = (), fold: Fold = str.casefold,
    other_spans: Sequence[tuple[int, int]] = (), follow_up: int = 24 * HOUR, listed: Mapping[str, str] = _NOBODY,
) -> dict[str, Placement]:  # fmt: skip
    """What belongs to an incident or followed it, by id of the candidate.

    ``other_spans`` are the spans of the other incidents, ``follow_up`` is how long after the end something follows, µs;
    ``listed`` is how the catalog writes a person, by what ``fold`` gives.
    """
    out = taken_out(scene.events)
    usable = [c for c in candidates if c.missed != TAKEN_OUT and out.isdisjoint(event.id for event in c.events)]
    usable.sort(key=lambda candidate: (candidate.start, candidate.signal_id))
    placing = _Placing(scene, usable, fold, other_spans, listed)
    placing.by_responder(list(engagements))
    placing.by_name()
    placing.by_mention()
    placing.by_conversation(follow_up)
    placing.by_undoing()
    placing.by_subject()
    placing.after_the_end(follow_up)
    return placing.placed


def taken_out(events: Iterable[RecordedEvent]) -> set[str]:
    """The events that people said are not of the incident whose events these are."""
    names: set[str] = set()
    for event in events:
        if event.type in ("incident.left", "incident.split"):
            named = event.data.get("event"), *event.data.get("events", ())
            names.update(name for name in named if isinstance(name, str))
    return names


def responders(events: Iterable[RecordedEvent], fold: Fold) -> dict[str, str]:
    """Who acknowledged, wrote or was asked: the person → the name as first written."""
    people: dict[str, str] = {}
    for event in events:
        for name in _people(event):
            if (person := fold(name)) and not is_automation(name):
                people.setdefault(person, name)
    return people


def _people(event: RecordedEvent) -> list[str]:
    names = [event.actor] if event.actor and _takes_part(event) else []
    if event.type in _ASKED and isinstance(asked := event.data.get("to"), str):
        names += asked.split(", ")
    if event.type.startswith("page.") and isinstance(assignees := event.data.get("assignees"), list | tuple):
        names += [name for name in assignees if isinstance(name, str)]
    return names


def _takes_part(event: RecordedEvent) -> bool:
    """Whether its actor answered, wrote or acted on the page; whoever opened a page may only have noticed."""
    if event.type.startswith("page."):
        return event.type != "page.triggered"
    return event.type.startswith((*_POSTS, "mark.", "action.", "incident."))


class _Placing:
    """One incident's candidates being placed, a rule at a time; later rules see what earlier ones placed."""

    def __init__(
        self, scene: Scene, candidates: Sequence[Candidate], fold: Fold, other_spans: Sequence[tuple[int, int]],
        listed: Mapping[str, str],
    ) -> None:  # fmt: skip
        self._scene, self._candidates, self._fold, self._others = scene, candidates, fold, other_spans
        self._listed = listed
        self._writings = list(_writings(scene.events))
        self._acted: dict[str, str] = {}
        """What was acted upon in the incident, by subject, and how."""
        self.placed: dict[str, Placement] = {}

    def _left(self) -> list[Candidate]:
        return [candidate for candidate in self._candidates if candidate.signal_id not in self.placed]

    # What a responder did

    def by_responder(self, engagements: Sequence[Engagement]) -> None:
        """What a responder of this incident, and then of no other one, did between its start and its end."""
        people = responders(self._scene.events, self._fold)
        for candidate in self._left():
            person = self._doer(candidate, people)
            if person is None or not self._during(candidate) or _reaches_nothing(candidate):
                continue
            if not any(e.person == person and e.start <= candidate.start <= e.end for e in engagements):
                did = "wrote it" if _is_post(candidate) else "did it"
                reason = f"{self._listed.get(person) or people[person]}, a responder of this incident, {did}"
                self.placed[candidate.signal_id] = Placement(RESPONDER, reason)

    def _doer(self, candidate: Candidate, people: Mapping[str, str]) -> str | None:
        actors = (self._fold(event.actor) for event in candidate.events if event.actor)
        return next((person for person in actors if person in people), None)

    def _during(self, candidate: Candidate) -> bool:
        """Posts still count while the window is open: people say that it is over once it is over."""
        said = _is_post(candidate) or tells_of_incident(candidate.events[0])
        until = self._scene.high if said else self._scene.until
        return self._scene.started_at <= candidate.start <= until

    # What people's words name

    def by_name(self) -> None:
        """What a note, a page's title or a status post of the incident names."""
        for candidate in self._left() if self._writings else ():
            if _is_post(candidate) or _reaches_nothing(candidate):
                continue
            if (writing := self._naming(candidate)) is not None:
                self.placed[candidate.signal_id] = Placement(NAMED, f"named by {writing.called}")

    def _naming(self, candidate: Candidate) -> _Writing | None:
        near = candidate.start <= self._scene.high and candidate.last >= self._scene.low
        early = self._scene.started_at - EARLIER <= candidate.start <= self._scene.high
        near = near and candidate.missed != OTHER_ENVIRONMENT
        # What says itself of which service it is may be called by that; a repository of others may be called anything.
        own = {event.service for event in candidate.events}
        names = [
            name
            for name in names_of(candidate.events)
            if (early if name.precise else near and (not candidate.elsewhere or name.text in own))
        ]
        return self._first_naming(names)

    def _first_naming(self, names: Sequence[Mention]) -> _Writing | None:
        return next((one for one in self._writings if any(map(one.text.names, names))), None)

    # Posts that speak of it

    def by_mention(self) -> None:
        """Posts, while it went on or just before, that name a service it hit or the number of its page."""
        for candidate in self._left():
            soon = self._scene.started_at - EARLY_WORDS <= candidate.start <= self._scene.high
            # What another company calls "api" is its own.
            if not _is_post(candidate) or not soon or candidate.events[0].data.get("vendor"):
                continue
            text = SearchedText("\n".join(map(_words_of, candidate.events)))
            name = next((one.text for one in incident_names(self._scene.events) if text.names(one)), "")
            if service := text.service_among(sorted(self._scene.services)):
                name = self._scene.services[service]
            if name:
                self.placed[candidate.signal_id] = Placement(MENTION, f"it speaks of {name}")

    # Posts that go on with such a one

    def by_conversation(self, follow_up: int) -> None:
        """Replies in a thread of the incident, and what a status page said next of one notice; also after the end."""
        placed = [event for c in self._candidates if c.signal_id in self.placed for event in c.events]
        threads = {thread for event in (*self._scene.events, *placed) if (thread := conversation_of(event))}
        until = max(self._scene.high, self._scene.until + follow_up)
        for candidate in self._left() if threads else ():
            soon = self._scene.started_at - EARLY_WORDS <= candidate.start <= until
            if soon and not threads.isdisjoint(map(conversation_of, candidate.events)):
                self.placed[candidate.signal_id] = Placement(MENTION, "it goes on with a post of this incident")

    # What was undone

    def by_undoing(self) -> None:
        """What changed before the incident and was undone or changed again in it, and what undid it."""
        earlier = [c for c in self._candidates if self._before(c)]
        for candidate in self._left():
            if self._during(candidate) and not _is_post(candidate):
                self._undoes(candidate, earlier)
        for candidate in earlier:
            if candidate.signal_id not in self.placed and not candidate.elsewhere:
                self._was_undone(candidate)

    def _before(self, candidate: Candidate) -> bool:
        soon_before = self._scene.started_at - EARLIER <= candidate.start < self._scene.started_at
        return soon_before and not _is_post(candidate) and not _reaches_nothing(candidate)

    def _undoes(self, candidate: Candidate, earlier: Sequence[Candidate]) -> None:
        """A revert, rollback or switch in the incident of something that changed before it."""
        undoing = next((event for event in candidate.events if is_undoing(event)), None)
        if undoing is None or candidate.elsewhere or _reaches_nothing(candidate):
            return
        subjects = subjects_of(candidate.events)
        member = subjects & subjects_of(e for e in self._scene.events if e.occurred_at < self._scene.started_at)
        other = subjects & subjects_of(e for c in earlier if not c.elsewhere for e in c.events)
        if member or (other and not self._shared(candidate)):
            self.placed[candidate.signal_id] = Placement(ACTED_ON, undone_before(member or other))

    def _shared(self, candidate: Candidate) -> bool:
        """Whether another incident was going on as well: then nothing shows of which one it is."""
        return any(start <= candidate.start <= end for start, end in self._others)

    def _was_undone(self, candidate: Candidate) -> None:
        subjects = subjects_of(candidate.events)
        for event in self._changes_during():
            if common := subjects & subjects_of([event]):
                reason = f"{acted_upon(event, common)} in the incident at {clock(event.occurred_at)}"
                self.placed[candidate.signal_id] = Placement(ACTED_ON, reason)
                for subject in subjects if is_undoing(event) else common:
                    self._acted.setdefault(subject, acted_upon(event, {subject}))
                return

    def _changes_during(self) -> list[RecordedEvent]:
        """The incident's own changes and observations between its start and its end, undoing ones first."""
        placed = [event for c in self._candidates if c.signal_id in self.placed for event in c.events]
        events = [e for e in (*self._scene.events, *placed) if e.type.startswith(("change.", "observation."))]
        during = [e for e in events if self._scene.started_at <= e.occurred_at <= self._scene.until]
        return sorted(during, key=lambda e: (not is_undoing(e), e.occurred_at, e.id))

    # What is about the same thing

    def by_subject(self) -> None:
        """What is about a thing that the incident hit, or that a responder acted upon in it: while it went on whatever
        there is, before it what was told of that thing last."""
        acts = self._acts()
        latest: dict[str, Candidate] = {}
        for candidate in self._left():
            if _is_post(candidate) or candidate.elsewhere or _reaches_nothing(candidate):
                continue
            subject = next(filter(None, map(thing_of, candidate.events)), "")
            if service := self._hit(candidate):
                self.placed[candidate.signal_id] = Placement(MENTION, f"it is about {service}")
            elif subject in acts and self._during(candidate) and not self._shared(candidate):
                self.placed[candidate.signal_id] = Placement(ACTED_ON, acts[subject])
            elif subject in acts and self._before(candidate):
                latest[subject] = candidate
        for subject, candidate in latest.items():
            self.placed[candidate.signal_id] = Placement(ACTED_ON, acts[subject])

    def _acts(self) -> dict[str, str]:
        """What responders acted upon between the incident's start and its end, and a reason that says so."""
        people = responders(self._scene.events, self._fold)
        acts: dict[str, str] = {}
        for event in sorted(self._changes_during(), key=lambda event: (event.occurred_at, event.id)):
            person = self._fold(event.actor) if event.actor else ""
            if person in people and (subject := thing_of(event)):
                who = self._listed.get(person) or people[person]
                name = cloud_subject(event)[:80]
                reason = f"it is about {name}, like what {who}, a responder, did at {clock(event.occurred_at)}"
                acts.setdefault(subject, reason)
        return acts

    def _hit(self, candidate: Candidate) -> str:
        """The service of this incident that a candidate of no service is about, as shown; empty where it is none."""
        if not (self._scene.low <= candidate.last and candidate.start <= self._scene.high):
            return ""
        for event in candidate.events:
            subject = cloud_subject(event)
            if event.service or apart(environment_key(event.environment or ""), PRODUCTION):
                continue
            for name in (subject, subject.rpartition("/")[2]):
                key = fold_service(name)
                if key in self._scene.services and not says_nothing([key]):
                    return self._scene.services[key]
        return ""

    # What followed

    def after_the_end(self, follow_up: int) -> None:
        """Merges, deployments and releases after the end that go on with what was undone, named or repaired in it."""
        end = self._scene.ended_at
        if end is None:
            return
        for event in filter(is_undoing, self._changes_during()):
            self._acted.update((subject, acted_upon(event, {subject})) for subject in subjects_of([event]))
        for candidate in self._left():
            soon = end < candidate.start <= end + follow_up
            if soon and _reaches_something(candidate) and (why := self._follows(candidate)):
                # Drafts tell a change by its latest state, and this stands behind that time.
                reason = f"{in_words(candidate.last - end)} after the end; {why}"
                self.placed[candidate.signal_id] = Placement(FOLLOW_UP, reason)

    def _follows(self, candidate: Candidate) -> str:
        """What shows that it goes on with the incident; empty where nothing does."""
        if common := subjects_of(candidate.events) & self._acted.keys():
            return f"{self._acted[min(common)]} in the incident"
        titles = " ".join(event.title.casefold() for event in candidate.events)
        writing = self._first_naming(names_of(candidate.events))
        if writing is not None and _FIXING.search(titles):
            return f"its title speaks of a fix, and {writing.called} names what it is of"
        title = SearchedText(titles)
        named = next((name for name in incident_names(self._scene.events) if title.names(name)), None)
        return f"it names {named.text}" if named is not None else ""


# --- words and reach --------------------------------------------------------------------------------------------------


def incident_names(events: Iterable[RecordedEvent]) -> list[Mention]:
    """How people speak of an incident: the number of its page, and of the report that opened it."""
    names: list[Mention] = []
    for event in events:
        number = event.data.get("number")
        if event.type == "page.triggered" and isinstance(number, int):
            names += [Mention(f"incident {number}", True), Mention(f"inc {number}", True)]
        if event.type in {"report.received", "incident.opened"}:
            names += [Mention(f"#{n}", True) for link in event.links if (n := link.url.rpartition("/")[2]).isdigit()]
    return names


def _writings(events: Sequence[RecordedEvent]) -> Iterable[_Writing]:
    texts_seen: set[str] = set()
    for event in events:
        words = _words_of(event)
        if words and words not in texts_seen:
            texts_seen.add(words)
            yield _Writing(SearchedText(words), _called(event))


def _words_of(event: RecordedEvent) -> str:
    if event.type.startswith(_POSTS):
        text = event.data.get("text")
        return f"{event.title}\n{text}" if isinstance(text, str) else event.title
    if event.type in {"page.triggered", "incident.opened", "report.received"}:
        return event.title
    return ""


def _called(event: RecordedEvent) -> str:
    if event.type == "page.triggered":
        return "the page's title"
    if event.type in {"incident.opened", "report.received"}:
        return "the report's title"
    kind = {"note": "note", "chat": "message", "status": "status post"}[event.type.partition(".")[0]]
    by = f"{event.actor}'s {kind}" if event.actor else f"a {kind}"
    return f"{by} at {clock(event.occurred_at)}"


def _is_post(candidate: Candidate) -> bool:
    return candidate.events[0].type.startswith(_POSTS)


def _reaches_nothing(candidate: Candidate) -> bool:
    changes = [event for event in candidate.events if event.type.startswith("change.")]
    return bool(changes) and reach_of(changes) == "none"


def _reaches_something(candidate: Candidate) -> bool:
    changes = [event for event in candidate.events if event.type.startswith("change.")]
    return bool(changes) and reach_of(changes) in {"deployed", "merged"}
