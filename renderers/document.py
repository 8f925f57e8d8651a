"""A postmortem as a value: sections, blocks, sentences, and what proves each of them.

Sections build these; renderers turn them into text. A stranger's words never
stand in a plain string here: they are a :class:`Quote`, :class:`Name`,
:class:`Code` or :class:`LinkedText`, and a renderer makes them harmless.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from collector.event import RecordedEvent
from renderers.history import Duration, History, Moment


class Quote(msgspec.Struct, frozen=True, tag="quote"):
    """A sender's or a person's words, whole; Markdown shows them in double quotes and cuts them."""

    text: str
    longest: int = 200
    """Characters that Markdown shows: 500 for notes and status posts."""


class Name(msgspec.Struct, frozen=True, tag="name"):
    """A short name a stranger chose: a service, an alert, a person. Shown without quotes."""

    text: str


class Code(msgspec.Struct, frozen=True, tag="code"):
    """A query or an identifier, shown as code."""

    text: str


class LinkedText(msgspec.Struct, frozen=True, tag="link"):
    """A link out of a URL field; only http and https are rendered as links."""

    text: str
    url: str


class Words(msgspec.Struct, frozen=True, tag="words"):
    """Our own words. They may carry Markdown emphasis of ours only through ``strong``."""

    text: str
    strong: bool = False


class Time(msgspec.Struct, frozen=True, tag="time"):
    """A clock time as the draft shows it, and the instant it stands for."""

    text: str
    at: int
    """µs UTC."""


class Span(msgspec.Struct, frozen=True, tag="span"):
    """A length of time as the draft shows it, and how long it is."""

    text: str
    micros: int


Inline = Words | Quote | Name | Code | LinkedText | Time | Span


class Claim(msgspec.Struct, frozen=True, kw_only=True, tag="claim"):
    """One generated sentence or item, and the events that prove it."""

    parts: tuple[Inline, ...]
    cites: tuple[str, ...] = ()
    """Ids of the events, oldest first, each once."""
    none: str = ""
    """Negative evidence: the query that found nothing (``change.* service=cart 12:02..14:02``)."""
    searched: tuple[Inline, ...] = ()
    """The same in words, as its citation shows it: ``changes of cart``."""
    label: bool = False
    """A fixed label of the template (``Primary Cause:``); it states nothing and needs no proof."""
    at: int | None = None
    stop: bool = True
    """Whether a full stop ends it, after the citation, if the text has none of its own."""


class Prompt(msgspec.Struct, frozen=True, tag="prompt"):
    """What the log cannot show: a question to a person."""

    question: str
    """A whole question."""
    command: str = ""
    """The command that records the answer."""


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """One row of the timeline."""

    at: int
    label: str
    """``First symptom``, ``Detected``, ``Paged``, ``Acknowledged``, ``Mitigated``, ``Alert ended``,
    ``Last alert ended``, ``Resolved`` or empty. Several are joined by ``, ``. A full stop follows, unless the row goes
    on in lower case (``by Ana``)."""
    parts: tuple[Inline, ...]
    cites: tuple[str, ...]
    """Ids of the events, each once."""
    type: str
    """The type of the event that leads the row."""
    suffixes: tuple[str, ...] = ()
    """``received 8 min late``, ``corrected``."""


class Bullets(msgspec.Struct, frozen=True, tag="bullets"):
    items: tuple[Claim, ...]
    numbered: bool = False


class Timeline(msgspec.Struct, frozen=True, tag="timeline"):
    rows: tuple[Row, ...]
    left_out: Claim | None = None
    """Says how many rows the detail asked for does not show, and how to see them."""


class TableRow(msgspec.Struct, frozen=True, kw_only=True):
    cells: tuple[tuple[Inline, ...], ...]
    cites: tuple[str, ...]
    label: bool = False
    """It states nothing but that something is not known, and needs no proof."""


class Table(msgspec.Struct, frozen=True, tag="table"):
    """A table with a head of ours; what proves a row stands in its last cell."""

    key: str
    """``alerts`` or ``measures``."""
    head: tuple[str, ...]
    rows: tuple[TableRow, ...]
    left_out: Claim | None = None
    """Says how many rows there are more."""


class ActionRow(msgspec.Struct, frozen=True, kw_only=True):
    action: tuple[Inline, ...]
    owner: tuple[Inline, ...]
    due: str
    cites: tuple[str, ...]


class Actions(msgspec.Struct, frozen=True, tag="actions"):
    rows: tuple[ActionRow, ...]


class IndexLine(msgspec.Struct, frozen=True, kw_only=True):
    """One cited event in the Appendix, at its own time."""

    id: str
    at: int
    type: str
    source: str


class Index(msgspec.Struct, frozen=True, tag="index"):
    lines: tuple[IndexLine, ...]


Block = Bullets | Prompt | Timeline | Table | Actions | Index | Claim


class Section(msgspec.Struct, frozen=True, kw_only=True):
    """One part of the postmortem; its heading stands in the template."""

    key: str
    """``summary``, ``impact``, ``timeline``, ``detection``, ``root_causes``, ``diagnostics``, ``resolution``,
    ``lessons``, ``actions``, ``appendix``."""
    blocks: tuple[Block, ...]


class View(msgspec.Struct, frozen=True, kw_only=True):
    """What of an incident a page shows: its picture and its rows alike."""

    since: int | None = None
    """From when to when, µs; None where that is not bounded."""
    until: int | None = None
    text: str = ""
    """Only rows that hold this text; capitals do not matter."""
    kind: str = ""
    """Only rows led by an event of this family."""
    narrow: bool = True
    """Whether the picture is drawn for a narrow screen, too."""


class Options(msgspec.Struct, frozen=True, kw_only=True):
    """What a reader may choose; part of what decides the bytes."""

    zone: str = "UTC"
    """An IANA zone name for the times shown."""
    detail: str = "normal"
    """``normal``, ``key`` or ``all``."""
    profile: str = "timelined"
    """Whose terms the durations are stated in: ``timelined``, ``pagerduty``, ``datadog``, ``rootly``."""
    citations: str = "inline"
    """Where Markdown shows the evidence: ``inline``, ``end`` (in the Appendix, by section) or ``none``."""
    seconds: bool = False
    """Whether the timeline's times have seconds."""
    people: str = "names"
    """Whether people stand by their ``names``, or as ``roles``: by what they did."""
    template: str = "default"
    """Of Markdown: the name of a template that timelined has, or the text of a team's own."""
    width: int = 1024
    """How wide a picture is; it changes nothing else, and the digest leaves it out."""
    view: View | None = None
    """Of a page, likewise: what of the incident it shows."""


