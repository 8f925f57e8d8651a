"""The parts of a sentence as a reader would say them, without any markup."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from renderers import escape
from renderers.document import Inline, Quote, Span, Time, Words


def plain(parts: Iterable[Inline]) -> str:
    """One line of text; a stranger's words whole, quotes in double quotes."""
    return "".join(_text(part) for part in parts).strip()


def finished(text: str) -> bool:
    """Whether a text has a stop of its own, be it inside a closing quotation mark."""
    return text.rstrip('"”)').endswith((".", "!", "?", ":", "…"))


def goes_on(parts: Sequence[Inline]) -> bool:
    """Whether a row goes on behind its label in lower case, so that no full stop stands between the two."""
    first = parts[0] if parts else None
    return isinstance(first, Words) and first.text.lstrip()[:1].islower() and not named_small(first.text)


def named_small(text: str) -> bool:
    """Whether a text begins with a name that is written with a small letter also where a sentence begins."""
    return "." in text.lstrip().partition(" ")[0].rstrip(".")


def _text(inline: Inline) -> str:
    if isinstance(inline, Words | Time | Span):
        return inline.text
    if isinstance(inline, Quote):
        opening, closing = escape.quotation_marks(inline.text)
        return f"{opening}{escape.one_line(inline.text) or escape.EMPTY}{closing}"
    return escape.clean(inline.text) or escape.EMPTY
