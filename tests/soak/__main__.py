"""Run it, and say what it came to: the exit status is 0 where every promise held."""

# ruff: noqa: T201 - printing what was found is what a run does

from __future__ import annotations

import argparse
import asyncio
import json
import signal
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Collection
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

from tests.faults.checker import Finding, check
from tests.faults.disks import small_disk
from tests.faults.history import Outcome, now
from tests.faults.report import Skipped
from tests.faults.rig import caught_up, everything
from tests.soak.episodes import EPISODES, Episode, meanwhile
from tests.soak.memory import Memory
from tests.soak.routine import command, every
from tests.soak.rules import Pace, alerts
from tests.soak.stage import Stage, config

GROWTH = 0.10
"""By how much memory may have grown from the first third of the steady stretch to its last."""
_UNHEARD = {"TimelinedDown", "TimelinedNotReady", "TimelinedQueueFilling"}
"""Fires while the daemon takes nothing, or nothing in time, and ends as it does: nothing is left to tell it."""
_BUSY = {
    "TimelinedDown", "TimelinedCommitsSlow", "TimelinedQueueFilling", "TimelinedListsFailed", "TimelinedNoLeader",
}  # fmt: skip
"""May fire again by themselves: starts, of the follower too, and commits take long where the machine has much to do.
A commit on a slow disk empties the queue, which a storm fills again."""
_SENDERS = 2


async def run(folder: Path, pace: Pace, seed: str) -> dict[str, Any]:
    """A whole run; its figures, and under ``findings`` each promise that was broken."""
    began = now()
    with small_disk(folder / "disk", f"{900 + round(pace.whole / 2)}m") as disk:
        stage = Stage(folder, disk, pace, seed)
        memory = Memory(stage.unit)
        async with standing(stage):
            findings = [found for episode in EPISODES for found in [await play(stage, episode)] if found]
            say(began, f"the alerts have been seen; {stage.unit.starts} lives of the daemon")
            steady = now()
            async with meanwhile(memory.watch):
                await asyncio.sleep(max(pace.whole / 3, pace.whole - (now() - began)))
            findings += [
                f"{left} was not ended" for left in stage.pager.fired if stage.pager.firing(left) and left != "Watchdog"
            ]
            findings += await heard(stage)
            refused = stage.watchers.given_up()
        findings += paged(stage)
        if refused:
            findings.append(f"Alertmanager gave {refused} deliveries up")
        findings += await judged(stage)
        code = await stage.unit.stop()
        verified, differences = await stage.unit.verify()
        await stage.unit.end()
    if (code, verified, differences) != (0, 0, []):
        findings.append(f"the daemon ended with {code}, verify with {verified}: {differences}")
    grown = memory.grown
    if grown > GROWTH:
        findings.append(f"memory grew by {grown:.0%}")
    return figures(stage, memory, steady - began, now() - began) | {"findings": findings}


@asynccontextmanager
async def standing(stage: Stage) -> AsyncIterator[None]:
    """Daemon, watchers and everything that goes on, for the length of the block."""
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(stage.pager.listening())
        stack.push_async_callback(partial(_end_if_broken, stage))
        await stage.unit.start()
        await stack.enter_async_context(stage.watchers.running())
        whole = stage.pace.whole
        works = [
            *(partial(stage.senders.go_on, number) for number in range(_SENDERS)),
            partial(every, stage.pace.silence / 6, partial(quiet, stage)),
            partial(every, 3.0, stage.people.look),
            partial(every, whole / 40, partial(reload, stage)),
            partial(every, whole / 40, partial(exchange, stage)),
            partial(every, whole / 20, partial(rotate, stage)),
            partial(every, stage.pace.upkeep / 3, partial(verify, stage)),
        ]
        await stack.enter_async_context(meanwhile(*works))
        yield


async def _end_if_broken(stage: Stage) -> None:
    """A run that failed leaves no daemon."""
    if sys.exc_info()[0] is not None:
        await stage.unit.end()


async def quiet(stage: Stage) -> None:
    """The two sources that seldom send."""
    if not stage.odd_sends.is_set():
        return
    await stage.senders.delivered(stage.senders.one("odd"))
    if stage.quiet_sends.is_set():
        await stage.senders.delivered(stage.senders.one("quiet"))


async def reload(stage: Stage) -> None:
    """Another configuration, and SIGHUP."""
    async with stage.configuring:
        if stage.unit.alive and stage.unit.accepts():
            stage.reloads += 1
            await stage.unit.reload(config(stage.folder, stage.pace, 2 + stage.reloads % 2))


async def exchange(stage: Stage) -> None:
    """Another token of Alertmanager's. A configuration that is edited and not reloaded keeps secrets as they are."""
    async with stage.configuring:
        await stage.tokens.exchange()


