"""What a person states, as events: notes, actions, moments, and which events belong together.

Pure: a command in, one event out. A command carries an idempotency key, new
for each command; the same key always gives the same fact, so a request that
is sent twice states it once. People name events, never incident numbers: the
caller has looked up the event that opened the incident.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from collector.errors import InvalidInput
from collector.event import MINUTE, PEOPLE, PUBLISHED, RESTRICTED, REVIEWED, REVISED, Event, event_id
from collector.semantics.lengths import duration

MARKS = ("impact_started", "impact_ended", "detected", "mitigated", "cause_identified")
"""The moments a person may state."""
ANSWERED = ("summary", "impact", "detection", "root_causes", "diagnostics", "resolution", "lessons", "actions")
"""The sections of a postmortem in which a person may write."""
FIELDS = ("title", "lead", "severity", *ANSWERED)
"""What a person may set on an incident."""
REVIEWS = ("draft", "in_review", "reviewed", "published")
"""How far the review of a postmortem can be."""
STATES = ("open", "done", "dropped")
"""The states of a follow-up action."""
AHEAD = 5 * MINUTE
"""How far after it is stated a moment may lie, µs: clocks differ."""
LONGEST = 10_000
"""The longest text a person may state, in characters."""
LONGEST_GROUP = 100
"""Characters of a group's name."""

_DATE = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)


def _fact(
    kind: str,
    *,
    key: str,
    by: str,
    stated_at: int,
    occurred_at: int | None = None,
    incident: str | None = None,
    entity: str = "",
    title: str = "",
    refs: tuple[str, ...] = (),
    data: Mapping[str, Any] | None = None,
    service: str | None = None,
    environment: str | None = None,
    severity: str | None = None,
) -> Event:
    """One fact of a person. Its id comes from the idempotency key alone, so the prefix is 0."""
    pointer = (f"incident:{incident}",) if incident else ()
    return Event(
        id=event_id("people.1", PEOPLE, None, required_text(key, "the idempotency key")),
        type=kind,
        source=PEOPLE,
        entity=entity or f"incident:{incident}",
        occurred_at=stated_at if occurred_at is None else occurred_at,
        title=title,
        actor=required_text(by, "by"),
        refs=pointer + refs,
        service=service or None,
        environment=environment or None,
        severity=severity or None,
        data={"stated_at": stated_at, **(data or {})},
    )


def required_text(text: str, field: str) -> str:
    """A text that says something and can be stored."""
    clean = text.encode("utf-8", "replace").decode("utf-8").replace("\x00", "\ufffd").strip()
    if not clean:
        raise InvalidInput(f"cannot record a statement: {field} is empty; say it in a few words", field)
    if len(clean) > LONGEST:
        raise InvalidInput(
            f"cannot record a statement: {field} has {len(clean)} characters; at most {LONGEST} are kept", field
        )
    return clean


def optional_text(text: str, field: str) -> str:
    """The same of a text that may say nothing; what is too long is refused, and never cut without a word."""
    return required_text(text, field) if text.strip() else ""


def _one_of(value: str, allowed: tuple[str, ...], what: str) -> str:
    if value not in allowed:
        raise InvalidInput(f"cannot record a statement: {what} is {value!r}; use one of {', '.join(allowed)}", what)
    return value


def _check_ahead(subject: str, at: int | None, stated_at: int, *, future: bool) -> None:
    """Raises InvalidInput for what is to have happened more than :data:`AHEAD` after it is stated, unless meant."""
    if at is None or at - stated_at <= AHEAD or future:
        return
    raise InvalidInput(
        f"cannot record {subject}: its moment is {duration(at - stated_at)} in the future; correct it, or say that you "
        "mean it (--future, or future: true)",
        "at",
    )


def note(*, key: str, by: str, stated_at: int, incident: str, text: str, at: int | None = None) -> Event:
    """A note about an incident; ``at`` is when what it tells happened, µs, by default when it was said."""
    said = required_text(text, "text")
    return _fact("note.added", key=key, by=by, stated_at=stated_at, occurred_at=at, incident=incident, title=said)


