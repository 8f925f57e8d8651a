"""What a run of one fault came to: counts over all its logs, and every finding with the round it was made in."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from tests.faults.checker import Verdict
from tests.faults.history import History, Outcome
from tests.faults.supervisor import Supervisor

_ROUNDS_PER_LOG = 20
"""Every round looks at its whole log, so a log must not grow for ever."""
_COUNTS = ("acked", "rejected", "unknown", "unknown_stored", "events")


class Skipped(Exception):
    """What a run needs is not here. ``kernel`` says that no package could bring it."""

    def __init__(self, reason: str, *, kernel: bool = False) -> None:
        super().__init__(reason)
        self.kernel = kernel


class Report:
    """Kept while a fault is run, and written as JSON afterwards."""

    def __init__(self, fault: str, seed: int, rounds: int) -> None:
        self.fault, self.seed, self.rounds = fault, seed, rounds
        self.done = 0
        self.skipped = ""
        self.findings: list[dict[str, Any]] = []
        self.facts: dict[str, Any] = {}
        """What else is worth knowing, by name."""
        self._closed = dict.fromkeys(_COUNTS, 0)
        self._open: Verdict | None = None

    @property
    def ok(self) -> bool:
        """Whether every promise held in every round that was to be run."""
        return not self.findings and (bool(self.skipped) or self.done == self.rounds)

    def add(self, verdict: Verdict) -> bool:
        """Take in a round's verdict, which is over the whole log so far; whether it is worth going on."""
        self._open = verdict
        self.done += 1
        for finding in verdict.findings:
            self.find(finding.kind, finding.what)
        return verdict.ok

    def passed(self, history: History) -> None:
        """A round without a log that could be judged: what was sent counts."""
        counts = history.counts
        acked, rejected, unknown = (counts[each] for each in (Outcome.ACKED, Outcome.REJECTED, Outcome.UNKNOWN))
        self._open = Verdict(acked, rejected, unknown, 0, 0, ())
        self.done += 1

    def find(self, kind: str, what: str) -> None:
        """A broken promise."""
        self.findings.append({"round": self.done, "kind": kind, "what": what})

    def require(self, holds: bool, kind: str, detail: str) -> None:
        """A promise that is not about the log: a finding where it does not hold."""
        if not holds:
            self.find(kind, detail)

    async def verify(self, daemon: Supervisor) -> None:
        """Have ``timelined verify`` look at the log, too: at its end, since it reads all of it."""
        code, found = await daemon.verify()
        self.require(code == 0, "verify", f"timelined verify ended with {code}: {found[:5]}")

    def next_log(self) -> None:
        """The rounds to come are over another log."""
        if self._open is not None:
            for name in _COUNTS:
                self._closed[name] += getattr(self._open, name)
            self._open = None

    def write(self, folder: Path) -> Path:
        """The verdict as a file."""
        self.next_log()
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"{self.fault}.json"
        path.write_bytes(msgspec.json.format(msgspec.json.encode(self.verdict()), indent=2) + b"\n")
        return path

    def verdict(self) -> dict[str, Any]:
        """The verdict as values."""
        self.next_log()
        kinds = [finding["kind"] for finding in self.findings]
        return {
            "fault": self.fault, "ok": self.ok, "skipped": self.skipped or None, "seed": self.seed,
            "rounds": self.rounds, "done": self.done, **self._closed,
            "lost": kinds.count("lost"), "doubled": kinds.count("doubled"),
            "findings": self.findings[:100], "further_findings": max(0, len(self.findings) - 100), **self.facts,
        }  # fmt: skip


def logs(folder: Path, report: Report, rounds_each: int = _ROUNDS_PER_LOG) -> Iterator[tuple[Path, str, int]]:
    """A folder, a seed and a number of rounds for each log of a run; ``rounds_each`` is the most for one."""
    for first in range(0, report.rounds, rounds_each):
        name = f"log-{first // rounds_each}"
        report.next_log()
        yield folder / name, f"{report.seed}/{name}", min(rounds_each, report.rounds - first)
