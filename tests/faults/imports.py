"""An import is killed on its way: what it stored stands whole, and the next run adds the rest and nothing twice."""

from __future__ import annotations

import asyncio
import json
import os
import re
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, Any, NamedTuple

import msgspec

from tests import forks
from tests.faults.report import Report
from tests.faults.supervisor import PROJECT

ENTRIES = 100_000
LITTLE = 2_000
"""Entries of a run that is to be short."""
LARGEST = 260
"""Megabytes that the command may take, with the log, the lists and all that it loads."""
_PATIENCE = 1800.0
_PEAK = re.compile(r"VmHWM:\s+(\d+) kB")


async def import_kills(folder: Path, report: Report, *, entries: int = ENTRIES) -> None:
    """Log entries of PagerDuty, begun three times and killed twice: each of them is one event.

    Every second time they are of pages that nobody ever closes: they stay open to the end, and memory must not follow.
    """
    for number in range(report.rounds):
        await asyncio.to_thread(_one_round, folder / str(number), report, entries, (_closing, _open)[number % 2])
        report.done += 1


def _one_round(folder: Path, report: Report, entries: int, said_at: SaidAt) -> None:
    folder.mkdir(parents=True)
    # The daemon's warning of such a folder is no part of the result, which is JSON.
    folder.chmod(0o755)
    database, file = folder / "timelined.db", folder / "entries.json"
    with file.open("w") as written:
        written.writelines(_page(entries, said_at))
    forks.run(["db", "upgrade", *_where(database)], PROJECT, os.environ).check_returncode()
    for stored in (entries // 4, entries // 2):
        _kill_when_stored(database, file, stored)
        here = _count(database)
        report.require(stored <= here < entries, "import", f"{here} of {entries} entries were there at the kill")
    began = time.monotonic()
    rest = _run(database, file, report)
    report.facts["entries_per_s"] = round(rest["new"] / max(0.001, time.monotonic() - began))
    report.require(rest["new"] < entries // 2 + 1, "doubled", f"the last run took {rest['new']} entries for new")
    report.require(_count(database) == entries, "doubled", f"{_count(database)} events stand for {entries} entries")
    again = _run(database, file, report)
    report.require((again["new"], again["known"]) == (0, entries), "doubled", f"again, it came to {again}")
    done = forks.run(["verify", *_where(database)], PROJECT, os.environ, _PATIENCE)
    report.require(done.returncode == 0, "verify", done.stdout[-500:])


def _where(database: Path) -> tuple[str, str]:
    return ("--storage.url", f"sqlite:///{database}")


@contextmanager
def _importing(database: Path, file: Path) -> Iterator[tuple[forks.Child, IO[bytes]]]:
    """An import that runs, and what it prints; it is gone afterwards."""
    command = ["import", "file", "pagerduty", "log_entries", str(file), "-o", "json", *_where(database)]
    with Path(os.devnull).open("rb") as nothing, TemporaryFile() as printed:
        running = forks.start(command, PROJECT, os.environ, (nothing.fileno(), printed.fileno(), 2))
        try:
            yield running, printed
        finally:
            running.kill()
            running.wait()


def _kill_when_stored(database: Path, file: Path, stored: int) -> None:
    until = time.monotonic() + _PATIENCE
    with _importing(database, file) as (running, _):
        while _count(database) < stored and running.poll() is None and time.monotonic() < until:
            time.sleep(0.02)


def _run(database: Path, file: Path, report: Report) -> Any:
    """What an import came to that nobody disturbed; its memory is looked at while it runs."""
    peak = 0
    with _importing(database, file) as (running, printed):
        while running.poll() is None:
            status = Path(f"/proc/{running.pid}/status")
            found = _PEAK.search(status.read_text()) if status.exists() else None
            peak = max(peak, int(found[1]) >> 10 if found else 0)
            time.sleep(0.05)
        printed.seek(0)
        output = printed.read()
    report.facts["peak_mb"] = max(peak, int(report.facts.get("peak_mb", 0)))
    report.require(running.returncode == 0, "exit", f"the import ended with {running.returncode}: {output!r}")
    report.require(peak <= LARGEST, "memory", f"the import took {peak} MB")
    return msgspec.json.decode(output)


def _count(database: Path) -> int:
    with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as connection:
        return int(connection.execute("SELECT count(*) FROM event WHERE source = 'pagerduty'").fetchone()[0])


class LogEntry(NamedTuple):
    """Of which page an entry is, what it says, and how many seconds after the first of all."""

    page: int
    kind: str
    after: int


SaidAt = Callable[[int], LogEntry]
"""The entry of a number."""
_STEPS = (("trigger", 0), ("acknowledge", 60), ("annotate", 120), ("resolve", 300))
"""What is told of a page that is closed, and how many seconds after its beginning."""
_APART = 600
"""Seconds between two pages: one that is closed is over before the next, and an incident of its own."""
_PAGES = 1_000
"""Pages that are never closed, all of which go on to the end."""


def _closing(number: int) -> LogEntry:
    """Pages one after the other."""
    page, (kind, after) = number // len(_STEPS), _STEPS[number % len(_STEPS)]
    return LogEntry(page, kind, _APART * page + after)


def _open(number: int) -> LogEntry:
    """A thousand pages at once, each triggered, acknowledged, noted on in turn, and never resolved."""
    step, page = divmod(number, _PAGES)
    return LogEntry(page, ("trigger", "acknowledge")[step] if step < 2 else "annotate", 10 * number)


def _page(entries: int, said_at: SaidAt) -> Iterator[str]:
    """One answer of GET /log_entries, larger than any that PagerDuty gives: a page every ten minutes."""
    start = datetime(2026, 3, 4, tzinfo=UTC)
    yield '{"limit": 100, "log_entries": ['
    for number in range(entries):
        page, kind, after = said_at(number)
        by = {"id": "PU1", "type": "user_reference", "summary": "Ana"}
        yield "," if number else ""
        yield json.dumps({
            "id": f"R{number:08}", "type": f"{kind}_log_entry",
            "created_at": f"{start + timedelta(seconds=after):%Y-%m-%dT%H:%M:%SZ}",
            "agent": {"id": "PS1", "type": "service_reference"} if kind == "trigger" else by,
            "channel": {"type": "note", "summary": f"looked at host {number}"},
            "incident": {"id": f"PT{page:06}", "type": "incident_reference", "summary": f"[#{page}] Errors"},
            "service": {"id": "PS1", "type": "service_reference", "summary": f"service-{page % 500}"},
        })  # fmt: skip
    yield "]}"
