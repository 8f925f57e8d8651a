"""The size of a thing as alerts tell it: of texts that differ in a number only, the first, the largest, the newest.

A text is compared with the first one that reads alike but for its numbers;
what cannot be compared is left alone. Pure.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence

import msgspec

from collector.event import RecordedEvent
from collector.semantics.episodes import UPDATED, told_at
from renderers.history import Alert, History
from renderers.phrases import text_in

_NUMBER = re.compile(r"(?<![\w.-])-?\d+(?:[.,]\d+)*(?:[eE][+-]?\d+(?!\w))?")
"""A number that stands by itself: the 39 of ``pod-39`` is a part of a name. Prometheus writes ``9.5e-05``."""


class Telling(msgspec.Struct, frozen=True):
    """What an event said, and the event."""

    text: str
    event: RecordedEvent
    until: int | None = None
    """When its alert ended, µs; None while it fires."""
    again: int = 0
    """When the text was told last, µs, of one that came back after another; else 0."""

    @property
    def at(self) -> int:
        """When it was told, as far as it matters."""
        return self.again or told_at(self.event)


class Size(msgspec.Struct, frozen=True):
    """The texts of one alert that are worth showing."""

    largest: Telling
    newest: Telling | None = None
    """What it said last, where that is another text; where that is not known, what it said anew last."""
    first: Telling | None = None
    """What the series that told the largest had said first, where that is another text."""
    more: int = 0
    """How many other texts its series told, which cannot be compared."""


def size(tellings: Sequence[Telling], last: Telling | None = None) -> Size | None:
    """The first, the largest and the newest of what was told, oldest first; None where nothing was.

    ``last`` is the newest text, if it had been told before.
    """
    if not tellings:
        return None
    first = tellings[0]
    shape = _shape(first.text)
    # Thousands of series tell few texts.
    numbers = {text: _numbers(text) for text in {each.text for each in tellings} if _shape(text) == shape}
    alike = [each for each in tellings if each.text in numbers]
    column = _varying(list(numbers.values()))
    if column is None:
        # What another series says at the same time is no newer.
        others = [each for each in tellings if each.text != first.text]
        newest = last or next((each for each in others[-1:] if each.at > first.at), None)
        shown = {first.text, newest.text if newest else first.text}
        return Size(first, newest, more=len({each.text for each in others} - shown))
    # max keeps the first of several that are as large.
    largest = max(alike, key=lambda each: numbers[each.text][column])
    newest, own = tellings[-1], next(each for each in tellings if each.event.entity == largest.event.entity)
    # What another series says at the same time is no newer.
    newer = newest.at > largest.at or newest.event.entity == largest.event.entity
    compared = Size(
        largest,
        newest=last or (newest if newer and newest.text != largest.text else None),
        first=own if own.text != largest.text else None,
    )
    # One in another unit may be larger than all that can be compared: 950 ms is less than 2 s.
    apart = {each.text for each in tellings if each.text not in numbers}
    return msgspec.structs.replace(compared, more=len(apart.difference(each.text for each in values_of(compared))))


def values_of(told: Size) -> list[Telling]:
    """What an alert told, in the order it was told: the first, the largest, the newest, each once."""
    found = {(each.event.id, each.again): each for each in (told.first, told.largest, told.newest) if each is not None}
    return sorted(found.values(), key=lambda each: (each.at, each.event.id))


def alert_sizes(history: History) -> list[tuple[Alert, Size]]:
    """Each alert of a name and place that says something, and the sizes that it told."""
    sized: list[tuple[Alert, Size]] = []
    for alerts in _alerts_by_name(history):
        tellings = _tellings(history, alerts)
        told = size(tellings, _came_back(history, tellings))
        if told is not None:
            sized.append((alerts[0], told))
    return sorted(sized, key=lambda item: (not item[0].opening, item[0].start, item[0].entity, item[0].fired.id))


def came_back(history: History) -> list[tuple[str, int]]:
    """The events whose texts were told again after others, and when last: of all repeats those alone a draft shows."""
    shown = [each for _, told in alert_sizes(history) for each in values_of(told)]
    return [(each.event.id, each.again) for each in shown if each.again]


def _came_back(history: History, tellings: Sequence[Telling]) -> Telling | None:
    """What was told last, if that is a text that had been told before another one; None where it is not known."""
    times = history.context.last_told
    known = [each for each in tellings if each.event.id in times]
    last = max(known, key=lambda each: (times[each.event.id], each.event.id), default=None)
    if last is None or any(each.event.occurred_at > times[last.event.id] for each in tellings):
        return None
    # What is told after the end, by a member of a cluster that lags, hides when it was told last before that.
    if last.until is not None and times[last.event.id] > last.until:
        return None
    between = any(each.event.occurred_at > last.event.occurred_at and each.text != last.text for each in tellings)
    return msgspec.structs.replace(last, again=times[last.event.id]) if between else None


def _alerts_by_name(history: History) -> list[list[Alert]]:
    """The alerts of each name and service, and of each environment where the incident has several."""
    names: dict[tuple[str, str | None, str | None], list[Alert]] = defaultdict(list)
    for alert in history.alerts:
        names[alert.name, alert.service, alert.environment if history.divided else None].append(alert)
    return list(names.values())


def said_anew(history: History) -> dict[str, str]:
    """What each update said, by its id."""
    updated = [alerts for alerts in _alerts_by_name(history) if any(alert.updates for alert in alerts)]
    tellings = [each for alerts in updated for each in _tellings(history, alerts)]
    return {each.event.id: each.text for each in tellings if each.event.type == UPDATED}


def grown(history: History) -> frozenset[str]:
    """The updates by which alerts told their largest value, where they had told a smaller one before."""
    if not any(alert.updates for alert in history.alerts):
        return frozenset()
    sizes = [told for _, told in alert_sizes(history) if told.first is not None]
    return frozenset([told.largest.event.id for told in sizes if told.largest.event.type == UPDATED])


def _tellings(history: History, alerts: Sequence[Alert]) -> list[Telling]:
    """What the firings and their updates said, oldest first; series of one alert all count, its ends do not."""
    known = [(history.by_id[each], alert) for alert in alerts for each in alert.events if each in history.by_id]
    # A resolve repeats what was said, unless it is all that was received of the firing.
    firings = [(event, alert.end) for event, alert in known if event.type != "alert.resolved" or event is alert.fired]
    events = [event for event, _ in firings]
    keys = ("summary", "description") if _only_summary_varies(events) else ("description", "summary")
    # Rules without any text have what they measured.
    found = [Telling(next(filter(None, (text_in(each.data, key) for key in (*keys, "measured"))), ""), each, end)
             for each, end in firings]  # fmt: skip
    return sorted([each for each in found if each.text], key=lambda each: (told_at(each.event), each.event.id))


def _only_summary_varies(events: Sequence[RecordedEvent]) -> bool:
    """Whether some series says its values in the summary, beside a description that stays."""
    summaries = {(event.entity, text_in(event.data, "summary")) for event in events}
    descriptions = {(event.entity, text_in(event.data, "description")) for event in events}
    return len({event.entity for event in events}) == len(descriptions) < len(summaries)


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
