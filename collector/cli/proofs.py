"""Handing out proofs that events are in the log, and the key they are checked with."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from collector import daemon
from collector.cli import logs, output
from collector.cli.access import LogAccess
from collector.cli.views import about_log, query, query_lists
from collector.errors import InvalidInput, NotFound
from collector.log import queries
from collector.people import citations
from collector.projections import search
from collector.settings import Settings
from collector.verification import proofs

_DRAFTS_CITE = 5
"""Digits from which on a number may be a draft's citation, and is tried as one before it is an incident's."""


def consistent(access: LogAccess, sizes: tuple[int, int], to: Path | None) -> None:
    """Hand out the proof that the checkpoint at the second size grew out of that at the first."""
    old, new = sizes
    url = access.settings().storage.url
    _hand_out(query(url, lambda connection: proofs.consistency(connection, old, new)), to)


def included(
    access: LogAccess, target: str | None, position: int | None, incident: int | None, *, size: int | None,
    content: bool, to: Path | None,
) -> None:  # fmt: skip
    """Hand out the proof of the one thing that is named: an event or an incident as it was typed, a position, or an
    incident's number."""
    settings = access.settings()
    positions, subject = [position or 0], f"position {position}"
    number = incident if incident is not None else None if target is None else _incident(settings, target)
    if number is not None:
        positions, subject = _cited(access, settings, number), f"the draft of incident {logs.called(number)}"
        to = to or Path(settings.drafts.dir) / f"incident-{number}.proof.json"
    elif target is not None:
        positions, subject = _event(access, settings, target)
    export = partial(proofs.inclusion, positions=positions, subject=subject, size=size, content=content)
    _hand_out(query(settings.storage.url, export), to)


def _incident(settings: Settings, what: str) -> int | None:
    """The incident that was meant; None where an event was."""
    citation = citations.read(what)
    if citation is None or citation.incident is not None or not citation.digits.isdigit():
        return None
    cited = len(citation.digits) >= _DRAFTS_CITE and _ids(settings, citation.digits)
    return None if cited else int(citation.digits)


def _ids(settings: Settings, digits: str) -> list[str]:
    """The ids that end so."""
    found = query_lists(settings.storage.url, lambda connection: search.resolve_id(connection, digits))
    return [one for one in found if one.endswith(digits)]


def print_key(access: LogAccess) -> None:
    """Print the key that others check signatures with."""
    settings = access.settings(secrets=("proof.",))
    signer = daemon.signer_of(settings, about_log(settings))
    if signer is None:
        raise InvalidInput("cannot print the verifier key: checkpoints are not signed; set proof.signing_key_file")
    output.result(signer.verifier_key)


def _hand_out(proof: str, to: Path | None) -> None:
    if to in (None, output.STDOUT):
        return output.result(proof)
    output.write(to, proof.encode())
    output.say(f"Proof written to {to}")
    return None


def _cited(access: LogAccess, settings: Settings, number: int) -> list[int]:
    """The positions of exactly the events that the draft of an incident cites, each as the draft knows it."""
    draft = access.get(f"/api/v1/incidents/{number}/postmortem.json").json()
    ids = list(draft["events"])
    if not ids:
        raise NotFound(f"cannot prove the draft of incident {logs.called(number)}: it cites no event")
    return _positions(settings, ids)


def _event(access: LogAccess, settings: Settings, name: str) -> tuple[list[int], str]:
    """The positions of an event's last revision, and what it is called."""
    named = citations.read(name)
    ids = _ids(settings, named.digits) if named is not None else []
    if not ids:
        missing = citations.missing(name).replace("; list /api/v1/events", "; list them with timelined events")
        raise NotFound(missing + access.looked_in)
    if len(ids) > 1:
        raise NotFound(f"cannot tell which event {name} is: {', '.join(ids[:10])}; write more digits")
    return _positions(settings, ids), f"event {ids[0]}"


def _positions(settings: Settings, ids: list[str]) -> list[int]:
    """Where the highest revision of each event stands."""
    highest: dict[str, tuple[int, int]] = {}
    for event in query(settings.storage.url, lambda connection: queries.read_ids(connection, ids)):
        highest[event.id] = max(highest.get(event.id, (-1, 0)), (event.revision, event.position))
    return [position for _, position in highest.values()]
