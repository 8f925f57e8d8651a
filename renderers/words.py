"""Durations, counts and lists in words, one way for every section.

Lengths of time are exact to the second up to a day, because a reader compares
them with the times beside them; from a day on the seconds only distract.
Nothing here depends on a locale.
"""

from __future__ import annotations

from collections.abc import Sequence

from collector.event import SECOND

_UNITS = ((86_400, "d"), (3_600, "h"), (60, "min"), (1, "s"))
_DAY = 86_400


def duration(micros: int) -> str:
    """A length of time in µs as ``1 h 7 min 35 s``.

    Rounded to whole seconds, half a second up; from a day on to whole minutes. Units of zero are left out. What is
    not zero but rounds to it is ``less than 1 s``. A negative length begins with ``minus``.
    """
    if micros < 0:
        return f"minus {duration(-micros)}"
    seconds = (micros + SECOND // 2) // SECOND
    if seconds == 0:
        return "0 s" if micros == 0 else "less than 1 s"
    if seconds >= _DAY:
        seconds = (seconds + 30) // 60 * 60
    said = []
    for size, unit in _UNITS:
        count, seconds = divmod(seconds, size)
        if count:
            said.append(f"{count} {unit}")
    return " ".join(said)


def lag(micros: int) -> str:
    """A step of a path: ``+1 min 30 s``; one that goes back in time says ``minus``."""
    return duration(micros) if micros < 0 else f"+{duration(micros)}"


def counted(count: int, one: str, many: str = "") -> str:
    """``1 alert``, ``3 alerts``; ``many`` where the plural is not the singular and an s."""
    return f"{count:,} {one if count == 1 else many or one + 's'}"


def listed(items: Sequence[str]) -> str:
    """``a``, ``a and b``, ``a, b, c and d``; nothing for nothing."""
    if len(items) < 2:
        return "".join(items)
    return f"{', '.join(items[:-1])} and {items[-1]}"
