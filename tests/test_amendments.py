"""Corrections, retractions and splits: what a person changes is a further revision, and nothing is lost by it."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from collector.cli import timelined
from collector.correlation.catalog import Catalog, Rules, Service
from collector.errors import InvalidInput
from collector.event import MACHINE, RecordedEvent
from collector.people import amendments
from tests import senders
from tests.face import Face, ring
from tests.facts import at, firing, resolved
from tests.served import serving

SAID: dict[str, Any] = {"key": "k", "by": "Ana", "reason": "the clock was wrong", "stated_at": at(60)}


# --- the next revision ------------------------------------------------------------------------------------------------


def test_a_correction_says_what_should_have_been_and_who_said_so() -> None:
    """The id stays, the fields change, and who, when, why and what stand in the data."""
    event = firing(2)
    corrected = amendments.corrected(event, **SAID, fields={"title": "Latency", "service": "cart"}, clear=["severity"])
    assert (corrected.id, corrected.revision, corrected.amendment) == (event.id, 1, "correction")
    assert (corrected.title, corrected.service, corrected.severity, corrected.environment) == (
        "Latency",
        "cart",
        None,
        event.environment,
    )
    assert corrected.data["corrected"] == ["service", "severity", "title"]
    assert (corrected.data["amended_by"], corrected.data["amended_because"], corrected.data["amended_at"]) == (
        "Ana", "the clock was wrong", at(60),
    )  # fmt: skip


def test_a_corrected_time_moves_what_repeats_it() -> None:
    """An alert that says when it began says so twice; what says another time stays."""
    fired = amendments.corrected(firing(2), **SAID, fields={"occurred_at": at(1)})
    ended = amendments.corrected(resolved(9, since=2), **SAID, fields={"occurred_at": at(8)})
    assert (fired.occurred_at, fired.data["starts_at"]) == (at(1), at(1))
    assert (ended.occurred_at, ended.data["starts_at"]) == (at(8), at(2))


def test_what_was_corrected_before_stays_named() -> None:
    """A second correction does not hide the first."""
    once = _recorded(firing(2), amendments.corrected(firing(2), **SAID, fields={"title": "Latency"}))
    twice = amendments.corrected(once, **SAID, fields={"severity": "warning"})
    assert (twice.revision, twice.data["corrected"]) == (2, ["severity", "title"])


def _recorded(event: RecordedEvent, revision: Any) -> RecordedEvent:
    fields = {name: getattr(revision, name) for name in type(revision).__struct_fields__}
    return RecordedEvent(**fields, position=event.position + 1, received_at=at(60))


@pytest.mark.parametrize(
    ("fields", "clear"),
    [({}, []), ({"title": "HighErrorRate"}, []), ({"entity": "x"}, []), ({"title": " "}, []), ({}, ["title"])],
    ids=["nothing", "the same", "not a field of people's", "empty", "a title cannot be unknown"],
)
def test_a_correction_that_cannot_be_is_refused(fields: dict[str, Any], clear: list[str]) -> None:
    """What would change nothing, or what is not a person's to change."""
    with pytest.raises(InvalidInput):
        amendments.corrected(firing(2), **SAID, fields=fields, clear=clear)


@pytest.mark.parametrize(
    "fields", [{"source": MACHINE}, {"amendment": "erasure", "data": {"erased": True}}, {"amendment": "retraction"}]
)
def test_what_the_daemon_said_and_what_is_gone_cannot_be_amended(fields: dict[str, Any]) -> None:
    """The daemon's own facts follow from others; what was erased or retracted is closed."""
    event = firing(2, **fields) if "source" in fields else _with(firing(2), **fields)
    with pytest.raises(InvalidInput):
        amendments.corrected(event, **SAID, fields={"title": "x"})
    with pytest.raises(InvalidInput):
        amendments.retracted(event, **SAID)


def _with(event: RecordedEvent, **fields: Any) -> RecordedEvent:
    return RecordedEvent(**{name: getattr(event, name) for name in RecordedEvent.__struct_fields__} | fields)


def test_a_corrected_service_goes_before_the_catalogs_labels() -> None:
    """Labels say it for a kind of events; a person said it of this one."""
    catalog = Catalog(Rules(services=(Service(name="cart", labels={"app": "c"}),)))
    event = firing(2, labels={"app": "c"})
    assert catalog.service(event)[0] == "cart"
    assert catalog.service(amendments.corrected(event, **SAID, fields={"service": "search"}))[0] == "search"


# --- over HTTP --------------------------------------------------------------------------------------------------------


async def _ring(face: Face) -> str:
    await face.deliver(b'[{"name": "a"}]')
    return ring("a").id


KEY = {"Idempotency-Key": "once"}


async def test_the_same_key_amends_once(face: Face) -> None:
    """Sent again, the answer names the same revision; with something else to say, it is refused."""
    name = await _ring(face)
    body = {"title": "b", "by": "Ana", "reason": "a typo"}
    first = await face.post(f"/api/v1/events/{name}/correct", body, headers=KEY)
    face.now += 1_000_000
    again = await face.post(f"/api/v1/events/{name}/correct", body, headers=KEY)
    assert (first.status, again.status, again.json["known"]) == (201, 200, True)
    assert first.json["position"] == again.json["position"]
    (await face.post(f"/api/v1/events/{name}/correct", body | {"title": "c"}, headers=KEY)).problem(422)
    (await face.post(f"/api/v1/events/{name}/retract", {"by": "Ana", "reason": "x"}, headers=KEY)).problem(422)
    assert [e.title for e in await face.log.read_ids([name])] == ["a", "b"]


