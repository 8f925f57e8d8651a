"""A document as JSON: the same sentences with their parts, evidence and times, for machines.

Every citation is a full event id; instants are RFC 3339 in UTC; lengths of time
are seconds. Keys are sorted, so the same document gives the same bytes.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from collector.event import SECOND, RecordedEvent
from renderers import escape, times
from renderers.choices import NAMES
from renderers.cite import cited, short_ids
from renderers.document import (
    ActionRow,
    Actions,
    Block,
    Bullets,
    Claim,
    Code,
    Document,
    Index,
    IndexLine,
    Inline,
    LinkedText,
    Name,
    Prompt,
    Quote,
    Review,
    Row,
    Section,
    Span,
    Table,
    Time,
    Timeline,
    Words,
)
from renderers.history import Duration, Moment
from renderers.json_shape import FORMAT
from renderers.markdown import markdown
from renderers.mixed import people_lines
from renderers.plain_text import plain


def to_json(document: Document) -> str:
    """The document as one JSON text that ends in a line end."""
    value = text_values(document) | {"events": _events(document)}
    text = _encoded(value)
    return escape.INVISIBLE.sub(lambda found: json.dumps(found[0])[1:-1], text) + "\n"


def _encoded(value: Mapping[str, Any]) -> str:
    try:
        return msgspec.json.format(msgspec.json.encode(value, order="sorted"), indent=2).decode()
    except UnicodeEncodeError:  # a lone surrogate, which UTF-8 has no place for; this way is sixteen times as slow
        return json.dumps(value, ensure_ascii=False, sort_keys=True, indent=2)


def text_values(document: Document) -> dict[str, Any]:
    """What the text says, as values of JSON: all of it but ``events``, what the cited events are."""
    return {
        "format": FORMAT,
        "title": plain(document.title.parts),
        "incident": _claim(document.incident) if document.incident else None,
        "private": document.history.context.private or None,
        "lead": _claim(document.lead) if document.lead else None,
        "date": times.day(document.date, document.options.zone),
        "started_at": times.utc(document.date),
        "status": "resolved" if document.resolved else "unresolved",
        "review": _review(document.review) if document.review else None,
        "edited": _edited(document),
        "as_of": _instant(document.as_of),
        "digest": document.digest,
        "options": {
            "zone": document.options.zone,
            "detail": document.options.detail,
            "profile": document.options.profile,
            "citations": document.options.citations,
            "seconds": document.options.seconds,
            **({"people": document.options.people} if document.options.people != NAMES else {}),
        },
        "moments": {name: _moment(each) for name, each in document.moments.items()},
        "durations": [_duration(each) for each in document.durations],
        "sections": [_section(each) for each in document.sections],
    }


def shortened(document: Document) -> dict[str, str]:
    """The id of each cited event that is known → how the document cites it."""
    return short_ids(document.events, sorted(cited(document) & document.events.keys()))


def _instant(at: int | None) -> str | None:
    return None if at is None else times.utc(at)


def _review(review: Review) -> dict[str, Any]:
    return {
        "status": review.status,
        "by": review.by or None,
        "at": _instant(review.at),
        "event": review.event,
        "changed": review.changed,
        "said": _claim(review.said),
    }


def _edited(document: Document) -> dict[str, Any] | None:
    """The whole of what people edited, as it reads now; the sections are what timelined writes by itself."""
    revised = document.history.revised
    if revised is None:
        return None
    return {
        "by": revised.actor,
        "at": _instant(revised.occurred_at),
        "event": revised.id,
        "text": markdown(document),
        "lines": [{"section": section, "text": text} for section, text in people_lines(document)],
    }


def _moment(moment: Moment) -> dict[str, Any]:
    content: dict[str, Any] = {
        "at": _instant(moment.at),
        "known": moment.known,
        "basis": moment.basis,
        "cites": moment.cites,
    }
    if moment.alternative is not None:
        content["alternative"] = {"at": _instant(moment.alternative), "cites": moment.alternative_cites}
    return content


def _duration(measure: Duration) -> dict[str, Any]:
    return {
        "name": measure.name,
        "term": measure.term,
        "from": measure.start,
        "to": measure.end,
        "status": measure.status,
        "seconds": None if measure.micros is None else measure.micros / SECOND,
        "known": measure.known,
        "why": measure.why,
        "cites": measure.cites,
    }


def _section(section: Section) -> dict[str, Any]:
    return {"key": section.key, "blocks": [_block(each) for each in section.blocks]}


def _block(block: Block) -> dict[str, Any]:
    match block:
        case Bullets():
            return {"kind": "bullets", "numbered": block.numbered, "items": [_claim(each) for each in block.items]}
        case Prompt():
            return {"kind": "prompt", "question": block.question, "command": block.command or None}
        case Timeline():
            left_out = _claim(block.left_out) if block.left_out else None
            return {"kind": "timeline", "rows": [_row(each) for each in block.rows], "left_out": left_out}
        case Table():
            return _table(block)
        case Actions():
            return {"kind": "actions", "rows": [_action(each) for each in block.rows]}
        case Index():
            return {"kind": "index", "lines": [_index(each) for each in block.lines]}
        case Claim():
            return {"kind": "claim", **_claim(block)}


def _table(table: Table) -> dict[str, Any]:
    return {
        "kind": "table",
        "key": table.key,
        "head": table.head,
        "rows": [
            {"cells": [{"text": plain(cell), "parts": _parts(cell)} for cell in row.cells], "cites": row.cites}
            for row in table.rows
        ],
        "left_out": _claim(table.left_out) if table.left_out else None,
    }


def _claim(claim: Claim) -> dict[str, Any]:
    return {
        "text": plain(claim.parts),
        "parts": _parts(claim.parts),
        "cites": claim.cites,
        "none": claim.none or None,
        "searched": plain(claim.searched) or None,
        "label": claim.label,
        "at": _instant(claim.at),
    }


def _row(row: Row) -> dict[str, Any]:
    return {
        "at": _instant(row.at),
        "label": row.label,
        "type": row.type,
        "text": plain(row.parts),
        "parts": _parts(row.parts),
        "suffixes": row.suffixes,
        "cites": row.cites,
    }


def _action(row: ActionRow) -> dict[str, Any]:
    action, owner = plain(row.action), plain(row.owner)
    return {"action": action, "owner": owner or None, "due": row.due or None, "cites": row.cites}


def _index(line: IndexLine) -> dict[str, Any]:
    return {"id": line.id, "at": _instant(line.at), "type": line.type, "source": line.source}


def _parts(parts: Iterable[Inline]) -> list[dict[str, Any]]:
    return [_inline(inline) for inline in parts]


_KINDS: Mapping[type, str] = {
    Words: "words", Quote: "quote", Name: "name", Code: "code", LinkedText: "link", Time: "time", Span: "span",
}  # fmt: skip
"""What the published schema calls each part; see ``json_shape``."""


def _inline(inline: Inline) -> dict[str, Any]:
    content: dict[str, Any] = {"kind": _KINDS[type(inline)], "text": inline.text}
    if isinstance(inline, LinkedText):
        content["url"] = inline.url
    if isinstance(inline, Time):
        content["at"] = times.utc(inline.at)
    if isinstance(inline, Span):
        content["seconds"] = inline.micros / SECOND
    if isinstance(inline, Words) and inline.strong:
        content["strong"] = True
    return content


def _events(document: Document) -> dict[str, dict[str, Any]]:
    """The cited events, by id: what they say, and never how they came to us."""
    short, wanted = shortened(document), sorted(cited(document) & document.events.keys())
    return {each: _event(document.events[each], short[each]) for each in wanted}


def _event(event: RecordedEvent, short: str) -> dict[str, Any]:
    return {
        "short": short,
        "type": event.type,
        "source": event.source,
        "entity": event.entity,
        "occurred_at": times.utc(event.occurred_at),
        "time_quality": event.time_quality,
        "revision": event.revision,
        "title": event.title,
        "service": event.service,
        "environment": event.environment,
        "severity": event.severity,
        "actor": event.actor,
        "links": [{"rel": link.rel, "url": link.url} for link in event.links],
        "refs": event.refs,
    }
