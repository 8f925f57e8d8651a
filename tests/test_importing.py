"""What a sender gives out afterwards becomes what it would have delivered: the same events, and none of them twice."""

from __future__ import annotations

import io
import json
import os
import re
import threading
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, BinaryIO, cast

import aiohttp
import pytest
from click.testing import CliRunner

from collector.cli import inputs, timelined
from collector.cli import records as records_module
from collector.cli.records import counted, records
from collector.errors import InvalidInput
from collector.webhook import IMPORT
from tests import recorder, senders
from tests.conftest import make_log
from tests.imported_facts import EVENING, entry, facts
from tests.served import Rig, alert, serving


@pytest.fixture
async def rig(tmp_path: Path) -> AsyncIterator[Rig]:
    async with serving(tmp_path) as made:
        yield made


async def brought(rig: Rig, source: str, form: str, *records: Any) -> dict[str, Any]:
    """What some records came to."""
    url = f"{rig.served.address}/api/v1/imports/{source}?form={form}"
    async with rig.client.post(url, json=list(records)) as answer:
        answer_json: dict[str, Any] = await answer.json()
        assert answer.status in (200, 201), answer_json
    await rig.caught_up()
    return answer_json


async def data(rig: Rig, event: str) -> Mapping[str, Any]:
    return (await rig.log.read_ids([event]))[-1].data


async def types(rig: Rig) -> list[str]:
    return sorted(event.type for event in (await facts(rig)).values())


# --- Alertmanager ---------------------------------------------------------------------------------------------------


def of_api(one: senders.Alert, **status: Any) -> dict[str, Any]:
    """An alert as Alertmanager's API gives it out: with an expiry where a webhook has no end."""
    fields = one.json()
    del fields["status"]
    state = {"state": "suppressed" if status else "active", "silencedBy": [], "inhibitedBy": [], **status}
    more = {"endsAt": "2026-03-04T18:00:00.000Z", "updatedAt": "2026-03-04T14:10:00.000Z", "status": state}
    return fields | more | {"receivers": [{"name": "timelined"}]}


async def test_an_alert_has_the_same_id_whichever_way_it_came(rig: Rig) -> None:
    """Told by a webhook, the import adds nothing; fetched first, the webhook is known."""
    receipt = await rig.sent(senders.alertmanager(alert()))
    again = await brought(rig, "alertmanager", "alerts", of_api(alert()), of_api(alert("SlowCart", service="cart")))
    assert (len(again["new"]), again["known"]) == (1, 1)
    assert receipt["items"][0]["event"] not in again["new"]
    later = await rig.sent(senders.alertmanager(alert("SlowCart", service="cart")))
    assert [item["known"] for item in later["items"]] == [True]
    assert later["items"][0]["event"] == again["new"][0]


async def test_an_import_again_adds_nothing(rig: Rig) -> None:
    """Neither an event nor a delivery."""
    await brought(rig, "alertmanager", "alerts", of_api(alert()))
    before = await rig.log.head(), await rig.log.deliveries()
    assert (await brought(rig, "alertmanager", "alerts", of_api(alert())))["delivery"] is None
    assert (await rig.log.head(), await rig.log.deliveries()) == before


async def test_a_suppressed_alert_is_no_alert(rig: Rig) -> None:
    """Nobody was told of it, so it opens nothing; that it was suppressed, and by what, is told."""
    silence = {
        "id": "0b8e7a4c", "matchers": [{"name": "service", "value": "cart", "isRegex": False, "isEqual": True}],
        "createdBy": "ana", "comment": "moving carts", "startsAt": "2026-03-04T14:00:00.000Z",
        "endsAt": "2026-03-04T15:00:00.000Z", "updatedAt": "2026-03-04T14:00:00.000Z", "status": {"state": "active"},
    }  # fmt: skip
    await brought(rig, "alertmanager", "silences", silence)
    slow = of_api(alert("SlowCart", service="cart"), silencedBy=["0b8e7a4c"])
    await brought(rig, "alertmanager", "alerts", slow, of_api(alert("Low"), inhibitedBy=["00000000000000ff"]))
    titles = sorted(event.title for event in (await facts(rig)).values())
    assert titles == [
        "Alert Low was inhibited by another alert", "Alert SlowCart was silenced", 'Silence created: service="cart"',
    ]  # fmt: skip
    assert (await rig.get("incidents"))["incidents"] == []
    ended = silence | {"endsAt": "2026-03-04T14:30:00.000Z", "updatedAt": "2026-03-04T14:30:00.000Z"}
    await brought(rig, "alertmanager", "silences", ended | {"status": {"state": "expired"}})
    titles = [event.title for event in (await facts(rig)).values() if "Silence" in event.title]
    assert sorted(titles) == ['Silence created: service="cart"', 'Silence ended: service="cart"']


