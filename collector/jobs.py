"""What the scheduler runs: drafts, written when incidents resolve, go quiet or change.

What is due is a pure function of the lists, the clock and what was written
before. A job keeps no state that lasts besides the record of what it wrote, which lies
with the files, one small file for each incident, so that a draft costs the
same however many there are. Losing a record loses nothing, it only makes that
incident's files look like a person's. A pass may run twice or be cut off
anywhere.

A file that a person edited is never touched: the new draft is written beside
it, under a name that says so.
"""

from __future__ import annotations

import asyncio
import hashlib
import itertools
import re
from collections.abc import Awaitable, Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import structlog
from apscheduler.executors.asyncio import AsyncIOExecutor
from apscheduler.schedulers.asyncio import AsyncIOScheduler

from collector.errors import TimelinedError, Unavailable
from collector.files import replace
from collector.projections import IncidentRow, Projections

log = structlog.get_logger(__name__)

FORMATS = ("md", "json")
RECORD = ".written"
"""The folder, in that of the drafts, where the digests of what was last written stand, by incident."""
DRAFT_MODE = 0o640
"""A draft may be for a group to read."""
EVERY = 60
"""Seconds between passes; a resolved one is written at once, without waiting for a pass."""
PATIENCE = 5.0
"""Seconds that a stop waits for what was begun: a pass over thousands of incidents takes longer than systemd waits."""

_PAGE = 500
_BATCH = 10
"""Resolved incidents written in one pass: a daemon that stops waits for the pass it is in."""
_DRAFT = re.compile(r"incident-(\d+)\.md")

Render = Callable[[int, str], Awaitable[str | None]]
"""An incident's number and a format → the text; None where there is no such incident."""


# --- what is due: pure ------------------------------------------------------------------------------------------------


class Written(msgspec.Struct, frozen=True, kw_only=True):
    """What was last written of one incident."""

    state: str
    """The digest of the incident as the lists showed it then."""
    files: Mapping[str, tuple[str, ...]] = {}
    """File name → SHA-256 of what we wrote into it: the last, and the one before in case the last never arrived."""


class Due(msgspec.Struct, frozen=True, kw_only=True):
    """A draft that is to be written now."""

    number: int
    reason: str
    """``resolved``, ``stale``, ``changed``, ``merged`` or ``amended``."""
    state: str
    merged_into: int | None = None


def due(now: int, rows: Iterable[IncidentRow], written: Mapping[int, Written], stale_after: int) -> tuple[Due, ...]:
    """The drafts to write at ``now``, in the order of their numbers. Times in µs.

    A first draft comes when an incident resolves, or when an open one has had
    no news for ``stale_after``. From then on every change of the incident is a
    reason for another, also if it is open again.
    """
    found = []
    for row in sorted(rows, key=lambda row: row.number):
        state = state_of(row)
        known = written.get(row.number)
        reason = _first_reason(row, now, stale_after) if known is None else _next_reason(row, known, state)
        if reason:
            found.append(Due(number=row.number, reason=reason, state=state, merged_into=row.merged_into))
    return tuple(found)


def _first_reason(row: IncidentRow, now: int, stale_after: int) -> str:
    if row.status == "open":
        return "stale" if now - row.last_at >= stale_after else ""
    return "resolved" if row.status == "resolved" else ""


def _next_reason(row: IncidentRow, known: Written, state: str) -> str:
    if known.state == state:
        return ""
    return "merged" if row.status == "merged" else "changed"


def state_of(row: IncidentRow) -> str:
    """The digest of the incident as lists know it: it changes with every event of it and every revision of one."""
    return hashlib.sha256(msgspec.json.encode(row, order="sorted")).hexdigest()


# --- files ------------------------------------------------------------------------------------------------------------


class DraftFile(msgspec.Struct, frozen=True, kw_only=True):
    """A draft as it lies in the folder."""

    number: int
    path: str
    edited: bool
    """Whether a person changed it since we wrote it."""
    beside: tuple[str, ...] = ()
    """Newer drafts that were written beside it instead of over it."""