async def rotate(stage: Stage) -> None:
    """The log of the unit is put aside."""
    stage.unit.rotate()


async def verify(stage: Stage) -> None:
    """Somebody verifies the log."""
    if stage.verified.is_set():
        await command(stage.unit, "verify")


async def play(stage: Stage, episode: Episode) -> str:
    """One episode, until each of its alerts has fired and ended; what went otherwise."""
    began = now()
    try:
        async with episode.cause(stage):
            await stage.fires(*episode.alerts)
        await stage.ends(*episode.alerts)
    except AssertionError as missed:
        print(f"  {episode.cause.__name__}: {missed}", flush=True)
        return f"{episode.cause.__name__}: {missed}"
    say(began, f"{episode.cause.__name__}: {', '.join(episode.alerts)}")
    return ""


def paged(stage: Stage) -> list[str]:
    """Each alert of the mixin fired, and each series of it once."""
    findings = []
    for name in alerts():
        fired = stage.pager.fired[name]
        series = {which for which, _ in fired}
        if not fired:
            findings.append(f"{name} never fired")
        if len(fired) > len(series) and name not in _BUSY:
            spans = "; ".join(
                f"{which}, {_time(begin)} to {_time(end)}" for (which, begin), end in sorted(fired.items())
            )
            findings.append(f"{name} fired {len(fired)} times for {len(series)} series: {spans}")
    return findings


def _time(stamp: str) -> str:
    """The time of day of a time as Alertmanager writes it."""
    return stamp[11:19]


async def heard(stage: Stage) -> list[str]:
    """The daemon has in its own log what Alertmanager told the pager."""
    records = await stage.recorded("watch")
    missing = []
    for name in alerts():
        if name not in _UNHEARD:
            missing += [
                f"{kind} of {name} is not in the log" for kind in ("firing", "resolved") if (name, kind) not in records
            ]
    return missing


async def judged(stage: Stage) -> list[str]:
    """Every row of the log against what the senders were told."""
    await caught_up(stage.store)
    log, projections = await stage.store.view(everything)
    verdict = check(stage.history, log, projections=projections)
    stage.events = len(log.events)
    ours = {fact.entity for attempt in stage.history for fact in attempt.facts}
    return [f"{finding.kind}: {finding.what}" for finding in verdict.findings if not _strange(finding, ours)]


def _strange(finding: Finding, ours: Collection[str]) -> bool:
    """Whether it is of what Alertmanager and people told, which the clients of the history did not."""
    if finding.kind == "doubled" and " is at positions " in finding.what:
        return finding.what.partition(" of ")[2].partition(" is at ")[0] not in ours
    return finding.kind == "stranger" or finding.what.endswith("holds bytes that nobody sent")


def figures(stage: Stage, memory: Memory, until_steady: float, whole: float) -> dict[str, Any]:
    """What a run came to."""
    counts = stage.history.counts
    return {
        "seconds": round(whole), "seconds until steady": round(until_steady), "events": stage.events,
        "acknowledged": counts[Outcome.ACKED], "refused": counts[Outcome.REJECTED], "unknown": counts[Outcome.UNKNOWN],
        "sent again until taken": stage.senders.again, "lives": stage.unit.starts,
        "restarts by the unit": stage.unit.restarts,
        "ended without a sign of life": stage.unit.ended_without_life, "reloads": stage.reloads,
        "tokens exchanged": stage.tokens.exchanged, "logs rotated": stage.unit.rotations,
        "alerts": len(alerts()), "firings": sum(len(stage.pager.fired[name]) for name in alerts()),
        "rounds of a reader": stage.people.asked, "memory, MiB": memory.told, "memory grew by": round(memory.grown, 3),
    }  # fmt: skip


def say(began: float, what: str) -> None:
    """How far it is."""
    print(f"  {now() - began:6.1f} s  {what}", flush=True)


def main() -> int:
    """Run it once."""
    parser = argparse.ArgumentParser(prog="python -m tests.soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=60.0, help="how long; less than ten are not enough")
    parser.add_argument("--seed", default=str(int(time.time())), help="of what is sent")
    parser.add_argument("--out", type=Path, default=Path("out/soak"), help="where the figures go")
    options = parser.parse_args()
    # An interruption from outside, too, unmounts and kills on its way out.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    options.out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="timelined-soak-") as folder:
        try:
            results = asyncio.run(run(Path(folder), Pace(options.minutes * 60), options.seed))
        except Skipped as reason:
            print(f"SKIPPED: {reason}")
            return 0
    (options.out / "soak.json").write_text(json.dumps(results, indent=1) + "\n")
    print(json.dumps(results, indent=1))
    return 1 if results["findings"] else 0


if __name__ == "__main__":
    sys.exit(main())
