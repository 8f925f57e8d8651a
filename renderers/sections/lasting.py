"""Alerts of the services that were hit that had fired long before, and had not ended: a warning that lasts for days."""

from __future__ import annotations

from collections.abc import Iterator

from collector.event import RecordedEvent
from renderers import facts, phrases
from renderers.document import Claim, Code, Options
from renderers.history import History, Nearby
from renderers.phrases import Phrase, cites, claim, named, say
from renderers.sections.clock import time_in
from renderers.words import counted

NAMED = 3
"""How many are named, the last that began first."""


def told(history: History, options: Options) -> Iterator[Claim]:
    """``The alert DiskFilling on db (warning), which is no part of this incident, had been firing since …``."""
    alerts = apart_from_incident(history)
    for near in alerts[:NAMED]:
        yield claim("The alert ", called(near.event), ", which is no part of this incident, ",
                    _since(history, options, near), proof=cites(near.event, near.end))  # fmt: skip
    if rest := alerts[NAMED:]:
        are = "is" if len(rest) == 1 else "are"
        yield claim(counted(len(rest), "more alert"), f" of the same services that {are} no part of it had fired "
                    "before the first of these", proof=cites([near.event for near in rest]))  # fmt: skip


def listed(history: History) -> Iterator[Claim]:
    """Each of them in the appendix, with why it is not in the incident and the command that joins it."""
    for near in apart_from_incident(history)[:NAMED]:
        judged = bool(facts.unrelated(history, near))
        command = f"timelined join {history.context.called or 'N'} {near.event.id}"
        joins = () if judged else say("; if it does: ", Code(command))
        of_it = "judged unrelated" if judged else "not known to belong"
        yield claim(f"Since before it began, {of_it}: the alert ", called(near.event),
                    named(": ", near.reason.rstrip(". ")), joins, proof=cites(near.event))  # fmt: skip


def apart_from_incident(history: History) -> list[Nearby]:
    """One of each name and service, the last that began first, without those that fired in the incident again."""
    own = {(alert.source, alert.entity) for alert in history.alerts}
    by_name: dict[tuple[str, str | None], Nearby] = {}
    for near in history.context.lasting:
        if (near.event.source, near.event.entity) not in own:
            by_name.setdefault((near.event.title, near.event.service), near)
    return list(by_name.values())


def called(event: RecordedEvent) -> Phrase:
    """``DiskFilling on db (warning)``."""
    return say(phrases.alert_named(event.title), named(" on ", phrases.beyond(event.title, event.service)),
               named(" (", event.severity, ")"))  # fmt: skip


def _since(history: History, options: Options, near: Nearby) -> Phrase:
    began = time_in(history, options, near.event.occurred_at)
    if near.end is None:
        return say("had fired at ", began, "; no end of it is recorded")
    return say("had been firing since ", began, " and ended at ", time_in(history, options, near.end.occurred_at))