class Shelf:
    """The folder of the drafts and the record of what was written into it. Names come from numbers only."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def records(self, numbers: Iterable[int]) -> dict[int, Written]:
        """What was written of these incidents; those of which nothing is known are left out."""
        return {number: found for number in numbers if (found := self.record(number)) is not None}

    def record(self, number: int) -> Written | None:
        """What was written of an incident; None where that is missing or unreadable: its files are then a person's."""
        path = self._record(number)
        try:
            return msgspec.json.decode(path.read_bytes(), type=Written)
        except FileNotFoundError:
            return None
        except (OSError, msgspec.DecodeError) as error:
            log.warning("cannot read what was written; the draft counts as edited", file=str(path), error=str(error))
            return None

    def write(self, wanted: Due, texts: Mapping[str, str]) -> None:
        """Write one incident's draft, given by format.

        What is going to be written is recorded first and what was written last, so that a file of ours is known as
        ours wherever this is cut off. Raises OSError; what was not written is due again.
        """
        (self.folder / RECORD).mkdir(parents=True, exist_ok=True)
        known = self.record(wanted.number) or Written(state="")
        plan, files = self._plan(wanted.number, texts, known.files)
        planned = Written(state=known.state, files={**known.files, **files})
        self._keep(wanted.number, planned)
        for path, content in plan.items():
            self._put(wanted.number, path, content)
        self._keep(wanted.number, msgspec.structs.replace(planned, state=wanted.state))

    def _record(self, number: int) -> Path:
        return self.folder / RECORD / f"{number}.json"

    def _keep(self, number: int, written: Written) -> None:
        replace(self._record(number), msgspec.json.encode(written, order="sorted"))

    def _plan(
        self, number: int, texts: Mapping[str, str], known: Mapping[str, tuple[str, ...]]
    ) -> tuple[dict[Path, bytes], dict[str, tuple[str, ...]]]:
        """Where each text goes, and the digests by which those files will be known as ours."""
        plan: dict[Path, bytes] = {}
        files: dict[str, tuple[str, ...]] = {}
        for form, text in texts.items():
            content = text.encode()
            path, found = self._free(number, form, known, _sha256(content))
            plan[path] = content
            files[path.name] = (_sha256(content), *([found] if found else []))
        return plan, files

    def _free(
        self, number: int, form: str, known: Mapping[str, tuple[str, ...]], wanted: str
    ) -> tuple[Path, str | None]:
        """The first name whose file is absent, or ours and unedited, or already right; and that file's digest."""
        for count in itertools.count():
            path = self.folder / _name(number, form, count)
            found = _digest_of(path)
            if found is None or found == wanted or found in known.get(path.name, ()):
                return path, found
        raise AssertionError("itertools.count() ended")

    def _put(self, number: int, path: Path, content: bytes) -> None:
        if _digest_of(path) != _sha256(content):
            replace(path, content, DRAFT_MODE)
        usual = f"incident-{number}{path.suffix}"
        if path.name != usual:
            log.warning("a person edited this draft; the new one is beside it", edited=usual, written=path.name)

    def showing(self, marks: Sequence[bytes]) -> list[int]:
        """The incidents of which any draft that was written, edited or not, holds one of these."""
        numbers = sorted(int(path.stem) for path in (self.folder / RECORD).glob("*.json") if path.stem.isdigit())
        return [number for number, known in self.records(numbers).items() if self._shows(known, marks)]

    def _shows(self, known: Written, marks: Sequence[bytes]) -> bool:
        contents = (content for name in known.files for content in _contents(self.folder / name))
        return any(mark in content for content in contents for mark in marks)

    def tidied(self, numbers: Sequence[int]) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """The files of these incidents that hold what was last written, and those that a person edited.

        A draft that was once put beside an edited file, and is not the one written now, is ours and outdated: it goes.
        """
        ours: list[str] = []
        edited: list[str] = []
        for number, known in self.records(numbers).items():
            newest = {self._newest(number, form, known) for form in FORMATS}
            for name, digests in sorted(known.files.items()):
                path = self.folder / name
                if name in newest:
                    ours.append(str(path))
                elif _digest_of(path) in digests:
                    path.unlink()
                elif path.exists():
                    edited.append(str(path))
        return tuple(ours), tuple(edited)

    def _newest(self, number: int, form: str, known: Written) -> str:
        """The name that the last draft of a format was written under: the first that no person's file has."""
        names = (_name(number, form, count) for count in itertools.count())
        return next(n for n in names if (d := _digest_of(self.folder / n)) is None or d in known.files.get(n, ()))

    def listing(self) -> tuple[DraftFile, ...]:
        """Every draft in the folder, by number."""
        numbers = (_DRAFT.fullmatch(path.name) for path in self.folder.glob("incident-*.md"))
        return tuple(self._listed(number) for number in sorted(int(match[1]) for match in numbers if match))

    def _listed(self, number: int) -> DraftFile:
        path = self.folder / f"incident-{number}.md"
        known = self.record(number)
        files = known.files if known is not None else {}
        beside = (self.folder / name for name in files if name.endswith(".md") and name != path.name)
        return DraftFile(
            number=number,
            path=str(path),
            edited=_digest_of(path) not in files.get(path.name, ()),
            beside=tuple(sorted(str(other) for other in beside if other.exists())),
        )


