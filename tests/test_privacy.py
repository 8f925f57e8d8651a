"""Private incidents: whoever may not read of one finds no trace of it, whatever is asked; whoever may is told so."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from collector import people
from collector.correlation import Rules
from collector.drafting.rendering import postmortem
from collector.event import MINUTE, Event
from collector.following.follower import Follower
from collector.log import Submission
from collector.projections import EventFilter, Projections
from collector.projections.privacy import READER
from collector.web.seen import SeenLog
from renderers.choices import FORMATS
from tests import new_logs
from tests.face import NOW, Face
from tests.lists import opened
from tests.postgres import Server
from tests.private_incidents import (
    LAST,
    OUTSIDE,
    STREAMS,
    addresses,
    asked,
    bearer,
    made_private,
    traces,
    two_incidents,
    vault,
)
from tests.stories import change, firing


@pytest.fixture
async def face(tmp_path: Path) -> AsyncIterator[Face]:
    async with two_incidents(tmp_path) as face:
        yield face


@pytest.mark.parametrize("token", OUTSIDE)
async def test_no_address_tells_of_it(face: Face, token: str) -> None:
    """Each one that names it, one of its events or of its deliveries is a 404; all others have no trace of it."""
    number = await vault(face)
    await asked(face, f"/api/v1/incidents/{number}/notes", text="Locked the vault")
    await made_private(face)
    words, filling = await traces(face, number)
    looked = 0
    for address in addresses(face):
        path = re.sub(r"{(\w+)(?::[^}]*)?}", lambda found: filling.get(found[1], "x"), address)
        answer = await face.get(path, headers={**bearer(token), "Accept": "*/*"})
        names = {name for name in ("number", "event", "delivery") if f"{{{name}" in address}
        if names:
            assert answer.status == 404, (path, answer.body[:300])
            looked += 1
        text = answer.body.decode("utf-8", "replace")
        for word in (filling["event"], path) if names else ():
            text = text.replace(word, "")
        assert not [word for word in words if word in text], (path, text[:2000])
        assert answer.status < 500 or path == "/-/ready", (path, answer.body)
    assert looked >= 15


async def test_pages_tell_nothing_of_it(face: Face) -> None:
    """What a browser is shown: the list, many incidents together, deliveries, and a search for its very words."""
    number = await made_private(face)
    words, _ = await traces(face, number)
    as_page = {**bearer("outsider"), "Accept": "text/html"}
    paths = ("/", "/incidents", "/incidents?text=vault", "/incidents?service=vault", "/analytics", "/deliveries")
    for path in paths:
        answer = await face.get(path, headers=as_page)
        assert answer.status == 200, (path, answer.body)
        text = answer.body.decode()
        for name in ("text", "service"):  # what was asked for
            for echoed in (f"{name}=vault", '"vault"', f'<span class="none">{name}</span> <bdi>vault</bdi>'):
                text = text.replace(echoed, "")
        assert not [word for word in words if word in text], path
    for path in (f"/incidents/{number}", f"/incidents/{number}/changes", f"/merge/{number}"):
        assert (await face.get(path, headers=as_page)).status == 404, path


async def test_counts_and_searches_are_as_if_it_had_never_been(face: Face) -> None:
    """By status, service, type and position; in metrics; and in what an incident's draft says of its neighbours."""
    number = await made_private(face)
    other = 3 - number
    seen = (await asked(face, "/api/v1/incidents", "outsider")).json["incidents"]
    assert [row["number"] for row in seen] == [other]
    assert (await asked(face, "/api/v1/incidents?service=vault", "outsider")).json["incidents"] == []
    assert [row["incident"] for row in (await asked(face, "/api/v1/signals", "outsider")).json["signals"]] == [other]
    token = READER.set(frozenset())
    try:
        assert sum((await face.lists.counts()).values()) == 1
        assert (await face.lists.across(0, NOW)).episodes == 1
    finally:
        READER.reset(token)
    metrics = (await face.get("/metrics", headers=bearer("outsider"))).body.decode()
    assert "vault" not in metrics
    deliveries = (await asked(face, "/api/v1/deliveries", "outsider")).json["deliveries"]
    assert len(deliveries) == len((await asked(face, "/api/v1/deliveries")).json["deliveries"]) - 1
    counted = [
        sum(each["received"] for each in (await asked(face, "/api/v1/sources", token)).json["sources"])
        for token in ("everything", "outsider")
    ]
    assert counted == [2, 1]
    whole = (await asked(face, "/api/v1/deliveries?limit=1", "outsider")).json
    assert len(whole["deliveries"]) == 1
    for form in FORMATS:
        assert "VaultOpened" not in (await postmortem(face.lists, other, format=form, options={"detail": "all"}) or "")


