"""At most so many rows: first what came close together becomes one row, then the least telling are left out.

What is left out is counted and its events are cited; nothing disappears
silently. Linear in the rows.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from functools import lru_cache, partial

from collector.event import MINUTE
from renderers import phrases
from renderers.document import Claim, Code, Name
from renderers.phrases import Phrase, say
from renderers.rows.alerts import SERIES
from renderers.rows.plan import Plan, Table
from renderers.words import counted

STORM_SPAN = 5 * MINUTE
"""Where there are too many rows, unlabelled firings (or ends) this close together become one."""
STORMING = ("alert.firing", "alert.resolved", "page.triggered", "observation.recorded", "chat.message")
"""Types of which many close together are one row where there are too many rows."""


def fit(plans: Sequence[Plan], most: int) -> list[Plan]:
    """At most ``most`` of the rows, the most telling.

    Of a kind that is too many, those that stay are spread evenly, so that the whole course is seen.
    """
    if len(plans) <= most:
        return list(plans)
    kinds: dict[int, list[int]] = {}
    for index, row in enumerate(plans):
        kinds.setdefault(_importance(row), []).append(index)
    keep: set[int] = set()
    for kind in sorted(kinds):
        keep.update(_spread(kinds[kind], most - len(keep)))
    return [row for index, row in enumerate(plans) if index in keep]


def _spread(indices: Sequence[int], most: int) -> list[int]:
    """At most ``most`` of them, the first among them and the others at even distances."""
    if len(indices) <= most:
        return list(indices)
    return [indices[place * len(indices) // most] for place in range(most)]


def _importance(row: Plan) -> int:
    """0 stays longest."""
    return 0 if row.label else _weight(row.type)


@lru_cache(maxsize=1_024)
def _weight(event_type: str) -> int:
    family = event_type.partition(".")[0]
    if family in ("change", "status", "incident", "mark") or event_type == "page.acknowledged":
        return 1
    if event_type in ("alert.firing", "page.triggered", "page.escalated"):
        return 2
    return {"note": 3, "observation": 4, "page": 4}.get(family, 5)


def stormed(plans: Sequence[Plan]) -> list[Plan]:
    """Unlabelled rows of one type within a few minutes as one row, where the first of them is."""
    held: dict[str, list[Plan]] = {}
    runs: list[list[Plan]] = []
    for row in plans:
        run = held.get(row.type) if not row.label else None
        if run is not None and row.at - run[0].at < STORM_SPAN:
            run.append(row)
            continue
        runs.append([row])
        if not row.label and row.type in STORMING:
            held[row.type] = runs[-1]
    return [row for run in runs for row in (run if len(run) < SERIES else [_storm(run)])]


STORMS = {
    "alert.firing": ("alert fired", "alerts fired"),
    "alert.resolved": ("alert resolved", "alerts resolved"),
    "page.triggered": ("page triggered", "pages triggered"),
    "observation.recorded": ("observation", "observations"),
    "chat.message": ("chat message", "chat messages"),
}
"""How a row that stands for many is worded."""


def _storm(run: Sequence[Plan]) -> Plan:
    ids = tuple(dict.fromkeys([each for row in run for each in row.cites]))
    return Plan(at=run[0].at, type=run[0].type, cites=ids, told=partial(_storm_told, run, ids))


def _storm_told(run: Sequence[Plan], ids: Sequence[str], table: Table) -> Phrase:
    """``7 alerts fired: A, B, C and 4 more``."""
    kind, names = run[0].type, list[phrases.Said]()
    known = [table.history.by_id[each] for each in ids]
    if kind.startswith("alert."):
        names = [Name(name) for name in dict.fromkeys(event.title for event in known) if name]
    if kind == "observation.recorded":
        called = dict.fromkeys(phrases.observation_called(event)[0] for event in known)
        names = [part for part in called if isinstance(part, Name)]
    words = counted(len(names) if kind.startswith("alert.") and names else len(run), *STORMS[kind])
    return say(words, say(": ", phrases.listed(names, 4)) if names else ())


def left_out(every: Sequence[Plan], kept: Sequence[Plan]) -> Claim | None:
    """How many rows are not shown, of which kinds, and how to see them."""
    known = {row.cites for row in kept}
    told = {each for row in kept if row.type in STORMING for each in row.cites}
    missing = [row for row in every if row.cites not in known and not told.issuperset(row.cites)]
    if not missing:
        return None
    counts: Counter[tuple[str, str]] = Counter()
    for event_type, number in Counter(row.type for row in missing).items():
        counts[_kind(event_type)] += number
    words = [counted(number, *kind) for kind, number in sorted(counts.items(), key=lambda item: (-item[1], item[0]))]
    return phrases.claim(
        f"{counted(len(missing), 'row')} left out ({', '.join(words)}); ",
        Code("--detail all"),
        " shows every event",
        proof=tuple(dict.fromkeys(each for row in missing for each in row.cites)),
    )


def _kind(event_type: str) -> tuple[str, str]:
    kinds = {
        "alert.firing": ("alert firing", "alerts firing"),
        "alert.resolved": ("alert end", "alert ends"),
        "chat": ("chat message", "chat messages"),
        "note": ("note", "notes"),
        "change": ("change", "changes"),
        "observation": ("observation", "observations"),
        "page.triggered": ("page", "pages"),
        "page.resolved": ("end of a page", "ends of pages"),
        "page": ("detail of a page", "details of pages"),
        "status": ("status post", "status posts"),
    }
    return kinds.get(event_type) or kinds.get(event_type.partition(".")[0]) or ("statement", "statements")
