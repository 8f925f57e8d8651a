"""Group commit against one commit for each request: the same server twice, in one run.

Both have the daemon's web room, intake and log; the second one's writer takes
a single submission into a transaction. What gathering gains is how many more
answers a second the first one gives.
"""

from __future__ import annotations

import argparse
import sys

from tests.bench import load, results
from tests.bench.bodies import body_of
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


def main() -> int:
    """Run the benchmark; the exit status says whether the goal was reached."""
    parser = results.parser(__doc__)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--seconds", type=float, default=2)
    parser.add_argument("--connections", type=int, default=64)
    parser.add_argument("--tool", choices=("auto", "wrk", "python"), default="auto")
    options = parser.parse_args()
    if options.short:
        options.rounds, options.seconds, options.connections, options.tool = 1, 0.1, 8, "python"
    options.tool = load.tool_of(options.tool)
    return results.run("commits", options, measure)


if __name__ == "__main__":
    sys.exit(main())
