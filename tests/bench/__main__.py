"""Run benchmarks one after the other, and make one table of what they found.

    python -m tests.bench                         all of them
    python -m tests.bench --short                 all, in their smallest form: shows that they work
    python -m tests.bench matrix keepup           these
    python -m tests.bench matrix --connections 64 this one, with options of its own

Ends with status 1 where a goal was missed or a benchmark failed, naming it.
The table is ``out/bench/results.md``.
"""

# ruff: noqa: T201 - printing the result is what a benchmark does

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from tests.bench import results
from tests.bench.servers import ROOT, end


class Benchmark(NamedTuple):
    """One that is run."""

    module: str
    options: tuple[str, ...] = ()

    @property
    def file(self) -> str:
        """What it leaves."""
        return f"{self.module}.json"


ALL = (
    Benchmark("ingest"),
    Benchmark("daemon"),
    Benchmark("matrix"),
    Benchmark("commits"),
    Benchmark("replay"),
    Benchmark("large"),
    Benchmark("follower"),
    Benchmark("keepup"),
    Benchmark("draft"),
    Benchmark("memory"),
    Benchmark("start"),
    Benchmark("pages"),
    Benchmark("verify"),
    Benchmark("reparse"),
    Benchmark("moving"),
    Benchmark("alerta"),
)


def run(benchmark: Benchmark, options: Sequence[str], out: Path) -> None:
    """Run one in a process of its own; what it leaves is about this run, or says how it ended."""
    target = out / benchmark.file
    target.unlink(missing_ok=True)
    command = [sys.executable, "-m", f"tests.bench.{benchmark.module}", *benchmark.options, *options, "--out", str(out)]
    print(f"== {' '.join([benchmark.module, *benchmark.options, *options])}", flush=True)
    began, printed = time.time(), []
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as process:
        assert process.stdout is not None
        try:
            for line in process.stdout:
                printed.append(line.decode(errors="replace"))
                print(printed[-1], end="", flush=True)
            process.wait()
        finally:
            if process.poll() is None:
                end(process)
    if not target.exists():
        _keep(target, began, process.returncode, printed)


def _keep(target: Path, began: float, status: int, printed: Sequence[str]) -> None:
    """Of a benchmark that failed: what it printed, and how it ended."""
    target.parent.mkdir(parents=True, exist_ok=True)
    record = {
        "name": target.stem,
        "short": False,
        "began": datetime.fromtimestamp(began, UTC).isoformat(timespec="seconds"),
        "seconds": round(time.time() - began, 1),
        "options": {},
        "machine": results.machine(),
        "figures": [],
        "notes": [f"It ended with status {status}."],
        "printed": "".join(printed),
        "failed": [f"ended with status {status}"],
    }
    target.write_text(json.dumps(record, indent=1) + "\n")


def chosen(names: Sequence[str]) -> list[Benchmark]:
    """The benchmarks of these names, all where none is named; raises ``SystemExit`` for an unknown name."""
    unknown = [name for name in names if name not in {one.module for one in ALL}]
    if unknown:
        known = ", ".join(dict.fromkeys(one.module for one in ALL))
        raise SystemExit(f"there is no benchmark {unknown[0]}; there are {known}")
    return [one for one in ALL if one.module in names or not names]


def main(arguments: Sequence[str]) -> int:
    """Run what was asked for; 1 where a goal was missed."""
    results.end_when_told()
    # What stands before the first option are names; what this room does not know goes to the benchmark.
    first = next((at for at, one in enumerate(arguments) if one.startswith("-")), len(arguments))
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=results.OUT, help="where figures and the table are left")
    parser.add_argument("--short", action="store_true", help="the smallest forms: show that they work")
    chosen_options, rest = parser.parse_known_args(arguments[first:])
    options = [*rest, "--short"] if chosen_options.short else rest
    names = arguments[:first]
    selected = chosen(names)
    if rest and len(names) != 1:
        raise SystemExit("options belong to one benchmark; name it")
    for benchmark in selected:
        run(benchmark, options, chosen_options.out.resolve())
    return results.conclude(chosen_options.out)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
