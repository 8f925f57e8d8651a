"""Heartbeats: an alert that is told without end is missed when it is not told, and drafts say so."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest

from collector.correlation import Rules
from collector.daemon.runtime import heartbeats_of
from collector.event import MACHINE, MINUTE, SECOND, Event, RecordedEvent, event_id
from collector.jobs import silences
from collector.jobs.silences import SilenceJob, gap, open_gaps
from collector.log import EventLog, Submission, open_log
from collector.settings import load_settings
from renderers.document import Options
from tests.scenario import drafts, played

START = 1_772_632_800_000_000
"""2026-03-04 14:00:00 UTC, µs."""
WITHIN = 5 * MINUTE


class Rig:
    """A log, a clock, and what a job of it records."""

    def __init__(self, log: EventLog) -> None:
        self.log = log
        self.now = START
        self.count = 0

    def job(self, **heartbeats: str) -> SilenceJob:
        """A job as after a start: source → the alert that it tells without end."""
        named = {source: (alert, WITHIN) for source, alert in heartbeats.items()}
        return SilenceJob(self.log, named, lambda: self.now, self._record, self.gaps)

    async def _record(self, events: Sequence[Event], at: int) -> None:
        await self.log.append([Submission(source=MACHINE, received_at=at, events=tuple(events))])

    async def gaps(self) -> list[RecordedEvent]:
        return [event for event in await self.log.read(limit=1000) if event.type == silences.TYPE][::-1]

    async def told(self, *alerts: str, source: str = "am") -> None:
        """A delivery that tells these alerts firing; told again they are the same events."""
        self.count += 1
        events = tuple(firing(alert, source) for alert in alerts)
        body = str(self.count).encode()
        await self.log.append([Submission(source=source, received_at=self.now, body=body, events=events)])


def firing(alert: str, source: str = "am", at: int = START, service: str | None = None) -> Event:
    return Event(
        id=event_id("t.1", source, at, alert), type="alert.firing", source=source, entity=alert, occurred_at=at,
        title=alert, service=service, severity="critical", data={"starts_at": at, "status": "firing"},
    )  # fmt: skip


@pytest.fixture
async def rig(tmp_path: Path) -> AsyncIterator[Rig]:
    log = await open_log(f"sqlite:///{tmp_path / 't.db'}")
    yield Rig(log)
    await log.close()


async def test_a_heartbeat_that_is_told_is_not_missed(rig: Rig) -> None:
    """It is the same event each time, so the log has it once; that its deliveries arrive is what counts."""
    job = rig.job(am="Watchdog")
    for _ in range(20):
        await rig.told("Watchdog")
        assert await job.run()
        rig.now += WITHIN - SECOND
    assert await rig.gaps() == []
    assert len(await rig.log.read()) == 1


async def test_a_silence_is_recorded_once_and_so_is_its_end(rig: Rig) -> None:
    """From when it was told last, whatever else the source tells meanwhile, to when it is told again."""
    job = rig.job(am="watchdog")
    await rig.told("Watchdog")
    await job.run()
    for _ in range(10):
        rig.now += MINUTE
        await rig.told("Other")
        await job.run()
    (began,) = await rig.gaps()
    assert (began.source, began.occurred_at, began.data) == (MACHINE, START, {"of": "am", "kind": "watchdog"})
    rig.now += MINUTE
    await rig.told("Other", "Watchdog")
    await job.run()
    await job.run()
    ended, same = await rig.gaps()
    assert same == began
    assert (ended.entity, ended.occurred_at, ended.data["until"]) == (began.entity, START, rig.now)


async def test_a_clock_that_is_set_back_hides_no_silence(rig: Rig) -> None:
    """What was heard before that is dated after now; it is missed as soon as any other."""
    job = rig.job(am="Watchdog")
    await rig.told("Watchdog")
    await job.run()
    for minutes in (-24 * 60, 5, 1):
        rig.now += minutes * MINUTE
        await job.run()
    assert [event.data["of"] for event in await rig.gaps()] == ["am"]


async def test_each_source_has_a_heartbeat_of_its_own(rig: Rig) -> None:
    """An alert of that name from elsewhere says nothing of this one."""
    job = rig.job(am="Watchdog", other="Watchdog")
    for _ in range(7):
        await rig.told("Watchdog", source="other")
        await job.run()
        rig.now += MINUTE
    assert [event.data["of"] for event in await rig.gaps()] == ["am"]


async def test_a_silence_goes_on_over_a_restart(rig: Rig) -> None:
    """The next daemon knows it from the log: it records no second beginning, and the end when it hears it."""
    await rig.told("Watchdog")
    job = rig.job(am="Watchdog")
    await job.run()
    rig.now += 2 * WITHIN
    await job.run()
    rig.now += 3 * WITHIN
    job = rig.job(am="Watchdog")
    await job.run()
    rig.now += 2 * WITHIN
    await job.run()
    assert len(await rig.gaps()) == 1
    await rig.told("Watchdog")
    await job.run()
    assert open_gaps(await rig.gaps()) == {}


async def test_a_time_in_which_we_were_down_is_no_silence_of_a_source(rig: Rig) -> None:
    """After a start it has as long as ever to be told."""
    await rig.told("Watchdog")
    rig.now += 10 * WITHIN
    job = rig.job(am="Watchdog")
    await job.run()
    rig.now += WITHIN - SECOND
    await rig.told("Watchdog")
    await job.run()
    assert await rig.gaps() == []


async def test_one_that_nobody_listens_to_any_more_is_over(rig: Rig) -> None:
    """Else every later draft would say that it is still missed."""
    job = rig.job(am="Watchdog")
    await job.run()
    rig.now += 2 * WITHIN
    await job.run()
    rig.now += MINUTE
    job.keep({})
    await job.run()
    ended, _ = await rig.gaps()
    assert (ended.data["until"], ended.data["reason"]) == (rig.now, silences.UNWATCHED)


async def test_a_heartbeat_among_many_deliveries_is_found(rig: Rig) -> None:
    """However much a source tells between two looks."""
    job = rig.job(am="Watchdog")
    await job.run()
    rig.now += WITHIN
    await rig.told("Watchdog")
    for number in range(450):
        await rig.told(f"Other{number % 7}")
    rig.now += MINUTE
    await job.run()
    assert await rig.gaps() == []


@pytest.mark.parametrize(
    ("lines", "heartbeats"),
    [
        ("{alert: Watchdog}", {"am": ("Watchdog", 15 * MINUTE)}),
        ("{alert: Watchdog, within: 90s}", {"am": ("Watchdog", 90 * SECOND)}),
    ],
)
def test_a_heartbeat_is_configured(tmp_path: Path, lines: str, heartbeats: dict[str, tuple[str, int]]) -> None:
    """By the alert's name; how long it may be missing has a default."""
    file = tmp_path / "timelined.yml"
    file.write_text(f"sources: {{am: {{kind: alertmanager, open: true, heartbeat: {lines}}}}}\n")
    assert heartbeats_of(load_settings(file)) == heartbeats


