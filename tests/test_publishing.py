"""Publishing: to a real Git repository, to a stand-in for GitHub; once, never over somebody's edit, and tried again."""

from __future__ import annotations

import re
from unittest.mock import AsyncMock

import pytest

from collector import people
from collector.drafting.rendering import postmortem
from collector.erasure import Eraser, Redrawn, RequestedErasure
from collector.event import HOUR, MINUTE, PUBLISHED, REVIEWED, REVISED
from collector.people.forgetting import DIGESTS, UNKNOWN
from collector.web.keys import INTAKE
from tests.forge import TOKEN
from tests.published import PublishingSetup, below, pulled
from tests.published import setup as setup


async def test_a_postmortem_becomes_a_file_in_a_repository_once(setup: PublishingSetup) -> None:
    """An empty repository gets a branch; the same again changes nothing; a later draft takes its place."""
    dry = (await setup.publish("archive", dry_run=True)).json
    assert (dry["outcome"], setup.git("branch")) == ("would publish", "")
    assert "+# Postmortem Report: **incident-1**" in dry["diff"]
    first = await setup.publish("archive")
    assert (first.status, first.json["outcome"]) == (201, "published"), first.body
    path, text = setup.file()
    assert path == "postmortems/2025/0001-incident-1.md"
    assert text.startswith('---\ntitle: "incident-1"\nincident: 1\n')
    assert setup.git("rev-parse", "main").strip() == first.json["revision"]
    assert setup.git("log", "--format=%an|%s", "main") == "Ada|Publish the postmortem of incident 1\n"
    again = await setup.publish("archive")
    assert (again.status, again.json["outcome"], again.json["event"]) == (200, "unchanged", None)
    await setup.changed()
    dry = (await setup.publish("archive", dry_run=True)).json["diff"]
    assert "+Nobody could pay" in dry
    assert "\n # Postmortem" not in dry
    assert (await setup.publish("archive")).json["outcome"] == "published"
    assert "Nobody could pay" in setup.file()[1]
    assert setup.git("rev-list", "--count", "main") == "2\n"
    told = (await setup.face.get("/api/v1/incidents/1/publications")).json["publications"]
    assert [(each["target"], each["status"], each["by"]) for each in told] == [("archive", "published", "Ada")] * 2


async def test_what_somebody_edited_there_is_not_written_over(setup: PublishingSetup) -> None:
    """Neither an edit of what was published, nor a file that timelined never wrote."""
    await setup.publish("archive")
    _, text = setup.file()
    setup.edits(text.replace("# Postmortem Report", "# Our report"))
    await setup.changed()
    detail = (await setup.publish("archive")).problem(409)["detail"]
    assert "timelined pull 1 --target archive" in detail
    (await setup.publish("archive", dry_run=True)).problem(409)
    assert "# Our report" in setup.file()[1]
    setup.edits(text)
    assert (await setup.publish("archive")).json["outcome"] == "published"


async def test_a_pull_request_is_opened_once(setup: PublishingSetup) -> None:
    """The branch is the incident's own and begins at what it is to be merged into, whose files stay."""
    await setup.publish("archive")
    setup.git("update-ref", "refs/heads/other", "main")
    await setup.changed()
    first = (await setup.publish("reviewed")).problem(409)
    assert "did not write" in first["detail"]
    setup.edits("Nothing.\n")
    empty = setup.git("commit-tree", setup.git("mktree").strip(), "-m", "nothing").strip()
    setup.git("update-ref", "refs/heads/main", empty)
    answer = (await setup.publish("reviewed")).json
    assert (answer["outcome"], answer["request"]) == ("published", "https://github.example/acme/postmortems/pull/1")
    assert "Nobody could pay" in setup.file("timelined/incident-1")[1]
    assert setup.git("ls-tree", "main") == ""
    await setup.changed()
    assert (await setup.publish("reviewed")).json["request"] == answer["request"]
    assert [each["title"] for each in setup.forge.pulls] == ["Postmortem of incident 1: incident-1"]


async def test_a_postmortem_becomes_a_comment(setup: PublishingSetup) -> None:
    """One comment, written over as the draft changes, and read back; not over somebody's edit, nor on no issue."""
    assert "--issue" in (await setup.publish("tracker")).problem(422)["detail"]
    (await setup.publish("tracker", issue="7")).problem(404)
    first = (await setup.publish("tracker", issue="42")).json
    assert first["url"] == "https://github.example/acme/postmortems/issues/42#issuecomment-1"
    assert (await setup.publish("tracker")).json["outcome"] == "unchanged"
    await setup.changed()
    assert (await setup.publish("tracker")).json["outcome"] == "published"
    assert list(setup.forge.comments) == [1]
    setup.forge.edit(1, setup.forge.comments[1]["body"] + "\nSeen.")
    (await setup.publish("tracker")).problem(409)
    del setup.forge.comments[1]
    assert (await setup.publish("tracker")).json["outcome"] == "published"


