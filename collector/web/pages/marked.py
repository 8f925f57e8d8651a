"""A line of a draft's Markdown as pieces that a page shows: strong words, code and links, and words as they read.

Pure. It reads what drafts write and leaves any other mark as it was typed.
What comes out are texts and addresses, none of them markup.
"""

from __future__ import annotations

import html
import re
from collections.abc import Collection, Iterator
from typing import NamedTuple

_PIECE = re.compile(
    r"""
    (?P<escape>\\[!-/:-@\[-`{-~])
    | (?P<ticks>`+)(?P<code>.+?)(?<!`)(?P=ticks)(?!`)
    | \*\*(?P<strong>(?:\\.|[^*\\])+)\*\*
    | (?<![\w_])_(?P<slanted>(?:\\.|[^_\\])+)_(?![\w_])
    | \[(?P<text>(?:\\.|[^\[\]\\])*)\]\((?P<url>[^()\s]+)\)
    | (?P<entity>&(?:\#\d{1,7}|\#x[0-9a-f]{1,6}|[a-z]{2,31});)
    """,
    re.VERBOSE | re.IGNORECASE | re.DOTALL,
)
_MARK = re.compile(r"\\([!-/:-@\[-`{-~])")
_HEAD = re.compile(r"#{1,6} +")
_CITED = re.compile(r"[ \t]*\[([0-9a-f]{5,32}(?:, (?:[0-9a-f]{5,32}|\+\d+))*)\](?=[ .|]|$)", re.MULTILINE)


class MarkedText(NamedTuple):
    """A piece of a line."""

    kind: str
    """``words``, ``strong``, ``code`` or ``link``."""
    text: str
    url: str = ""


def marked_texts(markdown: str, events: Collection[str] = ()) -> list[MarkedText]:
    """The pieces of what a draft states, without the mark of a heading, and without citations of ``events`` alone, to
    which links stand beside it."""

    def cited(match: re.Match[str]) -> str:
        named = [name for name in match[1].split(", ") if not name.startswith("+")]
        return "" if all(any(event.endswith(name) for event in events) for name in named) else match[0]

    pieces: list[MarkedText] = []
    head = _HEAD.match(markdown)
    for piece in _pieces(_CITED.sub(cited, markdown[head.end() :] if head else markdown)):
        if pieces and pieces[-1].kind == piece.kind == "words":
            pieces[-1] = MarkedText("words", pieces[-1].text + piece.text)
        elif piece.text:
            pieces.append(piece)
    return pieces


def _pieces(line: str) -> Iterator[MarkedText]:
    end = 0
    for match in _PIECE.finditer(line):
        yield MarkedText("words", line[end : match.start()])
        yield _piece(match)
        end = match.end()
    yield MarkedText("words", line[end:])


def _piece(match: re.Match[str]) -> MarkedText:
    if match["code"] is not None:
        return MarkedText("code", match["code"].strip())
    if match["strong"] is not None:
        return MarkedText("strong", _read(match["strong"]))
    if match["slanted"] is not None:
        return MarkedText("words", _read(match["slanted"]))
    if match["url"] is not None:
        return MarkedText("link", _read(match["text"]), html.unescape(match["url"]))
    return MarkedText("words", _read(match[0]))


def _read(text: str) -> str:
    """Words as they read: what a backslash or an entity stood for."""
    return html.unescape(_MARK.sub(lambda each: html.escape(each[1]), text))
