"""Stored deliveries read again: what a fixed parser makes of them, once, and with people's words and erasures kept."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
import pytest
from click.testing import CliRunner

from collector import daemon
from collector.cli import timelined
from collector.correlation import Rules
from collector.event import Event, RecordedEvent, current
from collector.intake import Endpoint
from collector.projections.regrouped import RegroupingDifference, compare
from collector.reparsing import Selection
from collector.settings import load_settings
from collector.verification.verify import Beyond, verify
from collector.webhook import Reading, Webhook
from tests import senders
from tests.served import SECRET, Rig, alert, serving

BLIND = Reading(service_labels=("nothing",), severity_labels=("nothing",))
"""A reading that finds neither service nor severity: what an older configuration may have been."""
MARKS = ("reread_at", "not_told")


@pytest.fixture
async def rig(tmp_path: Path) -> AsyncIterator[Rig]:
    async with serving(tmp_path) as made:
        yield made


def reading_as(rig: Rig, change: Callable[[Endpoint], Endpoint], source: str = "alertmanager") -> None:
    """Have the daemon read one source's deliveries otherwise from now on."""
    known = daemon.endpoints(rig.served.runtime.settings)
    rig.served.runtime.intake.serve({**known, source: change(known[source])})


def with_parser(parse: Callable[[Webhook, Reading], tuple[Event, ...]]) -> Callable[[Endpoint], Endpoint]:
    """The source with this parser."""
    return lambda endpoint: msgspec.structs.replace(
        endpoint, source=msgspec.structs.replace(endpoint.source, parse=parse)
    )


def blind(endpoint: Endpoint) -> Endpoint:
    return msgspec.structs.replace(endpoint, reading=BLIND)


def same(endpoint: Endpoint) -> Endpoint:
    return endpoint


def failing(webhook: Webhook, reading: Reading) -> tuple[Event, ...]:
    raise KeyError("a parser's mistake")


async def replayed(rig: Rig, **fields: Any) -> list[dict[str, Any]]:
    """All changes of one pass, some deliveries at a time; the lists have taken them in."""
    changes: list[dict[str, Any]] = []
    after = 0
    while after is not None:
        answer = await rig.post("replays", limit=2, after=after, **fields)
        assert answer["answered"] in (200, 201), answer
        changes += answer["changes"]
        after = answer["after"]
    await rig.caught_up()
    return changes


async def told_an_evening(rig: Rig) -> None:
    """Alerts of two services with repeats and a text that changes, a page, and a change."""
    first, other = alert(summary="12% fail"), alert("SlowCart", service="cart")
    page = senders.page(311, "Errors", at="14:03")
    for sent in (
        senders.merged(7, "acme/checkout", "Rotate keys", at="13:58", by="ana"),
        senders.alertmanager(first, other),
        senders.alertmanager(alert(summary="31% fail"), other, peer="am-1"),
        page.triggered(),
        page.acknowledged("14:05", by="Ana"),
        senders.alertmanager(first.resolved("14:20"), other.resolved("14:21")),
        page.resolved("14:22", by="Ana"),
    ):
        await rig.sent(sent)
    await rig.caught_up()


async def facts(rig: Rig) -> dict[str, Event]:
    """What senders' events say now, without marks of how they came to say it."""
    events = await rig.log.read(limit=1000)
    return {event.id: bare(event) for event in current(events) if event.source not in ("timelined", "people")}


def bare(event: RecordedEvent) -> Event:
    fields = {name: getattr(event, name) for name in Event.__struct_fields__}
    data = {key: value for key, value in event.data.items() if key not in MARKS}
    # What the daemon derives from when it was told follows this run's clock.
    moments = {"occurred_at": 0} if event.type == "alert.updated" else {}
    return Event(**{**fields, **moments, "revision": 0, "amendment": "", "data": data})


async def head(rig: Rig) -> int:
    return await rig.log.head()


async def assert_sound(rig: Rig) -> None:
    """The log verifies, and the lists are what it makes of them."""
    verdict = await rig.log.query(partial(verify, beyond=Beyond()))
    assert verdict.differences == ()
    assert await rig.served.runtime.lists.query(partial(compare, rules=Rules())) == RegroupingDifference()


@pytest.mark.parametrize("mistake", [blind, with_parser(failing)])
async def test_a_fixed_parser_leaves_what_it_would_have_stored(
    tmp_path: Path, mistake: Callable[[Endpoint], Endpoint]
) -> None:  # fmt: skip
    """Whatever was misread, after reading again the log says what it says where it was read rightly at first."""
    async with serving(tmp_path / "healed") as rig, serving(tmp_path / "right") as right:
        reading_as(rig, mistake)
        await told_an_evening(rig)
        reading_as(rig, same)
        await told_an_evening(right)
        before = await head(rig)
        planned = await replayed(rig, dry_run=True)
        assert await head(rig) == before
        done = await replayed(rig)
        # What the log derives from what it is told now is known only once it is told.
        assert {c["event"] for c in planned} <= {c["event"] for c in done}
        assert {c["type"] for c in done if c["event"] not in {p["event"] for p in planned}} <= {"alert.updated"}
        assert await facts(rig) == await facts(right)
        listed, expected = await rig.get("incidents"), await right.get("incidents")
        assert expected["incidents"] != []
        same_in = ("status", "title", "started_at", "ended_at", "services", "severity", "events")
        assert [[row[name] for name in same_in] for row in listed["incidents"] if not row["merged_into"]] == [
            [row[name] for name in same_in] for row in expected["incidents"]
        ]
        await assert_sound(rig)
        after = await head(rig)
        assert await replayed(rig) == []
        assert await head(rig) == after