async def test_a_draft_says_what_was_imported(rig: Rig) -> None:
    """Its sender did not tell it at the time, and no row says that it was received then."""
    await brought(rig, "alertmanager", "alerts", of_api(alert()))
    draft = await rig.get("incidents/1/postmortem.md")
    assert "1 event of Alertmanager was fetched from there at " in draft
    assert ", and not told when it happened" in draft
    assert "(imported " in draft
    assert "(received " not in draft


async def test_no_sender_passes_for_an_import(rig: Rig) -> None:
    """The header that says so counts for nothing on a delivery, and is not kept."""
    sent = senders.alertmanager(alert())
    told = await rig.sent(replace(sent, headers={**sent.headers, IMPORT: "alerts"}))
    assert told["status"] == "read"
    (stored,) = await rig.log.deliveries()
    assert IMPORT not in dict(stored.headers)


# --- PagerDuty ------------------------------------------------------------------------------------------------------


async def test_log_entries_are_merged_with_webhooks(rig: Rig) -> None:
    """What a webhook told within a second or two is that; the rest is new; again it is all known."""
    page = senders.page(311, "Errors", at="14:03")
    for sent in (page.triggered(), page.acknowledged("14:05", by="Ana")):
        await rig.sent(sent)
    told = await brought(rig, "pagerduty", "log_entries", *EVENING)
    assert (told["merged"], len(told["new"]), told["not_understood"]) == (2, 3, [])
    expected = ["note.added", "page.acknowledged", "page.resolved", "page.snoozed", "page.triggered"]
    assert await types(rig) == expected
    again = await brought(rig, "pagerduty", "log_entries", *EVENING)
    assert (again["delivery"], again["known"]) == (None, 5)
    assert await types(rig) == expected


async def test_what_a_webhook_tells_after_an_import_is_told_once(rig: Rig) -> None:
    """Its delivery takes the import's back at once; neither another import nor reading again changes that."""
    page = senders.page(311, "Errors", at="14:03")
    await brought(rig, "pagerduty", "log_entries", *EVENING)
    expected = ["note.added", "page.acknowledged", "page.resolved", "page.snoozed", "page.triggered"]
    for sent in (page.triggered(), page.acknowledged("14:05", by="Ana"), page.resolved("14:22", by="Ana")):
        await rig.sent(sent)
        assert await types(rig) == expected
    await rig.sent(page.acknowledged("14:05", by="Ana"))
    assert await types(rig) == expected
    said = [event for event in (await facts(rig)).values() if "imported_at" not in (await data(rig, event.id))]
    assert sorted(event.type for event in said) == ["page.acknowledged", "page.resolved", "page.triggered"]
    assert (await rig.post("replays"))["changes"] == []
    assert (await brought(rig, "pagerduty", "log_entries", *EVENING))["withdrawn"] == 0


async def test_a_webhook_takes_back_only_what_its_own_form_may_tell(rig: Rig) -> None:
    """A run of GitHub has a later time once it changed; a deployment's states have ids, and another one is another."""
    deployment = senders.deployment(77, "acme/checkout", "v42", at="13:58")
    body = json.loads(deployment.status("in_progress", "13:59").body)
    record = body["deployment"] | {"repository_url": "https://api.github.com/repos/acme/checkout"}
    await brought(rig, "github", "deployments", record | {"statuses": [body["deployment_status"]]})
    run = senders.run(5, "acme/checkout", "Deploy", "v42", at="13:50")
    changed = json.loads(run.completed("13:59").body)
    await brought(rig, "github", "workflow_runs", changed["workflow_run"] | {"repository": changed["repository"]})
    before = await types(rig)
    assert before.count("change.succeeded") == 1
    await rig.sent(run.completed("13:57"))
    assert await types(rig) == before
    await rig.sent(deployment.status("in_progress", "14:01"))
    assert await types(rig) == sorted([*before, "change.started"])


async def test_another_persons_deed_is_another_event(rig: Rig) -> None:
    """Two acknowledgements within a second are two, where two people made them."""
    await rig.sent(senders.page(311, "Errors", at="14:03").acknowledged("14:05", by="Ana"))
    told = await brought(rig, "pagerduty", "log_entries", entry("acknowledge", "14:05:01", by="Ben"))
    assert (told["merged"], len(told["new"])) == (0, 1)


