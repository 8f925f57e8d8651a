"""A postmortem as a value: sections, blocks, sentences, and what proves each of them.

Sections build these; renderers turn them into text. A stranger's words never
stand in a plain string here: they are a :class:`Quote`, :class:`Name`,
:class:`Code` or :class:`Link`, and a renderer makes them harmless.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from collector.event import RecordedEvent
from renderers.history import Duration, Moment


class Quote(msgspec.Struct, frozen=True, tag="quote"):
    """A sender's or a person's words, shown in double quotes and cut at 140 characters."""

    text: str


class Name(msgspec.Struct, frozen=True, tag="name"):
    """A short name a stranger chose: a service, an alert, a person. Shown without quotes."""

    text: str


class Code(msgspec.Struct, frozen=True, tag="code"):
    """A query or an identifier, shown as code."""

    text: str


class Link(msgspec.Struct, frozen=True, tag="link"):
    """A link out of a URL field; only http and https are rendered as links."""

    text: str
    url: str


class Words(msgspec.Struct, frozen=True, tag="words"):
    """Our own words. They may carry Markdown emphasis of ours only through ``strong``."""

    text: str
    strong: bool = False


Part = Words | Quote | Name | Code | Link


class Claim(msgspec.Struct, frozen=True, kw_only=True, tag="claim"):
    """One generated sentence or item, and the events that prove it."""

    parts: tuple[Part, ...]
    cites: tuple[str, ...] = ()
    """Ids of the events, oldest first, each once."""
    none: str = ""
    """Negative evidence: the query that found nothing (``change.* service=cart 12:02..14:02``)."""
    label: bool = False
    """A fixed label of the template (``Primary Cause:``); it states nothing and needs no proof."""
    at: int | None = None
    stop: bool = True
    """Whether a full stop ends it, after the citation, if the text has none of its own."""


class Prompt(msgspec.Struct, frozen=True, tag="prompt"):
    """What the log cannot show: a question to a person."""

    question: str


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """One row of the timeline."""

    at: int
    label: str
    """``First symptom``, ``Detected``, ``Paged``, ``Acknowledged``, ``Mitigated``, ``Last alert ended``, ``Resolved``
    or empty. Several are joined by ``, ``. A full stop follows, unless the row goes on in lower case (``by Ana``)."""
    parts: tuple[Part, ...]
    cites: tuple[str, ...]
    """Ids of the events, each once."""
    type: str
    """The type of the event that leads the row."""
    suffixes: tuple[str, ...] = ()
    """``received 8 min late``, ``corrected``."""


class Bullets(msgspec.Struct, frozen=True, tag="bullets"):
    items: tuple[Claim, ...]


class Timeline(msgspec.Struct, frozen=True, tag="timeline"):
    rows: tuple[Row, ...]
    left_out: Claim | None = None
    """Says how many rows were folded away beyond the length, and how to see them."""


class ActionRow(msgspec.Struct, frozen=True, kw_only=True):
    action: tuple[Part, ...]
    owner: tuple[Part, ...]
    due: str
    cites: tuple[str, ...]


class Actions(msgspec.Struct, frozen=True, tag="actions"):
    rows: tuple[ActionRow, ...]


class IndexLine(msgspec.Struct, frozen=True, kw_only=True):
    """One cited event (or a run of them) in the Appendix."""

    cites: tuple[str, ...]
    at: int
    type: str
    source: str
    more: int = 0
    """How many further events of the same type, source and minute this line stands for."""


class Index(msgspec.Struct, frozen=True, tag="index"):
    lines: tuple[IndexLine, ...]
    left_out: int = 0


Block = Bullets | Prompt | Timeline | Actions | Index | Claim


class Section(msgspec.Struct, frozen=True, kw_only=True):
    """One part of the postmortem; its heading stands in the template."""

    key: str
    """``summary``, ``impact``, ``timeline``, ``detection``, ``root_causes``, ``diagnostics``, ``resolution``,
    ``lessons``, ``actions``, ``appendix``."""
    blocks: tuple[Block, ...]


class Options(msgspec.Struct, frozen=True, kw_only=True):
    """What a reader may choose; part of what decides the bytes."""

    zone: str = "UTC"
    """An IANA zone name for the times shown."""
    detail: str = "normal"
    """``normal``, ``key`` or ``all``."""
    profile: str = "timelined"
    """Whose terms the durations are stated in: ``timelined``, ``pagerduty``, ``datadog``, ``rootly``."""


class Document(msgspec.Struct, frozen=True, kw_only=True):
    """A whole draft."""

    title: Claim
    lead: Claim | None
    """None leaves a prompt to name one."""
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
    moments: Mapping[str, Moment] = {}
    """The seven moments, for machines that read the draft."""
    durations: tuple[Duration, ...] = ()
    """The durations in the terms of ``options.profile``, for machines that read the draft."""
