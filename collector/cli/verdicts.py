"""Verifying a log, or a proof out of one, and saying what was found."""

from __future__ import annotations

import os
from base64 import b64encode
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from collector import daemon
from collector.backup.older import verifiable
from collector.cli import output
from collector.cli.access import LogAccess
from collector.cli.incidents import every_event
from collector.cli.views import about_log, query, query_lists
from collector.errors import InvalidInput, LogDamaged, NotFound, Unavailable
from collector.log import open_log, queries
from collector.projections.regrouped import RegroupingDifference, compare
from collector.proof import acknowledged, proofcheck, seal, upkeep
from collector.proof.checkpoint import TREES, Signer, origin_of, parse, published
from collector.proof.folder import ProofFolder
from collector.proof.lost import origin_after
from collector.settings import Settings, Unread
from collector.verification.scan import MOST, StoredDifference
from collector.verification.verify import Beyond, Verdict, counted_rows
from collector.verification.verify import verify as verified
from collector.verification.workers import VerifyWorkers

_NAMED = 10
"""Differences of the lists that are written out; they follow from the log, so one fault shows in many rows."""


def give(
    access: LogAccess, selected: tuple[int | None, int | None, int | None], *, key: str | None, checkpoint: Path | None,
    lists: bool, jobs: int | None, form: str,
) -> None:  # fmt: skip
    """Verify a log and print the verdict. ``selected`` are the first position, the last and an incident, where only
    those are asked for. Exits with :data:`collector.cli.output.DAMAGED` where something differs."""
    unread: list[str] = []
    settings = access.settings(secrets=("proof.",), unread=unread)
    beyond, outside, unseen = _beyond(settings, key, checkpoint)
    unseen += [] if lists else ["the lists: they follow from the log, and --lists compares them with it"]
    unseen += [f"signatures by the configured key: {each}" for each in unread]
    only = _only(access, settings, *selected)
    with verifiable(settings.storage.url) as (url, earlier):
        if url != settings.storage.url:
            output.say("The schema is an earlier one: a copy is upgraded and verified, the database left as it is.")
        opener = partial(open_log, url, writable=False, any_schema=True)
        helped, shown = VerifyWorkers(opener, jobs or len(os.sched_getaffinity(0))), _progress(url, whole=only is None)
        with helped as helpers, shown as progress:
            work = partial(verified, beyond=beyond, only=only, progress=progress, helpers=helpers)
            verdict = query(url, work)
        compared = query_lists(url, partial(compare, rules=settings.correlation)) if lists else RegroupingDifference()
    differences = [*outside, *earlier, *verdict.differences]
    if only is None:
        done = upkeep.Upkeep(daemon.wall_clock(), well=not differences, position=verdict.size)
        upkeep.leave(daemon.proof_folder_of(settings, about_log(settings)).folder, "verify", done)
    unseen += compared.unseen
    whole = lists and not compared.unseen
    if form == "json":
        named = [*differences, *compared.differences]
        output.as_json(_verdict(verdict, named, unseen) | {"lists_compared": whole})
    else:
        _show(verdict, differences, unseen, compared.differences, whole=whole)
    if differences or compared.differences:
        raise click.exceptions.Exit(output.DAMAGED)


def check(file: Path, key: str | None, checkpoint: Path | None) -> None:
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


def _beyond(
    settings: Settings, key: str | None, checkpoint: Path | None
) -> tuple[Beyond, list[StoredDifference], list[str]]:
    """What is known from outside the database, read before it; and what of that is damaged itself."""
    about = about_log(settings)
    proof_folder = daemon.proof_folder_of(settings, about)
    damaged: list[StoredDifference] = []
    records: list[acknowledged.Last] = []
    for path in acknowledged.all_beside(proof_folder.acknowledged):
        try:
            records += [last] if (last := acknowledged.read(path)) else []
        except LogDamaged as error:
            damaged.append(StoredDifference("acknowledged", 0, str(error)))
    try:
        notes = list(proof_folder.checkpoint_files())
    except OSError as error:
        raise InvalidInput(f"cannot read the checkpoints in {proof_folder.checkpoints}: {error.strerror}") from error
    signer = daemon.signer_of(settings, about)
    keys = [key] if key else signer.verifier_keys() if signer else []
    signature = partial(_signed, keys=keys, signer=signer) if keys else _unsigned
    origin = settings.proof.origin
    given = [] if checkpoint is None else [_checkpoint_from(checkpoint, origin, origin_after(origin, about.accepted))]
    beyond = Beyond(notes=notes, own_checkpoints=given, acknowledged=records, signature=signature)
    return beyond, damaged, _not_seen(settings, proof_folder, beyond, keys)


def _sealed(settings: Settings) -> list[bytes]:
    """The checkpoints in the database; none where it cannot be read, which the verifying names."""
    try:
        return [note.encode() for tree in TREES for note in query(settings.storage.url, partial(seal.notes, tree=tree))]
    except Unavailable:
        return []


def _not_seen(settings: Settings, proof_folder: ProofFolder, beyond: Beyond, keys: list[str]) -> list[str]:
    """What this verifying cannot look at, for want of it."""
    missing = []
    if not any(last.position for last in beyond.acknowledged):
        missing.append(
            f"what was acknowledged: there is no record of it in {proof_folder.folder}, so events may be missing at "
            "the end"
        )
    sealed = _sealed(settings)
    alone = len(set(sealed) - proof_folder.every())
    if alone:
        missing.append(f"{alone} of {len(sealed)} checkpoints have no copy in {proof_folder.checkpoints.parent}")
    if not sealed:
        missing.append("the whole: nothing was sealed yet, so only each row was held to its own leaf")
    if not keys and not isinstance(settings.proof.signing_key, Unread):
        missing.append("signatures: no key is configured or given (--key)")
    return missing


def _checkpoint_from(path: Path, origin: str, now: str) -> tuple[str, str, bytes]:
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
    access: LogAccess, settings: Settings, first: int | None, last: int | None, incident: int | None
) -> list[tuple[int, int]] | None:
    """The positions that are asked for; None for all of them."""
    if incident is not None:
        if first or last:
            raise click.UsageError("--incident names its positions itself; leave --from and --to out")
        events = access.ask(lambda api: every_event(api, f"/api/v1/incidents/{incident}/events"))
        return [(position, position) for position in sorted(each["position"] for each in events)]
    if first is None and last is None:
        return None
    head = query(settings.storage.url, queries.head)
    begin, end = first or 1, last or head
    if not begin <= end <= head:
        raise NotFound(f"cannot verify positions {begin} to {end}: the log has 1 to {head}{access.looked_in}")
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
    return sum(query(url, counted_rows).values()) or None


def _verdict(verdict: Verdict, differences: Iterable[StoredDifference], unseen: list[str]) -> dict[str, Any]:
    return {
        "events": {"size": verdict.size, "root": b64encode(verdict.root).decode()},
        "deliveries": {"size": verdict.deliveries, "root": b64encode(verdict.deliveries_root).decode()},
        "checkpoints": verdict.checkpoints,
        "sealed": verdict.sealed,
        "removed": verdict.removed,
        "lost": verdict.lost or None,
        "not_looked_at": unseen,
        "differences": [{"table": each.table, "number": each.number, "what": each.description} for each in differences],
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
    output.say("The log is what it was: of what was looked at, nothing was altered, lost or added.")
