"""Pauses of alerts, and what lasts over them: to which signals a page, or people who reopened an incident, could tie
an alert's next episode."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise

from collector.correlation.catalog import Rules
from collector.correlation.constraints import Constraints
from collector.correlation.signals import Signal, alert_key
from collector.semantics.closing import REOPENED


def pauses(earlier: Signal, later: Signal, gap: int) -> bool:
    """Whether an episode starts when the one before it ties nothing any more."""
    return later.start > earlier.reach + gap


def tied(groups: Sequence[Sequence[Signal]], rules: Rules, constraints: Constraints) -> list[int]:
    """Groups that such pages, or people who reopened one, tie: of each the first one of those tied to it."""
    owner, gap = list(range(len(groups))), rules.gap
    breaks = _all_pauses(groups, gap)
    pages = [(page, number) for number, group in enumerate(groups) for page in group if page.kind == "page"]
    words = _reopenings(groups, constraints)
    changed = bool(pages or words)
    while changed:
        changed = False
        for before, moment, after in breaks:
            a, b = owner[before], owner[after]
            if a != b and any(owner[at] == a and page.start <= moment <= page.reach for page, at in pages):
                keep, gone = min(a, b), max(a, b)
                owner = [keep if at == gone else at for at in owner]
                changed = True
        for at, number in words:
            back = {owner[after] for after in _comes_back(groups, owner, owner[number], at, at + rules.reach)}
            if back:
                joined = back | {owner[number]}
                owner = [min(joined) if known in joined else known for known in owner]
                changed = True
    return owner


def _reopenings(groups: Sequence[Sequence[Signal]], constraints: Constraints) -> list[tuple[int, int]]:
    """When people said of one of these groups that it is open again, and of which."""
    return [
        (word.at, number)
        for number, group in enumerate(groups)
        for signal in group
        for word in constraints.turns(signal.id)
        if word.type == REOPENED
    ]


def _comes_back(
    groups: Sequence[Sequence[Signal]], owner: Sequence[int], group_owner: int, low: int, high: int
) -> Iterator[int]:  # fmt: skip
    """Groups in which an alert of those of one owner fires again in this time."""
    first: dict[str, tuple[int, str]] = {}
    for number, group in enumerate(groups):
        for signal in group if owner[number] == group_owner else ():
            if (key := alert_key(signal)) is not None:
                first[key] = min(signal.order, first.get(key, signal.order))
    for number, group in enumerate(groups):
        for signal in group if owner[number] != group_owner else ():
            known = first.get(alert_key(signal) or "")
            if known is not None and known < signal.order and low <= signal.start <= high:
                yield number


def _all_pauses(groups: Sequence[Sequence[Signal]], gap: int) -> list[tuple[int, int, int]]:
    """Of each pause of an alert: the group before it, when it ended, and the group after it."""
    episodes: dict[str, list[tuple[tuple[int, str], Signal, int]]] = {}
    for number, group in enumerate(groups):
        for signal in group:
            if (key := alert_key(signal)) is not None:
                episodes.setdefault(key, []).append((signal.order, signal, number))
    breaks: list[tuple[int, int, int]] = []
    for each in episodes.values():
        each.sort(key=lambda episode: episode[0])
        for (_, earlier, before), (_, later, after) in pairwise(each):
            if pauses(earlier, later, gap):
                breaks.append((before, later.start, after))
    return breaks
