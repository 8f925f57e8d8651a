"""How a person names an event: as a draft cites it, with its brackets or without, as a list shows it, or whole.

``[b61d0]``, ``b61d0``, ``#b61d0``, ``1/b61d0`` and ``INC-1/b61d0`` are one event, the last two where the same
digits end several events' ids and incident 1 has one of them. What stood around it where it was copied from is no
part of it: brackets, quotes, a comma.
"""

from __future__ import annotations

import re

import msgspec

SHORTEST = 4
"""Digits of the shortest citation: with fewer, every other id would end in them."""

_WRITTEN = re.compile(r"(?:(?:inc(?:ident)?[- ]?)?#?(\d{1,18})\s*/\s*\[?)?#?([0-9a-z]{1,32})", re.ASCII | re.I)
_AROUND = " \t\r\n[](){}<>`'\".,;:"
_SEVERAL = re.compile(r"[0-9a-z]{4,32}(?:[\s,]+[0-9a-z]{4,32})+", re.ASCII | re.I)
_SHOWN = 40
"""Characters of what was typed that a message repeats."""


class Citation(msgspec.Struct, frozen=True):
    """An event's name, taken apart."""

    digits: str
    """A whole id, the end of one, or a position; in lower case."""
    incident: int | None
    """The number of the incident that it is cited in; None where none was written."""


def read(text: str) -> Citation | None:
    """What a person typed as an event; None where no event can be called so."""
    match = _WRITTEN.fullmatch(text.strip(_AROUND))
    if match is None:
        return None
    incident, digits = match.groups()
    return Citation(digits.lower(), int(incident) if incident else None)


def missing(text: str) -> str:
    """Why no event is called so, with what was typed."""
    citation = read(text)
    shown = "".join(c if c.isprintable() else "\ufffd" for c in text[:_SHOWN]) + ("…" if len(text) > _SHOWN else "")
    attempt = f'cannot find event "{shown}"'
    if citation is None and _SEVERAL.fullmatch(text.strip(_AROUND)):
        return f"{attempt}: those are several; name one of them"
    if citation is None:
        return f"{attempt}: an event is named by the end of its id, such as b61d0"
    if set(citation.digits) - set("0123456789abcdef"):
        return f"{attempt}: ids consist of the digits 0 to 9 and a to f"
    if len(citation.digits) < SHORTEST and not citation.digits.isdigit():
        return f"{attempt}: that is too short; write {SHORTEST} digits of its id or more"
    of = "no id ends so" if citation.incident is None else f"incident {citation.incident} has no event whose id ends so"
    position = " and no position is this" if citation.digits.isdigit() and citation.incident is None else ""
    return f"{attempt}: {of}{position}; list /api/v1/events"
