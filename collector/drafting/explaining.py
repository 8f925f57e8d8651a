"""Why an event is in an incident, in the words of its draft."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import msgspec

from collector.correlation import Membership
from collector.drafting.rendering import SENDERS
from collector.event import RecordedEvent, reading_order
from collector.projections import EventFilter, Explanation, Projections
from renderers import reasons
from renderers.history import Context
from renderers.replay import replay

STEPS = 20
"""How many events of a page are looked at for what people call it: each of them may say."""


async def in_words(projections: Projections, why: Explanation) -> Explanation:
    """The same reason with pages as people call them, and the service as the event's sender writes it."""
    reasons_in_words = await _in_words(projections, {why.reason: why.event})
    return msgspec.structs.replace(why, reason=reasons_in_words[why.reason])


async def members_in_words(
    projections: Projections, events: Iterable[RecordedEvent], why: Mapping[str, Membership]
) -> dict[str, Membership]:  # fmt: skip
    """Why events are in their incident, by id: for these events in the draft's words."""
    members = [event for event in events if event.id in why]
    words = await _in_words(projections, {why[event.id].reason: event for event in members})
    in_words = {
        event.id: msgspec.structs.replace(why[event.id], reason=words[why[event.id].reason]) for event in members
    }
    return {**why, **in_words}


async def _in_words(projections: Projections, events_by_reason: Mapping[str, RecordedEvent]) -> dict[str, str]:
    """Each reason in words; one event that is in its incident for that reason says how its service is written."""
    events = {event.id: event for event in events_by_reason.values()}
    for page in sorted({page for reason in events_by_reason for page in reasons.pages_named(reason)}):
        steps = await projections.events(EventFilter(type="page.*", entity=page, limit=STEPS))
        events.update({event.id: event for event in steps})
    history = replay(sorted(events.values(), key=reading_order), None, Context(senders=SENDERS))
    return {reason: reasons.spelt(history, reason) for reason in events_by_reason}
