"""The job that writes drafts when incidents resolve, go quiet or change.

It keeps no state that lasts besides the folder's record. A pass may run twice or be cut off anywhere.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Sequence
from pathlib import Path

import msgspec
import structlog

from collector.drafting.due import DueDrafts, due, state_of
from collector.drafting.folder import FORMATS, DraftFolder, Merge, beside
from collector.errors import TimelinedError, Unavailable
from collector.event import HOUR, SECOND
from collector.projections import IncidentRow, ListsRemoved, Projections

log = structlog.get_logger(__name__)

EVERY = 60
"""Seconds between passes; a resolved one is written at once, without waiting for a pass."""
_PAGE = 500
_BATCH = 10
"""Resolved incidents written in one pass: a daemon that stops waits for the pass it is in."""

Render = Callable[[int, str], Awaitable[str | None]]
"""An incident's number and a format → the text; None where there is no such incident."""


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
        merge: Merge = beside,
        keep_versions: int = 0,
        keep: int = 0,
        max_size: int = 0,
    ) -> None:
        """``keep_versions`` is how long, µs, the versions of drafts that a person edited are kept, ``keep`` how long
        drafts that nobody edited are, and ``max_size`` how many bytes all may take; 0: for ever, and any."""
        self._projections = projections
        self._render = render
        self._folder = DraftFolder(folder, merge)
        self._stale_after, self._keep_versions = stale_after, keep_versions
        self._keep, self._max_size, self._tidied = keep, max_size, 0
        self._clock = clock
        self._alone = asyncio.Lock()
        self.writes = 0
        """Drafts of incidents written so far."""
        self.failures = 0
        """Drafts that could not be rendered or written; each is tried again."""
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

    async def run(self, numbers: Sequence[int] | None = None) -> tuple[DueDrafts, ...]:
        """Write what is due among all incidents, or among these; the answer is what was written."""
        async with self._alone:
            numbers_asked = set(self._changed if numbers is None else numbers)
            self._changed -= numbers_asked
            try:
                rows = await self._rows(numbers_asked, all_of_them=numbers is None)
                drafts, finished = await self._look_at(rows)
            except BaseException:
                self._changed |= numbers_asked
                raise
            self._changed |= {one.number for one in drafts} - {one.number for one in finished}
            self._complete = self._complete or (numbers is None and self._listening)
            if numbers is None and self._keep_versions:
                await self._forget_versions()
            if numbers is None and (self._keep or self._max_size):
                await self._forget_drafts()
            return finished

    async def _forget_versions(self) -> None:
        before = (self._clock() - self._keep_versions) / SECOND
        if gone := await asyncio.to_thread(self._folder.forget_kept, before):
            log.info("removed versions of edited drafts that reached their age", files=gone)

    async def _forget_drafts(self) -> None:
        """Once an hour: looking at a large folder takes its time."""
        now = self._clock()
        if 0 <= now - self._tidied < HOUR:
            return
        self._tidied = now
        before = (now - self._keep) / SECOND if self._keep else 0.0
        if gone := await asyncio.to_thread(self._folder.forget, before, self._max_size):
            log.info("removed drafts that reached their age, or the size of all", files=len(gone), first=gone[0])

    async def _look_at(self, rows: Sequence[IncidentRow]) -> tuple[tuple[DueDrafts, ...], tuple[DueDrafts, ...]]:
        """What is due among these, and what of it was written."""
        record = await asyncio.to_thread(self._folder.records, [row.number for row in rows])
        found = due(self._clock(), rows, record, self._stale_after)
        return found, tuple(await self._write(found))

    async def rewrite_citing(self, events: Collection[str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Write every draft again that cites one of these events; the files written, and those a person edited.

        Raises OSError and :class:`collector.errors.Unavailable` where one of them cannot be.
        """
        async with self._alone:
            marks = tuple(event[-5:].encode() for event in events)
            numbers = await asyncio.to_thread(self._folder.containing, marks)
            rows = [row for number in numbers if (row := await self._projections.incident(number)) is not None]
            drafts = [
                DueDrafts(number=row.number, reason="amended", state=state_of(row), merged_into=row.merged_into)
                for row in rows
            ]
            finished = await self._write(drafts)
            for one in finished:
                fresh = (await self._texts(one)).get("md", "")
                await asyncio.to_thread(self._folder.update_kept, one.number, fresh, marks)
            if missing := [str(one.number) for one in drafts if one not in finished]:
                raise Unavailable(f"cannot write the drafts of {', '.join(missing)} again; the daemon's log says why")
            return await asyncio.to_thread(self._folder.tidy, [one.number for one in drafts])

    async def _rows(self, numbers: Collection[int], *, all_of_them: bool) -> list[IncidentRow]:
        """Those of these, and of all where that is asked, that can be due."""
        if all_of_them and (not self._complete or len(numbers) > _PAGE):
            return await self._listed(None)
        rows = {row.number: row for row in (await self._listed("open") if all_of_them else ())}
        for number in numbers:
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

    async def _write(self, drafts: Sequence[DueDrafts]) -> list[DueDrafts]:
        """Write what is due. What goes wrong is said, and tried again at the next pass; a full disk ends this one."""
        finished: list[DueDrafts] = []
        for draft in drafts:
            texts = await self._rendered(draft)
            if texts is None:
                continue
            try:
                await asyncio.to_thread(self._folder.write, draft, texts)
            except OSError as error:
                folder = str(self._folder.folder)
                log.error("cannot write drafts; the next pass tries again", folder=folder, error=str(error))
                self.failures += 1
                break
            log.info("wrote a draft", incident=draft.number, reason=draft.reason)
            finished.append(draft)
            self.writes += 1
        return finished

    async def _rendered(self, draft: DueDrafts) -> dict[str, str] | None:
        """The texts by format; None where one could not be made, which holds up no other incident's draft."""
        try:
            return await self._texts(draft)
        except ListsRemoved:
            # None of the others could be rendered either; it is said once, by whoever asked for all of them.
            raise
        except TimelinedError as error:
            log.error("cannot render a draft; the next pass tries again", incident=draft.number, error=str(error))
        except Exception:
            log.exception("cannot render a draft; the next pass tries again", incident=draft.number)
        self.failures += 1
        return None

    async def _texts(self, draft: DueDrafts) -> dict[str, str]:
        if draft.merged_into is not None:
            into = draft.merged_into
            pointer = {"incident": draft.number, "merged_into": into}
            return {
                "md": f"Incident {draft.number} became part of incident {into}: see incident-{into}.md.\n",
                "json": msgspec.json.encode(pointer).decode() + "\n",
            }
        texts = {form: await self._render(draft.number, form) for form in FORMATS}
        known = {form: text for form, text in texts.items() if text is not None}
        return known or _no_longer(draft.number)


class Resolved:
    """Incidents that resolved, and are to be drafted without waiting for a pass."""

    def __init__(self, job: DraftJob) -> None:
        self._job = job
        self._waiting: set[int] = set()
        self.soon: Callable[[], None] = lambda: None
        """Has :meth:`run` called soon."""

    def add(self, number: int) -> None:
        """One more."""
        self._waiting.add(number)
        self.soon()

    async def run(self) -> None:
        """Write a few, and have the rest written after that."""
        numbers = sorted(self._waiting)[:_BATCH]
        self._waiting.difference_update(numbers)
        if self._waiting:
            self.soon()
        await self._job.run(numbers)
