"""A draft to be published: its title and day, its front matter, and Markdown that knows which lines people edit."""

from __future__ import annotations

import json

from renderers import times
from renderers.archive import front_matter
from renderers.confluence import edited
from renderers.document import Document
from renderers.edits import plain as unmarked
from renderers.markdown import machine_marked, marked, named_machine_marked
from renderers.plain_text import plain


def article(document: Document) -> str:
    """One JSON text: ``number``, ``title``, ``date``, ``front``, ``people`` (lines of that which they wrote), ``text``,
    ``plain``, which is the text without marks, and ``machine``, the text without what people wrote in the whole of it;
    where people stand as ``roles``, ``machine_named`` is that with their names; ``page`` is a page of Confluence, and
    ``tagged`` the same, each line of which has its number in ``text``."""
    text = marked(document)
    value = {
        "number": document.history.context.number,
        "title": plain(document.title.parts),
        "date": times.day(document.date, document.options.zone),
        "front": _front(document),
        "people": _people(document),
        "text": text,
        "plain": unmarked(text),
        "page": edited(document),
        "tagged": edited(document, lambda number: f'<ri:line n="{number}"/>'),
        "machine": machine_marked(document),
        "machine_named": named_machine_marked(document),
        "roles": document.roles,
    }
    return json.dumps(value) + "\n"


def _people(document: Document) -> list[str]:
    """The lines of its front matter that people wrote."""
    revised = document.history.revised
    said = revised.data.get("front") if revised is not None else None
    return [str(line) for line in said] if isinstance(said, list | tuple) else []


def _front(document: Document) -> str:
    """The front matter with the lines in it that people wrote, each in place of ours of the same name."""
    lines = front_matter(document).rstrip("\n").split("\n")
    for line in _people(document):
        name = line.partition(":")[0]
        at = next((place for place, ours in enumerate(lines) if ours.startswith(f"{name}:")), None)
        if at is None:
            lines.insert(len(lines) - 1, line)
        else:
            lines[at] = line
    return "\n".join(lines) + "\n\n"
