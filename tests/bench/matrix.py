"""Ingest on both back ends, as a ratio to aiohttp's no-op, over connections, alerts and kinds of traffic.

Each cell has servers of its own over an empty log; the no-op and each back
end take their slices in turn. ``fresh`` traffic tells something new with each
request. In ``repeated`` traffic each body comes ten times, as from highly
available peers and from repeated notifications; each of them is stored as a
delivery, and adds an event once.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, nullcontext
from pathlib import Path
from typing import NamedTuple

from tests import postgres
from tests.bench import entry, results
from tests.bench.bodies import body_of
from tests.bench.entry import TOOL, Option
from tests.bench.servers import Running, server
from tests.bench.slices import Slice, Traffic, beside, check, stored

BACK_ENDS = ("sqlite", "postgresql")
CONNECTIONS = (1, 16, 64, 256)
ALERTS = (1, 10, 100)
TRAFFIC = {"fresh": 1, "repeated": 10}
"""Kind of traffic → how often each body is sent."""
GOALS = {("sqlite", 64): 0.25, ("sqlite", 256): 0.25, ("postgresql", 64): 0.20}
"""For fresh deliveries of one alert: back end and connections → of the no-op on asyncio's loop."""
QUEUE = 40_000
"""Events that may wait: 256 connections of 100 alerts each. A refusal would be right, but is no measurement."""


class Cell(NamedTuple):
    """One combination."""

    kind: str
    alerts: int
    connections: int

    @property
    def goals(self) -> dict[str, float]:
        """Back end → what its ratio must reach."""
        if self.kind != "fresh" or self.alerts != 1:
            return {}
        return {back_end: goal for (back_end, connections), goal in GOALS.items() if connections == self.connections}

    def __str__(self) -> str:
        some = "1 alert" if self.alerts == 1 else f"{self.alerts} alerts"
        return f"{self.kind}, {some}, {self.connections} connection{'s' if self.connections > 1 else ''}"


def cells(options: argparse.Namespace) -> Iterator[Cell]:
    """The combinations asked for."""
    for kind in options.traffic:
        for alerts in options.alerts:
            for connections in options.connections:
                yield Cell(kind, alerts, connections)


def measure(options: argparse.Namespace, report: results.Report) -> None:
    """All cells, one after the other."""
    reason = postgres.absent() if "postgresql" in options.backends else ""
    back_ends = [one for one in options.backends if not (one == "postgresql" and reason)]
    if reason:
        report.note(f"Not measured on PostgreSQL: {reason}.")
    with (
        server("tests.bench.noop", "PORT") as plain,
        postgres.plain(results.disk()) if "postgresql" in back_ends else nullcontext() as database,
    ):
        for cell in cells(options):
            with results.workplace() as folder:
                urls = {back_end: _url(back_end, folder, database) for back_end in back_ends}
                pids = () if database is None else (database.pid,)
                warm, *rounds = _slices(options, cell, plain, urls, pids)
                _record(report, cell, urls, warm, rounds)


def _url(back_end: str, folder: Path, database: postgres.Server | None) -> str:
    """An empty log's address."""
    return (
        f"sqlite:///{folder / 'log.db'}"
        if database is None or back_end == "sqlite"
        else database.url(database.database())
    )


def _slices(
    options: argparse.Namespace, cell: Cell, plain: Running, urls: Mapping[str, str], database: tuple[int, ...]
) -> list[dict[str, Slice]]:
    """Round by round what each server did; the first round warms them up."""
    # What is under way when a slice ends is not counted: a slice has to be much longer than one answer takes.
    seconds = options.seconds * (4 if cell.alerts * cell.connections > 10_000 else 2 if cell.alerts >= 100 else 1)
    rounds = options.goal_rounds if cell.goals else options.rounds
    traffic = Traffic(
        body_of(cell.alerts), connections=cell.connections, seconds=seconds, tool=options.tool, times=TRAFFIC[cell.kind]
    )
    with ExitStack() as stack:
        servers = {"no-op": plain}
        for back_end, url in urls.items():
            command = ("tests.bench.subject", "PORT", url, "--queue-events", str(QUEUE))
            beside = database if back_end == "postgresql" else ()
            servers[back_end] = stack.enter_context(server(*command, beside=beside))
        slices_taken = [{name: traffic.slice(servers[name], min(1, options.seconds)) for name in urls}]
        for _ in range(rounds):
            slices_taken.append({name: traffic.slice(each) for name, each in servers.items()})  # noqa: PERF401 - one by one
    return slices_taken


def _record(
    report: results.Report, cell: Cell, urls: Mapping[str, str], warm: Mapping[str, Slice],
    rounds: Sequence[Mapping[str, Slice]],
) -> None:  # fmt: skip
    """Count what the logs hold, and note the ratios."""
    plain = [each["no-op"] for each in rounds]
    for back_end, url in urls.items():
        ours = [each[back_end] for each in rounds]
        contents = stored(url)
        told = [warm[back_end], *ours]
        check(contents, told, alerts=cell.alerts, connections=cell.connections, times=TRAFFIC[cell.kind])
        ratios = [one.rate / noop.rate for one, noop in zip(ours, plain, strict=True)]
        extra = beside(ours) | {"no-op req/s": tuple(each.rate for each in plain)}
        extra["no-op cpu us"] = tuple(each.cpu for each in plain)
        extra["events stored"] = (contents.events,)
        report.add(f"{back_end}, {cell}", ratios, at_least=cell.goals.get(back_end), beside=extra)


OPTIONS = (
    Option("backends", BACK_ENDS, choices=BACK_ENDS),
    Option("traffic", tuple(TRAFFIC), choices=tuple(TRAFFIC)),
    Option("alerts", ALERTS, (2,)),
    Option("connections", CONNECTIONS, (4,)),
    Option("rounds", 3, 1),
    Option("goal_rounds", 7, 1, help="rounds where a goal is set"),
    Option("seconds", 1.0, 0.1),
    TOOL,
)


if __name__ == "__main__":
    sys.exit(entry.main("matrix", __doc__, OPTIONS, measure))
