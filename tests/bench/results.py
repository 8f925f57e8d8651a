"""What a benchmark found: its figures on disk, and one table made of all of them.

Every benchmark leaves ``NAME.json`` in ``out/bench``: each figure with the
values of all rounds, what the goal was and whether it was reached, beside the
facts of the machine. ``python -m tests.bench.results`` makes ``results.md`` and
``results.svg`` of what lies there, and ends with status 1, naming them, where a
goal was missed.

Rounds that differ by more than a factor of two are no result: such a run is
repeated, never averaged. A short form (``--short``) shows that a benchmark
works; its figures are judged by nobody.
"""

# ruff: noqa: T201 - printing the result is what a benchmark does

from __future__ import annotations

import argparse
import json
import os
import platform
import signal
import sqlite3
import statistics
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import msgspec

from tests.bench import chart

OUT = Path(__file__).parents[2] / "out" / "bench"
APART = 2.0
"""Rounds further apart than this factor are no result."""
_LEAST = 1e-9
"""What a measured nothing counts as, where something is divided by it."""
_DISKS = ("/var/tmp", tempfile.gettempdir())  # noqa: S108 - the first is on a disk, the usual one often in memory


class Figure(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that was measured, once a round."""

    name: str
    unit: str
    values: tuple[float, ...]
    at_least: float | None = None
    """The goal: what the median must reach."""
    below: float | None = None
    """The goal where less is better."""
    wanted: float | None = None
    """What would be better than the goal; not judged."""
    worst: bool = False
    """Whether every single value has to keep the goal. Such values are bounds and may differ between rounds."""
    beside: Mapping[str, tuple[float, ...]] = {}
    """What helps to understand it, by name and unit."""

    @property
    def median(self) -> float:
        """The middle of all rounds."""
        return statistics.median(self.values)

    @property
    def verdict(self) -> str:
        """``reached``, ``missed``, ``no result``; nothing where no goal is set."""
        if not self.worst and max(self.values) > APART * min(self.values):
            return "no result"
        if self.at_least is not None:
            return _said((min(self.values) if self.worst else self.median) >= self.at_least)
        if self.below is not None:
            return _said((max(self.values) if self.worst else self.median) < self.below)
        return ""

    @property
    def better(self) -> float | None:
        """How many times better than its goal it is, by what it is judged by; None where no goal is set."""
        if self.at_least is not None:
            return (min(self.values) if self.worst else self.median) / self.at_least
        if self.below is not None:
            return self.below / max(max(self.values) if self.worst else self.median, _LEAST)
        return None

    @property
    def goal(self) -> str:
        """The goal in words."""
        found = "" if self.at_least is None else f"at least {_short(self.at_least)}"
        found = found if self.below is None else f"below {_short(self.below)}"
        return found if self.wanted is None else f"{found} ({_short(self.wanted)} wanted)"


def _said(reached: bool) -> str:
    return "reached" if reached else "missed"


def _short(value: float) -> str:
    """A number with as many digits as mean something."""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


class Report:
    """What one run of a benchmark found so far."""

    def __init__(self, name: str, *, short: bool, options: Mapping[str, Any]) -> None:
        self.name, self.short, self._options = name, short, options
        self.figures: list[Figure] = []
        self.notes: list[str] = []
        self._began = datetime.now(UTC)
        self._load = os.getloadavg()

    def add(self, name: str, values: Sequence[float], unit: str = "ratio", **rest: Any) -> Figure:
        """Record a figure, and print it; ``rest`` are the fields of :class:`Figure`."""
        figure = Figure(name=name, unit=unit, values=tuple(values), **rest)
        self.figures.append(figure)
        print(_line(figure, self.short), flush=True)
        return figure

    def note(self, text: str) -> None:
        """Record what else a reader has to know: what was counted, what could not be measured and why."""
        self.notes.append(text)
        print(f"  {text}", flush=True)

    @property
    def failed(self) -> list[str]:
        """Goals that were not reached, each with why."""
        judged = () if self.short else self.figures
        return [f"{one.name}: {one.verdict}" for one in judged if one.goal and one.verdict != "reached"]

    def write(self, folder: Path) -> None:
        """Leave it where the table is made from."""
        folder.mkdir(parents=True, exist_ok=True)
        record = {
            "name": self.name,
            "short": self.short,
            "began": self._began.isoformat(timespec="seconds"),
            "seconds": round((datetime.now(UTC) - self._began).total_seconds(), 1),
            "options": self._options,
            "machine": machine() | {"load before": self._load, "load after": os.getloadavg()},
            "figures": [_built(figure) for figure in self.figures],
            "notes": self.notes,
            "failed": self.failed,
        }
        folder.joinpath(f"{self.name}.json").write_text(json.dumps(record, indent=1, default=str) + "\n")


def _built(figure: Figure) -> dict[str, Any]:
    values = figure.values
    judged = {"median": figure.median, "min": min(values), "max": max(values), "verdict": figure.verdict}
    built: dict[str, Any] = msgspec.to_builtins(figure)
    return built | judged


def _line(figure: Figure, short: bool) -> str:
    said = "" if short else figure.verdict
    verdict = f"  {said}, goal: {figure.goal}" if figure.goal and not short else f"  {said}"
    return (
        f"{figure.name:52} {_short(figure.median):>8} {figure.unit}"
        f" [{_short(min(figure.values))} .. {_short(max(figure.values))}]{verdict.rstrip()}"
    )


def machine() -> dict[str, Any]:
    """What a figure depends on besides the code."""
    packages = ("aiohttp", "SQLAlchemy", "msgspec", "uvloop")
    return {
        "cores": len(os.sched_getaffinity(0)),
        "Python": platform.python_version(),
        "SQLite": sqlite3.sqlite_version,
        **{name: version(name) for name in packages},
        "kernel": platform.release(),
        "databases on": file_system(disk()),
    }


def disk() -> Path:
    """A folder that is on a disk, where there is one."""
    return next(Path(place) for place in _DISKS if Path(place).is_dir())


def file_system(folder: Path) -> str:
    """The kind of file system a folder is on. On ``tmpfs`` a durable commit costs nothing, and shows nothing."""
    mounted = [line.split() for line in Path("/proc/mounts").read_text().splitlines()]
    # The last of equally long ones lies on top.
    above = [fields for fields in mounted if folder.resolve().is_relative_to(fields[1])]
    return sorted(above, key=lambda fields: len(fields[1]))[-1][2] if above else "unknown"


@contextmanager
def workplace() -> Iterator[Path]:
    """A temporary folder on a disk, gone afterwards: memory would make every commit look fast."""
    with tempfile.TemporaryDirectory(prefix="timelined-bench-", dir=disk(), ignore_cleanup_errors=True) as folder:
        yield Path(folder)


def parser(about: str | None) -> argparse.ArgumentParser:
    """The options every benchmark has; ``about`` is its module's docstring."""
    argument_parser = argparse.ArgumentParser(description=about, formatter_class=argparse.RawDescriptionHelpFormatter)
    argument_parser.add_argument(
        "--short", action="store_true", help="the smallest form: shows that it works, measures nothing"
    )
    argument_parser.add_argument("--out", type=Path, default=OUT, help="where NAME.json is left")
    return argument_parser


def run(name: str, arguments: argparse.Namespace, measure: Callable[[argparse.Namespace, Report], None]) -> int:
    """Measure, leave the figures, and say by the exit status whether all goals were reached."""
    end_when_told()
    options = {key: value for key, value in vars(arguments).items() if key not in ("short", "out")}
    report = Report(name, short=arguments.short, options=options)
    measure(arguments, report)
    report.write(arguments.out)
    return 1 if report.failed else 0


def end_when_told() -> None:
    """Leave every block properly on SIGTERM and SIGINT, so that whoever started servers ends them."""
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _stop)