def is_day(text: str) -> bool:
    """Whether a text is a day of the calendar, as an action's ``due`` is."""
    try:
        return _DATE.fullmatch(text) is not None and date.fromisoformat(text) is not None
    except ValueError:
        return False


def action(
    *,
    key: str,
    by: str,
    stated_at: int,
    incident: str,
    text: str,
    owner: str = "",
    due: str = "",
    state: str = "open",
    entity: str = "",
) -> Event:
    """A follow-up. A later one with the same ``entity`` replaces it; by default the text names it."""
    title = required_text(text, "text")
    if due and not is_day(due):
        raise InvalidInput(
            f"cannot record an action: due is {due!r}; write it as YYYY-MM-DD, a day that there is", "due"
        )
    data = {"owner": owner, "due": due, "state": _one_of(state, STATES, "state")}
    name = entity or f"action:{' '.join(title.split()).casefold()}"
    return _fact(
        "action.added", key=key, by=by, stated_at=stated_at, incident=incident, entity=name, title=title, data=data
    )


def mark(
    *,
    key: str,
    by: str,
    stated_at: int,
    incident: str,
    mark: str,
    at: int,
    text: str = "",
    detected_by: str = "",
    future: bool = False,
) -> Event:
    """A moment a person states: ``at`` is the moment, µs. ``detected_by`` says who or what detected it.

    Raises InvalidInput for a moment more than :data:`AHEAD` after it is stated, unless ``future`` says it is meant.
    """
    _check_ahead(f"the mark {mark}", at, stated_at, future=future)
    data = {"mark": _one_of(mark, MARKS, "mark")} | ({"by": detected_by} if detected_by else {})
    return _fact(
        "mark.set",
        key=key,
        by=by,
        stated_at=stated_at,
        occurred_at=at,
        incident=incident,
        title=optional_text(text, "text"),
        data=data,
    )


def opened(
    *,
    key: str,
    by: str,
    stated_at: int,
    title: str,
    at: int | None = None,
    service: str | None = None,
    environment: str | None = None,
    severity: str | None = None,
    reported_by: str = "",
    future: bool = False,
) -> Event:
    """A report: something is wrong, as a person says. It opens an incident, or joins the one it belongs to.

    A moment in the future is refused as :func:`mark` does.
    """
    _check_ahead("the report", at, stated_at, future=future)
    return _fact(
        "incident.opened",
        key=key,
        by=by,
        stated_at=stated_at,
        occurred_at=at,
        entity=f"report:{key}",
        title=required_text(title, "title"),
        service=service,
        environment=environment,
        severity=severity,
        data={"by": reported_by} if reported_by else {},
    )


def joined(*, key: str, by: str, stated_at: int, incident: str, event: str, number: int | None = None) -> Event:
    """This event belongs to that incident; ``number`` is the incident's when it is said."""
    data = {"event": event} | _numbered(number)
    return _fact("incident.joined", key=key, by=by, stated_at=stated_at, incident=incident, data=data)


def left(*, key: str, by: str, stated_at: int, incident: str, event: str, number: int | None = None) -> Event:
    """This event does not belong to that incident, likewise."""
    data = {"event": event} | _numbered(number)
    return _fact("incident.left", key=key, by=by, stated_at=stated_at, incident=incident, data=data)


def merged(*, key: str, by: str, stated_at: int, into: str, other: str) -> Event:
    """These two are one incident; ``into`` and ``other`` are the events that opened them."""
    if into == other:
        raise InvalidInput("cannot merge an incident into itself; name another one", "other")
    return _fact(
        "incident.merged",
        key=key,
        by=by,
        stated_at=stated_at,
        incident=into,
        refs=(f"incident:{other}",),
        data={"into": into, "from": other},
    )


