"""How grave a severity is, by the words that teams use.

One table says of each word whether an alert of it opens an incident and where
it stands among others. Grouping, lists and drafts ask here. A word that the
table does not know opens an incident: what nobody classified is looked at.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cache, lru_cache

OPENING = (
    ("disaster", "catastrophic", "emergency", "emerg", "fatal", "panic"),
    ("critical", "crit", "p0", "sev0", "blocker"),
    ("page", "pager", "paging", "p1", "sev1", "s1", "1", "urgent", "highest", "alert"),
    ("major", "high", "severe", "important", "p2", "sev2", "s2", "2"),
    ("error", "err", "failure", "failed", "down", "average"),
)
"""Words of severities that open an incident, the gravest row first; the words of a row are equals."""
SILENT = (
    ("warning", "warn", "ticket", "minor", "medium", "moderate", "page-low", "p3", "sev3", "s3", "3", "degraded",
     "non-critical", "noncritical", "not-critical"),
    ("low", "lowest", "p4", "sev4", "s4", "4", "email", "slack", "chat"),
    ("notice", "info", "informational", "information", "p5", "sev5", "s5", "5", "trivial", "cosmetic"),
    ("debug", "none", "ok", "normal", "no", "silent", "log", "not-classified", "unclassified", "healthy", "cleared",
     "clear", "test", "deadman", "watchdog", "heartbeat", "success"),
)  # fmt: skip
"""Words of severities that open none, likewise. They belong to an incident that others opened."""
BY_DESIGN = frozenset({"watchdog", "deadmansswitch", "deadmanswitch", "alwaysfiring", "infoinhibitor"})
"""Names of alerts that fire as long as all is well, or only to silence others, as kube-prometheus and its kin spell
them; without spaces, dashes and case."""


@lru_cache(maxsize=1024)
def fold_severity(word: str) -> str:
    """A severity as it is compared: ``SEV-1``, ``sev 1`` and ``Severity 1`` are ``sev1``."""
    words = "".join(c if c.isalnum() else " " for c in word.casefold()).split()
    if not words:
        return ""
    if words[0] in {"sev", "severity", "p", "prio", "priority", "s"} and len(words) > 1 and words[1].isdigit():
        words[:2] = [("p" if words[0].startswith("p") else "sev") + words[1]]
    for prefix in ("severity", "priority", "prio"):
        rest = words[0].removeprefix(prefix)
        if rest != words[0] and rest.isdigit():
            words[0] = ("p" if prefix.startswith("p") else "sev") + rest
    if words[0] in _NAMES and len(words) > 1 and words[1] in _ROWS:
        del words[0]
    known = "-".join(words)
    return known if known in _ROWS or words[0] not in _ROWS else words[0]


_NAMES = frozenset({"sev", "severity", "prio", "priority", "level", "urgency"})
"""What a severity is called, where its sender writes that before it: ``Priority: low``."""
_ROWS: dict[str, int] = {word: place for place, row in enumerate((*OPENING, *SILENT)) for word in row}


def opens(word: str | None, opening: Iterable[str] = (), silent: Iterable[str] = (), *, name: str = "") -> bool:
    """Whether an alert of this severity opens an incident; ``opening`` and ``silent`` are what a team set itself.

    No severity, and a word that nobody knows, open one; but not that of an alert whose ``name`` says that it fires by
    design.
    """
    folded = fold_severity(word or "")
    if not folded and fires_by_design(name):
        return False
    if folded in {fold_severity(one) for one in opening}:
        return True
    if folded in {fold_severity(one) for one in silent}:
        return False
    return _ROWS.get(folded, 0) < len(OPENING)


@lru_cache(maxsize=1024)
def fires_by_design(name: str) -> bool:
    """Whether an alert of this name fires without end where nothing is wrong: it tells that alerting works."""
    return "".join(c for c in name.casefold() if c.isalnum()) in BY_DESIGN


def is_known(word: str) -> bool:
    """Whether the table has the word: ``none`` says how grave an alert is, where elsewhere it stands for no name."""
    return word.strip().casefold() in _ROWS


def rank(word: str) -> tuple[int, str]:
    """The place of a severity among others, the gravest first; unknown words come after those that open."""
    folded = fold_severity(word)
    index = _ROWS.get(folded)
    if index is None:
        return (2 * len(OPENING) - 1, folded)
    return (2 * index, folded)


@cache
def table() -> Mapping[str, bool]:
    """Every word, the gravest first → whether it opens an incident."""
    return {word: place < len(OPENING) for word, place in _ROWS.items()}
