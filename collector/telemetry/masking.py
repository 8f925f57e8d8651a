"""Addresses of webhooks, which may hold a secret, kept out of what is logged and answered.

A sender that can only be given an address has its secret in it
(``/webhooks/NAME/TOKEN``), and whoever mistypes one may spell it in any way:
with ``%2F`` for the slash, encoded twice, or with the name left out. So nothing
behind ``webhooks`` is ever repeated, however it is written.
"""

from __future__ import annotations

import re
from urllib.parse import unquote

MASK = "/webhooks/…"

_WORD = re.compile(r"[^\s\"'<>`]+")
_DEEPEST = 8
"""How often a text is decoded. What was encoded more often names nothing that anybody serves."""


def names_webhooks(text: str) -> bool:
    """Whether a text has an address of a webhook in it, in any spelling."""
    for _ in range(_DEEPEST):
        if "/webhooks/" in text.lower():
            return True
        decoded = unquote(text)
        if decoded == text:
            return False
        text = decoded
    return True


def masked(text: str) -> str:
    """The text with every address of a webhook cut off behind ``/webhooks/``."""
    if "webhooks" not in text.lower() and "%" not in text:
        return text
    return _WORD.sub(lambda word: MASK if names_webhooks(word[0]) else word[0], text)
