"""A draft for an archive in Git: Markdown with front matter that programs read.

The front matter is YAML whose values are written as JSON, so no text of a
stranger's can become a key or end it.
"""

from __future__ import annotations

import json
from typing import Any

from collector.event import SECOND
from renderers import escape, times
from renderers.choices import NAMES
from renderers.document import Document
from renderers.markdown import facts_of, markdown

RENDERER = "timelined"


def archive(document: Document) -> str:
    """The draft as Markdown below its front matter. Raises ValueError for a zone that does not exist."""
    return front_matter(document) + markdown(document)


def front_matter(document: Document) -> str:
    """What programs read, from ``---`` to ``---``, and a blank line."""
    lines = [f"{key}: {_value(value)}" for key, value in _front(document).items()]
    return "\n".join(["---", *lines, "---", "", ""])


def _front(document: Document) -> dict[str, Any]:
    facts = facts_of(document)
    over = document.history.closing.at
    return {
        "title": facts.title,
        "incident": facts.number or None,
        **({"private": document.history.context.private} if document.history.context.private else {}),
        "date": times.day(document.date, document.options.zone),
        "status": "resolved" if document.resolved else "unresolved",
        "review": document.review.status if document.review else None,
        "severity": facts.severity or None,
        "services": facts.services,
        "environments": facts.environments,
        "started_at": times.utc(document.date),
        "resolved_at": times.utc(over) if over is not None else None,
        "durations": {each.name: each.micros / SECOND for each in document.durations if each.micros is not None},
        **({"people": document.options.people} if document.options.people != NAMES else {}),
        "digest": document.digest,
        "renderer": RENDERER,
    }


def _value(value: Any) -> str:
    """A value as JSON, which is YAML; what is invisible is written by its number."""
    text = json.dumps(value, ensure_ascii=False)
    return escape.INVISIBLE.sub(lambda found: json.dumps(found[0])[1:-1], text)