class Review(msgspec.Struct, frozen=True, kw_only=True):
    """The last word on how far the review of a draft is."""

    status: str
    """``draft``, ``in_review``, ``reviewed`` or ``published``."""
    by: str
    """Who said so; empty where that is not known."""
    at: int
    """When, µs."""
    event: str
    """The event that states it."""
    changed: bool
    """Whether the draft is made from other events now."""
    said: Claim
    """The same as a sentence: ``Reviewed (Ada, 2026-03-05 09:12 UTC), changed since``."""


class Document(msgspec.Struct, frozen=True, kw_only=True):
    """A whole draft."""

    title: Claim
    lead: Claim | None
    """None leaves a prompt to name one."""
    incident: Claim | None = None
    """The line below the head: number, severity, priority, from when to when, the pages."""
    review: Review | None = None
    """How far the review is; None where nobody said."""
    date: int
    """The start of the incident, µs; shown as a date in the chosen zone."""
    resolved: bool
    sections: tuple[Section, ...]
    events: Mapping[str, RecordedEvent]
    """Every event that may be cited, by id."""
    digest: str
    """SHA-256 over what it was rendered from: ids, revisions and content, options and template."""
    options: Options = Options()
    as_of: int | None = None
    external_url: str = ""
    """Where the events can be looked up, without a slash at the end; empty where nobody said."""
    moments: Mapping[str, Moment] = {}
    """The seven moments, for machines that read the draft."""
    durations: tuple[Duration, ...] = ()
    """The durations in the terms of ``options.profile``, for machines that read the draft."""
    history: History = History(events=())
    """What it was made from: the picture is drawn from it."""
    named_history: History | None = None
    """Where people stand as roles, the same with their names: by it is known what people edited of either."""
    roles: Mapping[str, str] = {}
    """Likewise, what each person is called → the name that is shown of them."""