async def test_each_amendment_follows_the_last(face: Face) -> None:
    """Revisions count up whatever they are, and the event in the answer is all of them."""
    name = await _ring(face)
    who = {"by": "Ana", "reason": "r"}
    await face.post(f"/api/v1/events/{name}/correct", who | {"occurred_at": "2026-03-04T14:00:00Z"})
    await face.post(f"/api/v1/events/{name}/correct", who | {"service": "cart", "clear": ["severity"]})
    await face.post(f"/api/v1/events/{name}/retract", who)
    told = (await face.get(f"/api/v1/events/{name}")).json["events"]
    assert [e["amendment"] for e in told] == [None, "correction", "correction", "retraction"]
    assert (told[3]["service"], told[3]["occurred_at"]) == ("cart", "2026-03-04T14:00:00Z")
    (await face.post(f"/api/v1/events/{name}/correct", who | {"service": "x"})).problem(422)


async def test_an_amendment_names_its_reason(face: Face) -> None:
    """Without who or why there is none."""
    name = await _ring(face)
    for said in ({"by": "Ana"}, {"reason": "x"}, {"by": "Ana", "reason": " "}):
        (await face.post(f"/api/v1/events/{name}/retract", said)).problem(422)
    (await face.post("/api/v1/events/ffff1/retract", {"by": "Ana", "reason": "x"})).problem(404)


# --- the whole way ----------------------------------------------------------------------------------------------------


def run(*arguments: str) -> Result:
    """One command in this process."""
    return CliRunner(env={"TIMELINED_BY": "Ana"}).invoke(timelined, list(arguments))


def told(*arguments: str) -> Any:
    """The JSON a command printed."""
    result = run(*arguments, "-o", "json")
    assert result.exit_code == 0, result.stderr
    return json.loads(result.stdout)


def test_a_correction_is_marked_in_the_draft_and_a_retraction_is_gone(empty_log: str) -> None:
    """The draft says what is right and that it was corrected; a list still shows all that was ever said."""
    where = ("--storage.url", empty_log)
    run("open", "Payments fail", *where)
    wrong = told("note", "1", "Restarted the wokers", *where)["event"]
    other = told("note", "1", "Nothing of the kind", *where)["event"]
    run("correct", wrong, "--title", "Restarted the workers", "--reason", "a typo", *where)
    run("retract", other, "--reason", "another incident", *where)
    draft = run("draft", "1", *where).stdout
    assert "Restarted the workers" in draft
    assert "(corrected)" in draft
    assert "wokers" not in draft
    assert "Nothing of the kind" not in draft
    listed = run("events", "--type", "note.added", *where).stdout
    assert "Restarted the workers (Ana) [corrected]" in listed
    assert "Nothing of the kind (Ana) [retracted]" in listed
    assert told("why", other, *where)["reason"] == "it was retracted"


async def test_a_draft_that_was_written_is_corrected_at_once(tmp_path: Path) -> None:
    """The file in the folder says what is right when the command returns."""
    async with serving(tmp_path) as rig:
        await rig.sent(senders.alertmanager(replace(senders.alert("Errors", since="14:02"), until="14:20")))
        await rig.caught_up()
        note = await rig.post("incidents/1/notes", text="Restarted the wokers", by="Ana")
        await rig.drawn()
        draft = rig.drafts / "incident-1.md"
        assert "wokers" in draft.read_text()
        await rig.post(f"events/{note['event']}/correct", title="Restarted the workers", by="Ana", reason="a typo")
        assert "Restarted the workers" in draft.read_text()
        assert "wokers" not in draft.read_text()


async def test_the_draft_of_an_incident_that_is_none_any_more_says_so(tmp_path: Path) -> None:
    """Once all that opened it is retracted, its file does not go on telling it."""
    async with serving(tmp_path) as rig:
        alert = replace(senders.alert("Errors", since="14:02"), until="14:20")
        receipt = await rig.sent(senders.alertmanager(alert))
        await rig.drawn()
        draft = rig.drafts / "incident-1.md"
        assert "Errors" in draft.read_text()
        await rig.post(f"events/{receipt['items'][0]['event']}/retract", by="Ana", reason="a test")
        assert draft.read_text().startswith("Incident 1 is no longer one")
        assert "Errors" not in (rig.drafts / "incident-1.json").read_text()


def test_what_was_split_off_stays_apart(empty_log: str) -> None:
    """The events become an incident of their own, and the rules cannot bring them back."""
    where = ("--storage.url", empty_log)
    run("open", "Payments fail", "--service", "payments", *where)
    second = told("open", "Payments are slow", "--service", "payments", *where)
    assert second["incident"] == 1
    assert told("split", "1", second["event"], *where)["incident"] == 2
    assert sorted(row["number"] for row in told("incidents", *where)["incidents"]) == [1, 2]
    key = told("incident", "1", *where)["incident"]["key"]
    refused = run("split", "1", key, *where)
    assert (refused.exit_code, "opened it" in refused.stderr) == (1, True)


def test_a_mark_can_be_corrected(empty_log: str) -> None:
    """What a person stated is corrected like what a sender told."""
    where = ("--storage.url", empty_log)
    run("open", "Payments fail", *where)
    stated = told("mark", "1", "mitigated", "--at", "2026-03-04T15:00:00Z", *where)["event"]
    run("correct", stated, "--at", "2026-03-04T14:30:00Z", "--reason", "an hour off", *where)
    shown = told("events", "--type", "mark.set", *where)["events"]
    assert [e["occurred_at"] for e in shown] == ["2026-03-04T15:00:00Z", "2026-03-04T14:30:00Z"]