async def test_whoever_is_in_the_group_reads_it_and_is_told(face: Face) -> None:
    """The mark is in lists, in events, in signals and in drafts of every format that has a head."""
    number = await made_private(face)
    for token in ("insider", "guard", "everything"):
        rows = {
            row["number"]: row["private"] for row in (await asked(face, "/api/v1/incidents", token)).json["incidents"]
        }
        assert rows == {number: "security", 3 - number: None}
        events = (await asked(face, f"/api/v1/incidents/{number}/events", token)).json["events"]
        assert {event["private"] for event in events} == {"security"}
        one = (await asked(face, f"/api/v1/events/{events[0]['id']}", token)).json
        assert one["events"][0]["private"] == "security"
    others = (await asked(face, f"/api/v1/incidents/{3 - number}/events")).json["events"]
    assert {event["private"] for event in others} == {None}
    for form in ("md", "html", "confluence", "json", "archive"):
        shown = await postmortem(face.lists, number, format=form) or ""
        assert "private to security" in shown or '"private": "security"' in shown, form
    page = await face.get("/incidents", headers={**bearer("guard"), "Accept": "text/html"})
    assert "private to" in page.body.decode()


async def test_it_is_opened_again_and_only_by_who_may(face: Face) -> None:
    """A token outside finds nothing to change, and names no group that it is not in; what is public again is found."""
    number = await made_private(face)
    path = f"/api/v1/incidents/{number}/private"
    (await asked(face, path, "outsider", group="shop")).problem(404)
    detail = (await asked(face, path, "guard", group="legal")).problem(403)["detail"]
    assert "legal" in detail
    assert (await asked(face, path, "guard", group="")).status == 201
    await face.followed()
    assert (await asked(face, f"/api/v1/incidents/{number}", "outsider")).json["private"] is None
    (await asked(face, path, "guard", group="a\x00b")).problem(403)
    (await asked(face, path, group=" x ")).problem(422)


async def test_a_statement_taken_back_or_erased_opens_nothing_by_mistake(face: Face) -> None:
    """Taken back, the one before holds."""
    number = await made_private(face)
    answer = await asked(face, f"/api/v1/incidents/{number}/private", group="")
    await face.followed()
    assert (await asked(face, f"/api/v1/incidents/{number}", "outsider")).status == 200
    assert (await asked(face, f"/api/v1/events/{answer.json['event']}/retract", reason="no")).status == 201
    await face.followed()
    (await asked(face, f"/api/v1/incidents/{number}", "outsider")).problem(404)


async def test_incidents_that_become_one_need_every_group(face: Face) -> None:
    """One of two that are merged was private: both are. Both were, to others: a reader needs both groups."""
    number = await made_private(face)
    other = 3 - number
    await asked(face, f"/api/v1/incidents/{number}/merge", other=other)
    await face.followed()
    for each in (number, other):
        (await asked(face, f"/api/v1/incidents/{each}", "outsider")).problem(404)
        assert (await asked(face, f"/api/v1/incidents/{each}", "guard")).status == 200
    keys = (await face.lists.private()).keys
    assert len(keys) == 1
    assert (await asked(face, "/api/v1/incidents", "outsider")).json["incidents"] == []
    assert (await asked(face, f"/api/v1/incidents/{number}/private", group="")).status == 201
    await face.followed()
    assert (await asked(face, f"/api/v1/incidents/{other}", "outsider")).status == 200


