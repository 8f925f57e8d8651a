"""The words of a name: what is neither letter nor digit stands between them."""

from __future__ import annotations

import re
import unicodedata

_WORD = re.compile(r"[^\W_]+")
BRACKETED = re.compile(r"[(\[{]([^()\[\]{}]*)[)\]}]")


def words_of(text: str) -> list[str]:
    """The words of a text, all that is neither letter nor digit between them; marks that letters need stay."""
    if text.isascii():
        return _WORD.findall(text.casefold())
    plain = unicodedata.normalize("NFKC", text).casefold()
    return "".join(c if c.isalnum() or unicodedata.category(c)[0] == "M" else " " for c in plain).split()
