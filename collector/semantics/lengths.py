"""Lengths of time in words, one way for drafts and pages, so that the same one never reads differently."""

from __future__ import annotations

from collector.event import SECOND

_UNITS = ((86_400, "d"), (3_600, "h"), (60, "min"), (1, "s"))
_DAY = 86_400


def apart(earlier: int, later: int) -> int:
    """How far two moments are apart, µs, by the seconds that are printed of them.

    Who reckons with the printed times comes to the same length. Within one second it is what it is.
    """
    seconds = later // SECOND - earlier // SECOND
    return seconds * SECOND if seconds else later - earlier


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
    units = []
    for size, unit in _UNITS:
        count, seconds = divmod(seconds, size)
        if count:
            units.append(f"{count} {unit}")
    return " ".join(units)