async def test_one_record_that_is_not_understood_spoils_no_other(rig: Rig) -> None:
    """It is kept and listed, with why."""
    told = await brought(rig, "pagerduty", "log_entries", {"id": "R1", "type": "moon_log_entry"}, EVENING[0])
    assert told["not_understood"] == ["a record that is none of log entries of PagerDuty's GET /log_entries"]
    assert await types(rig) == ["page.triggered", "source.unrecognised"]


# --- repositories ---------------------------------------------------------------------------------------------------


async def test_deployments_and_runs_are_what_github_would_have_sent(rig: Rig) -> None:
    """The same ids as its webhooks'."""
    sent = senders.deployment(77, "acme/checkout", "v42", at="13:58").status("success", "14:00")
    body = json.loads(sent.body)
    receipt = await rig.sent(sent)
    deployment = body["deployment"] | {"repository_url": "https://api.github.com/repos/acme/checkout"}
    came = await brought(rig, "github", "deployments", deployment | {"statuses": [body["deployment_status"]]})
    assert receipt["items"][0]["event"] not in came["new"]
    assert (len(came["new"]), came["known"]) == (1, 1)
    run = {
        "id": 5, "name": "Deploy", "run_attempt": 1, "status": "completed", "conclusion": "success",
        "created_at": "2026-03-04T13:50:00Z", "run_started_at": "2026-03-04T13:50:00Z",
        "updated_at": "2026-03-04T13:57:00Z", "repository": {"full_name": "acme/checkout"}, "head_sha": "a" * 40,
    }  # fmt: skip
    assert len((await brought(rig, "github", "workflow_runs", run))["new"]) == 2
    moved = run | {"updated_at": "2026-03-04T13:58:30Z"}
    again = await brought(rig, "github", "workflow_runs", moved)
    assert (again["known"], again["new"]) == (2, [])


async def test_gitlabs_records_are_its_webhooks(rig: Rig) -> None:
    """A deployment with its project, environment and person."""
    record = {
        "id": 42, "iid": 2, "ref": "main", "sha": "b" * 40, "status": "success", "created_at": "2026-03-04T13:55:00Z",
        "updated_at": "2026-03-04T13:59:00Z", "user": {"name": "Ana", "username": "ana"},
        "environment": {"name": "production"},
        "deployable": {"finished_at": "2026-03-04T13:58:50Z", "web_url": "https://gitlab.example/acme/cart/-/jobs/9"},
    }  # fmt: skip
    await brought(rig, "gitlab", "deployments", record)
    (event,) = (await facts(rig)).values()
    assert (event.type, event.entity, event.environment, event.actor) == (
        "change.succeeded", "deployment:42", "production", "Ana",
    )  # fmt: skip
    assert event.data["repository"] == "acme/cart"


async def test_grafanas_annotations_are_observations(rig: Rig) -> None:
    """Of people with their name; what Grafana notes of an alert is no alert, since it does not say which."""
    deploy = {"id": 1, "time": 1772632800000, "text": "v42 is out\nfor everybody", "tags": ["deploy", "service:cart"]}
    state = {"id": 2, "time": 1772632860000, "text": "", "prevState": "Normal", "newState": "Alerting", "tags": []}
    wrong = {"id": "x", "time": None}
    answer = await brought(
        rig, "grafana", "annotations", deploy | {"login": "ana"}, state | {"alertName": "Slow"}, wrong
    )
    assert answer["not_understood"] == ["a record that is none of annotations of Grafana's GET /api/annotations"]
    found = {event.title: event for event in (await facts(rig)).values()}
    assert (found["v42 is out"].service, found["v42 is out"].actor) == ("cart", "ana")
    assert found["Slow went from Normal to Alerting"].type == "observation.recorded"
    assert (await rig.get("incidents"))["incidents"] == []
    assert (await rig.post("replays"))["changes"] == []


