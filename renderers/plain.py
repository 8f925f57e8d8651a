"""The parts of a sentence as a reader would say them, without any markup."""

from __future__ import annotations

from collections.abc import Iterable

from renderers import escape
from renderers.document import Part, Quote, Words


def plain(parts: Iterable[Part]) -> str:
    """One line of text; a stranger's words cut as they are shown, quotes in double quotes."""
    return "".join(_said(part) for part in parts).strip()


def finished(text: str) -> bool:
    """Whether a text has a stop of its own, be it inside a closing quotation mark."""
    return text.rstrip('"”)').endswith((".", "!", "?", ":", "…"))


def _said(part: Part) -> str:
    if isinstance(part, Words):
        return part.text
    if isinstance(part, Quote):
        return f'"{escape.cut(escape.clean(part.text), escape.LONGEST_QUOTE) or escape.EMPTY}"'
    return escape.cut(escape.clean(part.text), escape.LONGEST_NAME) or escape.EMPTY
