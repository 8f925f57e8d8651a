"""The events of an incident as data: one JSON object a line, and a table for spreadsheets.

What they say, and never how they came to us, so the same events give the same
bytes in whatever order they arrived. Nothing that a person wrote is cut.
"""

from __future__ import annotations

import csv
import json
import re
from typing import Any

from collector.event import RecordedEvent
from renderers import escape, times
from renderers.cite import short_ids
from renderers.document import Document
from renderers.phrases import words_of

COLUMNS = (
    "id", "occurred_at", "type", "source", "service", "environment", "severity", "actor", "title", "text", "entity",
    "time_quality", "revision", "links", "refs", "labels", "data",
    "private",
)  # fmt: skip
"""The columns of the table, in order. ``text`` is what somebody wrote, whole; ``labels`` and ``data`` are JSON;
``private`` are the groups that alone may read of the incident."""
_FORMULA = re.compile(r"[\s\ufffd]*[=+\-@|%\uff1d\uff0b\uff0d\uff20]|[\t\r\n]")
"""How a cell begins that a spreadsheet might take for a formula."""


def jsonl(document: Document) -> str:
    """The incident's events in reading order, each as one line of JSON."""
    events = _every(document)
    short = short_ids([each.id for each in events])
    private = document.history.context.private or None
    return "".join(_line({**_record(each), "short": short[each.id], "private": private}) + "\n" for each in events)


def table(document: Document) -> str:
    """The same as CSV (RFC 4180), every cell in quotes; one that begins as a formula does has ``'`` before it."""
    lines = _Lines()
    writer = csv.writer(lines, quoting=csv.QUOTE_ALL, lineterminator="\r\n")
    writer.writerow(COLUMNS)
    for event in _every(document):
        record = {**_record(event), "text": words_of(event), "private": document.history.context.private}
        record["links"] = " ".join(link["url"] for link in record["links"])
        record["refs"] = " ".join(record["refs"])
        record |= {key: _line(record[key]) if record[key] else "" for key in ("labels", "data")}
        writer.writerow([_cell(record[column]) for column in COLUMNS])
    return "".join(lines.texts)


def _every(document: Document) -> list[RecordedEvent]:
    """What the draft was made from, in reading order; the word on its review, which it shows, comes last."""
    history = document.history
    return [*history.events, *([history.review] if history.review is not None else [])]


class _Lines:
    """What a writer of CSV writes to."""

    def __init__(self) -> None:
        self.texts: list[str] = []

    def write(self, text: str) -> int:
        self.texts.append(text)
        return len(text)


def _record(event: RecordedEvent) -> dict[str, Any]:
    return {
        "id": event.id,
        "occurred_at": times.utc(event.occurred_at),
        "type": event.type,
        "source": event.source,
        "service": event.service,
        "environment": event.environment,
        "severity": event.severity,
        "actor": event.actor,
        "title": event.title,
        "entity": event.entity,
        "time_quality": event.time_quality,
        "revision": event.revision,
        "links": [{"rel": link.rel, "url": link.url} for link in event.links],
        "refs": list(event.refs),
        "labels": event.labels,
        "data": event.data,
    }


def _line(value: Any) -> str:
    """A value as JSON on one line; what is invisible is written by its number."""
    text = json.dumps(value, ensure_ascii=False, sort_keys=True)
    return escape.INVISIBLE.sub(lambda found: json.dumps(found[0])[1:-1], text)


def _cell(value: Any) -> str:
    """A cell as text that no spreadsheet reckons with."""
    text = "" if value is None else escape.INVISIBLE.sub("\ufffd", str(value))
    return f"'{text}" if _FORMULA.match(text) else text
