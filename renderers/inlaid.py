"""What a page shows of a draft: what the draft for machines says, and its picture for a wide and for a narrow screen.

Of the cited events a page reads what it shows from the log, so that here only
the citations stand. The pictures are without their style sheet, which a page
has once, and whatever cites an event in them leads to ``#e-`` and its id.
"""

from __future__ import annotations

import json

from renderers.document import Document
from renderers.json import said, shortened
from renderers.picture import svgs

WIDE, NARROW = 1200, 340
ANCHOR = "#e-"


def inlaid(document: Document) -> str:
    """One JSON text: ``draft`` (:func:`renderers.json.said`), ``short`` (the citation of each event) and ``pictures``
    (``wide`` and ``narrow``, as SVG)."""
    pictures = svgs(document, (WIDE, NARROW), style=False, anchor=ANCHOR)
    value = {
        "draft": said(document),
        "short": shortened(document),
        "pictures": dict(zip(("wide", "narrow"), pictures, strict=True)),
    }
    return json.dumps(value, separators=(",", ":"))
