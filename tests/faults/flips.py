"""One bit of the database turns: ``timelined verify`` says so, and names the row."""

from __future__ import annotations

from collections import Counter, defaultdict
from pathlib import Path

from tests.faults import stored
from tests.faults.bits import places
from tests.faults.report import Report
from tests.faults.rig import rigged
from tests.faults.stores import SqliteStore, view

TABLES = ("event", "delivery", "content")


async def bit_flips(folder: Path, report: Report) -> None:
    """One bit of one row turns, in the file itself: ``timelined verify`` says so and names the row."""
    database = folder / "log" / "timelined.db"
    async with rigged(database.parent, str(report.seed), store=SqliteStore(database)) as rig:
        rig.clients.start()
        await rig.clients.acked(150)
        await rig.clients.stop()
        verdict = await rig.judge()
        await rig.daemon.terminate()
    whole = await rig.daemon.verify()
    report.require(whole == (0, []), "verify", f"a log that nobody touched was found to differ: {whole}")
    kinds: Counter[str] = Counter()
    owners = _owners(view(database, stored.read))
    for bit in places(database, TABLES, rig.random, report.rounds):
        bit.flip(database)
        code, differences = await rig.daemon.verify()
        bit.flip(database)
        report.require(code == 6, "verify", f"{bit} was not found: exit code {code}")
        named = {(each["table"], each["number"]) for each in differences}
        report.require(bool(named & owners[bit.table, bit.row]), "verify", f"{bit} was not named: {differences[:5]}")
        kinds[bit.table] += 1
        report.add(verdict)
    report.facts["flipped"] = dict(kinds)


def _owners(log: stored.StoredLog) -> dict[tuple[str, int], set[tuple[str, int]]]:
    """Each row, and the rows that may be named for it: itself, or whose content it is."""
    owners: dict[tuple[str, int], set[tuple[str, int]]] = defaultdict(set)
    for event in log.events:
        owners["event", event.position].add(("event", event.position))
        owners["content", event.number] |= {("event", event.position), ("content", event.number)}
    for delivery in log.deliveries:
        owners["delivery", delivery.number].add(("delivery", delivery.number))
        owners["content", delivery.content] |= {("delivery", delivery.number), ("content", delivery.content)}
    return owners
