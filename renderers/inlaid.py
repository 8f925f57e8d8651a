"""What a page shows of a draft: what the draft for machines says, and its picture for a wide and for a narrow screen.

Of the cited events a page reads what it shows from the log, so that here only
the citations stand. The pictures are without their style sheet, which a page
has once, and whatever cites an event in them leads to ``#e-`` and its id.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from renderers.document import Document, Row, Timeline, View
from renderers.json import shortened, text_values
from renderers.picture import svgs
from renderers.plain_text import plain

WIDE, NARROW = 1200, 340
ANCHOR = "#e-"


def inlaid(document: Document) -> str:
    """One JSON text: what :func:`unviewed` gives, and what :func:`viewed` does."""
    return joined(unviewed(document), viewed(document))


def joined(one: str, other: str) -> str:
    """Two JSON objects as one."""
    return f"{one[:-1]},{other[1:]}"


def unviewed(document: Document) -> str:
    """What is the same whatever the document's view: ``draft`` (:mod:`renderers.json`, without the rows of its
    timeline, and of its index how many lines it has), ``rows`` (those of the timeline, each ``[at, label, family,
    parts, suffixes, cites]``), and ``short`` (the citation of each event that is not cited by the end of its id).

    A page shows a hundred of thousands of rows: what it reads of each of the others has to be little.
    """
    draft = text_values(document)
    row_fields: list[Mapping[str, Any]] = []
    for block in (block for section in draft["sections"] for block in section["blocks"]):
        if block["kind"] == "timeline":
            row_fields += block.pop("rows")
        elif block["kind"] == "index":
            block["lines"] = len(block["lines"])
    value = {
        "draft": draft,
        "rows": [
            (row.at, each["label"], row.type.partition(".")[0], each["parts"], each["suffixes"], each["cites"])
            for row, each in zip(_rows(document), row_fields, strict=True)
        ],
        "short": {name: short for name, short in shortened(document).items() if not name.endswith(short)},
    }
    return json.dumps(value, separators=(",", ":"))


def viewed(document: Document) -> str:
    """What its view shows: ``passing`` (the places of those rows) and ``pictures`` (``wide``, and ``narrow`` where that
    is asked for, as SVG)."""
    view = document.options.view or View()
    rows = _rows(document)
    passing = [place for place, row in enumerate(rows) if passes(row, view)]
    only = {each for place in passing for each in rows[place].cites} if view.text or view.kind else None
    widths = {"wide": WIDE} | ({"narrow": NARROW} if view.narrow else {})
    pictures = svgs(document, tuple(widths.values()), style=False, anchor=ANCHOR, only=only)
    value = {"passing": passing, "pictures": dict(zip(widths, pictures, strict=True))}
    return json.dumps(value, separators=(",", ":"))


def _rows(document: Document) -> list[Row]:
    return [
        row for section in document.sections for block in section.blocks if isinstance(block, Timeline)
        for row in block.rows
    ]  # fmt: skip


def passes(row: Row, view: View) -> bool:
    """Whether a row of the timeline is of what a view shows."""
    within = (view.since is None or row.at >= view.since) and (view.until is None or row.at < view.until)
    if not within or (view.kind and row.type.partition(".")[0] != view.kind):
        return False
    words = f"{row.label} {plain(row.parts)} {' '.join(row.suffixes)}"
    return view.text.casefold() in words.casefold()