async def test_the_draft_says_what_was_read_again(rig: Rig) -> None:
    """With the event that proves it, and with how it was read at first."""
    reading_as(rig, blind)
    await told_an_evening(rig)
    reading_as(rig, same)
    await replayed(rig)
    draft = await rig.get("incidents/1/postmortem.md")
    assert "read again, the service of " in draft
    assert "it had been unknown" in draft


async def test_what_was_not_understood_is_found_and_said(rig: Rig) -> None:
    """The event that nothing was understood goes, and the draft says that the rest was found later."""
    reading_as(rig, with_parser(failing))
    await rig.sent(senders.alertmanager(alert()))
    await rig.caught_up()
    assert (await rig.get("incidents"))["incidents"] == []
    reading_as(rig, same)
    changes = await replayed(rig, status="unrecognised")
    assert sorted((c["change"], c["type"]) for c in changes) == [
        ("new", "alert.firing"), ("withdrawn", "source.unrecognised"),
    ]  # fmt: skip
    draft = await rig.get("incidents/1/postmortem.md")
    assert "Since its delivery was read again, 1 event was found that nobody had understood at first" in draft
    assert "not understood" not in draft.replace("understood at first", "")


async def test_what_people_said_stands_above_a_parser(rig: Rig) -> None:
    """A corrected field stays corrected, and says so; what was retracted stays out."""
    reading_as(rig, blind)
    told = await rig.sent(senders.alertmanager(alert(), alert("SlowCart", service="cart")))
    corrected, retracted = (item["event"] for item in told["items"])
    await rig.post(f"events/{corrected}/correct", title="Errors", severity="page", by="Ana", reason="clearer")
    await rig.post(f"events/{retracted}/retract", by="Ana", reason="a test")
    reading_as(rig, same)
    (change,) = await replayed(rig)
    assert (change["event"], change["change"]) == (corrected, "changed")
    assert change["fields"]["service"] == {"before": None, "after": "checkout"}
    last = (await rig.log.read_ids([corrected]))[-1]
    assert (last.title, last.severity, last.service, last.amendment) == ("Errors", "page", "checkout", "correction")
    assert last.data["corrected"] == ["severity", "title"]
    assert (await rig.log.read_ids([retracted]))[-1].amendment == "retraction"
    assert await replayed(rig) == []
    await assert_sound(rig)


async def test_what_a_delivery_does_not_tell_is_withdrawn_and_may_come_back(rig: Rig) -> None:
    """A parser that invented an event, one that does not, and the first again."""
    parse = daemon.endpoints(rig.served.runtime.settings)["alertmanager"].source.parse

    def only_first(webhook: Webhook, reading: Reading) -> tuple[Event, ...]:
        return parse(webhook, reading)[:1]

    receipt = await rig.sent(senders.alertmanager(alert(), alert("SlowCart", service="cart")))
    again = await rig.sent(senders.alertmanager(alert(), alert("SlowCart", service="cart"), peer="am-1"))
    assert [item["known"] for item in again["items"]] == [True, True]
    event = receipt["items"][1]["event"]
    for parser, what, stays in ((only_first, "withdrawn", False), (parse, "restored", True)):
        reading_as(rig, with_parser(parser))
        assert [(c["event"], c["change"]) for c in await replayed(rig)] == [(event, what)]
        assert (event in await facts(rig)) is stays
        assert await replayed(rig) == []
    await assert_sound(rig)


async def test_a_parser_that_understands_less_changes_nothing(rig: Rig) -> None:
    """What was understood is not given up for a mistake of today's."""
    await told_an_evening(rig)
    reading_as(rig, with_parser(failing))
    before = await head(rig)
    told = await rig.post("replays")
    assert told["changes"] == []
    assert sum(told["skipped"].values()) == 3
    assert await head(rig) == before


async def test_what_was_removed_stays_removed(rig: Rig) -> None:
    """An erased event and an erased body are left; an event that was found later takes its delivery's body with it."""
    reading_as(rig, with_parser(failing))
    receipt = await rig.sent(senders.alertmanager(alert(pod=SECRET)))
    repeat = await rig.sent(senders.alertmanager(alert(pod=SECRET), peer="am-1"))
    reading_as(rig, same)
    (event,) = [c["event"] for c in await replayed(rig) if c["change"] == "new"]
    done = await rig.erase(event)
    assert done["deliveries"] == [receipt["delivery"], repeat["delivery"]]
    assert rig.found() == []
    receipt = await rig.post("replays")
    assert (receipt["changes"], receipt["skipped"]) == ([], {"the body was removed": 2})


