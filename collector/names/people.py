"""People as they are compared."""

from __future__ import annotations

import unicodedata
from functools import lru_cache

from collector.names.placeholders import is_placeholder
from collector.names.words import BRACKETED, words_of


@lru_cache(maxsize=4096)
def fold_person(text: str) -> str:
    """How a person's name is compared: ``Ana Lima``, ``Lima, Ana``, ``ana.lima`` and ``@ana-lima`` are one.

    Of an address the part before the ``@`` counts; accents and what stands in brackets do not. Empty for no name.
    """
    name = BRACKETED.sub(" ", text).strip().removeprefix("@").partition("@")[0]
    if is_placeholder(text) or is_placeholder(name):
        return ""
    family, comma, given = name.partition(",")
    plain = unicodedata.normalize("NFKD", f"{given} {family}" if comma else name)
    return "".join(words_of("".join(c for c in plain if not unicodedata.combining(c))))