# --- what a draft says of it ----------------------------------------------------------------------------------------


def submitted(*events: Event, at: int) -> Submission:
    return Submission(source=events[0].source, received_at=at, body=b"{}", events=events)


async def draft_with(tmp_path: Path, *more: Submission) -> str:
    """The draft of an incident from 14:00 to 14:20 with what else was recorded."""
    fired = firing("Slow", at=START, service="checkout")
    ended = Event(
        id=event_id("t.1", "am", START, "end"), type="alert.resolved", source="am", entity="Slow", title="Slow",
        occurred_at=START + 20 * MINUTE, service="checkout", severity="critical",
        data={"starts_at": START, "ends_at": START + 20 * MINUTE, "status": "resolved"},
    )  # fmt: skip
    told = [submitted(fired, at=START + SECOND), submitted(ended, at=START + 21 * MINUTE), *more]
    async with played(told, Rules(), tmp_path / "log.db") as lists:
        (text,) = await drafts(lists, Options())
    return text


def silent(since: int, until: int | None) -> list[Submission]:
    """What the daemon records of a silence."""
    told = [submitted(gap("am", "Watchdog", since), at=since + WITHIN)]
    return told if until is None else [*told, submitted(gap("am", "Watchdog", since, until), at=until)]


async def test_a_draft_says_when_a_silence_overlaps_the_incident(tmp_path: Path) -> None:
    """With both ends, and what that means for what it does not say; one sentence for both records."""
    text = await draft_with(tmp_path, *silent(START + 5 * MINUTE, START + 12 * MINUTE))
    assert text.count("tells without end") == 1
    assert "was not heard from 14:05:00 UTC to 14:12:00" in text
    assert "left out something" not in text


async def test_a_silence_that_began_long_before_and_is_not_over_is_told(tmp_path: Path) -> None:
    """However long ago it began, and although nothing says yet that it ended."""
    text = await draft_with(tmp_path, *silent(START - 3 * 86_400 * SECOND, None))
    assert "Watchdog, which am tells without end, was not heard after 2026-03-01 14:00:00" in text


async def test_a_silence_that_was_over_before_says_nothing(tmp_path: Path) -> None:
    """Of another time there is nothing to say."""
    text = await draft_with(tmp_path, *silent(START - 86_400 * SECOND, START - 80_000 * SECOND))
    assert "tells without end" not in text


async def test_a_clock_that_is_ahead_is_told_with_what_it_does_to_the_order(tmp_path: Path) -> None:
    """An event that was received before it happened shows by how much the clocks differ at least."""
    ahead = 40 * SECOND
    page = Event(
        id=event_id("t.1", "oncall", START + 30 * SECOND, "page"), type="page.triggered", source="oncall", entity="P1",
        occurred_at=START - 10 * SECOND + ahead, title="Slow", service="checkout", refs=("page:P1",),
    )  # fmt: skip
    text = await draft_with(tmp_path, submitted(page, at=START - 10 * SECOND))
    assert "The clock of oncall and the collector's differ by at least 40 s" in text
    assert "put right by that, 1 event of it would stand elsewhere" in text


async def test_clocks_that_agree_are_not_told(tmp_path: Path) -> None:
    """A delay of a delivery says nothing of a clock."""
    page = Event(
        id=event_id("t.1", "oncall", START, "page"), type="page.triggered", source="oncall", entity="P1",
        occurred_at=START + SECOND, title="Slow", service="checkout", refs=("page:P1",),
    )  # fmt: skip
    assert "clock of" not in await draft_with(tmp_path, submitted(page, at=START + 3 * MINUTE))
