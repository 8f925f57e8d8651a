"""The follower's process is killed, and its database deleted, while deliveries come in."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from pathlib import Path

import aiohttp

from collector.daemon.scratch import scratch_lists
from collector.drafting.rendering import postmortem
from collector.event import MACHINE
from collector.log import open_log
from collector.projections import Projections, lists_path
from tests.faults.report import Report, logs
from tests.faults.rig import RULES, Rig, rigged
from tests.faults.supervisor import until

EVERY = 1.0
"""Seconds between two kills, or two deletions: all that is sent meanwhile is compared afterwards."""
_ROUNDS_PER_LOG = 5
"""Each round has the whole log grouped three times: by the follower, by the checker, and for the drafts."""
_PACE = 0.05
"""Seconds that each client rests between two deliveries: some 150 a second come in, and a slow machine that takes
longer over each round is not given as many more events to group."""
_SHOWN = 40
"""Drafts that are compared."""


async def follower_kills(folder: Path, report: Report, every: float = EVERY) -> None:
    """SIGKILL to the follower every second under load: nothing is lost or doubled, and drafts are what they were."""
    await _under_load(folder, report, _kill, every)


async def lists_deleted(folder: Path, report: Report, every: float = EVERY) -> None:
    """The lists are removed under load, in whatever part: the follower makes them again, with the same numbers."""
    await _under_load(folder, report, _delete, every)


async def _under_load(folder: Path, report: Report, harm: Callable[[Rig], Awaitable[None]], every: float) -> None:
    for place, seed, rounds in logs(folder, report, _ROUNDS_PER_LOG):
        async with rigged(place, seed) as rig:
            rig.clients.pace = _PACE
            for _ in range(rounds):
                rig.clients.start()
                for _ in range(3):
                    await rig.clients.acked(20)
                    await asyncio.sleep(every)
                    await harm(rig)
                await rig.clients.stop()
                await rig.clients.send_again()
                if not report.add(await rig.judge()):
                    return
                await _compare_drafts(rig, report)
            await report.verify(rig.daemon)
    report.require(rig.daemon.starts == 1, "intake", f"the daemon was started {rig.daemon.starts} times")


async def _kill(rig: Rig) -> None:
    await until(lambda: rig.daemon.follower_pid() > 0, "there is a follower")
    rig.daemon.kill_follower()


async def _delete(rig: Rig) -> None:
    lists = lists_path(Path(rig.store.url.removeprefix("sqlite:///")))
    for beside in ("-wal", "-shm") if rig.random.random() < 0.5 else ():
        await asyncio.to_thread(Path(f"{lists}{beside}").unlink, missing_ok=True)
    await asyncio.to_thread(lists.unlink, missing_ok=True)
    await until(lists.exists, "the lists are there again")


async def _compare_drafts(rig: Rig, report: Report) -> None:
    """Drafts are those of lists that were made of the same log by nobody who was disturbed; numbers are given once."""
    path = Path(rig.store.url.removeprefix("sqlite:///"))
    log = await open_log(rig.store.url, writable=False)
    try:
        async with scratch_lists(path, RULES) as base:
            lists = Projections(base, RULES)
            numbers = sorted(row.number for row in await lists.incidents(limit=_SHOWN))
            drafts = {number: await postmortem(lists, number) for number in numbers}
        opened = Counter(
            event.data["number"]
            for event in await log.read(0, 1_000_000)
            if event.source == MACHINE and event.type == "incident.opened"
        )
    finally:
        await log.close()
    report.require(max(opened.values(), default=1) == 1, "doubled", f"numbers that were announced: {opened}")
    async with aiohttp.ClientSession() as session:
        for number, text in drafts.items():
            async with session.get(f"{rig.daemon.address}/api/v1/incidents/{number}/postmortem.md") as answer:
                same = answer.status == 200 and await answer.text() == text
            report.require(same, "draft", f"the draft of incident {number} is another one ({answer.status})")
    report.facts["drafts_compared"] = int(report.facts.get("drafts_compared", 0)) + len(drafts)