def _stop(number: int, frame: object) -> None:
    # A second one must not cut off the ending that the first one began.
    for each in (signal.SIGTERM, signal.SIGINT):
        signal.signal(each, signal.SIG_IGN)
    sys.exit(128 + number)


# --- the table --------------------------------------------------------------------------------------------------------


def table(results: Sequence[Mapping[str, Any]]) -> str:
    """All benchmarks' figures, as Markdown."""
    parts = ["# Results of the benchmarks\n\nWhat each figure means: docs/benchmarks.md.\n"]
    for result in results:
        parts.append(f"\n## {result['name']}\n\n{_facts(result)}\n")
        if result["short"]:
            parts.append("\nShort form: it shows that the benchmark works, and measures nothing.\n")
        if result["figures"]:
            head = "| figure | median | min .. max | rounds | goal | | beside it, medians |"
            rows = [_row(figure, result["short"]) for figure in result["figures"]]
            parts.append("\n".join(["", head, "|---|---:|---:|---:|---|---|---|", *rows, ""]))
        parts += [f"\n{note}\n" for note in result["notes"]]
        if result.get("printed"):
            parts.append(f"\n```\n{result['printed'].strip()}\n```\n")
    return "".join(parts)


def _facts(result: Mapping[str, Any]) -> str:
    machine = result.get("machine", {})
    loads = {"load before", "load after"}
    facts = [f"{name} {value}" for name, value in machine.items() if name not in loads]
    facts += [f"{name} {' '.join(f'{part:.2f}' for part in machine[name])}" for name in machine if name in loads]
    return f"{result['began']}, {result['seconds']:.0f} s. " + ", ".join(facts)


