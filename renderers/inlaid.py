"""What a page shows of a draft: what the draft for machines says, and its picture for a wide and for a narrow screen.

Of the cited events a page reads what it shows from the log, so that here only
the citations stand. The pictures are without their style sheet, which a page
has once, and whatever cites an event in them leads to ``#e-`` and its id.
"""

from __future__ import annotations

import json

from renderers.document import Document, Row, Timeline, View
from renderers.json import said, shortened
from renderers.picture import svgs
from renderers.plain import plain

WIDE, NARROW = 1200, 340
ANCHOR = "#e-"


def inlaid(document: Document) -> str:
    """One JSON text: ``draft`` (:func:`renderers.json.said`), ``short`` (the citation of each event), ``passing`` (the
    places of the timeline's rows that the document's view shows) and ``pictures`` (``wide`` and ``narrow``, as SVG)."""
    view = document.options.view or View()
    rows = [row for section in document.sections for block in section.blocks if isinstance(block, Timeline)
            for row in block.rows]  # fmt: skip
    passing = [place for place, row in enumerate(rows) if passes(row, view)]
    only = {each for place in passing for each in rows[place].cites} if view.text or view.kind else None
    pictures = svgs(document, (WIDE, NARROW), style=False, anchor=ANCHOR, only=only)
    value = {
        "draft": said(document),
        "short": shortened(document),
        "passing": passing,
        "pictures": dict(zip(("wide", "narrow"), pictures, strict=True)),
    }
    return json.dumps(value, separators=(",", ":"))


def passes(row: Row, view: View) -> bool:
    """Whether a row of the timeline is of what a view shows."""
    within = (view.since is None or row.at >= view.since) and (view.until is None or row.at < view.until)
    if not within or (view.kind and row.type.partition(".")[0] != view.kind):
        return False
    words = f"{row.label} {plain(row.parts)} {' '.join(row.suffixes)}"
    return view.text.casefold() in words.casefold()
