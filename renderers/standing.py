"""How an incident stands, as its events and people tell it up to some moment: what lists show of it, and what of it was
known then."""

from __future__ import annotations

import json
from typing import Any

import msgspec

from collector.event import PEOPLE
from renderers import facts
from renderers.document import Document
from renderers.history import History
from renderers.markdown import marked
from renderers.mixed import people_lines
from renderers.plain_text import plain
from renderers.review import evidence, review_of


def standing(document: Document) -> str:
    """One JSON text: ``row`` with what lists show of the incident, times in µs; ``evidence``, the digest of what the
    draft is made from; ``revisions`` with each event's revision and whether a person stated it; ``text``, the draft to
    compare with another one, which does not say as of when it is; ``theirs``, the lines that people wrote in the whole
    of it, each with its section, and ``revised``, the event that has them."""
    history = document.history
    review = review_of(history, document.options.zone, judged=False)
    value = {
        "row": _row(document),
        "evidence": evidence(history),
        "text": marked(msgspec.structs.replace(document, as_of=None, review=review)),
        "theirs": list(people_lines(document)) if history.revised is not None else (),
        "revised": history.revised.id if history.revised is not None else "",
        "revisions": {each.id: (each.revision, each.source == PEOPLE) for each in document.events.values()},
    }
    return json.dumps(value) + "\n"


def _row(document: Document) -> dict[str, Any]:
    history = document.history
    over = history.closing.at
    return {
        "status": "open" if over is None else "resolved",
        "title": plain(document.title.parts),
        "started_at": _started(history),
        "ended_at": over,
        "last_at": max(each.occurred_at for each in history.by_id.values()),
        "services": history.services,
        "environments": history.environments,
        "severity": facts.severity(history) or None,
        "lead": facts.lead(history) or None,
        "events": len(history.by_id),
    }


def _started(history: History) -> int:
    """When the first of what opened it began."""
    begun = [*(alert.start for alert in history.openers), *(page.start for page in history.pages)]
    begun += [each.occurred_at for each in history.reports]
    return min(begun, default=history.events[0].occurred_at)
