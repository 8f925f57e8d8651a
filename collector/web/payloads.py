"""What a client may say by a write: the fields of each JSON body. An unknown field is refused by its name."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

MOST = 1000
"""Events that one command may name."""
Number = Annotated[int, msgspec.Meta(ge=1, le=2**63 - 1)]


class ActBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Somebody does something, by default now."""

    by: str
    """Who says it."""
    at: str | None = None
    """When it happened, RFC 3339."""


class StatusBody(ActBody, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Somebody says that something began, or is over, or is not."""

    future: bool = False
    """Whether a moment in the future is meant."""


class ReportBody(StatusBody, frozen=True, kw_only=True, forbid_unknown_fields=True):
    title: str
    service: str | None = None
    environment: str | None = None
    severity: str | None = None
    reported_by: str = ""
    """Who or what noticed, where it was not the one who says so."""
    new: bool = False
    """Whether it is an incident of its own, whatever it would join."""


class NoteBody(ActBody, frozen=True, kw_only=True, forbid_unknown_fields=True):
    text: str


class ActionItemBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    text: str
    by: str
    owner: str = ""
    due: str = ""
    """A day, ``YYYY-MM-DD``."""
    state: str = "open"


class MarkBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    mark: str
    at: str
    by: str
    text: str = ""
    detected_by: str = ""
    future: bool = False
    """Whether a moment in the future is meant."""


class MoveBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    event: str
    """An id, a citation (the last digits of an id) or a position."""
    by: str


class MergeBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    other: Number
    by: str


class SplitBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    events: Annotated[list[str], msgspec.Meta(max_length=MOST)]
    """Ids, citations or positions of the events that are an incident of their own."""
    by: str


class AmendmentBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    by: str
    reason: str
    """Why; it is kept with the event."""


class CorrectionBody(AmendmentBody, frozen=True, kw_only=True, forbid_unknown_fields=True):
    title: str | None = None
    occurred_at: str | None = None
    """RFC 3339."""
    service: str | None = None
    environment: str | None = None
    severity: str | None = None
    actor: str | None = None
    clear: list[str] = []
    """Of ``service``, ``environment``, ``severity``, ``actor``: those that turned out to be unknown."""


class ErasureBody(AmendmentBody, frozen=True, kw_only=True, forbid_unknown_fields=True):
    events: Annotated[list[str], msgspec.Meta(max_length=MOST)] = []
    """Ids, citations or positions."""
    deliveries: Annotated[list[str], msgspec.Meta(max_length=MOST)] = []
    """Ids of deliveries whose bodies go."""
    with_events: bool = False
    """Also the events that these deliveries told."""
    everything: bool = False
    """Also what grouping rests on."""
    dry_run: bool = False
    """Only say what would go."""


class ReplayBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    after: Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)] = 0
    """Go on behind the delivery of this number."""
    limit: Annotated[int, msgspec.Meta(ge=1, le=MOST)] = 200
    """At most so many deliveries."""
    source: str | None = None
    status: Literal["read", "unrecognised", "malformed"] | None = None
    since: str | None = None
    """Only deliveries received then or later, RFC 3339."""
    until: str | None = None
    """Only deliveries received before then, RFC 3339."""
    dry_run: bool = False
    """Only say what would change."""


class WritingBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    text: str
    by: str


class RestrictionBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    group: str
    """The group whose tokens alone may read of it; empty: everybody may."""
    by: str


class ReviewBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    status: str
    by: str
    text: str = ""
    """What is to be said of it."""


class PublicationBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    target: str
    """Where, by the name that the configuration has for it."""
    by: str
    issue: str = ""
    """Of a comment, the issue that it is on."""
    dry_run: bool = False
    """Only say what would change there."""
    private: bool = False
    """Publish it though it is private: whoever reads the target reads of it."""
    replace: bool = False
    """Of a wiki: write over what somebody edited there."""


class PullBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    by: str
    target: str = ""
    """From where, by the name that the configuration has for it; empty where a file is given."""
    text: str = ""
    """A file that people edited: a Markdown draft with its marks."""
    file: str = ""
    """What the file is called: by that it is known again."""
    dry_run: bool = False
    """Only say what people edited there."""


class EditBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    field: str
    value: str
    by: str
