"""Markdown that people wrote, as XHTML: without HTML of theirs, without images, with links of the web alone.

Beside it stands finished markup of ours: each fragment in a place that
:func:`placeholder` names. It comes in where a text stands, and never in an
attribute or in code, whatever a person wrote around its place.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from itertools import pairwise
from typing import NamedTuple

from markdown_it import MarkdownIt
from markdown_it.token import Token

_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ufffe\uffff\ud800-\udfff]")
_PLACE = re.compile("\x0e(\\d+)\x0f")
_WEB = re.compile(r"https?://|#|mailto:", re.IGNORECASE)
_WITH_TEXT = frozenset({"code_inline", "fence", "code_block"})


class Fragment(NamedTuple):
    """Finished markup that stands where a text may stand."""

    markup: str
    text: str
    """The same without markup, for code."""


@lru_cache(maxsize=1)
def _parser() -> MarkdownIt:
    parser = MarkdownIt("commonmark", {"html": False, "xhtmlOut": True})
    parser.validateLink = lambda url: bool(_WEB.match(url))  # type: ignore[method-assign]
    return parser.enable("table").disable(["image", "html_inline", "html_block"])


def xhtml(markdown: str) -> str:
    """The text as well-formed markup, whatever stands in it."""
    return str(_parser().render(clean(markdown)))


def clean(markdown: str) -> str:
    """The text without what XML has no place for, and without places of fragments."""
    return _CONTROL.sub("\ufffd", markdown)


def placeholder(number: int) -> str:
    """What stands in Markdown for the fragment of this number."""
    return f"\x0e{number}\x0f"


class Passage(NamedTuple):
    """A heading and what stands below it."""

    line: int
    """Of the heading, from 0."""
    level: int
    """Of the heading, 1 to 6; 0 for what stands before the first one."""
    heading: str
    """The heading as markup."""
    title: str
    """The same as text."""
    body: str


def passages(markdown: str, fragments: Sequence[Fragment], deepest: int) -> Iterator[Passage]:
    """The text as well-formed markup, cut at each heading down to a level; rules are left out.

    People's lines in it are :func:`clean`; the fragments stand in their places.
    """
    tokens = [token for token in _parsed(markdown, fragments) if token.type != "hr"]
    starts = [at for at, token in enumerate(tokens)
              if token.type == "heading_open" and not token.level and int(token.tag[1]) <= deepest]  # fmt: skip
    body = _markup(tokens[: starts[0]] if starts else tokens)
    if body.strip():
        yield Passage(0, 0, "", "", body)
    for at, end in pairwise((*starts, len(tokens))):
        token, inline = tokens[at], tokens[at + 1]
        text = "".join(each.content for each in inline.children or () if each.type in ("text", "code_inline"))
        level, line = int(token.tag[1]), token.map[0] if token.map else 0
        yield Passage(line, level, _markup([inline]), text, _markup(tokens[at + 3 : end]))


def _parsed(markdown: str, fragments: Sequence[Fragment]) -> list[Token]:
    tokens = _parser().parse(markdown)
    for token in tokens:
        _fill(token, fragments)
        if token.children:
            token.children = list(_filled(token.children, fragments))
    return tokens


def _markup(tokens: Sequence[Token]) -> str:
    parser = _parser()
    return str(parser.renderer.render(list(tokens), parser.options, {}))


def _filled(tokens: Iterable[Token], fragments: Sequence[Fragment]) -> Iterator[Token]:
    for token in tokens:
        if token.type != "text" or not _PLACE.search(token.content):
            _fill(token, fragments)
            yield token
            continue
        for at, piece in enumerate(_PLACE.split(token.content)):
            content = fragments[int(piece)].markup if at % 2 else piece
            yield Token("html_inline" if at % 2 else "text", "", 0, content=content)


def _fill(token: Token, fragments: Sequence[Fragment]) -> None:
    """Where no markup can stand, the fragment's text stands."""

    def fragment_text(found: re.Match[str]) -> str:
        return fragments[int(found[1])].text

    if token.type in _WITH_TEXT:
        token.content = _PLACE.sub(fragment_text, token.content)
    token.info = _PLACE.sub(fragment_text, token.info)
    token.attrs = {name: _PLACE.sub(fragment_text, each) if isinstance(each, str) else each
                   for name, each in token.attrs.items()}  # fmt: skip
