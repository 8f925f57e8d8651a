"""How long a start takes: from typing the command until ``/-/ready`` says 200, over a log of a million events.

The log is that of ``large``, followed to its end, and the daemon has run over it before. ``timelined --version``, too,
by the clock. Processor time stands beside each: it is what is left to hope for where the machine has much else to do.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path
from time import perf_counter

from tests.bench import entry, results
from tests.bench.entry import Option
from tests.bench.large import build
from tests.bench.servers import PATIENCE, ROOT, cpu, end, free_port, module
from tests.lists import opened

READY_GOAL = 1.0
VERSION_GOAL = 0.2
_LOOK = 0.005
"""Seconds between two looks at whether it is ready."""
_CONFIG = "drafts: {enabled: false}\nlog: {level: error}\n"
"""Of a million events thousands of drafts would have to be written first."""


async def filled(url: str, events: int) -> None:
    """The log that is started over."""
    async with opened(url) as (log, lists):
        await build(log, lists, events)


def start(folder: Path, url: str) -> tuple[float, float]:
    """One start and its end: seconds until it was ready, and the processor seconds of that."""
    port = free_port()
    command = ("collector", "serve", "--config.file", str(folder / "timelined.yml"))
    flags = ("--web.listen-address", f"127.0.0.1:{port}", "--storage.url", url)
    began = perf_counter()
    daemon = module(folder, _environ(), [*command, *flags])
    try:
        while not _ready(port):
            if daemon.poll() is not None or perf_counter() - began > PATIENCE:
                raise SystemExit("cannot measure: the daemon does not start")
            time.sleep(_LOOK)
        return perf_counter() - began, cpu((daemon.pid,))
    finally:
        end(daemon)


def _environ() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith("TIMELINED_")} | {
        "PYTHONPATH": str(ROOT)
    }


def _ready(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/-/ready", timeout=PATIENCE) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False


def version() -> tuple[float, float]:
    """``timelined --version``: seconds by the clock, and of the processor."""
    began, before = perf_counter(), os.times()
    subprocess.run([sys.executable, "-m", "collector", "--version"], check=True, capture_output=True, cwd=ROOT)
    after = os.times()
    spent = after.children_user + after.children_system - before.children_user - before.children_system
    return perf_counter() - began, spent


def measure(options: argparse.Namespace, report: results.Report) -> None:
    """One log, started over again and again."""
    with results.workplace() as folder:
        url = f"sqlite:///{folder / 'log.db'}"
        asyncio.run(filled(url, options.events))
        (folder / "timelined.yml").write_text(_CONFIG)
        start(folder, url)
        start_times = [start(folder, url) for _ in range(options.rounds)]
    asked = [version() for _ in range(options.rounds)]
    ready = f"start to ready over {options.events:,} events"
    for name, found, goal in ((ready, start_times, READY_GOAL), ("timelined --version", asked, VERSION_GOAL)):
        beside = {"processor s": tuple(spent for _, spent in found)}
        report.add(name, [seconds for seconds, _ in found], "s", below=goal, beside=beside)


OPTIONS = (
    Option("events", 1_000_000, 200),
    Option("rounds", 5, 1),
)


if __name__ == "__main__":
    sys.exit(entry.main("start", __doc__, OPTIONS, measure))