def _name(number: int, form: str, count: int) -> str:
    """``incident-12.md``, then ``incident-12.new.md``, ``incident-12.new-2.md`` …"""
    middle = ("", ".new")[count] if count < 2 else f".new-{count}"
    return f"incident-{number}{middle}.{form}"


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _contents(path: Path) -> list[bytes]:
    try:
        return [path.read_bytes()]
    except FileNotFoundError:
        return []


def _digest_of(path: Path) -> str | None:
    try:
        return _sha256(path.read_bytes())
    except FileNotFoundError:
        return None


# --- the job ----------------------------------------------------------------------------------------------------------


def _no_longer(number: int) -> dict[str, str]:
    """What stands in the drafts of a number that no incident has any more: what was in them is not true now."""
    gone = "what opened it was retracted, erased or put elsewhere"
    return {
        "md": f"Incident {number} is no longer one: {gone}.\n",
        "json": msgspec.json.encode({"incident": number, "merged_into": None}).decode() + "\n",
    }


class DraftJob:
    """Writes what is due. Passes never overlap; each begins with the lists as they are then.

    Where it is told of changes (:meth:`listen`) its first pass reads all incidents, and every later one those that
    changed since and those that are open, which time alone makes due. So a draft that a person deleted comes back with
    the incident's next change, or the next start.
    """

    def __init__(
        self,
        *,
        projections: Projections,
        render: Render,
        folder: Path,
        stale_after: int,
        clock: Callable[[], int],
    ) -> None:
        self._projections = projections
        self._render = render
        self._shelf = Shelf(folder)
        self._stale_after = stale_after
        self._clock = clock
        self._alone = asyncio.Lock()
        self._changed: set[int] = set()
        """What may be due: it changed since it was looked at, or could not be written then."""
        self._listening = self._complete = False

    def listen(self, subscribe: Callable[[Callable[[int], None]], Callable[[], None]]) -> Callable[[], None]:
        """Be told by ``subscribe`` of every incident that changes; what it gives, and so does this, ends that."""
        unsubscribe = subscribe(self._hear)
        self._listening, self._complete = True, False

        def end() -> None:
            unsubscribe()
            self._listening = self._complete = False

        return end

    def _hear(self, number: int) -> None:
        self._changed.add(number)

    async def run(self, numbers: Sequence[int] | None = None) -> tuple[Due, ...]:
        """Write what is due among all incidents, or among these; the answer is what was written."""
        async with self._alone:
            asked = set(self._changed if numbers is None else numbers)
            self._changed -= asked
            try:
                rows = await self._rows(asked, all_of_them=numbers is None)
                found, done = await self._look_at(rows)
            except BaseException:
                self._changed |= asked
                raise
            self._changed |= {one.number for one in found} - {one.number for one in done}
            self._complete = self._complete or (numbers is None and self._listening)
            return done

    async def _look_at(self, rows: Sequence[IncidentRow]) -> tuple[tuple[Due, ...], tuple[Due, ...]]:
        """What is due among these, and what of it was written."""
        record = await asyncio.to_thread(self._shelf.records, [row.number for row in rows])
        found = due(self._clock(), rows, record, self._stale_after)
        return found, tuple(await self._write(found))

    async def again(self, events: Collection[str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Write every draft again that cites one of these events; the files written, and those a person edited.

        Raises OSError and :class:`collector.errors.Unavailable` where one of them cannot be.
        """
        async with self._alone:
            marks = tuple(event[-5:].encode() for event in events)
            numbers = await asyncio.to_thread(self._shelf.showing, marks)
            rows = [row for number in numbers if (row := await self._projections.incident(number)) is not None]
            wanted = [
                Due(number=row.number, reason="amended", state=state_of(row), merged_into=row.merged_into)
                for row in rows
            ]
            done = await self._write(wanted)
            if missing := [str(one.number) for one in wanted if one not in done]:
                raise Unavailable(f"cannot write the drafts of {', '.join(missing)} again; the daemon's log says why")
            return await asyncio.to_thread(self._shelf.tidied, [one.number for one in wanted])

    async def _rows(self, asked: Collection[int], *, all_of_them: bool) -> list[IncidentRow]:
        """Those of these, and of all where that is asked, that can be due."""
        if all_of_them and (not self._complete or len(asked) > _PAGE):
            return await self._listed(None)
        rows = {row.number: row for row in (await self._listed("open") if all_of_them else ())}
        for number in asked:
            if number not in rows and (row := await self._projections.incident(number)) is not None:
                rows[number] = row
        return list(rows.values())

    async def _listed(self, status: str | None) -> list[IncidentRow]:
        """All of a status, or all there are, page by page."""
        rows: list[IncidentRow] = []
        while page := await self._projections.incidents(
            status=status, before=rows[-1].number if rows else None, limit=_PAGE
        ):
            rows.extend(page)
        return rows

    async def _write(self, found: Sequence[Due]) -> list[Due]:
        """Write what is due. What goes wrong is said, and tried again at the next pass; a full disk ends this one."""
        done: list[Due] = []
        for wanted in found:
            texts = await self._rendered(wanted)
            if texts is None:
                continue
            try:
                await asyncio.to_thread(self._shelf.write, wanted, texts)
            except OSError as error:
                folder = str(self._shelf.folder)
                log.error("cannot write drafts; the next pass tries again", folder=folder, error=str(error))
                break
            log.info("wrote a draft", incident=wanted.number, reason=wanted.reason)
            done.append(wanted)
        return done

    async def _rendered(self, wanted: Due) -> dict[str, str] | None:
        """The texts by format; None where one could not be made, which holds up no other incident's draft."""
        try:
            return await self._texts(wanted)
        except TimelinedError as error:
            log.error("cannot render a draft; the next pass tries again", incident=wanted.number, error=str(error))
        except Exception:
            log.exception("cannot render a draft; the next pass tries again", incident=wanted.number)
        return None

    async def _texts(self, wanted: Due) -> dict[str, str]:
        if wanted.merged_into is not None:
            into = wanted.merged_into
            said = {"incident": wanted.number, "merged_into": into}
            return {
                "md": f"Incident {wanted.number} became part of incident {into}: see incident-{into}.md.\n",
                "json": msgspec.json.encode(said).decode() + "\n",
            }
        texts = {form: await self._render(wanted.number, form) for form in FORMATS}
        known = {form: text for form, text in texts.items() if text is not None}
        return known or _no_longer(wanted.number)


# --- when -------------------------------------------------------------------------------------------------------------


class Scheduler(AsyncIOScheduler):  # type: ignore[misc]
    """The scheduler as every job of ours needs it: UTC, in memory, late runs made up for once."""

    def __init__(self) -> None:
        self._begun = _Begun()
        defaults = {"coalesce": True, "misfire_grace_time": None}
        super().__init__(timezone=UTC, job_defaults=defaults, executors={"default": self._begun})

    async def finish(self, patience: float = PATIENCE) -> None:
        """Begin nothing more, and end once all that was begun is done: the log that it reads is closed after this.

        What is not done after ``patience`` seconds is cut off; the next start makes up for it.
        """
        self.pause()
        begun = await self._begun.done(patience)
        self.shutdown(wait=False)
        if begun:
            await asyncio.wait(begun, timeout=patience)


class _Begun(AsyncIOExecutor):  # type: ignore[misc]
    """What the scheduler began. Its own shutdown cuts that off, since it cannot wait."""

    async def done(self, patience: float) -> set[asyncio.Future[Any]]:
        """Wait so many seconds for all of it; what was not done by then."""
        loop = asyncio.get_running_loop()
        until = loop.time() + patience
        while self._pending_futures and loop.time() < until:
            await asyncio.wait(self._pending_futures, timeout=until - loop.time())
        return set(self._pending_futures)


@contextmanager
def _cut_off_by_a_stop() -> Iterator[None]:
    """What a stop may cut off: that is no error, and the scheduler would log it as one."""
    try:
        yield
    except asyncio.CancelledError:
        log.info("a stop cut a pass over drafts off; the next start goes on with it")


async def _whole(job: DraftJob) -> None:
    with _cut_off_by_a_stop():
        await job.run()


def schedule(runs: Scheduler, job: DraftJob) -> Callable[[int], None]:
    """Have ``job`` run over everything now and every minute; the answer has it run for one incident at once."""
    runs.add_job(_whole, "interval", [job], seconds=EVERY, id="drafts", next_run_time=datetime.now(UTC))

    waiting: set[int] = set()
    turn = asyncio.Lock()

    def soon() -> None:
        # Two instances: one that runs and one that waits for it, which will read what is true then.
        runs.add_job(some, id="drafts-at-once", replace_existing=True, max_instances=2, next_run_time=datetime.now(UTC))

    async def some() -> None:
        # A few in one pass, since each reads and writes the whole record; not more, since stopping waits for a pass.
        with _cut_off_by_a_stop():
            async with turn:
                numbers = sorted(waiting)[:_BATCH]
                waiting.difference_update(numbers)
                if waiting:
                    soon()
                await job.run(numbers)

    def at_once(number: int) -> None:
        if not waiting:
            soon()
        waiting.add(number)

    return at_once
