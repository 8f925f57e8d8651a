"""Pauses of alerts, and the pages that last over them: which signals a page could tie to one alert's next episode."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from collector.correlation.signals import Unit, alert_key


def pauses(earlier: Unit, later: Unit, gap: int) -> bool:
    """Whether an episode starts when the one before it ties nothing any more."""
    return later.start > earlier.reach + gap


def tied(groups: Sequence[Sequence[Unit]], gap: int) -> list[int]:
    """Groups that such pages tie: of each group the first one of those tied to it."""
    owner = list(range(len(groups)))
    known = _all_pauses(groups, gap)
    pages = [(page, number) for number, group in enumerate(groups) for page in group if page.kind == "page"]
    changed = bool(pages)
    while changed:
        changed = False
        for before, moment, after in known:
            a, b = owner[before], owner[after]
            if a != b and any(owner[at] == a and page.start <= moment <= page.reach for page, at in pages):
                keep, gone = min(a, b), max(a, b)
                owner = [keep if at == gone else at for at in owner]
                changed = True
    return owner


def _all_pauses(groups: Sequence[Sequence[Unit]], gap: int) -> list[tuple[int, int, int]]:
    """Of each pause of an alert: the group before it, when it ended, and the group after it."""
    episodes: dict[str, list[tuple[tuple[int, str], Unit, int]]] = {}
    for number, group in enumerate(groups):
        for unit in group:
            if (key := alert_key(unit)) is not None:
                episodes.setdefault(key, []).append((unit.order, unit, number))
    found: list[tuple[int, int, int]] = []
    for each in episodes.values():
        each.sort(key=lambda episode: episode[0])
        for (_, earlier, before), (_, later, after) in pairwise(each):
            if pauses(earlier, later, gap):
                found.append((before, later.start, after))
    return found
