"""How long incidents took."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from collector.web.shapes.base import Shape, Time


class End(Shape, frozen=True):
    """One end of a duration, and the events that prove it."""

    moment: str
    at: Time | None
    known: str
    basis: str
    events: list[str]


class Duration(Shape, frozen=True, rename={"begin": "from", "end": "to"}):
    """One duration of an incident, from one moment to another."""

    name: str
    term: str
    formula: str
    status: str
    known: str
    why: str
    begin: End
    end: End
    seconds: float | None


class Measures(Shape, frozen=True):
    """The durations of an incident in each profile's terms."""

    incident: int
    private: str | None
    """The groups that alone may read of it; null: everybody may."""
    detected_by: str
    profiles: Mapping[str, list[Duration]]


class MeasuredValue(Shape, frozen=True):
    """A duration as one of several incidents has it."""

    log: str
    """The log that the incident is of."""
    incident: int
    private: str | None
    title: str
    seconds: float | None
    status: str
    why: str | None


class Spread(Shape, frozen=True):
    """One duration over several incidents: how many know it, the median and the quartiles."""

    name: str
    term: str
    formula: str
    known: int
    of: int
    median: float | None
    lower_quartile: float | None
    upper_quartile: float | None
    values: list[MeasuredValue]


class Group(Shape, frozen=True):
    """The durations of incidents that are alike."""

    name: str
    incidents: int
    measures: list[Spread]


class MeasuresOver(Shape, frozen=True):
    """The durations over several incidents, and by groups of them where that was asked for."""

    profile: str
    since: Time | None
    until: Time | None
    by: str | None
    incidents: int
    measures: list[Spread]
    groups: list[Group]
    not_counted: Mapping[str, str] | msgspec.UnsetType = msgspec.UNSET
    """Each log that could not be read, of which nothing is counted, and why."""
