"""The durations of an incident for whoever counts over several: in each profile's terms, with what proves them."""

from __future__ import annotations

import json
from typing import Any

from renderers import facts, moments, phrases
from renderers.choices import PROFILES
from renderers.document import Document
from renderers.history import Duration, History, Moment
from renderers.plain_text import plain
from renderers.sections.detection import detecting
from renderers.sections.measures import CALLED, missing


def measured(document: Document) -> str:
    """One JSON text about an incident.

    ``number``, ``private`` (the groups that alone may read of it, or null), ``title``, ``started_at`` (µs), ``open``,
    ``services``, ``severity``, ``detected_by`` and ``profiles``: profile → its durations.
    """
    history = document.history
    value = {
        "number": history.context.number,
        "private": history.context.private or None,
        "title": plain(document.title.parts),
        "started_at": document.date,
        "open": not document.resolved,
        "services": history.services,
        "severity": facts.severity(history) or None,
        "detected_by": detected_by(history),
        "profiles": {profile: _durations(history, profile) for profile in PROFILES},
    }
    return json.dumps(value) + "\n"


def detected_by(history: History) -> str:
    """Who or what noticed first, as the draft tells it: ``monitoring`` (an alert or a page), ``status_page``,
    ``people`` (a report, or a page that a person opened), ``stated`` where somebody said when it was detected, or
    ``unknown``."""
    if any(phrases.text_in(mark.data, "mark") == "detected" for mark in history.marks):
        return "stated"
    event = detecting(history)
    if event is None:
        return "unknown"
    if facts.posted_before(history, event.occurred_at):
        return "status_page"
    by_hand = event.type.startswith("page.") and event.actor
    return "monitoring" if event.type.startswith(("alert.", "page.")) and not by_hand else "people"


def _durations(history: History, profile: str) -> list[dict[str, Any]]:
    ends = moments.ends_of(history, profile)
    return [_duration(each, ends.get(each.start), ends.get(each.end)) for each in moments.restate(history, profile)]


def _duration(measure: Duration, start: Moment | None, end: Moment | None) -> dict[str, Any]:
    return {
        "name": measure.name,
        "term": measure.term,
        "formula": f"{CALLED.get(measure.end, measure.end)} - {CALLED.get(measure.start, measure.start)}",
        "status": measure.status,
        "micros": measure.micros,
        "known": measure.known,
        "why": measure.why,
        "from": _end(measure.start, start),
        "to": _end(measure.end, end),
    }


def _end(name: str, moment: Moment | None) -> dict[str, Any]:
    if moment is None or moment.at is None:
        return {
            "moment": name,
            "at": None,
            "known": "unknown",
            "basis": missing(moment, name),
            "events": (),
        }
    return {"moment": name, "at": moment.at, "known": moment.known, "basis": moment.basis, "events": moment.cites}
