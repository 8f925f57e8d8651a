"""What happens in a repository, whichever host tells it: pushes, merges, releases, runs and deployments.

A host's adapter says what a delivery tells, as a :class:`Fact`; this module
makes the event of it, with the refs by which changes of one repository and of
one commit are found. Refuses to read payloads: that is the adapters' part.
"""

from __future__ import annotations

import re
from typing import Any

import msgspec

from collector import normalise
from collector.event import Event, event_id
from collector.times import moment
from collector.webhook import Webhook

_COMMIT = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")
_HOST = re.compile(r"^(?:[a-z+]+://[^/]+/|[^@/\s]+@[^:/\s]+:)")
"""What stands before the path of a Git address, which Git writes in two ways."""


class Fact(msgspec.Struct, frozen=True, kw_only=True):
    """What one delivery tells, before it is put into an event."""

    type: str
    entity: str
    when: int | str | None
    """The sender's own time of it."""
    identity: tuple[str, ...]
    """What makes it this fact and no other, in the sender's own fields."""
    title: str
    data: dict[str, Any]
    actor: str | None = None
    links: tuple[tuple[str, str | None], ...] = ()
    refs: tuple[str, ...] = ()
    service: str | None = None
    environment: str | None = None
    recipe: str = ""
    """By which its id is made, where that is not its source's."""


def event_of(webhook: Webhook, fact: Fact, recipe: str, repository: str | None, address: str | None) -> Event:
    """The fact as an event of this repository, with the repository's address as a link."""
    happened = moment(fact.when, webhook.received_at)
    data = {
        key: (normalise.text if key == "text" else normalise.line)(value)
        if isinstance(value, str)
        else normalise.tree(value)
        for key, value in fact.data.items()
    }
    data["repository"] = normalise.line(repository)
    return Event(
        id=event_id(fact.recipe or recipe, webhook.source, happened.stated, *fact.identity),
        type=fact.type,
        **normalise.origin(webhook, happened),
        entity=fact.entity,
        service=fact.service,
        environment=fact.environment,
        title=normalise.line(fact.title),
        actor=fact.actor,
        links=normalise.links(*fact.links, ("source", address)),
        refs=(*fact.refs, *repository_ref(repository)),
        data={key: value for key, value in data.items() if value not in (None, "")},
    )


_TRAILER = re.compile(r"^(?:[A-Z][a-z]+(?:-[a-z]+)*-by|Change-Id|Cc): .*$", re.MULTILINE)
"""A line that tools put at the end of a message: who signed, wrote or reviewed it, and what it is called elsewhere."""


def message_text(message: str | None) -> str | None:
    """What somebody wrote of a commit, whole, without what tools put behind it; None where that is its first line."""
    text = _TRAILER.sub("", (message or "").replace("\r\n", "\n")).strip()
    return text if "\n" in text else None


def repository_named(address: str | None) -> str:
    """``owner/name`` out of a Git address, as systems that build and deploy name it; empty for a registry of charts."""
    path = _HOST.sub("", normalise.line(address)).removesuffix("/").removesuffix(".git")
    return path if "/" in path and "://" not in path else ""


def repository_ref(repository: str | None) -> tuple[str, ...]:
    """A ref to the repository, where one is named."""
    name = normalise.line(repository)
    return (f"repository:{name}",) if name else ()


def commit_ref(sha: str | None) -> tuple[str, ...]:
    """A ref to the commit, where the text is a whole commit's name."""
    return (f"commit:{sha}",) if sha is not None and _COMMIT.fullmatch(sha) else ()
