"""Group commit against one commit for each request: the same server twice, in one run.

Both have the daemon's web room, intake and log; the second one's writer takes
a single submission into a transaction. What gathering gains is how many more
answers a second the first one gives.
"""

from __future__ import annotations

import argparse
import sys

from tests.bench import entry, results
from tests.bench.bodies import body_of
from tests.bench.entry import TOOL, Option
from tests.bench.servers import server
from tests.bench.slices import Traffic, beside, check, described, stored

GOAL, WANTED = 3.0, 5.0


def measure(options: argparse.Namespace, report: results.Report) -> None:
    """Deliveries of one alert to both, in turn."""
    traffic = Traffic(body_of(1), connections=options.connections, seconds=options.seconds, tool=options.tool)
    with results.workplace() as folder:
        names = ("group", "single")
        with (
            server("tests.bench.subject", "PORT", str(folder / "group.db")) as group,
            server("tests.bench.subject", "PORT", str(folder / "single.db"), "--batch-events", "1") as single,
        ):
            warm = [traffic.slice(each, min(1, options.seconds)) for each in (group, single)]
            rounds = [[traffic.slice(each) for each in (group, single)] for _ in range(options.rounds)]
        sides = {name: [each[number] for each in rounds] for number, name in enumerate(names)}
        for number, name in enumerate(names):
            found = stored(f"sqlite:///{folder / name}.db")
            counted = check(found, [warm[number], *sides[name]], alerts=1, connections=options.connections)
            report.note(f"{described(name, sides[name])}; {counted}")
    ratios = [one.rate / other.rate for one, other in rounds]
    extra = beside(sides["group"], "group") | beside(sides["single"], "single")
    name = f"group commit / one commit a request, {options.connections} connections"
    report.add(name, ratios, at_least=GOAL, wanted=WANTED, beside=extra)


OPTIONS = (
    Option("rounds", 7, 1),
    Option("seconds", 2.0, 0.1),
    Option("connections", 64, 8),
    TOOL,
)


if __name__ == "__main__":
    sys.exit(entry.main("commits", __doc__, OPTIONS, measure))
