"""Code of ours that fails over what a sender sent leaves its trace in the log, and nothing of what was sent."""

from __future__ import annotations

import re
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from collector.errors import Unavailable, UnverifiedWebhook
from collector.event import PEOPLE, Event
from collector.intake import Endpoint, Intake
from collector.intake.writer import Writer
from collector.log import Refused, Submission, open_log
from collector.log.updating import Updates
from collector.telemetry.crashes import Crashes
from collector.webhook import Credentials, Reading, Source, Webhook
from tests.log_facts import append, fact, told

AT = 1_772_633_530_000_000
HEADERS = {"authorization": "let me in", "content-type": "text/plain"}


def verify(webhook: Webhook, credentials: Credentials) -> str:
    """A sender that is believed, unless its proof is odd."""
    if webhook.headers.get("x-odd"):
        raise KeyError("a secret in the proof")
    return "bearer"


def parse(webhook: Webhook, reading: Reading) -> tuple[Event, ...]:
    """An adapter with a mistake."""
    return (reading.map[webhook.body.decode() + " secret"],)  # type: ignore[attr-defined]


def intake(log: Any) -> Intake:
    """Intake with that adapter."""
    source = Source(kind="pager", called="Pager", paste="{address}", verify=verify, parse=parse)
    endpoint = Endpoint(source=source, credentials=Credentials(bearer=(b"let me in",)))
    return Intake(Writer(log), {"pager": endpoint})


async def deliver(folder: Path, headers: dict[str, str], *, refused: bool = False) -> list[Any]:
    """Deliver the same three times; what the log of the process says."""
    log = await open_log(f"sqlite:///{folder / 'timelined.db'}")
    taking = intake(log)
    try:
        with capture_logs() as lines:
            for _ in range(3):
                with pytest.raises(UnverifiedWebhook, match="its proof is odd") if refused else nullcontext():
                    await taking.receive("pager", headers, b"up", "", AT)
    finally:
        await log.close()
    assert "secret" not in str(lines)
    return lines


async def test_a_parsers_crash_leaves_its_trace(tmp_path: Path) -> None:
    """The log says where a parser failed, and says it once however many deliveries come."""
    (line,) = await deliver(tmp_path, HEADERS)
    assert line["event"].startswith("a parser failed")
    assert (line["log_level"], line["source"], line["error"]) == ("error", "pager", "AttributeError")
    assert re.search(r"intake\.py:\d+ _parsed > test_crashes\.py:\d+ parse$", line["trace"])


async def test_a_proof_that_crashes_leaves_its_trace(tmp_path: Path) -> None:
    """A verification of ours that fails refuses the delivery, and the log says where it failed."""
    (line,) = await deliver(tmp_path, HEADERS | {"x-odd": "1"}, refused=True)
    assert line["event"].startswith("cannot look at a proof")
    assert re.search(r"test_crashes\.py:\d+ verify$", line["trace"])


def test_a_place_is_named_once_a_minute() -> None:
    """It is named again after a minute, with how often it failed meanwhile; another place is named at once."""
    now = [0.0]
    crashes = Crashes(lambda: now[0])
    with capture_logs() as lines:
        for at in (0.0, 1.0, 59.0, 61.0):
            now[0] = at
            crashes.note("a parser failed", "pager", ValueError("x"))
        crashes.note("a parser failed", "pager", KeyError("x"))
    assert [(line["error"], line.get("more", 0)) for line in lines] == [
        ("ValueError", 0),
        ("ValueError", 2),
        ("KeyError", 0),
    ]


async def test_a_mistake_in_storing_is_heard_and_loses_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The delivery is kept with its body, and is no value's fault; what a person says is to come again."""
    log = await open_log(f"sqlite:///{tmp_path / 'timelined.db'}")
    monkeypatch.setattr(Updates, "turns", broken)
    command = Submission(source=PEOPLE, received_at=AT, events=(fact("said", amendment="correction"),))
    try:
        with capture_logs() as lines:
            (receipt,) = await append(log, told(fact("a"), body=b"whole"))
            monkeypatch.setattr("collector.log.appending._Batch._amend", broken)
            (refused,) = await log.append([command])
            body = await log.body(receipt.delivery)
    finally:
        await log.close()
    assert (receipt.status, receipt.reason, body) == ("unrecognised", "storing it failed: KeyError", b"whole")
    assert isinstance(refused, Refused)
    assert isinstance(refused.error(), Unavailable)
    # Of the batch and of the delivery alone; one place is named once a minute.
    assert [(line["source"], line["error"]) for line in lines] == [("am", "KeyError")] * 2
    assert all(line["trace"].endswith("broken") for line in lines)
    assert "secret" not in str(lines)


async def test_a_mistake_in_committing_is_heard(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever sent comes again, and the log of the process says where it failed."""
    log = await open_log(f"sqlite:///{tmp_path / 'timelined.db'}")
    monkeypatch.setattr(log, "append", broken)
    try:
        with capture_logs() as lines, pytest.raises(Unavailable, match="KeyError"):
            await Writer(log).submit(told(fact("a")))
    finally:
        await log.close()
    (line,) = lines
    assert (line["source"], line["error"]) == ("am", "KeyError")
    assert line["trace"].endswith("broken")
    assert "secret" not in str(lines)


def broken(*arguments: object, **named: object) -> None:
    """Code with a mistake."""
    raise KeyError("a secret")


@pytest.mark.parametrize("level", range(20))
def test_only_the_end_of_a_long_way_is_named(level: int) -> None:
    """A parser that fails deep in itself makes a line that can be read."""

    def deeper(left: int) -> None:
        if left:
            return deeper(left - 1)
        raise ValueError("x")

    with capture_logs() as lines:
        try:
            deeper(level)
        except ValueError as error:
            Crashes().note("a parser failed", "pager", error)
    assert lines[0]["trace"].count(" > ") == min(level + 1, 7)
