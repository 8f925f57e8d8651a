"""Whether the log is what it was, and proofs of it for others.

These read the database itself, read-only, whether a daemon runs or not. They show whether the log is right,
and take nobody's word for it.
"""

from __future__ import annotations

import asyncio
import os
from base64 import b64encode
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from collector import daemon
from collector.backup.older import verifiable
from collector.cli import logs, output
from collector.cli.incidents import every_event
from collector.cli.logs import LOG
from collector.cli.naming import IN_LOG, INCIDENT
from collector.cli.where import CONFIG_FILE, OUTPUT, STORAGE_URL, Where
from collector.errors import InvalidInput, LogDamaged, NotFound, Unavailable
from collector.log import open_log, queries
from collector.people import citations
from collector.projections import open_lists, search
from collector.projections.regrouped import RegroupingDifference, compare
from collector.proof import acknowledged, lost, proofcheck, seal, upkeep
from collector.proof.checkpoint import TREES, Signer, origin_of, parse, published
from collector.proof.folder import ProofFolder
from collector.proof.lost import UNKNOWN, LogName, origin_after
from collector.settings import Settings, Unread
from collector.verification import proofs as proofs
from collector.verification.scan import MOST, StoredDifference
from collector.verification.verify import Beyond, Verdict
from collector.verification.verify import verify as verified
from collector.verification.workers import VerifyWorkers

T = TypeVar("T")

_NAMED = 10
"""Differences of the lists that are written out; they follow from the log, so one fault shows in many rows."""

KEY = click.option("--key", metavar="KEY", help="The log's verifier key; by default that of the configured key.")


@click.command()
@click.option("--from", "first", type=click.IntRange(1), metavar="POSITION", help="Only the rows from here on.")
@click.option("--to", "last", type=click.IntRange(1), metavar="POSITION", help="Only the rows up to here.")
@click.option("--incident", type=INCIDENT, metavar="N", help="Only the rows of this incident's events.")
@click.option("--proof", "file", type=click.Path(path_type=Path), metavar="FILE", help="Check an exported proof.")
@KEY
@click.option("--checkpoint", type=click.Path(path_type=Path), metavar="FILE", help="A checkpoint you keep.")
@click.option("--lists", is_flag=True, help="Group the whole log again, and compare the lists with that.")
@click.option("--jobs", type=click.IntRange(1), metavar="N", help="So many processes; by default one a processor.")
@CONFIG_FILE
@STORAGE_URL
@LOG
@OUTPUT
def verify(
    first: int | None, last: int | None, incident: int | None, file: Path | None, key: str | None,
    checkpoint: Path | None, lists: bool, jobs: int | None, config_file: Path | None, storage_url: str | None,
    form: str,
) -> None:  # fmt: skip
    """Verify that nothing in the log was altered, lost or added.

    Computes every commitment, leaf and tree again and holds them to the
    checkpoints in and beside the database. Exits with 6 where something
    differs, and names it. With --proof it needs no database. A small log is
    verified by one process, and so is a larger one from the first difference
    on. With --lists what lists show is compared as well: incidents, their
    members and why, placements, and why the rest joined nothing.
    """
    if lists and (first or last or incident or file):
        raise click.UsageError("--lists compares all of the lists; leave --from, --to, --incident and --proof out")
    if file is not None:
        return _check(file, key, checkpoint)
    where = Where(config_file=config_file, storage_url=storage_url)
    unread: list[str] = []
    settings = where.settings(secrets=("proof.",), unread=unread)
    beyond, outside, unseen = _beyond(settings, key, checkpoint)
    unseen += [] if lists else ["the lists: they follow from the log, and --lists compares them with it"]
    unseen += [f"signatures by the configured key: {each}" for each in unread]
    only = _only(where, settings, first, last, incident)
    with verifiable(settings.storage.url) as (url, earlier):
        if url != settings.storage.url:
            output.say("The schema is an earlier one: a copy is upgraded and verified, the database left as it is.")
        opener = partial(open_log, url, writable=False, any_schema=True)
        helped, shown = VerifyWorkers(opener, jobs or len(os.sched_getaffinity(0))), _progress(url, whole=only is None)
        with helped as helpers, shown as progress:
            work = partial(verified, beyond=beyond, only=only, progress=progress, helpers=helpers)
            verdict = _query(url, work)
        compared = _query_lists(url, partial(compare, rules=settings.correlation)) if lists else RegroupingDifference()
    differences = [*outside, *earlier, *verdict.differences]
    if only is None:
        done = upkeep.Upkeep(daemon.wall_clock(), well=not differences, position=verdict.size)
        upkeep.leave(daemon.beside_of(settings, _about(settings)).folder, "verify", done)
    unseen += compared.unseen
    whole = lists and not compared.unseen
    if form == "json":
        named = [*differences, *compared.differences]
        output.as_json(_verdict(verdict, named, unseen) | {"lists_compared": whole})
    else:
        _show(verdict, differences, unseen, compared.differences, whole=whole)
    if differences or compared.differences:
        raise click.exceptions.Exit(output.DAMAGED)
    return None


