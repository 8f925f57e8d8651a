"""What all events of GitHub have in common."""

from __future__ import annotations

from typing import Any

import msgspec

from collector import reading as fit
from collector.event import Event, event_id
from collector.sources.github.payloads import Common, User
from collector.times import moment
from collector.webhook import Webhook

RECIPE = "github.1"
MOVED = "github.2"
"""The recipe of kinds whose time or identity is another than it was in the first; what is stored keeps its own."""


class Fact(msgspec.Struct, frozen=True, kw_only=True):
    """What one kind of delivery tells, before it is put into an event."""

    type: str
    entity: str
    when: int | str | None
    identity: tuple[str, ...]
    title: str
    actor: str | None
    data: dict[str, Any]
    links: tuple[tuple[str, str | None], ...] = ()
    refs: tuple[str, ...] = ()
    service: str | None = None
    environment: str | None = None
    recipe: str = RECIPE


def event_of(webhook: Webhook, body: Common, fact: Fact) -> Event:
    """The fact as an event, with its repository, its time and its id."""
    happened = moment(fact.when, webhook.received_at)
    repository = fit.line(body.where.full_name)
    content = {key: fit.line(value) if isinstance(value, str) else fit.tree(value) for key, value in fact.data.items()}
    content["repository"] = repository
    return Event(
        id=event_id(fact.recipe, webhook.source, happened.stated, *fact.identity),
        type=fact.type,
        source=webhook.source,
        entity=fact.entity,
        occurred_at=happened.at,
        time_text=happened.text,
        time_quality=happened.quality,
        service=fact.service,
        environment=fact.environment,
        title=fit.line(fact.title),
        actor=fact.actor,
        links=fit.links(*fact.links, ("source", body.where.html_url)),
        refs=(*fact.refs, *repository_ref(body)),
        data={key: value for key, value in content.items() if value not in (None, "")},
    )


def repository_ref(body: Common) -> tuple[str, ...]:
    """A ref to the repository, where the body names one."""
    repository = fit.line(body.where.full_name)
    return (f"repository:{repository}",) if repository else ()


def person(*users: User | None) -> str | None:
    """The first of the accounts that is a person's; a bot is automation, and automation is no actor."""
    for user in users:
        login = fit.line(user.login) if user is not None and user.type != "Bot" else ""
        if login and not login.endswith("[bot]"):
            return login
    return None


def commit_ref(sha: str | None) -> tuple[str, ...]:
    """A ref to the commit, where the text is a whole commit's name."""
    whole = sha is not None and len(sha) in (40, 64) and set(sha) <= set("0123456789abcdef")
    return (f"commit:{sha}",) if whole else ()


def words(*parts: str | None) -> str:
    """The texts that are there, in a row: what is absent leaves no trace."""
    return fit.line(" ".join(part for part in parts if part))
