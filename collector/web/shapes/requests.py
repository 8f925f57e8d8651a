"""What became of a request that changes something."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from collector.web.shapes.base import Shape, Time


class Stated(Shape, frozen=True):
    """What a statement became, and the incident that it is about now; ``null`` while that is not known.

    ``former_end`` is when the incident had ended before it was stated to be over; ``null`` where it had not.
    """

    event: str
    position: int
    known: bool
    incident: int | None
    former_end: Time | None


class Redrawn(Shape, frozen=True):
    """The numbers of incidents whose drafts were written again, and of those that hold a person's edits."""

    written: list[Any]
    edited: list[Any]


class Erasure(Shape, frozen=True):
    """What an erasure did, or would do."""

    events: list[str]
    new: list[str]
    deliveries: list[str]
    spared: list[str]
    echoes: int
    drafts: Redrawn
    published: list[str]
    remaining: str | None


class Imported(Shape, frozen=True):
    """What records that were brought in came to."""

    delivery: str | None
    new: list[str]
    known: int
    merged: int
    withdrawn: int
    not_understood: list[str]


class Field(Shape, frozen=True):
    """A field as it was, and as it is read now."""

    before: Any
    after: Any


class Reread(Shape, frozen=True):
    """An event that differs by today's parsers."""

    event: str
    change: str
    delivery: str
    type: str
    source: str
    title: str
    occurred_at: Time
    fields: Mapping[str, Field]


class Replayed(Shape, frozen=True):
    """What reading some deliveries again came to; ``after`` goes on, and is null at the end."""

    looked: int
    changes: list[Reread]
    skipped: Mapping[str, int]
    after: int | None
    last: int


class Reloaded(Shape, frozen=True):
    """The configuration was taken in."""

    reloaded: bool
