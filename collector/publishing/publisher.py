"""Publishing: what stands there is looked at first, what was written is read back, and each publication is an event.

Promises: the same postmortem is published once, however often it is asked for;
what somebody edited there is never written over; a place that cannot be
reached costs nothing but that publication, which is tried again for a day.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from typing import Any, Protocol

import msgspec
import structlog

from collector import people
from collector.errors import InvalidInput, NotFound, TimelinedError, Unavailable
from collector.event import HOUR, MINUTE, PUBLISHED, REVISED, Event, RecordedEvent
from collector.people.forgetting import FORGOTTEN
from collector.projections import EventFilter, Projections
from collector.publishing import edited_files
from collector.publishing.comments import CommentPlace
from collector.publishing.git import GitPlace
from collector.publishing.targets import COMMENT, CONFLUENCE, GIT, Target
from collector.publishing.values import NAMES, ROLES, Article, Copy, Edited, digest, kept_texts, lines_of, split
from collector.publishing.wiki import WikiPlace

log = structlog.get_logger(__name__)

EVERY = 60.0
"""Seconds between two looks at what could not be published."""
FIRST, LAST = MINUTE, HOUR
"""How long after a failure it is tried again, µs: each time twice as long."""
GIVE_UP = 24 * HOUR
"""How long after the first failure nobody tries any more, µs."""
_MOST = 1000
_PREPARED = "article"

Render = Callable[[int, str, int | None, Mapping[str, str]], Awaitable[str | None]]
TakeIn = Callable[[str, str, str, str, str, str], tuple[str, str, str]]
"""What becomes of the draft once a published copy is taken in; see :func:`renderers.edits.copy_taken_in`."""


Rename = Callable[[str, str, str, Mapping[str, str]], str]
"""A copy that people edited in which nobody is named, what timelined wrote of it, the same with names, and the name of
each role → the copy with names; see :func:`renderers.edits.renamed`."""


class PageReader(Protocol):
    """Reads pages that a wiki stores."""

    def digests(self, body: str) -> list[str]:
        """What each line of a page says, by its digest."""

    def returned(self, base: str, tagged: str, now: str, shown: Collection[str]) -> str:
        """The page as a marked draft that people edited; see :func:`renderers.edits.returned`."""


Record = Callable[[Event], Awaitable[str]]
"""Appends a fact and answers with its id, once lists show it."""


class PublishingPlace(Protocol):
    """Where one kind of target publishes."""

    async def read(self, location: Mapping[str, str]) -> Copy | None:
        """What stands there now; None where nothing does."""

    async def write(self, article: Article, location: Mapping[str, str], known: str) -> Copy:
        """Write it, unless it was edited since it had the digest ``known``, which raises :class:`Edited`."""

    async def request(self, article: Article, location: Mapping[str, str]) -> str:
        """The address of the request to merge it; empty where none is wanted."""

    def text(self, article: Article) -> tuple[str, int]:
        """What it is to say there, and how many characters of it are left out."""

    def locate(self, article: Article, location: Mapping[str, str]) -> Mapping[str, str]:
        """Where it belongs, by where it was before."""


PLACES: Mapping[str, Callable[[Target], PublishingPlace]] = {
    GIT: GitPlace,
    COMMENT: CommentPlace,
    CONFLUENCE: WikiPlace,
}


class Asking(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody asks to publish."""

    number: int
    incident: str
    """The incident's opening event."""
    target: str
    key: str
    """Names this request: asked twice, it is published once."""
    by: str
    now: int
    """When it was asked for, µs."""
    issue: str = ""
    """Of a comment, the issue."""
    dry_run: bool = False
    private: bool = False
    """Publish it though it is private."""
    replace: bool = False
    """Of a wiki, which keeps the version before: write over what somebody edited there."""


class Published(msgspec.Struct, frozen=True, kw_only=True):
    """What became of it."""

    outcome: str
    """``published``, ``unchanged``, ``failed`` (it is tried again) or ``would publish``; ``taken in`` or ``would take
    in``."""
    url: str = ""
    revision: str = ""
    request: str = ""
    """The address of the request to merge it."""
    cut: int = 0
    """How many characters were left out, which the text says."""
    diff: str = ""
    """Of a dry run, how what stands there would change."""
    reason: str = ""
    """Why it failed, or what of it did."""
    event: str = ""
    """The event that records it."""


