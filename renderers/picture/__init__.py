"""The timeline of an incident as one picture: swimlanes, bars, marks, moments and durations, as SVG.

    svg(document)                       one <svg> element, as wide as the document's options say, with its style sheet
    svg(document, width=360)            the same for a phone: the lanes' names stand above them
    svg(document, width=360, style=False)   without the style sheet, for a page that has :data:`STYLE` once
    svg(document, anchor="/events/")    every thing that cites an event is a link to that address and the event's id

It is drawn from the document's history alone. The same document and the same
arguments give the same bytes. It has no script and asks for nothing; a text
of a sender or a person is only ever text.
"""

from __future__ import annotations

from collections.abc import Sequence
from collections.abc import Set as AbstractSet

from renderers.document import Document, View
from renderers.picture.charting import chart
from renderers.picture.drawing import draw
from renderers.picture.layout import layout
from renderers.picture.narrowing import narrowed
from renderers.picture.style import STYLE
from renderers.plain_text import plain
from renderers.policy import policy

__all__ = ["POLICY", "STYLE", "svg", "svgs"]

POLICY = policy(STYLE)
"""What a picture by itself lets a browser do."""


def svg(document: Document, *, width: int = 0, style: bool = True, anchor: str | None = None) -> str:
    """The picture of a document's incident, ``width`` units wide (240 at least; the document's own without one) and as
    high as it needs.

    ``style`` says whether it carries its style sheet; ``anchor`` is what an event's id is put behind to link to it:
    None
    is the address of the daemon, if the document has that, and without any nothing is a link.
    """
    (picture,) = svgs(document, (width or document.options.width,), style=style, anchor=anchor)
    return picture


def svgs(
    document: Document, widths: Sequence[int], *, style: bool = True, anchor: str | None = None,
    only: AbstractSet[str] | None = None,
) -> tuple[str, ...]:  # fmt: skip
    """The same picture in several widths; see :func:`svg`.

    Of the time that the document's view names, and of what ``only`` proves, if given.
    """
    if anchor is None:
        anchor = f"{document.external_url.rstrip('/')}/events/" if document.external_url else ""
    picture = chart(document.history, zone=document.options.zone, profile=document.options.profile,
                  title=plain(document.title.parts))  # fmt: skip
    view = document.options.view or View()
    if only is not None or (view.since, view.until) != (None, None):
        picture = narrowed(picture, view.since, view.until, only)
    return tuple(draw(layout(picture, width), style=style, anchor=anchor) for width in widths)
