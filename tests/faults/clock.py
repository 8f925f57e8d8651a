"""The wall clock steps, back and forth, under a daemon that runs."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from pathlib import Path

from tests.faults.history import now
from tests.faults.report import Report
from tests.faults.rig import Rig, rigged
from tests.faults.shims import SteppedClock
from tests.faults.supervisor import DidNotHappenError

_ACKS = 50
STEPS = {"-1h": timedelta(hours=-1), "+24h": timedelta(hours=24), "+0": timedelta()}


async def clock_steps(folder: Path, report: Report) -> None:
    """An hour back, a day ahead: order, answers and lists are what they would have been."""
    slowest = 0.0
    for number in range(report.rounds):
        place = folder / f"log-{number}"
        clock = SteppedClock(place)
        async with rigged(place, f"{report.seed}/{number}", environ=clock.environ) as rig:
            rig.clients.start()
            await rig.clients.acked(_ACKS)
            for step, offset in STEPS.items():
                clock.step(step)
                await _stepped(rig, offset)
                began = now()
                await rig.clients.acked(_ACKS)
                slowest = max(slowest, now() - began)
            await rig.clients.stop()
            report.require(rig.daemon.starts == 1 and rig.daemon.alive, "restart", "the daemon ended on a clock's step")
            report.add(await rig.judge())
            await report.verify(rig.daemon)
            report.next_log()
    report.facts |= {"steps": list(STEPS), "slowest_after_a_step_s": round(slowest, 3)}


async def _stepped(rig: Rig, offset: timedelta) -> None:
    """Wait until the daemon's own answers are dated by the stepped clock: without that the run shows nothing."""
    began = now()
    while now() - began < 30:
        _, headers, _ = await rig.get("/api/v1/signals")
        away = parsedate_to_datetime(headers["Date"]) - datetime.now(UTC)
        if abs(away - offset) < timedelta(minutes=5):
            return
    raise DidNotHappenError(f"the daemon's clock does not step by {offset}")
