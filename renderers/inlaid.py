"""What a page shows of a draft: the draft for machines, and its picture for a wide and for a narrow screen.

The pictures are without their style sheet, which a page has once, and whatever
cites an event in them leads to ``#e-`` and its id.
"""

from __future__ import annotations

import json

from renderers.document import Document
from renderers.json import to_json
from renderers.picture import svg

WIDE, NARROW = 1200, 340
ANCHOR = "#e-"


def inlaid(document: Document) -> str:
    """One JSON text: ``draft`` as :func:`renderers.json.to_json` writes it, ``wide`` and ``narrow`` as SVG."""
    pictures = {name: svg(document, width=width, style=False, anchor=ANCHOR) for name, width in _WIDTHS.items()}
    return f'{{"draft":{to_json(document)},"pictures":{json.dumps(pictures)}}}\n'


_WIDTHS = {"wide": WIDE, "narrow": NARROW}