async def test_what_is_split_off_is_as_private(face: Face) -> None:
    """Until somebody says otherwise of it."""
    number = await vault(face)
    rings = [{"name": "VaultAlarm", "at": NOW - LAST + MINUTE, "loud": True, "service": "vault"}]
    assert (await face.deliver(json.dumps(rings).encode())).status == 202
    await face.followed()
    await made_private(face)
    events = (await asked(face, f"/api/v1/incidents/{number}/events")).json["events"]
    alarm = next(event["id"] for event in events if event["title"] == "VaultAlarm")
    apart = (await asked(face, f"/api/v1/incidents/{number}/split", events=[alarm])).json["incident"]
    await face.followed()
    assert apart != number
    (await asked(face, f"/api/v1/incidents/{apart}", "outsider")).problem(404)
    assert (await asked(face, f"/api/v1/incidents/{apart}/private", group="")).status == 201
    await face.followed()
    assert (await asked(face, f"/api/v1/incidents/{apart}", "outsider")).status == 200
    (await asked(face, f"/api/v1/incidents/{number}", "outsider")).problem(404)


@pytest.mark.parametrize("address", STREAMS)
async def test_a_stream_leaves_it_out(face: Face, address: str) -> None:
    """What was there before and what comes: a reader outside is told what is public, whoever listened first."""
    number = await made_private(face)
    received: dict[str, bytes] = {}
    for token in ("guard", "outsider"):
        async with face.client.get(address, headers=bearer(token)) as stream:
            await asked(face, f"/api/v1/incidents/{number}/notes", text=f"Secret for {token}")
            await asked(face, f"/api/v1/incidents/{3 - number}/notes", text=f"Public for {token}")
            received[token] = b""
            while f"Public for {token}".encode() not in received[token]:
                received[token] += await stream.content.readany()
    assert b"VaultOpened" in received["guard"]
    assert b"Secret for guard" in received["guard"]
    assert b'"private":"security"' in received["guard"]
    assert not [word for word in (b"VaultOpened", b"Secret", b"vault") if word in received["outsider"]]


async def test_a_stream_names_no_private_incident_of_what_is_of_a_public_one_too(face: Face) -> None:
    """One deployment may matter to two incidents: each reader is told of one that they may read of."""

    async def tell(event: Event) -> None:
        plain = Event(**{name: getattr(event, name) for name in Event.__struct_fields__})
        sent = Submission(source="test", received_at=face.now, body=b"x", events=(plain,))
        await face.log.append([sent])
        await face.followed()

    await tell(firing("A", 0, environment="production"))
    await tell(firing("B", 1, environment="staging"))
    assert (await asked(face, "/api/v1/incidents/3/private", group="security")).status == 201
    await face.followed()
    for at, (token, number) in enumerate((("guard", 3), ("outsider", 4))):
        for address in (each.partition("?")[0] for each in STREAMS):
            async with face.client.get(address, headers=bearer(token)) as stream:
                deploy = change(f"d{at}{address}", -5)
                await tell(deploy)
                line = b""
                while deploy.id.encode() not in line:
                    line = await stream.content.readline()
            assert json.loads(line.removeprefix(b"data: "))["incident"] == number, (token, address)


async def test_it_is_hidden_over_postgresql_as_well(postgres: Server) -> None:
    """The same statements hide it there: in lists, in events, in the log by id, and in counts."""
    url = new_logs.placed_in(postgres)
    async with opened(url) as (log, base):
        assert await log.lead()
        rings = [firing("CartSlow", 0, "cart"), firing("VaultOpened", 500, "vault")]
        statement = people.restricted(
            key="k", by="Ada", stated_at=rings[1].received_at + 1, incident=rings[1].id, group="security"
        )
        for source, event in (("test", rings[0]), ("test", rings[1]), ("people", statement)):
            fields = {name: getattr(event, name) for name in Event.__struct_fields__}
            at = rings[1].received_at + 2
            await log.append([Submission(source=source, received_at=at, body=b"x", events=(Event(**fields),))])
        await Follower(base, log, Rules()).catch_up()
        lists = Projections(base, Rules())
        assert [row.private for row in await lists.incidents()] == ["security", None]
        for groups, numbers in ((frozenset(), [1]), (frozenset({"security"}), [2, 1])):
            token = READER.set(groups)
            try:
                assert [row.number for row in await lists.incidents()] == numbers
                assert sum((await lists.counts()).values()) == len(numbers)
                found = await SeenLog(log, lists).read_ids([each.id for each in rings])
                assert len(found) == len(numbers)
                assert {event.title for event in await lists.events(EventFilter(type="alert.*"))} == {
                    each.title for each in rings[: len(numbers)]
                }
                assert len(await lists.resolve_id(rings[1].id)) == len(numbers) - 1
            finally:
                READER.reset(token)
