"""Durations, counts and lists in words, one way for every section.

Lengths of time are exact to the second up to a day, because a reader compares
them with the times beside them; from a day on the seconds only distract.
Nothing here depends on a locale.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from collector.semantics.lengths import apart as apart
from collector.semantics.lengths import duration as duration


def lag(micros: int) -> str:
    """A step of a path: ``+1 min 30 s``; one that goes back in time says ``minus``."""
    return duration(micros) if micros < 0 else f"+{duration(micros)}"


def counted(count: int, one: str, many: str = "") -> str:
    """``1 alert``, ``3 alerts``; ``many`` where the plural is not the singular and an s."""
    return f"{count:,} {one if count == 1 else many or one + 's'}"


def in_words(name: str, text: str) -> bool:
    """Whether a name stands in a text by itself: ``Slow`` is not in ``SlowQueries``."""
    return name in text and re.search(rf"(?<!\w){re.escape(name)}(?!\w)", text) is not None


def listed(items: Sequence[str]) -> str:
    """``a``, ``a and b``, ``a, b, c and d``; nothing for nothing."""
    if len(items) < 2:
        return "".join(items)
    return f"{', '.join(items[:-1])} and {items[-1]}"


AS_ROLES = "names of people stand as roles"
"""What the head says of a draft that names nobody."""
ROLE = re.compile(r"the lead|(?:responder|author|reporter|person) \d+")
"""What somebody is called in a draft that names nobody; see :mod:`renderers.roles`."""