async def test_grafanas_history_is_told_with_its_labels(rig: Rig) -> None:
    """A file is what the API answers, a list for each column; a row again adds nothing, and it opens nothing."""
    line = {
        "schemaVersion": 1, "previous": "Normal", "current": "Alerting", "ruleTitle": "Slow", "ruleUID": "abc",
        "fingerprint": "f00", "labels": {"alertname": "Slow", "service": "cart", "severity": "critical"},
    }  # fmt: skip
    at, names = 1772632800123, [{"name": name} for name in ("time", "line", "labels")]
    values = [[at, at + 60_000], [line, line | {"previous": "Alerting", "current": "Normal (NoData)"}], [{}, {}]]
    frame = {"schema": {"fields": names}, "data": {"values": values, "nanos": [[456789, 0], None, None]}}
    told = await brought(rig, "grafana", "history", frame, {"schema": {}, "data": {}})
    assert told["not_understood"] == ["a record that is none of rows of Grafana's GET /api/v1/rules/history"]
    by_title = {event.title: event for event in (await facts(rig)).values()}
    slow = by_title["Slow went from Normal to Alerting"]
    assert (slow.service, slow.severity, slow.occurred_at) == ("cart", "critical", at * 1000 + 456)
    assert by_title["Slow went from Alerting to Normal (NoData)"].entity == slow.entity
    again = await brought(rig, "grafana", "history", {"time": at * 1_000_000 + 456789, "line": line})
    assert (again["new"], again["known"]) == ([], 1)
    assert (await rig.get("incidents"))["incidents"] == []


async def test_the_event_recorders_file_is_what_it_sends(rig: Rig) -> None:
    """Each entry has the ids that it has as a delivery, wherever its time stands in it."""
    notification = recorder.entry("notification", recorder.notification([recorder.alert_of("Slow")], []))
    await rig.sent(replace(senders.alertmanager(alert()), body=json.dumps(notification).encode()))
    before = await facts(rig)
    turned = {
        "data": {"padding": "x" * 500, **notification["data"]},
        **{k: v for k, v in notification.items() if k != "data"},
    }
    came = await brought(rig, "alertmanager", "recorder", turned, {"@timestamp": "", "data": 5})
    assert [came["known"], came["not_understood"]] == [
        len(before), ["a record that is none of entries of the file of Alertmanager's event recorder"],
    ]  # fmt: skip


# --- the command ----------------------------------------------------------------------------------------------------


def run(url: str, *words: str, **more: Any) -> Any:
    return CliRunner().invoke(timelined, [*words, "--storage.url", url], catch_exceptions=False, **more)


def test_a_file_of_events_is_brought_in(database: str, tmp_path: Path) -> None:
    """One on each line; a line that is no JSON is named, and then nothing is recorded."""
    make_log(database)
    said = {"specversion": "1.0", "type": "com.acme.restart", "source": "/ops", "time": "2026-03-04T14:02:00Z"}
    lines = [json.dumps(said | {"id": str(number)}) for number in range(450)]
    file = tmp_path / "events.jsonl"
    file.write_text("\n".join([*lines, "{"]))
    failed = run(database, "import", "file", "cloudevents", "events", str(file))
    assert (failed.exit_code, "line 451 is no JSON" in failed.stderr) == (1, True)
    file.write_text("\n".join(lines))
    done = run(database, "import", "file", "cloudevents", "events", str(file), "-o", "json")
    assert json.loads(done.stdout) | {"not_understood": {}} == {
        "records": 450, "new": 450, "known": 0, "merged": 0, "withdrawn": 0, "not_understood": {},
    }  # fmt: skip
    again = json.loads(run(database, "import", "file", "cloudevents", "events", str(file), "-o", "json").stdout)
    assert (again["new"], again["known"]) == (0, 450)
    wrong = run(database, "import", "file", "cloudevents", "alerts", str(file))
    assert "no such form; it takes events" in wrong.stderr
    assert "no source has this name" in run(database, "import", "file", "clouds", "events", str(file)).stderr


def test_an_import_that_is_cut_off_is_finished_by_the_next(database: str, tmp_path: Path) -> None:
    """Killed twice on the way: in the end each event stands there once."""
    make_log(database)
    said = {"specversion": "1.0", "type": "com.acme.restart", "source": "/ops", "time": "2026-03-04T14:02:00Z"}
    lines = [json.dumps(said | {"id": str(number)}) for number in range(900)]
    for cut in (250, 700, 900):
        file = tmp_path / "events.jsonl"
        file.write_text("\n".join(lines[:cut]))
        assert run(database, "import", "file", "cloudevents", "events", str(file)).exit_code == 0
    listed = json.loads(run(database, "events", "--source", "cloudevents", "--limit", "1000", "-o", "json").stdout)
    assert len(listed["events"]) == 900
    assert len({event["id"] for event in listed["events"]}) == 900


