"""What a template is given: the finished sections of a draft, and a few facts to build sentences of one's own with."""

from __future__ import annotations

from dataclasses import dataclass


class Md(str):
    """Text that is finished Markdown; any other string is escaped when the template shows it."""

    __slots__ = ()


@dataclass(frozen=True)
class Sheet:
    """The first value that a template is given: each is finished Markdown, without its heading."""

    title: Md
    """The incident's title, on one line."""
    lead: Md
    """Who led, with the evidence."""
    date: Md
    """The day it began, in the chosen zone."""
    status: Md
    """``Resolved`` or ``Unresolved``, and as known at what time, if the draft is about an earlier one."""
    incident: Md
    """Number, severity, priority, from when to when, and links to the pages."""
    summary: Md
    """What happened, in four sentences."""
    impact: Md
    """What was hit, and what the alerts said."""
    timeline: Md
    """The zone it is told in, and the table."""
    detection: Md
    """Who or what noticed, and how fast."""
    root_causes: Md
    """Labels, prompts and candidates."""
    diagnostics: Md
    """Notes, queries, runbooks."""
    resolution: Md
    """What was done, and what ended next."""
    lessons: Md
    """Observations with numbers."""
    actions: Md
    """The table of follow-ups."""
    appendix: Md
    """What was near, what was missing, the index and the digest."""
    references: Md
    """What turns the citations into links; empty where nobody said where the events can be looked up."""


@dataclass(frozen=True)
class ShownMeasure:
    """One duration, as ``facts.durations`` has it."""

    term: str
    """What it is called: ``Time to resolve``."""
    value: str
    """How long it was: ``22 min 30 s``."""
    known: str
    """``observed``, ``derived`` or ``stated``."""


@dataclass(frozen=True)
class TemplateFacts:
    """The second value that a template is given; every text in it is escaped where it is shown."""

    number: int = 0
    """The incident's number; 0 where it has none."""
    title: str = ""
    """Its title as plain text."""
    services: tuple[str, ...] = ()
    """The services that alerts, pages and reports name, sorted."""
    environments: tuple[str, ...] = ()
    """The environments likewise."""
    severity: str = ""
    """The gravest severity that an alert told; empty where none did."""
    resolved: bool = False
    """Whether it is over."""
    started: str = ""
    """When it began, in the chosen zone: ``2026-03-04 18:02:10``."""
    ended: str = ""
    """When it ended; empty while it is open."""
    durations: tuple[ShownMeasure, ...] = ()
    """The durations that are known."""
