"""A storm of alerts of one service at one moment, and a kill in the middle of it."""

from __future__ import annotations

import json
import os
import tempfile
import time
from pathlib import Path

from collector.correlation import Rules
from collector.following.follower import Follower
from tests.bench.follower import START, alert
from tests.faults.deliveries import Delivery
from tests.faults.history import Fact, Outcome, now
from tests.faults.report import Report
from tests.faults.rig import Rig, rigged
from tests.faults.supervisor import until
from tests.lists import opened

ALERTS, FEW = 20_000, 600
TOGETHER = 100
"""Alerts of one delivery."""
SOON = 2.0
"""Seconds from the start of the process to an answer, on a machine with a processor to spare."""
MORE = 1.0
"""Processor seconds that a start after a storm may take beyond one over an empty log, however busy the machine."""
STEEPEST = 1.5
"""How much dearer an event of the largest storm may be than one of the smallest."""
SIZES = (2_000, 40_000)


def body(first: int, count: int) -> Delivery:
    """So many alerts of one service that fire at one moment."""
    prints = [f"{number:016x}" for number in range(first, first + count)]
    alerts = [
        {
            "status": "firing",
            "labels": {"alertname": "PodDown", "service": "checkout", "severity": "critical", "pod": f"pod-{print_}"},
            "annotations": {},
            "startsAt": "2026-03-04T14:02:10Z",
            "endsAt": "0001-01-01T00:00:00Z",
            "fingerprint": print_,
        }
        for print_ in prints
    ]
    whole = {"version": "4", "groupKey": "{}:{}", "status": "firing", "receiver": "r", "alerts": alerts}
    return Delivery(json.dumps(whole).encode(), tuple(Fact(print_, "alert.firing") for print_ in prints))


async def storm_and_kill(folder: Path, report: Report, alerts: int = ALERTS, soon: float | None = SOON) -> None:
    """Killed with the storm acknowledged and hardly any of it grouped: it listens at once, and groups all of it.

    ``soon`` is how many seconds the start may take, where that is looked at.
    """
    answered: list[float] = []
    spent: list[float] = []
    lags: list[int] = []
    for number in range(report.rounds):
        async with rigged(folder / f"log-{number}", f"{report.seed}/{number}") as rig:
            empty = processor_seconds(rig.daemon.process.pid)
            await _storm(rig, report, alerts)
            rig.daemon.kill()
            began = now()
            rig.daemon.launch()
            await until(rig.daemon.accepts, "the port answers")
            attempt = await rig.clients.send(body(alerts, 1))
            answered.append(now() - began)
            spent.append(processor_seconds(rig.daemon.process.pid) - empty)
            report.require(attempt.outcome is Outcome.ACKED, "refused", f"the first delivery: {attempt.said}")
            status, _, ready = await rig.get("/-/ready")
            report.require(status == 200 and ready["ready"], "readiness", str(ready))
            lags.append(ready["lag"])
            report.add(await rig.judge())
            await report.verify(rig.daemon)
            report.next_log()
    if soon is not None:
        busy = os.getloadavg()[0] > (os.cpu_count() or 1)
        report.require(busy or max(answered) < soon, "slow", f"the port answered after {max(answered):.1f} s")
        report.require(max(spent) < MORE, "slow", f"a start took {max(spent):.1f} processor seconds more")
        costs = [await cost(size) for size in SIZES]
        report.facts["ms_per_event"] = {str(n): round(1000 * each, 3) for n, each in zip(SIZES, costs, strict=True)}
        report.require(
            costs[1] < STEEPEST * costs[0], "steep", f"an event cost {costs[0]:.6f} s, then {costs[1]:.6f} s"
        )
    report.facts |= {"alerts": alerts, "slowest_answer_s": round(max(answered), 3), "lag_at_the_answer": lags}
    report.facts["processor_s_beyond_an_empty_start"] = [round(each, 2) for each in spent]


def processor_seconds(pid: int) -> float:
    """What a process has used so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


async def _storm(rig: Rig, report: Report, alerts: int) -> None:
    for first in range(0, alerts, TOGETHER):
        attempt = await rig.clients.send(body(first, min(TOGETHER, alerts - first)))
        report.require(attempt.outcome is Outcome.ACKED, "refused", f"a delivery of the storm: {attempt.said}")


async def cost(events: int) -> float:
    """Processor seconds of following for each event of a storm of so many."""
    with tempfile.TemporaryDirectory() as folder:
        async with opened(Path(folder) / "log.db") as (log, lists):
            told = [alert("firing", f"pod-{number}", "checkout", START, START, START) for number in range(events)]
            for at in range(0, events, 500):
                await log.append(told[at : at + 500])
            began = time.process_time()
            await Follower(lists, log, Rules()).catch_up()
            return (time.process_time() - began) / events
