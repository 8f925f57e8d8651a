"""Taking in what people edited where a postmortem is published: nothing of it is lost, and nobody else's is."""

from __future__ import annotations

import re

import pytest

from collector.drafting.rendering import postmortem
from collector.publishing.values import decoded, split
from tests.published import PublishingSetup, below, pulled
from tests.published import setup as setup


async def test_what_people_edited_there_is_taken_in_and_published_again(setup: PublishingSetup) -> None:
    """Their words stand in every Markdown draft from then on, with later evidence around them."""
    (await pulled(setup, "archive")).problem(404)
    await setup.publish("archive")
    assert (await pulled(setup, "archive")).json["outcome"] == "unchanged"
    text = setup.file()[1]
    theirs = below(text, "Impact", "Two shops closed, and a caf\udce9.").replace(
        "---\n\n# P", "tags: [shop]\n---\n\n# P"
    )
    setup.edits(theirs.replace("\n", "\r\n"))
    diff = (await pulled(setup, "archive", dry_run=True)).json["diff"]
    assert "+Two shops closed, and a café." in diff
    assert "+tags: [shop]" in diff
    assert (await pulled(setup, "archive")).json["outcome"] == "taken in"
    assert (await pulled(setup, "archive")).json["outcome"] == "unchanged"
    await setup.changed()
    draft = await postmortem(setup.face.lists, 1) or ""
    assert "Two shops closed, and a café." in draft
    assert "Nobody could pay" in draft
    assert "<!--" not in draft
    assert (await setup.publish("archive")).json["outcome"] == "published"
    assert (await setup.publish("archive")).json["outcome"] == "unchanged"
    content = setup.file()[1]
    assert "Two shops closed, and a café." in content
    assert "Nobody could pay" in content
    assert "\ntags: [shop]\n---\n" in content
    (event,) = (await setup.face.get("/api/v1/events?type=incident.revised")).json["events"]
    assert "incident-1" not in event["data"]["text"]
    await setup.face.post(f"/api/v1/events/{event['id']}/retract", {"by": "Ada", "reason": "a test"})
    await setup.face.followed()
    assert "Two shops closed" not in (await postmortem(setup.face.lists, 1) or "")


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("rule", ["---", ""])
def test_front_matter_is_told_from_the_draft(encoding: str, end: str, rule: str) -> None:
    """Whatever editor wrote the file, and where the line is gone that the front matter ended with."""
    lines = ("---", "title: x", "owner: Käthe", rule, "", "# A title <!-- tl head/title 0123456789 -->", "", "---", "")
    assert split(decoded(end.join(lines).encode(encoding))) == (
        "title: x\nowner: Käthe", "# A title <!-- tl head/title 0123456789 -->\n\n---\n"
    )  # fmt: skip


async def test_a_copy_without_names_is_edited_and_taken_in_with_them(setup: PublishingSetup) -> None:
    """Nobody is named in it, in its name or by its commit; what was edited there names who was meant, and nobody acts
    under a role."""
    said = {"by": "Ada Byron", "text": "Ada Byron and @ben-okafor restarted it."}
    assert (await setup.face.post("/api/v1/incidents/1/notes", said)).status == 201
    setup.face.now += 1_000_000
    await setup.face.post("/api/v1/incidents/1/notes", {"by": "Ben Okafor", "text": "Done"})
    assert (await setup.publish("public", by="Ada Byron")).json["outcome"] == "published"
    assert (await setup.publish("public", by="Ada Byron")).json["outcome"] == "unchanged"
    everything = f"{setup.git('log', '--format=fuller')}{setup.file()}".casefold()
    # By whole words: a digest may have these letters.
    assert re.findall(r"\b(?:ada|byron|okafor)\b", everything) == []
    assert '\npeople: "roles"\n' in setup.file()[1]
    row = 'responder 1: "\\[responder 1\\] and \\[responder 2\\] restarted it.'
    assert row in setup.file()[1]
    setup.edits(below(setup.file()[1], "Impact", "Two shops closed.").replace(row, f"{row[:-1]} twice."))
    assert (await pulled(setup, "public")).json["outcome"] == "taken in"
    draft = await postmortem(setup.face.lists, 1) or ""
    assert "Ben Okafor restarted it twice." in draft
    assert "Two shops closed." in draft
    assert "edited:**" not in draft
    events = (await setup.face.get("/api/v1/incidents/1/events")).json["events"]
    assert {event["actor"] for event in events} <= {None, "Ada", "Ada Byron", "Ben Okafor"}
    assert (await setup.publish("public")).json["outcome"] == "published"
    assert (await setup.publish("public")).json["outcome"] == "unchanged"
    assert [name for name in ("byron", "okafor") if name in setup.file()[1].casefold()] == []
    assert "and [responder 2] restarted it twice." in setup.file()[1]
    assert (await pulled(setup, "public")).json["outcome"] == "unchanged"


async def test_what_was_edited_elsewhere_is_not_removed_by_a_copy_that_never_had_it(setup: PublishingSetup) -> None:
    """Two copies are edited and taken in; one of them is edited and taken in again, and was not published between."""
    await setup.publish("archive")
    await setup.publish("tracker", issue="42")
    setup.edits(below(setup.file()[1], "Impact", "Two shops closed."))
    body = below(setup.forge.comments[1]["body"].replace("\r\n", "\n"), "Timeline", "Read on.")
    setup.forge.edit(1, body)
    assert (await pulled(setup, "archive")).json["outcome"] == "taken in"
    assert (await pulled(setup, "tracker")).json["outcome"] == "taken in"
    setup.forge.edit(1, below(body, "Lessons Learned", "Page sooner.").replace("Read on.", "Read to the end."))
    assert (await pulled(setup, "tracker")).json["outcome"] == "taken in"
    draft = await postmortem(setup.face.lists, 1) or ""
    assert [draft.count(words) for words in ("Two shops closed.", "Read to the end.", "Page sooner.", "Read on.")] == [
        1, 1, 1, 0,
    ]  # fmt: skip
    assert "edited this apart" not in draft


async def test_edits_in_two_places_both_stay(setup: PublishingSetup) -> None:
    """Each is taken in beside the other; where both wrote at one place, both stand, and it says so."""
    await setup.publish("archive")
    await setup.publish("tracker", issue="42")
    setup.edits(below(setup.file()[1], "Impact", "Two shops closed."))
    body = setup.forge.comments[1]["body"].replace("\r\n", "\n")
    body = below(below(body, "Impact", "Three shops closed."), "Timeline", "Read on.")
    setup.forge.edit(1, body)
    assert (await pulled(setup, "archive")).json["outcome"] == "taken in"
    assert (await pulled(setup, "tracker")).json["outcome"] == "taken in"
    draft = await postmortem(setup.face.lists, 1) or ""
    for words in ("Two shops closed.", "Three shops closed.", "Read on."):
        assert draft.count(words) == 1
    assert "edited this apart. The lines above were here, those below come from tracker." in draft
    for target in ("archive", "tracker"):
        assert (await setup.publish(target)).json["outcome"] == "published"
        assert (await pulled(setup, target)).json["outcome"] == "unchanged"
    assert "Three shops closed." in setup.file()[1]
