"""The size of a thing as alerts tell it: of texts that differ in a number only, the first, the largest, the newest.

A text is compared with the first one that reads alike but for its numbers;
what cannot be compared is left alone. Pure.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import msgspec

from collector.event import RecordedEvent

_NUMBER = re.compile(r"(?<![\w.])-?\d+(?:[.,]\d+)*")


class Telling(msgspec.Struct, frozen=True):
    """What an event said, and the event."""

    text: str
    event: RecordedEvent


class Size(msgspec.Struct, frozen=True):
    """The texts of one alert that are worth showing."""

    largest: Telling
    newest: Telling | None = None
    """What it said anew last, where that is another text. It is no proof that nothing else was told after it: a text
    that comes back is no event."""
    first: Telling | None = None
    """What the series that told the largest had said first, where that is another text."""


def size(tellings: Sequence[Telling]) -> Size | None:
    """The first, the largest and the newest of what was told, oldest first; None where nothing was."""
    if not tellings:
        return None
    first = tellings[0]
    shape = _shape(first.text)
    alike = [each for each in tellings if _shape(each.text) == shape]
    column = _varying([_numbers(each.text) for each in alike])
    if column is None:
        return Size(first, newest=tellings[-1] if tellings[-1].text != first.text else None)
    # max keeps the first of several that are as large.
    largest = max(alike, key=lambda each: _numbers(each.text)[column])
    newest, own = tellings[-1], next(each for each in tellings if each.event.entity == largest.event.entity)
    return Size(
        largest,
        newest=newest if newest.text != largest.text else None,
        first=own if own.text != largest.text else None,
    )


def _shape(text: str) -> str:
    return _NUMBER.sub("0", text)


def _numbers(text: str) -> list[float]:
    return [_number(each) for each in _NUMBER.findall(text)]


def _number(text: str) -> float:
    """A number as people write it: ``1,234`` and ``1.5``; one with both marks has its thousands marked by the first."""
    plain = text.replace(",", "") if re.fullmatch(r"-?\d{1,3}(?:,\d{3})+(?:\.\d+)?", text) else text.replace(",", ".")
    try:
        return float(plain)
    except ValueError:
        return 0.0


def _varying(numbers: Sequence[Sequence[float]]) -> int | None:
    """The first column in which the numbers differ."""
    width = min(map(len, numbers), default=0)
    return next((column for column in range(width) if len({row[column] for row in numbers}) > 1), None)