def _read(figure: Mapping[str, Any]) -> Figure:
    return msgspec.convert({key: value for key, value in figure.items() if key in Figure.__struct_fields__}, Figure)


def picture(found: Sequence[Mapping[str, Any]]) -> str:
    """All benchmarks' figures that have a goal and were judged, as SVG."""
    judged = [(one["name"], _read(figure)) for one in found if not one["short"] for figure in one["figures"]]
    named = [(f"{name}: {one.name}", one.better, one.verdict) for name, one in judged]
    return chart.svg([chart.Bar(name, better, verdict) for name, better, verdict in named if better is not None])


def _row(figure: Mapping[str, Any], short: bool) -> str:
    read = _read(figure)
    beside = ", ".join(f"{name} {_short(statistics.median(values))}" for name, values in read.beside.items())
    spread = f"{_short(min(read.values))} .. {_short(max(read.values))}"
    verdict = "" if short else read.verdict
    cells = (read.name, f"{_short(read.median)} {read.unit}", spread, str(len(read.values)), read.goal, verdict, beside)
    return "| " + " | ".join(cells) + " |"


def collected(folder: Path) -> list[dict[str, Any]]:
    """What the benchmarks left in a folder, oldest first."""
    found = [json.loads(file.read_text()) for file in sorted(folder.glob("*.json"))]
    return sorted(found, key=lambda one: (one["began"], one["name"]))


def conclude(folder: Path) -> int:
    """Make the table and the picture of what lies in a folder; 1 where a goal was missed, naming it."""
    summaries = collected(folder)
    if not summaries:
        raise SystemExit(f"cannot make a table of results: {folder} holds none; run a benchmark first")
    target = folder / "results.md"
    target.write_text(table(summaries))
    target.with_suffix(".svg").write_text(picture(summaries))
    print(f"the table of results: {target}")
    failed = [f"{one['name']}: {what}" for one in summaries for what in one["failed"]]
    for one in failed:
        print(f"goal not reached: {one}", file=sys.stderr)
    return 1 if failed else 0


def main() -> int:
    """Make results.md of what benchmarks left; 1 where a goal was missed."""
    given = argparse.ArgumentParser(description=main.__doc__)
    given.add_argument("--out", type=Path, default=OUT)
    return conclude(given.parse_args().out)


if __name__ == "__main__":
    sys.exit(main())