def _check(file: Path, key: str | None, checkpoint: Path | None) -> None:
    """Check a proof by the code that others check it with."""
    kept = _read(checkpoint, "a checkpoint") if checkpoint else None
    try:
        checked = proofcheck.check(_read(file, "a proof"), key, kept)
    except proofcheck.Rejected as error:
        raise LogDamaged(f"the proof {file} does not hold: {error}") from error
    output.result(proofcheck.sentence(checked))


def _read(path: Path, description: str) -> str:
    try:
        return path.read_bytes().decode()
    except OSError as error:
        raise NotFound(f"cannot read {path}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise LogDamaged(f"{path} is not {description}: byte {error.start} is not UTF-8") from error


def _query(url: str, work: Callable[[Any], T]) -> T:
    """What ``work`` finds in the database, over one view of it."""

    async def asked() -> T:
        store = await open_log(url, writable=False, any_schema=True)
        try:
            return await store.query(work)
        finally:
            await store.close()

    return asyncio.run(asked())


def _query_lists(url: str, work: Callable[[Any], T]) -> T:
    """The same over a view of the lists, with the log."""

    async def asked() -> T:
        store = await open_log(url, writable=False, any_schema=True)
        lists = open_lists(store)
        try:
            return await lists.query(work)
        finally:
            await lists.close()
            await store.close()

    return asyncio.run(asked())


# --- verify -----------------------------------------------------------------------------------------------------------


def _beyond(
    settings: Settings, key: str | None, checkpoint: Path | None
) -> tuple[Beyond, list[StoredDifference], list[str]]:
    """What is known from outside the database, read before it; and what of that is damaged itself."""
    about = _about(settings)
    beside = daemon.beside_of(settings, about)
    damaged: list[StoredDifference] = []
    records: list[acknowledged.Last] = []
    for path in acknowledged.all_beside(beside.acknowledged):
        try:
            records += [last] if (last := acknowledged.read(path)) else []
        except LogDamaged as error:
            damaged.append(StoredDifference("acknowledged", 0, str(error)))
    try:
        notes = list(beside.kept())
    except OSError as error:
        raise InvalidInput(f"cannot read the checkpoints in {beside.checkpoints}: {error.strerror}") from error
    signer = daemon.signer_of(settings, about)
    keys = [key] if key else signer.verifier_keys() if signer else []
    signature = partial(_signed, keys=keys, signer=signer) if keys else _unsigned
    origin = settings.proof.origin
    given = [] if checkpoint is None else [_given(checkpoint, origin, origin_after(origin, about.accepted))]
    beyond = Beyond(notes=notes, given=given, acknowledged=records, signature=signature)
    return beyond, damaged, _not_seen(settings, beside, beyond, keys)


def _about(settings: Settings) -> LogName:
    """Which log this is; nothing is known of one that cannot be asked, and the verifying names why."""
    try:
        return _query(settings.storage.url, lost.about)
    except Unavailable:
        return UNKNOWN


def _sealed(settings: Settings) -> list[bytes]:
    """The checkpoints in the database; none where it cannot be read, which the verifying names."""
    try:
        return [
            note.encode() for tree in TREES for note in _query(settings.storage.url, partial(seal.notes, tree=tree))
        ]
    except Unavailable:
        return []


def _not_seen(settings: Settings, beside: ProofFolder, beyond: Beyond, keys: list[str]) -> list[str]:
    """What this verifying cannot look at, for want of it."""
    missing = []
    if not any(last.position for last in beyond.acknowledged):
        missing.append(
            f"what was acknowledged: there is no record of it in {beside.folder}, so events may be missing at the end"
        )
    sealed = _sealed(settings)
    alone = len(set(sealed) - beside.every())
    if alone:
        missing.append(f"{alone} of {len(sealed)} checkpoints have no copy in {beside.checkpoints.parent}")
    if not sealed:
        missing.append("the whole: nothing was sealed yet, so only each row was held to its own leaf")
    if not keys and not isinstance(settings.proof.signing_key, Unread):
        missing.append("signatures: no key is configured or given (--key)")
    return missing


def _given(path: Path, origin: str, now: str) -> tuple[str, str, bytes]:
    """A person's checkpoint, under the name of the log, now or before a loss: its tree, its name, what is in it."""
    note = _read(path, "a checkpoint")
    try:
        checkpoint = parse(note)
    except ValueError as error:
        raise InvalidInput(f"cannot hold the log to {path}: {error}") from error
    for tree in TREES:
        if checkpoint.origin in (origin_of(tree, origin), origin_of(tree, now)):
            return tree, str(path), note.encode()
    raise InvalidInput(
        f"cannot hold the log to {path}: it is a checkpoint of {checkpoint.origin}, and this log is {origin}; "
        "name one of its own, or set proof.origin to what it was called"
    )


def _signed(note: str, keys: Iterable[str], signer: Signer | None) -> bool:
    """Whether no signature of these keys fails. One of another key, or none, is what an older configuration left."""
    # An Ed25519 key signs a text in one way only, and the library signs faster than our own code verifies.
    if signer is not None and published(parse(note), signer) == note:
        return True
    return all(proofcheck.holds(note, key) is not False for key in keys)


def _unsigned(note: str) -> bool:
    return True


def _only(
    where: Where, settings: Settings, first: int | None, last: int | None, incident: int | None
) -> list[tuple[int, int]] | None:
    """The positions that are asked for; None for all of them."""
    if incident is not None:
        if first or last:
            raise click.UsageError("--incident names its positions itself; leave --from and --to out")
        events = where.ask(lambda desk: every_event(desk, f"/api/v1/incidents/{incident}/events"))
        return [(position, position) for position in sorted(each["position"] for each in events)]
    if first is None and last is None:
        return None
    head = _query(settings.storage.url, queries.head)
    begin, end = first or 1, last or head
    if not begin <= end <= head:
        raise NotFound(f"cannot verify positions {begin} to {end}: the log has 1 to {head}{where.looked_in}")
    return [(begin, end)]


@contextmanager
def _progress(url: str, *, whole: bool) -> Iterator[Callable[[int], None]]:
    """A bar on stderr, for a person who watches."""
    console = Console(stderr=True)
    columns = (TextColumn("verifying"), BarColumn(), MofNCompleteColumn(), TextColumn("rows"), TimeRemainingColumn())
    with Progress(*columns, console=console, disable=not console.is_terminal, transient=True) as bar:
        task = bar.add_task("rows", total=_rows(url) if whole and console.is_terminal else None)
        yield lambda rows: bar.advance(task, rows)


def _rows(url: str) -> int | None:
    """How many rows the head says there are; None where it cannot be read, which is found again later."""

    def count(connection: Any) -> int | None:
        try:
            return int(connection.exec_driver_sql("SELECT position + delivery FROM head").scalar_one())
        except Exception:
            return None

    return _query(url, count)


def _verdict(verdict: Verdict, differences: Iterable[StoredDifference], unseen: list[str]) -> dict[str, Any]:
    return {
        "events": {"size": verdict.size, "root": b64encode(verdict.root).decode()},
        "deliveries": {"size": verdict.deliveries, "root": b64encode(verdict.deliveries_root).decode()},
        "checkpoints": verdict.checkpoints,
        "sealed": verdict.sealed,
        "removed": verdict.removed,
        "lost": verdict.lost or None,
        "not_looked_at": unseen,
        "differences": [{"table": each.table, "number": each.number, "what": each.what} for each in differences],
    }


def _show(
    verdict: Verdict, differences: list[StoredDifference], unseen: list[str], lists: Sequence[StoredDifference],
    *, whole: bool,
) -> None:  # fmt: skip
    if differences or lists:
        named = [*differences, *lists[:_NAMED]]
        output.result("\n".join(output.harmless(each) for each in named))
    if len(lists) > _NAMED:
        output.result(f"lists: {len(lists) - _NAMED}{' or more' if len(lists) >= MOST else ''} other differences")
    if lists:
        output.say("The lists are not what the log makes of them; timelined db rebuild makes them anew.")
    if differences:
        more = " or more" if len(differences) >= MOST else ""
        output.say(f"The log is not what it was: {len(differences)}{more} differences.")
        return
    output.facts(
        [
            ("Events", f"{verdict.size}, root {b64encode(verdict.root).decode()}"),
            ("Deliveries", f"{verdict.deliveries}, root {b64encode(verdict.deliveries_root).decode()}"),
            ("Checkpoints", f"{verdict.checkpoints}, the last over {verdict.sealed} events"),
            ("Removed", f"{verdict.removed} contents or bodies, as the log records" if verdict.removed else ""),
            ("Loss accepted", verdict.lost),
            ("Lists", "as the log makes them" if whole and not lists else ""),
            *(("Not looked at", what) for what in unseen),
        ]
    )
    output.say("The log is what it was.")


# --- proof ------------------------------------------------------------------------------------------------------------


@click.command()
@click.argument("target", type=IN_LOG, required=False, metavar="EVENT|INCIDENT")
@click.option("--consistency", nargs=2, type=click.IntRange(1), metavar="OLD NEW",
              help="Prove that the checkpoint at NEW grew out of the one at OLD.")  # fmt: skip
@click.option("--position", type=click.IntRange(1), metavar="POSITION", help="Prove the event at this position.")
@click.option("--incident", type=INCIDENT, metavar="N", help="Prove what the draft of this incident cites.")
@click.option("--content", is_flag=True, help="Put in what was said; it can no longer be erased from the file.")
@click.option("--at", "size", type=click.IntRange(1), metavar="SIZE", help="At this checkpoint and not the last.")
@click.option("--verifier-key", is_flag=True, help="Print the key that others check signatures with.")
@click.option("--to", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE", help="Write it to this file.")
@CONFIG_FILE
@STORAGE_URL
@LOG
def proof(
    target: str | None, consistency: tuple[int, int] | None, position: int | None, incident: int | None, content: bool,
    size: int | None, verifier_key: bool, to: Path | None, config_file: Path | None, storage_url: str | None,
) -> None:  # fmt: skip
    """Prove to others that events are in the log.

    EVENT is an event's id, or the end of it as a draft cites it. INCIDENT is a
    number, of a log with a name such as eu/12: the events its draft cites are proved, in a file beside the draft.
    A number of five digits or more is tried as a citation first; --incident
    always names an incident.
    Check a proof with `timelined verify --proof FILE`, or without timelined:
    `python3 proofcheck.py FILE`.
    """
    where = Where(config_file=config_file, storage_url=storage_url)
    settings = where.settings()
    if (
        sum((target is not None, consistency is not None, position is not None, incident is not None, verifier_key))
        != 1
    ):
        raise click.UsageError(
            "name one thing: an event, an incident, --incident, --position, --consistency or --verifier-key"
        )
    if verifier_key:
        return _print_key(where.settings(secrets=("proof.",)))
    if consistency is not None:
        old, new = consistency
        return _hand_out(_query(settings.storage.url, lambda connection: proofs.consistency(connection, old, new)), to)
    positions, subject = [position or 0], f"position {position}"
    number = incident if incident is not None else None if target is None else _incident(settings, target)
    if number is not None:
        positions, subject = _cited(where, settings, number), f"the draft of incident {logs.called(number)}"
        to = to or Path(settings.drafts.dir) / f"incident-{number}.proof.json"
    elif target is not None:
        positions, subject = _named(where, settings, target)
    export = partial(proofs.inclusion, positions=positions, subject=subject, size=size, content=content)
    return _hand_out(_query(settings.storage.url, export), to)


_DRAFTS_CITE = 5
"""Digits from which on a number may be a draft's citation, and is tried as one before it is an incident's."""


def _incident(settings: Settings, what: str) -> int | None:
    """The incident that was meant; None where an event was."""
    citation = citations.read(what)
    if citation is None or citation.incident is not None or not citation.digits.isdigit():
        return None
    cited = len(citation.digits) >= _DRAFTS_CITE and _ids(settings, citation.digits)
    return None if cited else int(citation.digits)


def _ids(settings: Settings, digits: str) -> list[str]:
    """The ids that end so."""
    found = _query_lists(settings.storage.url, lambda connection: search.named(connection, digits))
    return [one for one in found if one.endswith(digits)]


def _print_key(settings: Settings) -> None:
    signer = daemon.signer_of(settings, _about(settings))
    if signer is None:
        raise InvalidInput("cannot print the verifier key: checkpoints are not signed; set proof.signing_key_file")
    output.result(signer.verifier_key)


def _hand_out(proof: str, to: Path | None) -> None:
    if to is None:
        return output.result(proof)
    output.write(to, proof.encode())
    output.say(f"Proof written to {to}")
    return None


def _cited(where: Where, settings: Settings, number: int) -> list[int]:
    """The positions of exactly the events that the draft of an incident cites, each as the draft knows it."""
    draft = where.get(f"/api/v1/incidents/{number}/postmortem.json").json()
    ids = list(draft["events"])
    if not ids:
        raise NotFound(f"cannot prove the draft of incident {logs.called(number)}: it cites no event")
    return _positions(settings, ids)


def _named(where: Where, settings: Settings, name: str) -> tuple[list[int], str]:
    """The positions of an event's last revision, and what it is called."""
    named = citations.read(name)
    ids = _ids(settings, named.digits) if named is not None else []
    if not ids:
        missing = citations.missing(name).replace("; list /api/v1/events", "; list them with timelined events")
        raise NotFound(missing + where.looked_in)
    if len(ids) > 1:
        raise NotFound(f"cannot tell which event {name} is: {', '.join(ids[:10])}; write more digits")
    return _positions(settings, ids), f"event {ids[0]}"


def _positions(settings: Settings, ids: list[str]) -> list[int]:
    """Where the highest revision of each event stands."""
    highest: dict[str, tuple[int, int]] = {}
    for event in _query(settings.storage.url, lambda connection: queries.read_ids(connection, ids)):
        highest[event.id] = max(highest.get(event.id, (-1, 0)), (event.revision, event.position))
    return [position for _, position in highest.values()]
