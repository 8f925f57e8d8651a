"""Why an event is in an incident, in the words of its draft."""

from __future__ import annotations

import msgspec

from collector.drafting.rendering import SENDERS
from collector.event import reading_order
from collector.projections import EventFilter, Explanation, Projections
from renderers import reasons
from renderers.history import Context
from renderers.replay import replay

STEPS = 20
"""How many events of a page are looked at for what people call it: each of them may say."""


async def in_words(projections: Projections, why: Explanation) -> Explanation:
    """The same reason with pages as people call them, and the service as the event's sender writes it."""
    events = {why.event.id: why.event}
    for page in reasons.pages_named(why.reason):
        steps = await projections.events(EventFilter(type="page.*", entity=page, limit=STEPS))
        events.update({event.id: event for event in steps})
    history = replay(sorted(events.values(), key=reading_order), None, Context(senders=SENDERS))
    return msgspec.structs.replace(why, reason=reasons.spelt(history, why.reason))
