"""The shape of a draft as JSON, as types: what :mod:`renderers.json` writes, and the published schema is made from.

A key is only ever added. Where a reader of the old shape would misread a new
one, ``format`` changes. ``python -m tests.pages`` writes docs/draft.schema.json.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType

FORMAT = "timelined.postmortem/2"
"""Which shape this is."""

Instant = Annotated[str, Meta(description="RFC 3339, UTC, microseconds", extra_json_schema={"format": "date-time"})]
EventId = Annotated[str, Meta(pattern="^[0-9a-f]{32}$", description="The id of an event")]
Cites = Annotated[list[EventId], Meta(description="The events that prove it, oldest first")]
Seconds = Annotated[float, Meta(description="A length of time in seconds")]


class WordsPart(Struct, tag_field="kind", tag="words"):
    """Words of timelined's own."""

    text: str
    strong: bool | UnsetType = UNSET


class QuotePart(Struct, tag_field="kind", tag="quote"):
    """What a sender or a person wrote, whole."""

    text: str


class NamePart(Struct, tag_field="kind", tag="name"):
    """A name that a sender or a person chose."""

    text: str


class CodePart(Struct, tag_field="kind", tag="code"):
    """A query or an identifier."""

    text: str


class LinkPart(Struct, tag_field="kind", tag="link"):
    """A link out of a field that holds URLs; not every one is safe to follow."""

    text: str
    url: str


class TimePart(Struct, tag_field="kind", tag="time"):
    """A time as the draft shows it, and the instant."""

    text: str
    at: Instant


class SpanPart(Struct, tag_field="kind", tag="span"):
    """A length of time as the draft shows it."""

    text: str
    seconds: Seconds


Inline = WordsPart | QuotePart | NamePart | CodePart | LinkPart | TimePart | SpanPart


class Sentence(Struct):
    """One statement and what proves it."""

    text: str
    parts: list[Inline]
    cites: Cites
    none: Annotated[str | None, Meta(description="The query that found nothing, where that is the proof")]
    searched: Annotated[str | None, Meta(description="The same in words")]
    label: Annotated[bool, Meta(description="A fixed label, which states nothing")]
    at: Instant | None


class ClaimBlock(Sentence, tag_field="kind", tag="claim"):
    """A paragraph of one sentence."""


class BulletsBlock(Struct, tag_field="kind", tag="bullets"):
    """A list."""

    numbered: bool
    items: list[Sentence]


class PromptBlock(Struct, tag_field="kind", tag="prompt"):
    """A question to a person: what no event shows."""

    question: str
    command: Annotated[str | None, Meta(description="The command that records the answer")]


class RowShape(Struct):
    """One row of the timeline."""

    at: Instant
    label: Annotated[str, Meta(description="Detected, Paged, Acknowledged …, or empty")]
    type: Annotated[str, Meta(description="The type of the event that leads the row")]
    text: str
    parts: list[Inline]
    suffixes: list[str]
    cites: Cites


class TimelineBlock(Struct, tag_field="kind", tag="timeline"):
    """What happened, oldest first."""

    rows: list[RowShape]
    left_out: Annotated[Sentence | None, Meta(description="How many rows the detail asked for does not show")]


class Cell(Struct):
    """One cell of a table."""

    text: str
    parts: list[Inline]


class TableRowShape(Struct):
    """One row of a table."""

    cells: list[Cell]
    cites: Cites


class TableBlock(Struct, tag_field="kind", tag="table"):
    """A table of its own head: the alerts, or the durations."""

    key: str
    head: list[str]
    rows: list[TableRowShape]
    left_out: Sentence | None


class ActionShape(Struct):
    """A follow-up."""

    action: str
    owner: str | None
    due: str | None
    cites: Cites


class ActionsBlock(Struct, tag_field="kind", tag="actions"):
    """The follow-ups."""

    rows: list[ActionShape]


class IndexShape(Struct):
    """One cited event."""

    id: EventId
    at: Instant
    type: str
    source: str


class IndexBlock(Struct, tag_field="kind", tag="index"):
    """All events that the draft cites."""

    lines: list[IndexShape]


