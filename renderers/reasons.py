"""The words of a reason of grouping: the same in a draft, at the command line and on the pages."""

from __future__ import annotations

import re

from renderers import facts, phrases
from renderers.history import History
from renderers.plain_text import plain

_ADDRESS = re.compile(r"(?<!\S)([\w.+-]+)@[\w-]+(?:\.[\w-]+)+")
"""A person's address where a sender gives no other name: of it the part before the ``@`` is told, as in sentences."""


def spelt(history: History, reason: str) -> str:
    """A reason with pages as people call them, and services as they are written elsewhere in the draft."""
    for page in history.pages:
        event = phrases.page_event(page)
        if event is not None and page.entity in reason:
            called = plain(phrases.page_called(history, event))
            reason = re.sub(rf"(?<!\S)page {re.escape(page.entity)}(?!\S)", called.replace("\\", r"\\"), reason)
    reason = _ADDRESS.sub(r"\1", reason)
    rest, _, last = reason.rpartition(" ")
    written = next((name for name in history.services if facts.folded(name) == last or name.casefold() == last), last)
    return f"{rest} {written}" if rest else reason


def pages_named(reason: str) -> list[str]:
    """The pages that a reason names, by what their senders identify them by."""
    return re.findall(r"(?<!\S)page (\S+)", reason)
