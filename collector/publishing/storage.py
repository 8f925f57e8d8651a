"""What a page of Confluence says, whatever markup the wiki put into what it stores; and a page within a bound."""

from __future__ import annotations

import html
import re
from xml.etree import ElementTree
from xml.parsers import expat

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


_WHOLE = ("tr", "li")
"""What a page may end behind inside of a block: a table or a list is a block of any length."""


def shortened(page: str, most: int, address: str) -> tuple[str, int]:
    """A page of ours within so many bytes, and how many characters of what it says were left out.

    It is cut behind a block, a row or an item, and its last line says how much is missing, and that the whole of it is
    at ``address``.
    """
    body = page.encode("utf-8", "replace")
    if len(body) <= most:
        return page, 0
    whole = len(words_of(page))
    where = f" The whole of it is at {html.escape(address)}." if address else ""

    def note(cut: int) -> str:
        return f"<p><em>The postmortem goes on for {cut:,} characters, which is more than fits here.{where}</em></p>"

    room = most - len(note(whole).encode())
    end, closing = max((place for place in _ends(body) if place[0] + len(place[1]) <= room), default=(0, ""))
    kept = body[:end].decode() + closing
    cut = whole - len(words_of(kept))
    return kept + note(cut), cut


def _ends(body: bytes) -> list[tuple[int, str]]:
    """Where a page may end: the byte, and what closes the elements that are open there."""
    endings: list[tuple[int, str]] = []
    opened: list[str] = []
    parser = expat.ParserCreate("UTF-8")
    start = len(_ROOT)

    def begin(name: str, _: object) -> None:
        opened.append(name)

    def end(name: str) -> None:
        opened.pop()
        if len(opened) == 1 or (opened and name in _WHOLE):
            tag = body.find(b">", max(0, parser.CurrentByteIndex - start)) + 1
            endings.append((tag, "".join(f"</{each}>" for each in reversed(opened[1:]))))

    parser.StartElementHandler, parser.EndElementHandler = begin, end
    parser.Parse(_ROOT.encode() + body + b"</page>", True)
    return endings


def _collect(element: ElementTree.Element, pieces: list[str]) -> None:
    block = element.tag in _BLOCKS
    pieces.append("\n" if block else "")
    pieces.append(element.text or "")
    for child in element:
        _collect(child, pieces)
        pieces.append(child.tail or "")
    pieces.append("\n" if block else "")
