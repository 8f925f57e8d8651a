"""Markdown that people wrote, as XHTML: without HTML of theirs, without images, with links of the web alone."""

from __future__ import annotations

import re
from functools import lru_cache

from markdown_it import MarkdownIt

_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ufffe\uffff\ud800-\udfff]")
_WEB = re.compile(r"https?://|#|mailto:", re.IGNORECASE)


@lru_cache(maxsize=1)
def _parser() -> MarkdownIt:
    parser = MarkdownIt("commonmark", {"html": False, "xhtmlOut": True})
    parser.validateLink = lambda url: bool(_WEB.match(url))  # type: ignore[method-assign]
    return parser.enable("table").disable(["image", "html_inline", "html_block"])


def xhtml(markdown: str) -> str:
    """The text as well-formed markup, whatever stands in it."""
    return str(_parser().render(_CONTROL.sub("\ufffd", markdown)))