@pytest.mark.parametrize(
    ("content", "count"),
    [
        (b'[{"a":1},{"a":2}]', 2), (b'{"log_entries":[{"a":1}]}{"log_entries":[{"a":2},{"a":3}]}', 3),
        (b'[{"a":1}]\n[{"a":2}]', 2), (b'{"a":1}\n{"a":2}\n\n', 2), (b'\xef\xbb\xbf{"a":[1]}', 1),
        (b'{"limit": 25, "log_entries": [ ], "more": [{"a": "]"}]}', 0), (b'{"log_entries": 5}\n{}', 2),
        (b'\x1e{"a":1}\n\x1e{"a":2}\n', 2), (b"[1234567890, 12, true, \"x\\\"y\"]", 4), (b"12 34", 2),
        (b'[{"a":1}],\r\n[]', 1),
    ],
)  # fmt: skip
def test_records_are_found_in_every_way_of_writing_pages(content: bytes, count: int) -> None:
    """However the file is read: whole, or a byte at a time."""
    whole = list(records(io.BytesIO(content), "x.json", "log_entries"))
    assert len(whole) == count
    assert list(records(_Slow(content), "x.json", "log_entries")) == whole


class _Slow(io.BytesIO):
    """Gives out a byte at a time."""

    def read(self, _: int | None = -1, /) -> bytes:
        return super().read(1)


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"[]", "there is no record in it"), (b"", "there is no record in it"),
        (b"[1,", "line 1 is no JSON (Expecting value)"), (b"\xff", "it is not UTF-8, at byte 0"),
        (b'[{"a": 1},\n{"a": "\xc3\x28"}]', "it is not UTF-8, at byte 18"),
        (b'{"a": 1}\n\n{"a": 01}', "line 3 is no JSON (, or } is missing)"),
        (b'[{"a": 1},\n\n{"a": 01}]', "line 3 is no JSON (Expecting ',' delimiter)"),
        (b'[{"a": 1}\n{"a": 2}]', "line 2 is no JSON (, or ] is missing)"),
        (b'{"log_entries": [{"a": 1}],\n more: 2}', "line 2 is no JSON (a name in quotes is missing)"),
        (b'[{"a": NaN}]', "line 1 is no JSON (NaN is no number)"),
        (b"[" * 100_000, "line 1 is no JSON (it is nested too deeply)"),
        (b'{"a": "x', "line 1 is no JSON (Unterminated string starting at)"),
    ],
)  # fmt: skip
def test_what_holds_no_record_is_refused(content: bytes, sentence: str) -> None:
    """With the line, and before anything is brought in."""
    for file in (io.BytesIO(content), _Slow(content)):
        with pytest.raises(InvalidInput, match=rf"cannot import x\.json: {re.escape(sentence)}"):
            counted(file, "x.json", "log_entries")


@pytest.mark.parametrize(("before", "after"), [(b"[", b"]"), (b'{"log_entries":[', b'],"limit":1}'), (b"", b"")])
def test_no_more_of_a_file_is_in_memory_than_a_few_records(before: bytes, after: bytes) -> None:
    """Twenty megabytes in a list, a page, or on a line each: what is read and not yet given out stays small."""
    record = json.dumps({"id": "R1", "text": "x" * 900}).encode() + (b"," if before else b"\n")

    def written() -> Iterator[bytes]:
        yield before or b"\n"
        for _ in range(20_000):
            yield record
        yield (b'{"id":"last"}' if before else b"") + after

    file, given_out = _Growing(written()), 0
    for found in records(cast("BinaryIO", file), "x.json", "log_entries"):
        given_out += len(found) + 1
        assert file.taken - given_out < 4 * inputs.CHUNK
    assert file.taken > 18_000_000


class _Growing:
    """A file that is made while it is read."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces, self.taken = pieces, 0

    def seek(self, _: int) -> None:
        """It is read once."""

    def read(self, size: int) -> bytes:
        text = b""
        while len(text) < size and (piece := next(self._pieces, b"")):
            text += piece
        self.taken += len(text)
        return text


def test_one_record_larger_than_any_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that is no list of records is not read into memory on the search for its end."""
    monkeypatch.setattr(records_module, "LONGEST", 100_000)
    file = io.BytesIO(b'{"a": 1}\n{"a": "' + b"x" * 1_000_000)
    with pytest.raises(InvalidInput, match="the record that begins in line 2 has more than 100,000 characters"):
        counted(file, "x.json")


