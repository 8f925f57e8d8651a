"""What a page of Confluence says, whatever markup the wiki put into what it stores."""

from __future__ import annotations

import html
import re
from xml.etree import ElementTree

from collector.errors import InvalidInput

_ENTITY = re.compile(r"&(?!(?:amp|lt|gt|quot|apos|#\d+|#x[0-9A-Fa-f]+);)([A-Za-z][A-Za-z0-9]*);")
_BLOCKS = frozenset({"p", "h1", "h2", "h3", "h4", "h5", "h6", "li", "tr", "hr", "pre", "blockquote", "br", "th", "td"})
_ROOT = '<page xmlns:ac="urn:ac" xmlns:ri="urn:ri">'


def words_of(body: str) -> str:
    """The words, a line for each block. Raises :class:`InvalidInput` for a body that is no XML."""
    text = _ENTITY.sub(lambda found: html.escape(html.unescape(found[0])), body)
    try:
        root = ElementTree.fromstring(f"{_ROOT}{text}</page>")  # noqa: S314 - entities of its own are not expanded twice
    except ElementTree.ParseError as error:
        raise InvalidInput(f"cannot read a page of Confluence: {error}", "target") from error
    pieces: list[str] = []
    _collect(root, pieces)
    lines = (" ".join(line.split()) for line in "".join(pieces).split("\n"))
    return "\n".join(line for line in lines if line)


def _collect(element: ElementTree.Element, pieces: list[str]) -> None:
    block = element.tag in _BLOCKS
    pieces.append("\n" if block else "")
    pieces.append(element.text or "")
    for child in element:
        _collect(child, pieces)
        pieces.append(child.tail or "")
    pieces.append("\n" if block else "")
