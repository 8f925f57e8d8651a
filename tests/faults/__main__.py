"""Runs faults, and writes a verdict of each: ``python -m tests.faults [FAULT …] [--seed N] [--rounds N] [--short]``."""

# ruff: noqa: T201 - printing the result is what a run does

from __future__ import annotations

import argparse
import asyncio
import os
import shutil
import signal
import sys
import time
import traceback
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path
from typing import NamedTuple

from tests.faults.clock import clock_steps
from tests.faults.disks import scratch
from tests.faults.files import moved, second_daemons
from tests.faults.flips import bit_flips
from tests.faults.followers import follower_kills, lists_deleted
from tests.faults.imports import LITTLE, import_kills
from tests.faults.postgres import crashes, failovers, lossy_failovers, restarts, returns, storms
from tests.faults.power import power_cuts
from tests.faults.process import kills, stops
from tests.faults.readers import readers
from tests.faults.report import Report, Skipped
from tests.faults.rig import EVIDENCE
from tests.faults.storage import disk_full, failing_sync, foreign_lock
from tests.faults.storms import FEW, storm_and_kill


class Fault(NamedTuple):
    """A fault, and how often it is done: in ``make faults``, and in the suite."""

    run: Callable[[Path, Report], Awaitable[None]]
    rounds: int
    short: int
    briefly: Callable[[Path, Report], Awaitable[None]] | None = None
    """What the suite runs instead, where less often is not enough."""


FAULTS = {
    "kill": Fault(kills, 200, 3),
    "follower-kill": Fault(follower_kills, 20, 1, partial(follower_kills, every=0.2)),
    "lists-deleted": Fault(lists_deleted, 20, 1, partial(lists_deleted, every=0.2)),
    "power-cut": Fault(power_cuts, 50, 2),
    "disk-full": Fault(disk_full, 5, 1),
    "foreign-lock": Fault(foreign_lock, 1, 1, partial(foreign_lock, seconds=0.0)),
    "clock": Fault(clock_steps, 5, 1, partial(clock_steps, intervals=False, acks=8, pace=0.2)),
    "fsync": Fault(failing_sync, 10, 1),
    "bit-flip": Fault(bit_flips, 300, 3),
    "stop": Fault(stops, 50, 2),
    "import-kill": Fault(import_kills, 2, 1, partial(import_kills, entries=LITTLE)),
    "storm-kill": Fault(storm_and_kill, 3, 1, partial(storm_and_kill, alerts=FEW, soon=None)),
    "file-moved": Fault(moved, 80, 8),
    "second-daemon": Fault(second_daemons, 50, 5, partial(second_daemons, pace=0.1)),
    # The machine that runs the tests is busy with others of them, so only the memory is to hold there.
    "readers": Fault(readers, 3, 1, partial(readers, events=1200, count=40, seconds=1.0, slowest=30.0)),
    "postgres-restart": Fault(restarts, 20, 1),
    "postgres-crash": Fault(crashes, 20, 1),
    "failover": Fault(failovers, 20, 1),
    "failover-asynchronous": Fault(lossy_failovers, 5, 1),
    "old-primary": Fault(returns, 5, 1),
    "storm": Fault(storms, 9, 1, partial(storms, acks=25)),
}


def perform(
    name: str, seed: int, *, rounds: int | None = None, short: bool = False, evidence: Path | None = None
) -> Report:
    """Run one fault in a folder that is gone afterwards.

    A skip is a failure under ``CI``, unless the kernel refuses. What a broken run leaves is kept under ``evidence``.
    """
    fault = FAULTS[name]
    report = Report(name, seed, rounds or (fault.short if short else fault.rounds))
    work = fault.briefly if short and fault.briefly else fault.run
    began = time.monotonic()
    with scratch() as folder:
        try:
            asyncio.run(work(folder, report))  # type: ignore[arg-type]
        except Skipped as reason:
            report.skipped = str(reason)
            if os.environ.get("CI") and not reason.kernel:
                report.find("skipped", f"{reason}; under CI nothing may be missing")
        except Exception as error:  # one fault that cannot be run to its end must not keep the others from being run
            traceback.print_exc()
            report.find("stalled", f"{type(error).__name__}: {error}")
        if evidence and not report.ok:
            _keep(folder, evidence / f"{name}-evidence")
    report.facts["seconds"] = round(time.monotonic() - began, 1)
    return report


def _keep(folder: Path, to: Path) -> None:
    """Save what the logs of a broken run left for whoever looks into it."""
    for evidence in sorted(each for name in EVIDENCE for each in folder.rglob(name)):
        kept = to / evidence.relative_to(folder)
        kept.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(evidence, kept)


def main() -> None:
    """Run faults and say what they came to; the exit status is 0 where every promise held."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=main.__doc__)
    parser.add_argument("fault", nargs="*", help=f"of {', '.join(FAULTS)}; all of them where none is named")
    parser.add_argument("--seed", type=int, default=int(time.time()), help="the run can be made again by it")
    parser.add_argument("--rounds", type=int, help="how often, instead of each fault's own number")
    parser.add_argument("--short", action="store_true", help="what `make test` runs")
    parser.add_argument("--out", type=Path, default=Path("out/faults"), help="where the verdicts go")
    options = parser.parse_args()
    unknown = [name for name in options.fault if name not in FAULTS]
    if unknown:
        parser.error(f"there is no fault {unknown[0]}; there are {', '.join(FAULTS)}")
    # An interruption from outside, too, unmounts and kills on its way out.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    held = [_told(name, options) for name in options.fault or FAULTS]
    sys.exit(0 if all(held) else 1)


def _told(name: str, options: argparse.Namespace) -> bool:
    report = perform(name, options.seed, rounds=options.rounds, short=options.short, evidence=options.out)
    verdict = report.verdict()
    path = report.write(options.out)
    word = f"SKIPPED, {report.skipped}" if report.skipped else "held" if report.ok else "BROKEN"
    print(
        f"{name:21} {word}: {verdict['done']} of {verdict['rounds']} rounds, {verdict['acked']} acked, "
        f"{verdict['rejected']} "
        f"rejected, {verdict['unknown']} unknown, {verdict['lost']} lost, {verdict['doubled']} doubled, "
        f"{verdict['seconds']} s, seed {options.seed}: {path}",
        flush=True,
    )
    for finding in report.findings[:10]:
        print(f"  round {finding['round']}: {finding['kind']}: {finding['what']}")
    return report.ok


if __name__ == "__main__":
    main()