def test_what_can_be_read_once_is_brought_in(database: str, tmp_path: Path) -> None:
    """Out of standard input and out of a pipe with a name."""
    make_log(database)
    event = json.dumps({"specversion": "1.0", "type": "com.acme.restart", "source": "/ops", "id": "7"})
    words = ("import", "file", "cloudevents", "events")
    assert json.loads(run(database, *words, "-", "-o", "json", input=event).stdout)["new"] == 1
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    writer = threading.Thread(target=pipe.write_text, args=(event,))
    writer.start()
    assert json.loads(run(database, *words, str(pipe), "-o", "json").stdout) | {"not_understood": {}} == {
        "records": 1, "new": 0, "known": 1, "merged": 0, "withdrawn": 0, "not_understood": {},
    }  # fmt: skip
    writer.join()
    gone = run(database, *words, str(tmp_path / "gone.json"))
    assert (gone.exit_code, "gone.json: No such file or directory" in gone.stderr) == (1, True)


# --- a timeline that people wrote -----------------------------------------------------------------------------------

TABLE = """time,text,by,kind
2026-03-04 15:05,"Ana paged the database team, by phone",Ben,
2026-03-04T14:10:00Z,Errors went down,,mitigated
2026-03-04 15:30,Write a runbook,Ana,action
"""


def test_a_written_timeline_becomes_statements(database: str, tmp_path: Path) -> None:
    """In the zone that was named; the same table again adds nothing, and a time without a zone is refused."""
    make_log(database)
    opened = run(database, "open", "Errors in checkout", "--at", "2026-03-04 14:00", "--by", "Ana")
    assert opened.exit_code == 0, opened.output
    file = tmp_path / "timeline.csv"
    file.write_text(TABLE)
    words = ("import", "csv", str(file), "--incident", "1", "--by", "Cleo")
    refused = run(database, *words)
    assert refused.exit_code == 1
    assert (
        "line 2: time is '2026-03-04 15:05', which has no offset; say which zone that is with --zone" in refused.stderr
    )
    done = run(database, *words, "--zone", "Europe/Berlin", "-o", "json")
    assert json.loads(done.stdout) == {"rows": 3, "new": 3, "known": 0}
    again = run(database, *words, "--zone", "Europe/Berlin", "-o", "json")
    assert json.loads(again.stdout) == {"rows": 3, "new": 0, "known": 3}
    told = json.loads(run(database, "incident", "1", "-o", "json").stdout)["events"]
    statements = {(event["type"], event["title"], event["actor"], event["occurred_at"]) for event in told}
    note = "Ana paged the database team, by phone"
    assert ("note.added", note, "Ben", "2026-03-04T14:05:00Z") in statements
    assert any((kind, by, at) == ("mark.set", "Cleo", "2026-03-04T14:10:00Z") for kind, _, by, at in statements)


@pytest.mark.parametrize(
    ("table", "sentence"),
    [
        ("when,text\n", "its first line has 'when', which is no column"),
        ("text\nx\n", "names no column 'time'"),
        ("time,text\n2026-03-04T14:00:00Z,\n", "line 2: text is empty"),
        ("time,text,incident\nyesterday,x,1\n", "line 2: time is 'yesterday'"),
        ("time,text,incident\n2026-03-04T14:00:00Z,x,0\n", "line 2: incident is '0'; write its number"),
        (
            "time,text,incident\n2026-03-04T14:00:00Z,x,#1\n2026-03-04T14:00:00Z,x,eu/3\n",
            "cannot import -: line 3: incident is 'eu/3', and rows are brought into the log 'default'; bring",
        ),
        ("time,text,kind\n2026-03-04T14:00:00Z,x,song\n", "line 2: kind is 'song'; use one of note"),
        ("time,text\n2026-03-04T14:00:00Z,x,y\n", "line 2: it has more cells"),
        ("time;text\n2026-03-04T14:00:00Z;x\n", "line 2: it does not say which incident"),
        ("time,text\n", "it has no rows"),
    ],
)
def test_a_table_is_checked_before_any_of_it_is_recorded(database: str, table: str, sentence: str) -> None:
    """Each mistake with its line."""
    failed = run(database, "import", "csv", "-", "--by", "Ana", input=table)
    assert failed.exit_code == 1
    assert sentence in failed.stderr


async def test_only_who_may_write_brings_in(rig: Rig) -> None:
    """Another content type is refused, as a form of another site would send it."""
    url = f"{rig.served.address}/api/v1/imports/alertmanager?form=alerts"
    async with aiohttp.ClientSession() as session, session.post(url, data=b"[]") as answer:
        assert answer.status == 415
