"""The process ends: killed under load, and told to stop under load."""

from __future__ import annotations

import asyncio
from pathlib import Path

from tests.faults.history import Outcome, now
from tests.faults.report import Report, logs
from tests.faults.rig import Rig, rigged
from tests.faults.supervisor import until

_SLOW = 4
"""Bodies that are half sent when the daemon is told to stop."""


async def kills(folder: Path, report: Report) -> None:
    """SIGKILL under load: nothing that was acknowledged is lost, and nothing is there twice."""
    for place, seed, rounds in logs(folder, report):
        async with rigged(place, seed) as rig:
            for _ in range(rounds):
                await _kill(rig)
                if not report.add(await rig.judge()):
                    return
            await report.verify(rig.daemon)


async def _kill(rig: Rig) -> None:
    rig.clients.start()
    await rig.clients.acked(rig.random.randint(5, 150))
    rig.daemon.kill()
    await rig.clients.stop()
    if rig.random.random() < 0.2:
        # In the middle of recovering, wherever that is.
        rig.daemon.launch()
        await asyncio.sleep(rig.random.uniform(0.3, 0.9))
        rig.daemon.kill()
    await rig.daemon.start()
    await rig.clients.send_again()


async def stops(folder: Path, report: Report) -> None:
    """SIGTERM under load: what was sent is answered or leaves no trace, and the exit code is 0."""
    slowest = 0.0
    for place, seed, rounds in logs(folder, report):
        async with rigged(place, seed) as rig:
            for _ in range(rounds):
                slowest = max(slowest, await _stop(rig, report))
                if not report.add(await rig.judge(orderly=True)):
                    return
            await report.verify(rig.daemon)
    report.facts["slowest_stop_s"] = round(slowest, 3)


async def _stop(rig: Rig, report: Report) -> float:
    rig.clients.start()
    rest = asyncio.Event()
    slow = [asyncio.create_task(rig.clients.send_slowly(rest)) for _ in range(_SLOW)]
    await rig.clients.acked(rig.random.randint(20, 150))
    began = now()
    rig.daemon.process.terminate()
    # Bodies that were on their way when it was told to stop arrive while it stops.
    await until(lambda: not rig.daemon.accepts(), "the daemon takes no more connections")
    rest.set()
    for attempt in await asyncio.gather(*slow):
        said = f"a body on its way was answered {attempt.status}: {attempt.said}"
        report.require(attempt.outcome is Outcome.ACKED, "unanswered", said)
    await until(lambda: not rig.daemon.alive, "the daemon ends after SIGTERM")
    took, code = now() - began, rig.daemon.process.returncode
    report.require(code == 0, "exit", f"the daemon ended with {code}")
    await rig.clients.stop()
    # Nothing of what was refused comes again before it was looked for.
    await rig.daemon.start()
    return took
