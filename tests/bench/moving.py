"""Moving a whole log into PostgreSQL and back, measured in events a second.

A log of alerts, a hundred in a delivery and fifty of each service, sealed ten
times on the way, is imported into an empty database of a server with
PostgreSQL's own settings, and exported again: each way copied, verified, and
held to the leaves of where it came from. The rows of both files are compared,
and so are the drafts of 200 incidents that they give. Either way has to do 2,000 events a
second, so that a million take less than ten minutes.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
from functools import partial
from hashlib import sha256
from pathlib import Path
from time import perf_counter
from typing import Any

from msgspec.structs import replace
from sqlalchemy import Connection

from collector import daemon, log, projections
from collector.backup import moving
from collector.cli import client
from collector.jobs.sealing import SealJob
from collector.log import Submission
from collector.proof.folder import ProofFolder
from collector.schema import tables
from collector.settings import Settings, Storage
from collector.telemetry import log_output
from tests import postgres
from tests.bench import entry, results
from tests.bench.entry import Option
from tests.bench.verify import AT, alert

GOAL = 2_000
"""Events a second, either way."""


async def filled(path: Path, events: int) -> None:
    """A log of so many alerts, a hundred in a delivery and fifty of each service, sealed ten times on the way."""
    store = await log.open_log(f"sqlite:///{path}")
    job = SealJob(log=store, beside=ProofFolder(path.with_suffix(".proof"), "bench"), origin="bench", signer=None)
    for start in range(0, events, 1000):
        await store.append([_delivery(first) for first in range(start, start + 1000, 100)])
        if start % max(1000, events // 10 // 1000 * 1000) == 0:
            await job.run()
    await store.close()


def _delivery(first: int) -> Submission:
    named = ((alert(number), f"shop-{number // 50}") for number in range(first, first + 100))
    events = tuple(replace(one, service=name, labels={**one.labels, "service": name}) for one, name in named)
    return Submission(source="alertmanager", received_at=AT + first * 1000, body=b"x" * 60_000, events=events)


async def there(source: Path, url: str) -> float:
    """Import; how many seconds that took."""
    await log.upgrade(url, [projections.metadata], projections.fitted)
    store = await log.open_log(url, extra_metadata=[projections.metadata])
    began = perf_counter()
    await moving.bring_in(source, store)
    took = perf_counter() - began
    await store.close()
    return took


async def back(url: str, target: Path) -> float:
    """Export; how many seconds that took."""
    store = await log.open_log(url, writable=False)
    began = perf_counter()
    await moving.export(store, target)
    took = perf_counter() - began
    await store.close()
    return took


async def digest(path: Path) -> str:
    """Of every row of the log in a file, but for where what was acknowledged is recorded."""
    checksum = sha256()
    store = await log.open_log(f"sqlite:///{path}", writable=False)
    for table in tables.metadata.sorted_tables:
        columns = ", ".join(column.name for column in table.columns if column.name != "record")
        keys = ", ".join(column.name for column in table.primary_key.columns)
        statement = f"SELECT {columns} FROM {table.name} ORDER BY {keys}"  # noqa: S608 - names of ours
        await store.query(partial(_added, statement, checksum))
    await store.close()
    return checksum.hexdigest()


def _added(statement: str, checksum: Any, connection: Connection) -> None:
    for row in connection.exec_driver_sql(statement):
        checksum.update(repr(tuple(row)).encode())


async def drafts(path: Path, most: int) -> dict[int, str]:
    """Of so many incidents of the log in a file, over its whole length, the digest of each one's draft."""
    async with (
        daemon.read_only(Settings(storage=Storage(url=f"sqlite:///{path}"))) as app,
        client.in_process(app) as api,
    ):
        [latest] = (await api.get("/api/v1/incidents", limit=1)).json()["incidents"]
        digests = {}
        for number in range(latest["number"], 0, -max(1, latest["number"] // most)):
            answer = await api.get(f"/api/v1/incidents/{number}/postmortem.md")
            digests[number] = sha256(answer.body).hexdigest()
        return digests


def measure(options: argparse.Namespace, report: results.Report) -> None:
    """There and back."""
    if reason := postgres.absent():
        report.note(f"Not measured: {reason}.")
        return
    log_output.set_up("warning", "logfmt")
    with results.workplace() as folder, postgres.plain(results.disk()) as server:
        source, target = folder / "log.db", folder / "back.db"
        asyncio.run(filled(source, options.events))
        url = server.fresh()
        rate = options.events / asyncio.run(there(source, url))
        report.add("moving to PostgreSQL", [rate], "events/s", at_least=GOAL)
        rate = options.events / asyncio.run(back(url, target))
        report.add("moving back", [rate], "events/s", at_least=GOAL)
        same = asyncio.run(digest(source)) == asyncio.run(digest(target))
        report.add("rows that came back the same", [float(same)], "ratio", at_least=1)
        before, after = (asyncio.run(drafts(path, options.drafts)) for path in (source, target))
        alike = sum(after.get(number) == draft for number, draft in before.items())
        beside = {"drafts": (float(len(before)),)}
        report.add("drafts that came back the same", [alike / len(before)], "ratio", at_least=1, beside=beside)


OPTIONS = (
    Option("events", 1_000_000, 2_000),
    Option("drafts", 200, 5, help="so many are compared, byte for byte"),
)


if __name__ == "__main__":
    sys.exit(entry.main("moving", __doc__, OPTIONS, measure))
