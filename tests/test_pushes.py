"""What somebody wrote of a commit that is pushed: kept whole, and told."""

from __future__ import annotations

import pytest

from tests.histories import Facts
from tests.recorded import body_of, parse_json
from tests.sections import rows

WRITTEN = "Limit the pool\n\nIt ran out.\nThis reverts commit 1f2e3d."
MESSAGE = f"{WRITTEN}\n\nSigned-off-by: Ana <ana@shop.example>\nChange-Id: I1"
HEADERS = {
    "github": {"x-github-event": "push"}, "gitlab": {"x-gitlab-event": "Push Hook"},
    "gitea": {"x-gitea-event": "push"}, "bitbucket": {"x-event-key": "repo:push"},
}  # fmt: skip


@pytest.mark.parametrize("message", [MESSAGE, "Limit the pool", "Limit the pool\n\nReviewed-by: Bo", ""])
def test_all_that_was_written_of_a_pushed_commit_is_kept(message: str) -> None:
    """Whole where it is more than its first line, and without what tools put behind it."""
    github, gitlab, gitea, bitbucket = (body_of(*case) for case in (
        ("github", "pushed"), ("gitlab", "pushed"), ("gitea", "pushed"), ("bitbucket", "pushed")))  # fmt: skip
    github["head_commit"]["message"] = gitea["head_commit"]["message"] = message
    gitlab["commits"][-1] |= {"message": message, "id": gitlab["after"]}
    bitbucket["push"]["changes"][0]["new"]["target"]["message"] = message
    for kind, body in (("github", github), ("gitlab", gitlab), ("gitea", gitea), ("bitbucket", bitbucket)):
        text = parse_json(kind, body, HEADERS[kind])[0].data.get("text")
        assert text == (WRITTEN if message == MESSAGE else None)


def test_the_row_of_a_push_tells_all_that_was_written() -> None:
    """What the change is for stands behind its first line."""
    story = Facts()
    story.fires("X", "10:00:00", "web")
    story.add("change.pushed", "09:50:00", title="Limit the pool", actor="ana", service="web",
              data={"ref": "main", "text": "Limit the pool\n\nIt ran out."})  # fmt: skip
    assert 'Push to main of web by ana: "Limit the pool ↵ It ran out."' in rows(story)