def split(
    *, key: str, by: str, stated_at: int, incident: str, events: Sequence[str], number: int | None = None
) -> Event:
    """These events are an incident of their own: together, and never with ``incident``, whatever the rules say."""
    names = list(dict.fromkeys(events))
    if not names:
        raise InvalidInput("cannot split an incident: no event is named; name those that are another one", "events")
    if incident in names:
        raise InvalidInput(
            "cannot split the incident: one of the events opened it; name those that leave it instead", "events"
        )
    data = {"events": names} | _numbered(number)
    return _fact("incident.split", key=key, by=by, stated_at=stated_at, incident=incident, data=data)


def resolved(*, key: str, by: str, stated_at: int, incident: str, at: int | None = None, future: bool = False) -> Event:
    """The incident is over, at ``at`` (µs) or now. A moment in the future is refused as :func:`mark` does."""
    _check_ahead("the end", at, stated_at, future=future)
    return _fact("incident.resolved", key=key, by=by, stated_at=stated_at, occurred_at=at, incident=incident)


def reopened(*, key: str, by: str, stated_at: int, incident: str, at: int | None = None, future: bool = False) -> Event:
    """The incident is not over after all. A moment in the future is refused as :func:`mark` does."""
    _check_ahead("the reopening", at, stated_at, future=future)
    return _fact("incident.reopened", key=key, by=by, stated_at=stated_at, occurred_at=at, incident=incident)


def edited(*, key: str, by: str, stated_at: int, incident: str, field: str, value: str) -> Event:
    """A person sets the title, lead or severity, or what a section of the postmortem says in their words."""
    data = {"field": _one_of(field, FIELDS, "field"), "value": required_text(value, "value")}
    return _fact("incident.edited", key=key, by=by, stated_at=stated_at, incident=incident, data=data)


def reviewed(
    *, key: str, by: str, stated_at: int, incident: str, status: str, evidence: str = "", text: str = ""
) -> Event:
    """How far the review of a postmortem is. ``evidence`` is the digest of the events that it was made from then."""
    data = {"status": _one_of(status, REVIEWS, "status")} | ({"evidence": evidence} if evidence else {})
    return _fact(
        REVIEWED, key=key, by=by, stated_at=stated_at, incident=incident, title=optional_text(text, "text"),
        data=data,
    )  # fmt: skip


def restricted(*, key: str, by: str, stated_at: int, incident: str, group: str, numbers: Sequence[int] = ()) -> Event:
    """The group that alone may read of the incident; empty: everybody may.

    ``numbers`` are those by which it goes when it is said: it stays private whatever becomes of the event that opened
    it.
    """
    if group and (group != group.strip() or not group.isprintable() or len(group) > LONGEST_GROUP):
        raise InvalidInput(
            f"cannot record a statement: group is {group[:LONGEST_GROUP]!r}; use the name of a group of a token, at "
            f"most {LONGEST_GROUP} characters", "group"
        )  # fmt: skip
    data = {"group": group} | ({"numbers": list(numbers)} if numbers else {})
    return _fact(RESTRICTED, key=key, by=by, stated_at=stated_at, incident=incident, data=data)


def kept_private(*, key: str, by: str, stated_at: int, incident: str, event: str, number: int) -> Event:
    """This event stays as private as the incident that it was in, though it counts no longer."""
    data = {"event": event, "number": number}
    return _fact(RESTRICTED, key=key, by=by, stated_at=stated_at, incident=incident, data=data)


def _numbered(number: int | None) -> dict[str, int]:
    return {} if number is None else {"number": number}


def published(*, key: str, by: str, stated_at: int, incident: str, data: Mapping[str, Any]) -> Event:
    """A postmortem was published, or could not be; ``data`` says where and as what."""
    return _fact(PUBLISHED, key=key, by=by, stated_at=stated_at, incident=incident, data=data)


def revised(*, key: str, by: str, stated_at: int, incident: str, data: Mapping[str, Any]) -> Event:
    """What people edited in the whole of a postmortem; ``data`` says where, and what they wrote."""
    return _fact(REVISED, key=key, by=by, stated_at=stated_at, incident=incident, data=data)
