"""Of a postmortem: its sections, its versions, and where it is published."""

from __future__ import annotations

from collector.web.shapes.base import Shape, Time


class Section(Shape, frozen=True):
    """What a person wrote in a section of a postmortem."""

    incident: int
    section: str
    text: str
    event: str | None
    by: str | None
    at: Time | None


class Version(Shape, frozen=True):
    """What a postmortem was when its review was stated; ``changed``: what it rests on has changed since."""

    version: int
    status: str
    by: str | None
    at: Time
    text: str | None
    event: str
    as_of: Time
    changed: bool


class Versions(Shape, frozen=True):
    """Each of them, oldest first."""

    incident: int
    versions: list[Version]


class Difference(Shape, frozen=True):
    """One statement that is new, gone or another one, and what proves it."""

    section: str
    before: str
    after: str
    by: str
    events: list[str]


class Differences(Shape, frozen=True, rename={"since": "from", "until": "to"}):
    """What changed of a postmortem between two moments; null is now."""

    incident: int
    since: Time | None
    until: Time | None
    differences: list[Difference]


class Publication(Shape, frozen=True):
    """One time that a postmortem was published, or could not be."""

    status: str | None
    target: str | None
    url: str | None
    revision: str | None
    digest: str | None
    cut: int | None
    reason: str | None
    by: str | None
    at: Time
    event: str


class Publications(Shape, frozen=True):
    """Each of them, oldest first."""

    incident: int
    publications: list[Publication]


class Published(Shape, frozen=True):
    """What became of publishing, or of taking in what people edited there."""

    incident: int
    target: str
    outcome: str
    url: str | None
    revision: str | None
    request: str | None
    cut: int
    diff: str | None
    reason: str | None
    event: str | None
