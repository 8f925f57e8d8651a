"""Hundreds of readers at once: webhooks go on, and memory stays within its bound.

Run as ``python -m tests.faults.readers ADDRESS COUNT SECONDS`` it is the
readers: a process of its own, so that what they do with their answers takes no
time from the senders that are measured.
"""

from __future__ import annotations

import asyncio
import os
import random
import re
import statistics
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import aiohttp
import msgspec

from tests import forks
from tests.faults.history import Outcome, now
from tests.faults.report import Report, logs
from tests.faults.rig import Rig, rigged
from tests.faults.supervisor import PROJECT

READERS = 500
SECONDS = 20.0
MEMORY = 300.0
"""MB that the daemon may have in memory at any time."""
SLOWEST = 0.25
"""Seconds within which 99 of 100 webhooks are answered meanwhile."""
LEAST = 5.0
"""Webhooks a second that are answered meanwhile, at the least."""
EVENTS = 3000
"""Acknowledged deliveries that readers find: several pages of a thousand events."""
_PATHS = (
    "/api/v1/events?limit=1000", "/api/v1/events?limit=1000", "/api/v1/events?limit=1000&order=desc",
    "/api/v1/deliveries?limit=1000", "/api/v1/incidents?limit=1000", "/api/v1/signals?limit=1000",
)  # fmt: skip


async def readers(
    folder: Path,
    report: Report,
    *,
    events: int = EVENTS,
    count: int = READERS,
    seconds: float = SECONDS,
    slowest: float = SLOWEST,
) -> None:
    """Readers that ask for the largest pages, all at once and again as soon as they have an answer, under load."""
    figures: dict[str, list[float]] = {"p99_ms": [], "p50_ms": [], "rss_mb": []}
    answers: Counter[str] = Counter()
    for place, seed, rounds in logs(folder, report):
        async with rigged(place, seed) as rig:
            rig.clients.start()
            await rig.clients.acked(events)
            await rig.clients.stop()
            for _ in range(rounds):
                answers.update(await _round(rig, report, figures, count, seconds))
                if not report.add(await rig.judge()):
                    return
    report.facts |= {name: [round(value, 1) for value in values] for name, values in figures.items()}
    report.facts |= {"readers": count, "answers": dict(answers)}
    report.require(max(figures["rss_mb"]) < MEMORY, "memory", f"the daemon took {max(figures['rss_mb']):.0f} MB")
    report.require(max(figures["p99_ms"]) < slowest * 1000, "slow", f"p99 of webhooks: {max(figures['p99_ms']):.0f} ms")


async def _round(
    rig: Rig, report: Report, figures: dict[str, list[float]], count: int, seconds: float
) -> Counter[str]:  # fmt: skip
    count_before = len(rig.history.attempts)
    with _crowded(rig.daemon.address, count, seconds) as answered:
        # They say when all of them have asked.
        await asyncio.to_thread(answered.readline)
        began = now()
        rig.clients.start()
        answers = Counter(msgspec.json.decode(await asyncio.to_thread(answered.read), type=dict[str, int]))
        await rig.clients.stop()
    attempts = [each for each in rig.history.attempts[count_before:] if each.sent_at >= began]
    times = sorted(each.heard_at - each.sent_at for each in attempts)
    refused = [each for each in attempts if each.outcome is not Outcome.ACKED and each.status == 503]
    report.require(not refused, "refused", f"{len(refused)} of {len(attempts)} webhooks were refused: {refused[:1]}")
    report.require(
        len(times) >= LEAST * seconds, "starved", f"only {len(times)} webhooks were answered in {seconds:g} s"
    )
    odd = set(answers) - {"200", "503 with Retry-After"}
    report.require(not odd, "answers", f"readers were answered {answers}")
    report.require(answers["200"] > 0, "answers", f"no reader was answered: {answers}")
    if times:
        figures["p99_ms"].append(statistics.quantiles(times, n=100)[98] * 1000)
        figures["p50_ms"].append(statistics.median(times) * 1000)
    figures["rss_mb"].append(_most_memory(rig.daemon.process.pid))
    return answers


@contextmanager
def _crowded(address: str, count: int, seconds: float) -> Iterator[BinaryIO]:
    """What :func:`crowd` prints as a process of its own, which has ended at the end of the block."""
    reading, writing = os.pipe()
    with os.fdopen(reading, "rb") as answered, Path(os.devnull).open("r+b") as nothing:
        streams = (nothing.fileno(), writing, nothing.fileno())
        words = (address, str(count), str(seconds))
        readers = forks.start(words, PROJECT, os.environ, streams, module="tests.faults.readers")
        os.close(writing)
        try:
            yield answered
        finally:
            readers.kill()


def _most_memory(pid: int) -> float:
    """The most memory that a process had so far, MB."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(re.search(r"VmHWM:\s+(\d+)", status)[1]) / 1000  # type: ignore[index]


async def crowd(address: str, count: int, seconds: float) -> Counter[str]:
    """So many readers, each asking again as soon as it was answered; how often they were answered what."""
    answers: Counter[str] = Counter()
    end = now() + seconds
    timeout = aiohttp.ClientTimeout(total=60)
    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(timeout=timeout, connector=connector) as session, asyncio.TaskGroup() as group:
        for number in range(count):
            group.create_task(_read(session, address, random.Random(number), end, answers))  # noqa: S311
        await asyncio.sleep(0)
        sys.stdout.write("asking\n")
        sys.stdout.flush()
    return answers


async def _read(
    session: aiohttp.ClientSession, address: str, chance: random.Random, end: float, answers: Counter[str]
) -> None:
    while now() < end:
        try:
            async with session.get(address + chance.choice(_PATHS)) as answer:
                async for _ in answer.content.iter_chunked(1 << 16):
                    pass
            patient = " with Retry-After" if "Retry-After" in answer.headers else ""
            answers[f"{answer.status}{patient}"] += 1
            # Nobody is as patient as Retry-After asks for.
            await asyncio.sleep(0.1 if answer.status == 503 else 0)
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            answers[type(error).__name__] += 1
            await asyncio.sleep(0.1)


if __name__ == "__main__":
    counted = asyncio.run(crowd(sys.argv[1], int(sys.argv[2]), float(sys.argv[3])))
    sys.stdout.buffer.write(msgspec.json.encode(dict(counted)))
