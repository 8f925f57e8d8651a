"""A draft to be published: its title and day, its front matter, and Markdown that knows which lines people edit."""

from __future__ import annotations

import json

from renderers import times
from renderers.archive import front_matter
from renderers.document import Document
from renderers.edits import plain as unmarked
from renderers.markdown import marked
from renderers.plain import plain


def article(document: Document) -> str:
    """One JSON text: ``number``, ``title``, ``date``, ``front``, ``text`` and
    ``plain``, which is the text without marks."""
    text = marked(document)
    value = {
        "number": document.history.context.number,
        "title": plain(document.title.parts),
        "date": times.day(document.date, document.options.zone),
        "front": front_matter(document),
        "text": text,
        "plain": unmarked(text),
    }
    return json.dumps(value) + "\n"