class Publisher:
    """The configured targets, and what was published there."""

    def __init__(
        self, lists: Projections, targets: Mapping[str, Target] | None = None, render: Render | None = None,
        record: Record | None = None, take_in: TakeIn | None = None, pages: PageReader | None = None,
        clock: Callable[[], int] = lambda: 0, external_url: str = "",
        rename: Rename = lambda text, machine, named, roles: text,
        take_in_file: edited_files.TakeInFile = edited_files.takes_nothing_in,
    ) -> None:  # fmt: skip
        """Without ``targets`` nothing can be published; with them ``render``, ``record`` and ``take_in`` are needed."""
        self._lists, self._targets = lists, targets or {}
        self._render = render or _renders_nothing
        self._take_in, self._pages = take_in or _takes_nothing_in, pages
        self._rename, self._take_in_file = rename, take_in_file
        self._record, self._clock, self._external_url = record or _records_nothing, clock, external_url
        self._alone = asyncio.Lock()
        self._waits: dict[tuple[str, str], tuple[int, int]] = {}
        """Incident and target → when it failed last, and how long after that it is tried again, µs."""

    @property
    def targets(self) -> Mapping[str, Target]:
        """Where it can be published, by the names of places."""
        return self._targets

    async def publish(self, request: Asking) -> Published:
        """Publish a postmortem. Raises :class:`Edited` where somebody edited it there since."""
        async with self._alone:
            destination = self._destination(request.target)
            await self._check_private(request)
            before = await self._last(request.number, request.target)
            article = await self._article(request)
            try:
                return await self._published(request, destination, article, before)
            except Unavailable as error:
                if request.dry_run:
                    raise
                return await self._failed(request, str(error))

    async def _check_private(self, request: Asking) -> None:
        """Raise :class:`InvalidInput` for an incident that is private, unless that is meant."""
        group = (await self._lists.private()).groups_text(request.number)
        if group is not None and not request.private:
            raise InvalidInput(
                f"cannot publish incident {request.number} to {request.target}: it is private to {group}, and whoever "
                f"reads {request.target} would read it; say that you mean it (--private, or private: true)", "private"
            )  # fmt: skip

    async def pull(self, request: Asking) -> Published:
        """Take in what people edited where a postmortem is published."""
        async with self._alone:
            destination, before = self._destination(request.target), await self._last(request.number, request.target)
            if before is None:
                message = f"cannot take in incident {request.number} from {request.target}: it was not published there"
                raise NotFound(message, "target")
            current = await destination.read(_location(before))
            if current is None:
                raise NotFound(f"cannot take in incident {request.number}: nothing is at {request.target}", "target")
            forgotten = before.data.get(FORGOTTEN) is True
            same = current.revision == before.data.get("revision") if forgotten else False
            if same or current.digest == before.data.get("digest"):
                return Published(outcome="unchanged", url=current.url, revision=current.revision)
            if before.data.get("cut"):
                raise InvalidInput(
                    f"cannot take in incident {request.number}: only a part of it fitted at {request.target}; edit it "
                    "where the whole of it stands", "target"
                )  # fmt: skip
            return await self._taken_in(request, before, current)

    async def take_in(self, request: Asking, file: edited_files.EditedFile) -> Published:
        """Take in what people edited in a file that ``timelined draft --to`` wrote. Raises :class:`InvalidInput` for
        one that is no draft of this incident."""
        edited_files.check(request.number, file)
        async with self._alone:
            now = await self._article(request, people=NAMES)
            before = edited_files.earlier(await self._told_of(request.number, REVISED), file.name, request.by)
            front, text = split(file.text)
            try:
                outcome = await asyncio.to_thread(self._take_in_file, now.machine, now.text, text, before, file.name)
            except ValueError as error:
                raise edited_files.refused(request.number, file, error) from error
            merged, reads, copy, words = outcome
            added = [line for line in front.splitlines() if line not in now.front.splitlines()]
            if not added and edited_files.alike(reads, now.plain):
                return Published(outcome="unchanged")
            if request.dry_run:
                return Published(outcome="would take in", diff=edited_files.difference(now, added, reads))
            data = {**edited_files.recorded(request.number, file, merged, copy, words), "front": [*now.people, *added]}
            return Published(outcome="taken in", event=await self._revised(request, data))

    async def _revised(self, request: Asking, data: Mapping[str, Any]) -> str:
        stated: dict[str, Any] = {"by": request.by, "stated_at": self._clock(), "incident": request.incident}
        return await self._record(people.revised(key=request.key, data=data, **stated))

    async def publications(self, number: int) -> Sequence[RecordedEvent]:
        """Every publication of an incident, and every one that failed, by position."""
        return await self._told_of(number, PUBLISHED)

    async def retry(self) -> bool:
        """Try again what could not be published; whether nothing is left that is to be tried."""
        due, well = await self._due()
        for event in due:
            why = await self._lists.why(event.id)
            if why is None or why.incident is None:
                continue
            row, target = await self._lists.incident(why.incident), str(event.data["target"])
            if row is None:
                continue
            request = Asking(
                number=row.number, incident=row.key, target=target, key=f"{event.id} again", by=event.actor or "",
                now=self._clock(), issue=str(event.data.get("issue", "")), private=event.data.get("private") is True,
            )  # fmt: skip
            try:
                well &= (await self.publish(request)).outcome != "failed"
            except TimelinedError as error:
                log.warning("a publication is not tried again", incident=row.number, target=target, reason=str(error))
                self._waits[row.key, target] = (event.occurred_at, GIVE_UP)
        return well

    async def _due(self) -> tuple[list[RecordedEvent], bool]:
        """The failures of a day that nothing came after, and whose time has come, the last of each; and whether there
        are no others that wait for theirs."""
        now = self._clock()
        newest = EventFilter(type=PUBLISHED, since=now - GIVE_UP, limit=_MOST, newest_first=True)
        last: dict[tuple[str, str], RecordedEvent] = {}
        # By the order in the log: a clock that was set back dates what came later before it.
        for event in sorted(await self._lists.events(newest), key=lambda event: event.position):
            last[event.entity, str(event.data.get("target"))] = event
        due, well = [], True
        for failure in last.values():
            target = str(failure.data.get("target"))
            if failure.data.get("status") != "failed" or target not in self._targets:
                continue
            waits = self._waits.get((failure.entity.removeprefix("incident:"), target), (failure.occurred_at, FIRST))
            if _pause_is_over(now, *waits):
                due.append(failure)
            elif waits[1] != GIVE_UP:
                well = False
        return due, well

    async def _taken_in(self, request: Asking, before: RecordedEvent, current: Copy) -> Published:
        now = await self._article(request, people=NAMES)
        then = await self._article(request, before.received_at, people=str(before.data.get("people", NAMES)))
        front, text = (
            ("", await self._from_page(request, before, then, current)) if current.body else split(current.text)
        )
        published, text = await asyncio.to_thread(lambda: [self._with_names(each, then) for each in (then.text, text)])
        last_copy = str(before.data.get("copy", ""))
        merged, reads, copy = await asyncio.to_thread(
            self._take_in, published, last_copy, now.text, text, now.machine, request.target
        )
        lines_written, forgotten = before.data.get("lines", ()), before.data.get(FORGOTTEN) is True
        added = [line for line in front.splitlines() if digest(line)[:16] not in lines_written and not forgotten]
        if request.dry_run:
            return Published(outcome="would take in", diff=edited_files.difference(now, added, reads))
        texts = kept_texts(merged, copy, f"incident {request.number} from {request.target}", "target")
        data = {
            "target": request.target, "place": dict(current.location), "revision": current.revision, "url": current.url,
            "digest": current.digest, **texts, "lines": lines_of(current.text),
            **self._line_digests(current),
            "front": [*now.people, *added], **_people_there(then),
        }  # fmt: skip
        event = await self._revised(request, data)
        reason = _FRONT_UNKNOWN if forgotten and front else ""
        return Published(outcome="taken in", url=current.url, revision=current.revision, event=event, reason=reason)

    def _with_names(self, text: str, then: Article) -> str:
        """A copy with the names of people, as the log knows them: what stands for them there is no name of theirs."""
        return self._rename(text, then.machine, then.machine_named, then.roles) if then.machine_named else text

    async def _from_page(self, request: Asking, before: RecordedEvent, then: Article, current: Copy) -> str:
        """A page as a draft that people edited. What was published there is known by its lines' digests."""
        line_digests, pages = before.data.get("shown"), self._pages
        if before.data.get(FORGOTTEN) is True:
            raise InvalidInput(_unknown(request), "target")
        if pages is None or not isinstance(line_digests, list | tuple):
            raise InvalidInput(
                f"cannot take in incident {request.number} from {request.target}: what was published there is "
                "not known "
                "line by line, as an earlier version did it; publish it again (--replace keeps theirs in the wiki's "
                "history), and edit that", "target"
            )  # fmt: skip
        try:
            return await asyncio.to_thread(
                pages.returned, then.text, then.tagged, current.body, [str(e) for e in line_digests]
            )
        except ValueError as error:
            raise InvalidInput(f"cannot take in incident {request.number} from {request.target}: {error}") from error

    def _line_digests(self, copy: Copy) -> Mapping[str, list[str]]:
        """Of a page, the digests of its lines."""
        return {"shown": self._pages.digests(copy.body)} if copy.body and self._pages is not None else {}

    async def _told_of(self, number: int, kind: str) -> Sequence[RecordedEvent]:
        event_filter, events = EventFilter(incident=number, type=kind, limit=_MOST), list[RecordedEvent]()
        while page := await self._lists.events(event_filter):
            events += page
            event_filter = EventFilter(incident=number, type=kind, limit=_MOST, after=page[-1].position)
        # Of a record that was amended, every revision says what is left of it.
        return list({event.id: event for event in events}.values())

    def _destination(self, name: str) -> PublishingPlace:
        target = self._targets.get(name)
        if target is None:
            known = f"there is {', '.join(self._targets)}" if self._targets else "add one under publishing.targets"
            raise NotFound(f"cannot find the target {name}: none has this name; {known}", "target")
        return PLACES[target.kind](target)

    async def _last(self, number: int, target: str) -> RecordedEvent | None:
        """What is known to stand there: what was published, or what was taken in from there since."""
        told = [*await self.publications(number), *await self._told_of(number, REVISED)]
        done = [e for e in told if e.data.get("target") == target and e.data.get("status") != "failed"]
        return max(done, key=lambda event: event.position, default=None)

    async def _article(self, request: Asking, as_of: int | None = None, people: str = "") -> Article:
        people = people or self._targets[request.target].people
        options = {"citations": "inline", "people": people} if people else {"citations": "inline"}
        text = await self._render(request.number, _PREPARED, as_of, options)
        if text is None:
            raise NotFound(f"cannot publish incident {request.number}: nothing is known of it", "number")
        made = msgspec.json.decode(text, type=Article)
        address = f"{self._external_url}/incidents/{request.number}" if self._external_url else ""
        return msgspec.structs.replace(made, address=address, by="" if made.machine_named else request.by)

    async def _published(
        self, wish: Asking, destination: PublishingPlace, article: Article, before: RecordedEvent | None
    ) -> Published:
        known = _location(before) if before is not None else {}
        where = destination.locate(article, {**({"issue": wish.issue} if wish.issue else {}), **known})
        current, (text, cut) = await destination.read(where), destination.text(article)
        last_digest = str(before.data.get("digest", "")) if before is not None else ""
        if current is not None and current.digest == digest(text):
            request = "" if wish.dry_run else await self._request(destination, article, where)
            return Published(outcome="unchanged", url=current.url, revision=current.revision, request=request)
        forgotten = before is not None and before.data.get(FORGOTTEN) is True
        if forgotten and before is not None and current is not None and current.revision == before.data.get("revision"):
            # Nobody touched it since: the place itself says so.
            last_digest = current.digest
        over = wish.replace and (forgotten or self._targets[wish.target].kind == CONFLUENCE)
        if forgotten and current is not None and current.digest != last_digest and not over:
            raise Edited(_unknown(wish))
        if current is not None and current.digest != last_digest and not over:
            raise Edited(_edited(wish, last_digest, self._targets[wish.target].kind))
        last_digest = current.digest if current is not None and over else last_digest
        if wish.dry_run:
            return Published(
                outcome="would publish", diff=edited_files.diff(current.text if current else "", text), cut=cut
            )
        try:
            copy = await destination.write(article, where, last_digest)
        except Edited as error:
            raise Edited(_edited(wish, last_digest, self._targets[wish.target].kind)) from error
        request = await self._request(destination, article, copy.location)
        event = await self._recorded(wish, copy, request, article)
        self._waits.pop((wish.incident, wish.target), None)
        return Published(
            outcome="published", url=copy.url or request, revision=copy.revision, request=request, cut=copy.cut,
            event=event,
        )  # fmt: skip

    async def _request(self, destination: PublishingPlace, article: Article, where: Mapping[str, str]) -> str:
        """What is pushed is published, whatever becomes of the request to merge it: the next publication asks again."""
        try:
            return await destination.request(article, where)
        except TimelinedError as error:
            log.warning("cannot open a request to merge a postmortem", incident=article.number, reason=str(error))
            return ""

    async def _recorded(self, wish: Asking, copy: Copy, request: str, article: Article) -> str:
        data = {
            "status": "published", "target": wish.target, "place": dict(copy.location), "revision": copy.revision,
            "url": copy.url or request, "digest": copy.digest, "cut": copy.cut,
            "lines": lines_of(copy.text), **self._line_digests(copy), **_private_in_spite(wish),
            **_people_there(article),
        }  # fmt: skip
        return await self._record(
            people.published(key=wish.key, by=wish.by, stated_at=self._clock(), incident=wish.incident, data=data)
        )

    async def _failed(self, request: Asking, reason: str) -> Published:
        """It is recorded the first time, and tried again later each time."""
        now, known = self._clock(), self._waits.get((request.incident, request.target))
        pause = FIRST if known is None else min(known[1] * 2, LAST)
        self._waits[request.incident, request.target] = (now, pause)
        log.warning("cannot publish a postmortem now", incident=request.number, target=request.target, reason=reason)
        if request.key.endswith(" again"):
            return Published(outcome="failed", reason=reason)
        data = {
            "status": "failed",
            "target": request.target,
            "reason": reason[:500],
            "issue": request.issue,
            **_private_in_spite(request),
        }
        fact = people.published(
            key=f"{request.key} failed", by=request.by, stated_at=now, incident=request.incident, data=data
        )
        return Published(outcome="failed", reason=reason, event=await self._record(fact))


