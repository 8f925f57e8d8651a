"""What is refused at ``/webhooks`` is counted, said and recorded, and nothing of the delivery is kept."""

from __future__ import annotations

import asyncio
import json
import signal
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from structlog.contextvars import merge_contextvars
from structlog.testing import capture_logs

from collector.correlation import Rules
from collector.daemon import refusing
from collector.daemon.face import Face
from collector.daemon.keeping import Logs
from collector.event import HOUR, MINUTE, SECOND
from collector.log import Submission
from collector.settings import Settings, Storage
from collector.telemetry.refusals import MOST_KINDS, NO_SOURCE, Refusals, RefusedRow, read_back
from collector.web import Front
from tests.processes import Process, alert, eventually, get, post
from tests.scenario import played
from tests.stories import at, firing, resolved

NOW = 1_772_632_930_000_000
"""2026-03-04T14:02:10Z."""


class Clock:
    """A clock that stands until it is moved."""

    def __init__(self) -> None:
        self.now = NOW
        self._set = 0

    def __call__(self) -> int:
        return self.now

    def set(self, by: int) -> None:
        """Somebody sets it: no time passes."""
        self.now, self._set = self.now + by, self._set + by

    def monotonic(self) -> float:
        """Seconds that passed."""
        return (self.now - self._set) / SECOND


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def refusals(clock: Clock) -> Refusals:
    return Refusals(clock, clock.monotonic)


# --- what is said -----------------------------------------------------------------------------------------------------


def test_the_first_is_said_at_once_then_a_count_a_minute_then_the_end(clock: Clock, refusals: Refusals) -> None:
    """A thousand refusals are three lines: the first, the count of the minute, and that it is over."""
    with capture_logs() as lines:
        for _ in range(1_000):
            refusals.note("pager", 503, "Nothing can be stored now", "the disk is full")
        refusals.say()
        clock.now += MINUTE
        refusals.say()
        refusals.recorded(refusals.due())
        clock.now += MINUTE
        refusals.say()
    assert [(line["event"], line["count"]) for line in lines] == [
        ("deliveries are refused", 1),
        ("deliveries are refused", 999),
        ("no delivery was refused for a minute", 1_000),
    ]
    assert {line["source"] for line in lines} == {"pager"}
    assert lines[1]["cause"] == "the disk is full"
    assert lines[0]["log_level"] == "error"
    assert lines[0]["look"] == "timelined deliveries --status refused"


def test_sources_and_reasons_are_told_apart(refusals: Refusals) -> None:
    """Each source and reason has a line and a count of its own; a name that is no source's is not repeated."""
    with capture_logs() as lines:
        refusals.note("pager", 401, "X-Signature is absent")
        refusals.note("pager", 413, "The body is too large")
        refusals.note(None, 401, "there is no source of this name")
    assert [(line["source"], line["reason"]) for line in lines] == [
        ("pager", "X-Signature is absent"),
        ("pager", "The body is too large"),
        (NO_SOURCE, "there is no source of this name"),
    ]


def test_kinds_are_bounded(refusals: Refusals) -> None:
    """However many reasons there are, the memory for them has a bound, and none goes uncounted."""
    for number in range(2 * MOST_KINDS):
        refusals.note("pager", 401, f"reason {number}")
    pending = refusals.pending()
    assert len(pending) <= MOST_KINDS + 1
    assert sum(refused.count for refused in pending) == 2 * MOST_KINDS


# --- what is recorded -------------------------------------------------------------------------------------------------


def test_counts_become_events_after_a_minute_and_then_less_often(clock: Clock, refusals: Refusals) -> None:
    """A knock every second for a day is some thirty events, with every knock in them."""
    counted, events = 0, 0
    for _ in range(24 * 3600):
        refusals.note(None, 401, "there is no source of this name")
        clock.now += SECOND
        due = refusals.due()
        refusals.recorded(due)
        counted, events = counted + sum(refused.count for refused in due), events + len(due)
    counted += sum(refused.count for refused in refusals.due(everything=True))
    assert counted == 24 * 3600
    assert events <= 32


def test_what_could_not_be_stored_stays_due(clock: Clock, refusals: Refusals) -> None:
    """While the log takes nothing the counts wait, and go on counting."""
    refusals.note("pager", 503, "Nothing can be stored now")
    clock.now += MINUTE
    assert [refused.count for refused in refusals.due()] == [1]
    refusals.note("pager", 503, "Nothing can be stored now")
    assert [refused.count for refused in refusals.due()] == [2]


def test_a_clock_that_is_set_back_puts_nothing_off(clock: Clock, refusals: Refusals) -> None:
    """After a clock went back a day, what was refused is still recorded, said each minute, and said to be over."""
    refusals.note("pager", 413, "The body is too large")
    clock.set(-24 * HOUR)
    assert [refused.count for refused in refusals.due()] == [1]
    refusals.note("pager", 413, "The body is too large")
    with capture_logs() as lines:
        clock.now += MINUTE
        refusals.say()
        refusals.recorded(refusals.due(everything=True))
        clock.set(24 * HOUR)
        refusals.say()
        clock.now += MINUTE
        refusals.say()
    assert [(line["count"], line["seconds"]) for line in lines] == [(1, 60), (2, 0)]


