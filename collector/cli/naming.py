"""What commands take as names: an incident's number, an event, a delivery."""

from __future__ import annotations

import re

import click

from collector.cli import logs
from collector.errors import NotFound
from collector.people import citations

_NUMBER = re.compile(r"(?:inc(?:ident)?[- ]?)?#?(\d{1,18})", re.ASCII | re.I)
_DELIVERY = re.compile(r"[\[(]?#?d?(\d{1,18})[\])]?,?", re.ASCII | re.I)
_LINK = re.compile(
    r"https?://\S*?/(?:logs/([a-z][a-z0-9_-]{0,31})/)?(?:incidents|events)/([0-9a-z]{1,32})/?(?:\?[^\s#]*)?"
    r"(?:#(?:e-)?([0-9a-f]{4,32}))?",
    re.ASCII | re.I,
)
"""The address of an incident's page or of an event, as a draft or a page has it."""
_OF_LOG = re.compile(r"(\[?)\s*([a-z][a-z0-9_-]{0,31})/(.+)", re.ASCII | re.DOTALL)


def split_log(value: str, *, incident: bool = False) -> tuple[str, str]:
    """The log that a name begins with, empty where it names none, and the rest of it.

    ``eu/12`` is incident 12 of the log ``eu``, ``eu/b61d0``, ``eu/12/b61d0`` and ``[eu/b61d0]`` are an event there, and
    ``eu/d3`` is a delivery. ``INC-1/b61d0`` names an incident and no log. Of a link it is what that leads to, and
    with ``incident`` the incident and not the event within it.
    """
    text = value.strip()
    if link := _LINK.fullmatch(text.strip("<>()[].,;")):
        log, name, event = link.groups()
        return log or "", name if incident else event or name
    match = _OF_LOG.fullmatch(text)
    if match is None or citations.read(text) is not None:
        return "", value
    bracket, log, rest = match.groups()
    return log, bracket + rest


def in_log(value: str, *, incident: bool = False) -> str:
    """A name without the log that it begins with, which the running command asks from then on."""
    log, rest = split_log(value, incident=incident)
    if log:
        logs.choose(log)
    else:
        logs.leave_open(value)
    return rest


def number(value: str) -> int | None:
    """The number that an incident is called by, from 1; None where none is called so. It names no log."""
    found = _NUMBER.fullmatch(value.strip())
    return (int(found[1]) or None) if found else None


class NamedIncident(click.ParamType[int]):
    """An incident's number: ``1``, ``#1`` or ``INC-1``; ``eu/1`` of the log ``eu``, which is asked then."""

    name = "incident"

    def convert(self, value: str | int, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """The number, from 1."""
        result = number(in_log(str(value), incident=True))
        if result is None:
            self.fail(f"{value!r} is not an incident's number; list them with timelined incidents", param, ctx)
        return result


class InLog(click.ParamType[str]):
    """What an event or a delivery is called; with a log before it (``eu/b61d0``, ``eu/d3``) that one is asked."""

    name = "name"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """The name within its log."""
        return in_log(value)


INCIDENT = NamedIncident()
IN_LOG = InLog()


def event(name: str) -> str:
    """An event's name as one segment of a path. Raises :class:`NotFound` where no event can be called so."""
    name_parts = citations.read(name)
    if name_parts is None:
        raise NotFound(citations.missing(name))
    return name_parts.digits if name_parts.incident is None else f"{name_parts.incident}%2F{name_parts.digits}"


def digits(name: str) -> str:
    """The digits by which an event was named, for saying it again."""
    named = citations.read(name)
    return named.digits if named else name


def delivery(name: str) -> str:
    """A delivery's id as one segment of a path. Raises :class:`NotFound` where no delivery can be called so."""
    called = _DELIVERY.fullmatch(name.strip())
    if called is None:
        raise NotFound(
            f'cannot find delivery "{name}": deliveries are called d1, d2 and so on; '
            "list them with timelined deliveries"
        )
    return f"d{called[1]}"