async def test_a_place_that_is_away_is_tried_again(setup: PublishingSetup) -> None:
    """The failure is on record once, other work goes on; the first try that can be done publishes."""
    setup.forge.failing = 1
    told = await setup.publish("tracker", issue="42")
    assert (told.status, told.json["outcome"]) == (202, "failed")
    assert "502" in told.json["reason"]
    assert not await setup.publisher.retry(), "what waits to be tried again is not done"
    assert not setup.forge.comments
    setup.face.now += 2 * MINUTE
    setup.forge.failing = 1
    assert not await setup.publisher.retry()
    setup.face.now -= HOUR
    assert await setup.publisher.retry()
    assert list(setup.forge.comments) == [1]
    found = (await setup.face.get("/api/v1/incidents/1/publications")).json["publications"]
    assert [(each["status"], each["by"]) for each in found] == [("failed", "Ada"), ("published", "Ada")]
    count = len(setup.forge.asked)
    setup.face.now += HOUR
    assert await setup.publisher.retry()
    assert len(setup.forge.asked) == count


async def test_a_repository_that_is_not_there_blocks_nothing(setup: PublishingSetup) -> None:
    """It is said, without a token, and every other target is published to all the same."""
    told = (await setup.publish("away")).json
    assert told["outcome"] == "failed"
    assert "nowhere.git" in told["reason"]
    assert (await setup.publish("archive")).json["outcome"] == "published"
    assert "archive" in (await setup.publish("nobody")).problem(404)["detail"]


async def test_no_token_is_ever_shown(setup: PublishingSetup) -> None:
    """Not in refusals, records or drafts; one that cannot be read is said by its file."""
    setup.token("another token")
    detail = (await setup.publish("tracker", issue="42")).problem(422)["detail"]
    assert "401" in detail
    setup.token(None)
    detail += (await setup.publish("tracker", issue="42")).problem(422)["detail"]
    assert "cannot be read" in detail
    assert "another token" not in detail
    assert TOKEN not in detail


async def erased(setup: PublishingSetup) -> None:
    """Somebody has the alert of the incident erased."""

    async def followed(position: int, patience: float) -> bool:
        await setup.face.followed()
        return True

    alert = (await setup.face.get("/api/v1/events?type=alert.firing")).json["events"][0]["id"]
    face, redraw = setup.face, AsyncMock(return_value=Redrawn())
    eraser = Eraser(face.log, face.base, redraw, face.follower.forget, followed)
    face.now += 1_000_000
    wish = RequestedErasure(events=(alert,), by="Ada", reason="a name", key="e", stated_at=face.now)
    assert not (await eraser.erase(wish)).remaining


async def test_after_an_erasure_no_record_tells_what_was_published(setup: PublishingSetup) -> None:
    """No digest is left by which a line could be guessed; what nobody touched is published over, and nothing else."""
    await setup.publish("archive")
    await setup.publish("cloud")
    setup.edits(below(setup.file()[1], "Impact", "Two shops closed."))
    assert (await pulled(setup, "archive")).json["outcome"] == "taken in"
    key, now = (await setup.face.listed(1)).key, setup.face.now
    said = people.reviewed(key="r", by="Ada", stated_at=now, incident=key, status="reviewed", evidence="e" * 64)
    await setup.face.app[INTAKE].append_facts((said,), now)
    await setup.face.followed()
    assert "incident-1" in setup.file()[1]
    await erased(setup)
    recorded = [event for event in await setup.face.log.read(limit=100) if event.type in (PUBLISHED, REVISED, REVIEWED)]
    assert len({event.id for event in recorded}) == 4, recorded
    assert not [name for event in recorded for name in DIGESTS if name in event.data]
    text = next(event.data["text"] for event in recorded if event.type == REVISED)
    assert "Two shops closed." in text
    assert {found[1] for found in re.finditer(r"(?m)^[-+=] \S+ (\S+) \S", text)} == {UNKNOWN}
    assert len((await setup.face.get("/api/v1/incidents/1/publications")).json["publications"]) == 2
    for target in ("archive", "cloud"):
        assert (await pulled(setup, target)).json["outcome"] == "unchanged"
        assert (await setup.publish(target)).json["outcome"] == "published", target
    assert ("incident-1" in setup.file()[1], "Two shops closed." in setup.file()[1]) == (False, True)