@given(
    source=st.none() | st.text(max_size=20), status=st.integers(400, 599), reason=st.text(max_size=40),
    waits=st.lists(st.integers(0, 10 * MINUTE), min_size=1, max_size=20),
)  # fmt: skip
def test_nothing_is_lost_or_doubled(source: str | None, status: int, reason: str, waits: list[int]) -> None:
    """Whenever refusals come and are recorded, the events hold each once, at its time, and read back as they were."""
    clock = Clock()
    refusals = Refusals(clock, clock.monotonic)
    stored = []
    for wait in waits:
        refusals.note(source, status, reason)
        clock.now += wait
        due = refusals.due()
        refusals.recorded(due)
        stored += due
        refusals.say()
    stored += refusals.due(everything=True)
    assert sum(refused.count for refused in stored) == len(waits)
    assert [read_back(refused.event()) for refused in stored] == stored
    assert len({refused.event().id for refused in stored}) == len(stored)


# --- while it serves --------------------------------------------------------------------------------------------------


async def test_refusals_of_a_log_that_is_away_are_said_each_minute(
    tmp_path: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody records them then, and whoever reads the daemon's log must hear of them all the same, with the log."""
    monkeypatch.setattr(refusing, "LOOK_EVERY", 0.01)
    monkeypatch.setattr("collector.telemetry.refusals.EVERY", SECOND // 100)
    storage = Storage(url=f"sqlite:///{tmp_path}", logs={"eu": f"sqlite:///{tmp_path}"})
    settings = Settings(storage=storage)
    logs = Logs(settings, clock, Face(settings, clock, Front()))
    with capture_logs(processors=[merge_contextvars]) as lines:
        async with logs.open(accept_loss=False, own_process=False):
            for log in logs:
                assert log.runtime is None
                log.host.refusals.note("pager", 503, "Nothing can be stored now")
                log.host.refusals.note("pager", 503, "Nothing can be stored now")
            async with asyncio.timeout(60):
                while sum("seconds" in line for line in lines) < 2:  # noqa: ASYNC110 - a line has no event
                    await asyncio.sleep(0.01)
    said = [(line["log"], line["count"]) for line in lines if "seconds" in line]
    assert sorted(said) == [("default", 1), ("eu", 1)]


# --- a whole daemon ---------------------------------------------------------------------------------------------------


def refused_with(url: str, body: bytes, **headers: str) -> int:
    """The status of a delivery that is refused."""
    request = urllib.request.Request(url, body, {"Content-Type": "application/json", **headers})  # noqa: S310
    with pytest.raises(urllib.error.HTTPError) as refusal:
        urllib.request.urlopen(request, timeout=60)  # noqa: S310
    with refusal.value as answer:
        return answer.code


@pytest.fixture
def address(process: Process) -> str:
    return process.start()


def listed(address: str, query: str = "?status=refused") -> list[dict[str, Any]]:
    deliveries: list[dict[str, Any]] = get(f"{address}/api/v1/deliveries{query}")["deliveries"]
    return deliveries


def test_what_never_got_in_is_listed(process: Process, address: str) -> None:
    """Too large, a slash too many, another encoding, no such source: each a row, at once and after a restart."""
    hooks = f"{address}/webhooks"
    assert refused_with(f"{hooks}/alertmanager", b"[" + b" " * 5_000_000 + b"]") == 413
    assert refused_with(f"{hooks}/alertmanager/", b"{}") == 404
    assert refused_with(f"{hooks}/alertmanager", b"{}", **{"Content-Encoding": "br"}) == 415
    assert refused_with(f"{hooks}/s3cr3t-token", b"{}") == 401
    assert refused_with(f"{hooks}/s3cr3t-token", b"{}") == 401
    counts = {(row["source"], row["answered"]): row["count"] for row in listed(address)}
    assert counts == {("alertmanager", 413): 1, (NO_SOURCE, 404): 1, ("alertmanager", 415): 1, (NO_SOURCE, 401): 2}
    assert process.end(signal.SIGTERM) == 0
    assert "s3cr3t" not in process.said.read_text()
    again = process.start()
    rows = eventually(lambda: len(rows := listed(again)) == 4 and rows)
    assert {(row["source"], row["answered"]): row["count"] for row in rows} == counts
    assert "s3cr3t" not in json.dumps(rows)


def test_refusals_stand_between_deliveries(address: str) -> None:
    """The list of deliveries shows what was refused where it happened, and pages by deliveries alone."""
    hook = f"{address}/webhooks/alertmanager"
    for number in range(3):
        assert post(hook, alert("firing", number=number))[0] == 202
    assert refused_with(f"{address}/webhooks/nobody", b"{}") == 401
    page = get(f"{address}/api/v1/deliveries?limit=2")
    assert [row["status"] for row in page["deliveries"]] == ["refused", "read", "read"]
    rest = get(f"{address}/api/v1/deliveries?limit=2&before={page['next']}")
    assert [row["status"] for row in rest["deliveries"]] == ["read"]


async def test_a_draft_can_name_what_was_refused_in_its_window(tmp_path: Path) -> None:
    """Refusals whose span touches an incident's window are handed to its draft; others are not."""

    def refusal(first: float, last: float) -> Submission:
        refused = RefusedRow(source="pager", status=401, reason="absent", count=3, first_at=at(first), last_at=at(last))
        return Submission(source="timelined", received_at=at(last), events=(refused.event(),))

    alerts = [firing("Slow", 200), resolved("Slow", 200, 230)]
    steps = [Submission(source="test", received_at=one.received_at, events=(one,)) for one in alerts]
    steps += [refusal(30, 90), refusal(10, 20), refusal(210, 211), refusal(300, 301)]

    async with played(steps, Rules(), tmp_path / "log.db") as lists:
        case = await lists.case(1)
    assert case is not None
    assert sorted(event.occurred_at for event in case.collector) == [at(30), at(210)]
