"""A stranger's text made harmless in HTML and XML: as text or in an attribute, never as structure."""

from __future__ import annotations

import re

from renderers import escape

_SPACES = re.compile(r"[^\S\n]")
_NO_CHARACTERS = re.compile(
    f"[\ufdd0-\ufdef{''.join(chr(plane << 16 | end) for plane in range(1, 17) for end in (0xFFFE, 0xFFFF))}]"
)
"""What Unicode says will never be a character, and HTML may not hold."""


def escaped(text: str) -> str:
    """A text for an element, or for an attribute in double quotes; its line ends stay."""
    visible = text if _is_plain(text) else _NO_CHARACTERS.sub("\ufffd", escape.visible(_SPACES.sub(" ", text)))
    for mark, entity in (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;"), ('"', "&quot;"), ("'", "&#39;")):
        visible = visible.replace(mark, entity)
    return visible


def _is_plain(text: str) -> bool:
    """Whether a text has printable ASCII alone, as most have: nothing in it is invisible or another space."""
    return text.isascii() and text.isprintable()


def on_a_line(text: str) -> str:
    """A text on one line, with single spaces."""
    return escaped(" ".join(text.split()) if _is_plain(text) else escape.clean(text))


def clean(text: str) -> str:
    """A stranger's text on one line, or that there is none."""
    return on_a_line(text) or escape.EMPTY


def lines(text: str) -> str:
    """A stranger's text with its own line ends, whatever they were."""
    return escaped("\n".join(text.strip().splitlines())) or escape.EMPTY


def address(url: str) -> str:
    """A URL that may be linked to, not yet escaped; empty for one that may not."""
    # The entities that Markdown needs are no part of the address.
    return escape.safe_url(url).replace("&amp;", "&")