async def test_what_was_redacted_stays_redacted(tmp_path: Path) -> None:
    """The ids are those of what was sent, the values stay out, and the count of them is the first one."""
    configured = tmp_path / "timelined.yml"
    configured.write_text(
        "sources:\n  alertmanager:\n    open: true\n    service_labels: [nothing]\n"
        "    redact:\n      patterns: ['kestrel-[0-9]+']\n"
    )
    settings = load_settings(
        configured, {}, {"storage.url": f"sqlite:///{tmp_path / 'timelined.db'}", "web.listen_address": "127.0.0.1:0"}
    )
    async with daemon.running(settings) as served:
        sent = senders.alertmanager(alert(pod=SECRET, summary=f"see {SECRET}"))
        receipt = await served.runtime.intake.receive(
            "alertmanager", sent.headers, sent.body, "", 1_772_632_900_000_000
        )
        known = daemon.endpoints(settings)["alertmanager"]
        fixed = msgspec.structs.replace(known, reading=Reading())
        served.runtime.intake.serve({"alertmanager": fixed})
        rig = Rig(tmp_path, served, None)  # type: ignore[arg-type]
        app = served.runtime
        found = await app._reparse(Selection(), False)
        assert [(c.event, c.change, c.fields["service"]) for c in found.changes] == [
            (receipt.items[0].event_id, "changed", (None, "checkout"))
        ]
        last = (await served.log.read_ids([receipt.items[0].event_id]))[-1]
        assert (last.labels["pod"], last.data["redacted"]) == ("[redacted]", 2)
        assert (await app._reparse(Selection(), False)).changes == []
        await served.runtime.intake.receive("alertmanager", sent.headers, b"{}", "", 1_772_632_900_000_001)
        (listed,) = await served.log.deliveries(status="redacted")
        assert (listed.id, listed.redacted) == (receipt.delivery, 2)
        assert rig.found() == []


# --- the command --------------------------------------------------------------------------------------------------


def run(folder: Path, *words: str, url: str = "") -> Any:
    """The command over the log in a folder, or at ``url``, which no daemon holds; its configuration names the service
    labels."""
    storage = url or f"sqlite:///{folder / 'timelined.db'}"
    config = ("--config.file", str(folder / "timelined.yml"), "--storage.url", storage)
    return CliRunner().invoke(timelined, [*words[:1], *config, *words[1:]], catch_exceptions=False)


def misread_in(folder: Path, url: str = "") -> Path:
    """Have an evening read without services, and leave a configuration that finds them."""

    async def told() -> None:
        async with serving(folder, url) as rig:
            reading_as(rig, blind)
            await told_an_evening(rig)

    asyncio.run(told())
    (folder / "timelined.yml").write_text(f"drafts:\n  dir: {folder / 'drafts'}\n")
    return folder


@pytest.fixture
def misread(tmp_path: Path) -> Path:
    """A log of an evening that was read without services, and a configuration that finds them."""
    return misread_in(tmp_path)


def test_over_postgresql_a_dry_run_shows_changed_events_alone(
    tmp_path: Path, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No copy of it can be made from here, and the command says that this is why the rest is not shown."""
    # Over PostgreSQL a daemon keeps its proofs below where it runs.
    monkeypatch.chdir(tmp_path)
    misread_in(tmp_path, url)
    dry = run(tmp_path, "replay", "--dry-run", url=url)
    assert dry.exit_code == 0, dry.output
    assert "service: nothing -> checkout" in dry.stdout
    assert "incident-1.md" not in dry.stdout
    assert "only where the database is a file" in dry.stderr
    done = run(tmp_path, "replay", "--yes", url=url)
    assert (done.exit_code, "changed event" in done.stderr) == (0, True), done.output
    assert "Nothing would change" in run(tmp_path, "replay", "--dry-run", url=url).stderr


def test_the_command_shows_first_and_then_writes(misread: Path) -> None:
    """A dry run shows events, incidents and drafts and leaves all as it was; the same is then written, once."""
    before = json.loads(run(misread, "incidents", "-o", "json").stdout)
    dry = run(misread, "replay", "--dry-run")
    assert dry.exit_code == 0, dry.output
    assert "service: nothing -> checkout" in dry.stdout
    assert "~ incident 1: " in dry.stdout
    assert "+++ incident-1.md (then)" in dry.stdout
    assert json.loads(run(misread, "incidents", "-o", "json").stdout) == before
    asked = run(misread, "replay")
    assert (asked.exit_code, "say --yes" in asked.stderr) == (1, True)
    assert json.loads(run(misread, "incidents", "-o", "json").stdout) == before
    done = run(misread, "replay", "--yes")
    assert "changed event" in done.stderr
    after = json.loads(run(misread, "incidents", "-o", "json").stdout)
    assert after != before
    planned = json.loads(run(misread, "replay", "--dry-run", "-o", "json").stdout)
    assert (planned["changes"], planned["incidents"], planned["drafts"]) == ([], [], [])
    assert "Nothing to change" in run(misread, "replay", "--yes").stderr
