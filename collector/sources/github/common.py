"""What all events of GitHub have in common."""

from __future__ import annotations

from collector import normalise
from collector.event import Event
from collector.sources import repositories
from collector.sources.github.payloads import Common, User
from collector.sources.repositories import Fact
from collector.webhook import Webhook

RECIPE = "github.1"
MOVED = "github.2"
"""The recipe of kinds whose time or identity is another than it was in the first; what is stored keeps its own."""


def event_of(webhook: Webhook, body: Common, fact: Fact) -> Event:
    """The fact as an event of the body's repository."""
    return repositories.event_of(webhook, fact, RECIPE, body.where.full_name, body.where.html_url)


def repository_ref(body: Common) -> tuple[str, ...]:
    """A ref to the repository, where the body names one."""
    return repositories.repository_ref(body.where.full_name)


def person(*users: User | None) -> str | None:
    """The first of the accounts that is a person's; a bot is automation, and automation is no actor."""
    for user in users:
        login = normalise.person(user.login) if user is not None and user.type != "Bot" else None
        if login:
            return login
    return None


def words(*parts: str | None) -> str:
    """The texts that are there, in a row: what is absent leaves no trace."""
    return normalise.line(" ".join(part for part in parts if part))