async def test_what_was_edited_before_an_erasure_is_not_written_over(setup: PublishingSetup) -> None:
    """Where the place has another version it cannot be told any more whether somebody edited it: then they say so."""
    await setup.publish("archive")
    setup.edits(below(setup.file()[1], "Impact", "Two shops closed."))
    await erased(setup)
    assert "erased" in (await setup.publish("archive")).problem(409)["detail"]
    told = (await pulled(setup, "archive")).json
    assert (told["outcome"], "front matter" in told["reason"]) == ("taken in", True)
    assert (await setup.publish("archive")).json["outcome"] == "published"
    assert "Two shops closed." in setup.file()[1]
    assert "incident-1" not in setup.file()[1].partition("Two shops closed.")[2]


@pytest.mark.parametrize("edition", ["cloud", "datacenter"])
async def test_a_postmortem_becomes_a_page_of_confluence(setup: PublishingSetup, edition: str) -> None:
    """Version by version, compared by what it says, and never over what somebody edited, unless that is meant."""
    first = (await setup.publish(edition)).json
    assert (first["outcome"], first["revision"]) == ("published", "1"), first
    assert first["url"] == "https://wiki.example/spaces/OPS/pages/1"
    assert (await setup.publish(edition)).json["outcome"] == "unchanged"
    await setup.changed()
    assert "+Nobody could pay" in (await setup.publish(edition, dry_run=True)).json["diff"]
    assert (await setup.publish(edition)).json["revision"] == "2"
    page = setup.wiki.pages["1"]
    assert page["title"] == "Postmortem 1: incident-1"
    assert "Nobody could pay" in page["body"]["storage"]["value"]
    setup.wiki.edit("1", page["body"]["storage"]["value"].replace("Nobody could pay", "Few could pay"), 3)
    assert "--replace" in (await setup.publish(edition)).problem(409)["detail"]
    assert (await setup.publish(edition, replace=True)).json["revision"] == "4"
    assert list(setup.wiki.pages) == ["1"]


@pytest.mark.parametrize("edition", ["cloud", "datacenter"])
async def test_what_people_edited_on_a_page_of_confluence_is_taken_in(setup: PublishingSetup, edition: str) -> None:
    """Their words stand in drafts and on the page from then on, among what is recorded later; what they removed stays
    away; a page that nobody edited is left."""
    await setup.publish(edition)
    assert (await pulled(setup, edition)).json["outcome"] == "unchanged"
    value = setup.wiki.pages["1"]["body"]["storage"]["value"]
    mine = "<p>Two <strong>shops</strong> closed &amp; lost 5&nbsp;&euro;.</p>"
    theirs = re.sub(r"(<h2[^>]*>Impact</h2>)", rf"\1{mine}", value)
    theirs = re.sub(r"<li>(?:(?!</li>).)*Alerts were firing(?:(?!</li>).)*</li>", "", theirs)
    theirs = theirs.replace("Lessons Learned", "What we learnt")
    setup.wiki.edit("1", theirs, 2)
    diff = (await pulled(setup, edition, dry_run=True)).json["diff"]
    assert [line for line in diff.splitlines() if line.startswith("+") and "Two" in line] == [
        "+Two **shops** closed & lost 5 €."
    ]  # fmt: skip
    assert (await pulled(setup, edition)).json["outcome"] == "taken in"
    assert (await pulled(setup, edition)).json["outcome"] == "unchanged"
    await setup.changed()
    draft = await postmortem(setup.face.lists, 1) or ""
    assert "Two **shops** closed" in draft
    assert "## What we learnt" in draft
    assert "Nobody could pay" in draft
    assert draft.count("# Postmortem Report") == 1
    assert (await setup.publish(edition)).json["outcome"] == "published"
    stands = setup.wiki.pages["1"]["body"]["storage"]["value"]
    assert "Two <strong>shops</strong> closed" in stands
    assert "Nobody could pay" in stands
    assert (await setup.publish(edition)).json["outcome"] == "unchanged"
    assert (await pulled(setup, edition)).json["outcome"] == "unchanged"


async def test_what_is_private_is_published_only_if_that_is_meant(setup: PublishingSetup) -> None:
    """Refused with its group, before anything of the target is asked; else the text says to whom it is private."""
    path = "/api/v1/incidents/1/private"
    assert (await setup.face.post(path, {"group": "security", "by": "Ada"})).status == 201
    await setup.face.followed()
    refused = (await setup.publish("archive")).problem(422)
    assert "private to security" in refused["detail"]
    assert refused["errors"][0]["pointer"] == "private"
    assert (setup.git("branch"), setup.forge.asked) == ("", [])
    assert (await setup.publish("archive", private=True)).json["outcome"] == "published"
    text = setup.file()[1]
    assert '\nprivate: "security"\n' in text
    assert "**Incident:** 1 · private to security · " in text


async def test_a_space_that_is_not_there_is_said(setup: PublishingSetup) -> None:
    """With its key; nothing is written."""
    assert "NONE" in (await setup.publish("nospace")).problem(404)["detail"]
    assert setup.wiki.pages == {}