Block = ClaimBlock | BulletsBlock | PromptBlock | TimelineBlock | TableBlock | ActionsBlock | IndexBlock


class SectionShape(Struct):
    """One part of the postmortem."""

    key: str
    blocks: list[Block]


class Alternative(Struct):
    """When it would have been without one alert that ended long after all others."""

    at: Instant | None
    cites: Cites


class MomentShape(Struct):
    """One of the seven moments."""

    at: Instant | None
    known: Literal["observed", "derived", "stated", "unknown"]
    basis: Annotated[str, Meta(description="How it is known, or why it is not")]
    cites: Cites
    alternative: Alternative | UnsetType = UNSET


class DurationShape(Struct):
    """A time between two moments."""

    name: str
    term: str
    from_: str = msgspec.field(name="from")
    to: str
    status: Literal["recorded", "pending", "not applicable", "invalid"]
    seconds: Seconds | None
    known: Annotated[str, Meta(description="How its weaker end is known; empty where an end is not")]
    why: Annotated[str, Meta(description="What is missing, where it is not recorded")]
    cites: Cites


class LinkShape(Struct):
    """A place to look."""

    rel: str
    url: str


class EventShape(Struct):
    """A cited event: what it says, and not how it came."""

    short: Annotated[str, Meta(description="The end of its id, by which it is cited")]
    type: str
    source: str
    entity: str
    occurred_at: Instant
    time_quality: str
    revision: int
    title: str
    service: str | None
    environment: str | None
    severity: str | None
    actor: str | None
    links: list[LinkShape]
    refs: list[str]


class OptionsShape(Struct):
    """What the reader chose."""

    zone: str
    detail: Literal["normal", "key", "all"]
    profile: Annotated[str, Meta(description="Whose terms the durations are stated in")]
    citations: Literal["inline", "end", "none"]
    seconds: bool
    people: Annotated[
        Literal["roles"] | UnsetType, Meta(description="Present where people stand as roles, and nobody by name")
    ] = UNSET


class ReviewShape(Struct):
    """How far the review is."""

    status: Literal["draft", "in_review", "reviewed", "published"]
    by: str | None
    at: Instant
    event: EventId
    changed: Annotated[bool, Meta(description="Whether the draft is made from other events since")]
    said: Sentence


class PeoplesLine(Struct):
    """A line of Markdown that people wrote."""

    section: Annotated[str, Meta(description="The key of the section it stands in, or head")]
    text: str


class EditedShape(Struct):
    """The draft as people edited the whole of it, where it was published."""

    by: str | None
    at: Instant
    event: EventId
    text: Annotated[str, Meta(description="The whole draft as it reads, in Markdown")]
    lines: Annotated[list[PeoplesLine], Meta(description="What of it people wrote or changed")]


class Draft(Struct):
    """A draft postmortem of timelined: its sentences, each with the events that prove it."""

    format: Literal["timelined.postmortem/2"]
    title: str
    incident: Sentence | None
    private: Annotated[str | None, Meta(description="The groups that alone may read of it; null: everybody may")]
    lead: Sentence | None
    date: Annotated[str, Meta(description="The day it began, in the zone", extra_json_schema={"format": "date"})]
    started_at: Instant
    status: Literal["resolved", "unresolved"]
    review: Annotated[ReviewShape | None, Meta(description="The last word on its review; null where nobody said any")]
    edited: Annotated[EditedShape | None, Meta(description="Null where nobody edited the whole of it")]
    as_of: Annotated[Instant | None, Meta(description="What was known then; null for now")]
    digest: Annotated[str, Meta(pattern="^[0-9a-f]{64}$", description="SHA-256 over what it was rendered from")]
    options: OptionsShape
    moments: dict[str, MomentShape]
    durations: list[DurationShape]
    sections: list[SectionShape]
    events: dict[EventId, EventShape]


def schema() -> dict[str, Any]:
    """The JSON Schema (2020-12) of a draft."""
    json_schema = msgspec.json.schema(Draft)
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "A draft postmortem of timelined",
        **json_schema,
    }