def _pause_is_over(now: int, since: int, pause: int) -> bool:
    """Whether a pause is over. What is dated after now says nothing of that: the clock was set back."""
    return not 0 <= now - since < pause


async def _renders_nothing(number: int, form: str, as_of: int | None, asked: Mapping[str, str]) -> str | None:
    raise Unavailable("cannot publish here: this process renders no drafts")


async def _records_nothing(fact: Event) -> str:
    raise Unavailable("cannot publish here: this process records nothing")


def _takes_nothing_in(written: str, kept: str, ours: str, theirs: str, fresh: str, place: str) -> tuple[str, str, str]:
    raise Unavailable("cannot take in what people edited: this process renders no drafts")


def _private_in_spite(asked: Asking) -> Mapping[str, bool]:
    """That it was published though it was private, if it was."""
    return {"private": True} if asked.private else {}


def _people_there(article: Article) -> Mapping[str, str]:
    """That people stand as roles in what was published, if they do."""
    return {"people": ROLES} if article.machine_named else {}


def _location(event: RecordedEvent) -> Mapping[str, str]:
    location = event.data.get("place")
    return location if isinstance(location, dict) else {}


def _edited(request: Asking, written: str, kind: str) -> str:
    reason = "somebody edited it there" if written else "a text stands there that timelined did not write"
    do = f"take it in with timelined pull {request.number} --target {request.target}" if written else "move it away"
    if kind == CONFLUENCE:
        do += ", or write over it with --replace (the wiki's history keeps theirs)"
    return f"cannot publish incident {request.number} to {request.target}: {reason}; {do}, and publish again"


_FRONT_UNKNOWN = (
    "what of its front matter people wrote is not known any more, since evidence was erased: none of that was taken in"
)


def _unknown(request: Asking) -> str:
    return (
        f"cannot tell whether somebody edited incident {request.number} at {request.target}: what was published there "
        "is not known any more, since evidence of the incident was erased; look at it, and publish over it with "
        "--replace (replace: true)"
    )
