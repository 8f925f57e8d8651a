"""What commands take as names: an incident's number, an event, a delivery."""

from __future__ import annotations

import re

import click

from collector.cli import logs
from collector.errors import NotFound
from collector.people import citations

_NUMBER = re.compile(r"(?:inc(?:ident)?[- ]?)?#?(\d{1,18})", re.ASCII | re.I)
_OF_LOG = re.compile(r"([a-z][a-z0-9_-]{0,31})/(\d{1,18})", re.ASCII)


class NamedIncident(click.ParamType[int]):
    """An incident's number: ``1``, ``#1`` or ``INC-1``; ``eu/1`` of the log ``eu``, which is asked then."""

    name = "incident"

    def convert(self, value: str | int, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """The number, from 1."""
        of_log = _OF_LOG.fullmatch(str(value).strip())
        if of_log is not None:
            logs.choose(of_log[1])
        found = _NUMBER.fullmatch(of_log[2] if of_log is not None else str(value).strip())
        number = int(found[1]) if found else 0
        if number < 1:
            self.fail(f"{value!r} is not an incident's number; list them with timelined incidents", param, ctx)
        return number


INCIDENT = NamedIncident()


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
    if not name.isascii() or not name.isalnum():
        raise NotFound(
            f'cannot find delivery "{name}": deliveries are called d1, d2 and so on; '
            "list them with timelined deliveries"
        )
    return name
