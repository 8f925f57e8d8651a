"""Webhooks into the log: bounds, verification, reading, and one commit for all who wait.

An answer is given after the commit and never before. What is authentic is
never lost: a body nobody can read is kept all the same. What is not authentic
leaves no trace. Whatever cannot be stored now is refused at once, so that the
sender comes again; nothing waits without a bound.

Grouping and drafts are no concern of this room.
"""

from __future__ import annotations

import asyncio
import hmac
import logging
import re
import zlib
from collections import deque
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from functools import partial
from typing import NamedTuple

import msgspec

from collector import reading as fit
from collector.errors import (
    DamagedBody,
    MalformedWebhook,
    TimelinedError,
    TooLarge,
    TooSlow,
    Unavailable,
    UnsupportedEncoding,
    UnverifiedWebhook,
)
from collector.event import PEOPLE, Event
from collector.log import EventLog, Receipt, Submission
from collector.log.promise import REDACTED
from collector.redaction import Redaction, redact
from collector.webhook import Credentials, Reading, Source, Webhook

log = logging.getLogger(__name__)

DEEPEST = 64
"""Levels of brackets in a body of JSON. Parsers differ in where they give up; here all stop at the same place."""

KEPT_HEADERS = frozenset((
    "content-type", "content-encoding", "content-length", "user-agent",
    "x-github-event", "x-github-delivery", "x-github-hook-id", "x-webhook-id", "x-webhook-subscription",
    "x-gitlab-event", "x-gitlab-event-uuid", "webhook-id", "webhook-timestamp", "x-request-id",
))  # fmt: skip
"""Kept with a delivery, beside ``ce-*``: what the sender says it sent. Never a credential or a signature."""

_LONGEST_HEADER = 512
_NOTHING_REDACTED = Redaction()


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """How much of a stranger's body is taken."""

    size: int = 4 << 20
    """Bytes after inflating; a source may have its own. PagerDuty sends up to 256 KB, GitHub up to 25 MB."""
    ratio: int = 200
    """Bytes inflated out of one byte. Groups of near-identical alerts reach about 60."""
    seconds: float = 10.0
    """For the whole body to arrive."""
    in_flight: int = 64 << 20
    """Bytes of bodies being received at one time."""


class Endpoint(msgspec.Struct, frozen=True, kw_only=True):
    """A configured source: which kind of sender, how it proves itself, how its fields are read."""

    source: Source
    credentials: Credentials = Credentials()
    reading: Reading = Reading()
    size: int | None = None
    """Its own bound of a body in bytes."""
    redaction: Redaction = Redaction()
    """What of its deliveries is not kept."""


# Receiving a body


class BodyReader:
    """Receives bodies within bounds of size, compression, time and memory."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.in_flight = 0
        """Bytes of bodies that are being received."""

    async def read(
        self,
        chunks: AsyncIterator[bytes] | bytes,
        *,
        encoding: str = "",
        length: int | None = None,
        size: int | None = None,
    ) -> bytes:
        """The whole body, inflated; ``chunks`` are its bytes where all of them are there already.

        ``length`` is the announced one; ``size`` replaces the usual bound.

        Raises :class:`TooLarge`, :class:`TooSlow`, :class:`UnsupportedEncoding`, :class:`DamagedBody` for what is not
        exactly one complete gzip member, and :class:`Unavailable` while too much else is being received.
        """
        most = self.limits.size if size is None else size
        gzipped = _is_gzip(encoding)
        if length is not None and length > most:
            raise _too_large(most)
        raw = chunks if isinstance(chunks, bytes) else await self._receive(chunks, length or 0, most)
        self.check(raw, size)
        return _inflate(raw, most, self.limits.ratio) if gzipped else raw

    def check(self, body: bytes, size: int | None = None) -> None:
        """Raises :class:`TooLarge` for a body beyond the bound; ``size`` replaces the usual one."""
        most = self.limits.size if size is None else size
        if len(body) > most:
            raise _too_large(most)

    async def _receive(self, chunks: AsyncIterator[bytes], announced: int, most: int) -> bytes:
        reserved = announced
        self._reserve(announced)
        parts, received = [], 0
        try:
            async with asyncio.timeout(self.limits.seconds):
                async for chunk in chunks:
                    received += len(chunk)
                    if received > most:
                        raise _too_large(most)
                    if received > reserved:
                        self._reserve(received - reserved)
                        reserved = received
                    parts.append(chunk)
        except TimeoutError as error:
            raise TooSlow(
                f"cannot take the delivery: its body took over {self.limits.seconds:g} s; send again"
            ) from error
        finally:
            self.in_flight -= reserved
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def _reserve(self, count: int) -> None:
        if count and self.in_flight and self.in_flight + count > self.limits.in_flight:
            raise Unavailable("cannot take the delivery now: too many bytes are being received; send again")
        self.in_flight += count


def _is_gzip(encoding: str) -> bool:
    name = encoding.strip().lower()
    if name not in ("", "identity", "gzip", "x-gzip"):
        raise UnsupportedEncoding("cannot take the delivery: its Content-Encoding is neither identity nor gzip")
    return name.endswith("gzip")


def _too_large(most: int) -> TooLarge:
    return TooLarge(f"cannot take the delivery: its body is larger than {most} bytes; raise max_body, or send less")


def _inflate(raw: bytes, most: int, ratio: int) -> bytes:
    """Exactly one complete gzip member; what it would become beyond the bounds is never made."""
    bound = min(most, max(ratio * len(raw), 65_536))
    member = zlib.decompressobj(wbits=31)
    try:
        body = member.decompress(raw, bound + 1)
    except zlib.error as error:
        raise _bad_gzip("it is damaged", len(raw), raw) from error
    if len(body) > bound:
        raise _too_large(bound)
    if not member.eof:
        raise _bad_gzip("it is cut short", len(raw), raw)
    if member.unused_data:
        raise _bad_gzip("something follows it", len(raw) - len(member.unused_data), raw)
    return body


def _bad_gzip(what: str, place: int, raw: bytes) -> DamagedBody:
    place_text = f"byte {place}"
    return DamagedBody(f"cannot read the delivery's gzip: {what}, at {place_text}; send one member", place_text, raw)


# One commit for all who wait


class Writer:
    """One task that appends whatever waits in one transaction, and then whatever came meanwhile.

    There is no timer: while one transaction waits for the disk, the next one gathers. A submission is answered after
    its commit. What does not fit into the queue is refused at once.
    """

    def __init__(
        self, log: EventLog, *, queue_events: int = 10_000, queue_bytes: int = 64 << 20, batch_events: int = 1_000
    ) -> None:
        self._log = log
        self._most_events = queue_events
        self._most_bytes = queue_bytes
        self._batch_events = batch_events
        self._waiting: deque[_Waiting] = deque()
        self._task: asyncio.Task[None] | None = None
        self._closed = False
        self.events = 0
        """Events (a delivery without any counts as one) that are not answered yet."""
        self.bytes = 0
        """The size of the bodies that are not answered yet."""
        self.failure = ""
        """Why the last transaction stored nothing; empty where it did."""

    def submit(self, submission: Submission, *, comes_again: bool = True) -> asyncio.Future[Receipt]:
        """Queue a submission; the future resolves after its commit. Refuses as :meth:`queue` does."""
        answer: asyncio.Future[Receipt] = asyncio.get_running_loop().create_future()
        self.queue(submission, partial(_resolve, answer), comes_again=comes_again)
        return answer

    def queue(self, submission: Submission, tell: Tell, *, comes_again: bool = True) -> None:
        """Queue a submission, and ``tell`` its receipt after its commit, or why it was not stored.

        The last tenth of the queue is for those that do not come again after a refusal. Raises
        :class:`Unavailable` at once where there is no room.
        """
        events, size = len(submission.events) or 1, len(submission.body)
        share = 0.9 if comes_again else 1.0
        if self._closed:
            raise Unavailable("cannot store the delivery now: the daemon is stopping; send again")
        full = self.events + events > self._most_events * share or self.bytes + size > self._most_bytes * share
        # Alone, even what is larger than the queue is taken: refused, it would come again for ever.
        if full and self.events:
            raise Unavailable("cannot store the delivery now: the queue is full; send again")
        self.events += events
        self.bytes += size
        self._waiting.append(_Waiting(submission, events, size, tell))
        if self._task is None:
            self._task = asyncio.create_task(self._drain(), name="writer")

    async def check(self) -> str:
        """Why nothing can be stored now; empty where it can.

        Where the last transaction failed, one without anything in it is tried: what had been wrong may be over, and no
        sender may come to find out while a balancer keeps them away.
        """
        if self.failure and self._task is None:
            await self._append([])
        return self.failure

    async def close(self) -> None:
        """Refuse what comes now, and finish what was queued."""
        self._closed = True
        if self._task is not None:
            await self._task

    async def _drain(self) -> None:
        try:
            while self._waiting:
                await self._append(await self._gather())
        finally:
            self._task = None

    async def _gather(self) -> list[_Waiting]:
        """What waits, and what is just coming in: while more of it arrives at once, another commit costs more than
        waiting for it. Whoever is alone does not wait."""
        seen = 1
        while seen < len(self._waiting) < self._batch_events:
            seen = len(self._waiting)
            await asyncio.sleep(0)
        batch: list[_Waiting] = []
        events = 0
        while self._waiting and events < self._batch_events:
            batch.append(self._waiting.popleft())
            events += len(batch[-1].submission.events)
        return batch

    async def _append(self, batch: Sequence[_Waiting]) -> None:
        answers: Sequence[Receipt | Exception]
        try:
            answers = await self._log.append([waiting.submission for waiting in batch])
            self.failure = ""
        except Exception as error:  # whatever it was, nothing was stored, and everybody must hear it
            self.failure = str(error) if isinstance(error, TimelinedError) else type(error).__name__
            answers = [_refusal(error) for _ in batch]
        for waiting, answer in zip(batch, answers, strict=True):
            self.events -= waiting.events
            self.bytes -= waiting.size
            try:
                waiting.tell(answer)
            except Exception as error:  # one who cannot be told must not keep it from the others
                log.error("cannot tell a sender that its delivery was stored: %s", type(error).__name__, exc_info=error)


Tell = Callable[[Receipt | Exception], None]
"""Takes the answer to a submission."""


class _Waiting(NamedTuple):
    """A submission on its way into the log."""

    submission: Submission
    events: int
    """A delivery without any counts as one."""
    size: int
    """Bytes of its body."""
    tell: Tell


def _resolve(future: asyncio.Future[Receipt], answer: Receipt | Exception) -> None:
    if future.done():
        return  # nobody waits for it any longer
    if isinstance(answer, Exception):
        future.set_exception(answer)
    else:
        future.set_result(answer)


def _refusal(error: Exception) -> Unavailable:
    """One for each who waits: an exception that is raised in several tasks gathers all their tracebacks."""
    said = str(error) if isinstance(error, TimelinedError) else f"cannot store the delivery now: {type(error).__name__}"
    refusal = Unavailable(said, error.retry_after if isinstance(error, Unavailable) else 5)
    refusal.__cause__ = error
    return refusal


# Webhook → log


class Intake:
    """What stands between the web and the log."""

    def __init__(self, writer: Writer, endpoints: Mapping[str, Endpoint], limits: Limits | None = None) -> None:
        self.writer = writer
        self.bodies = BodyReader(limits or Limits())
        self._endpoints = endpoints

    async def take(
        self,
        source: str,
        headers: Mapping[str, str],
        chunks: AsyncIterator[bytes] | bytes,
        token: str,
        clock: Callable[[], int],
        *,
        length: int | None = None,
    ) -> Receipt:
        """A delivery as it comes in: :meth:`read_body`, then :meth:`receive`. ``clock`` gives µs UTC.

        A body that was damaged on the way is kept as it came if its sender proves itself without it (by a token, say)
        or signed these very bytes; :class:`DamagedBody` is raised all the same.
        """
        try:
            body = await self.read_body(source, chunks, encoding=headers.get("content-encoding", ""), length=length)
        except DamagedBody as error:
            await self._keep_damaged(source, headers, token, clock(), error)
            raise
        return await self.receive(source, headers, body, token, clock())

    async def _keep_damaged(
        self, source: str, headers: Mapping[str, str], token: str, received_at: int, error: DamagedBody
    ) -> None:
        webhook = Webhook(source=source, headers=headers, body=error.raw, received_at=received_at, token=token)
        endpoint = self._endpoints.get(source)
        authentication = _authenticate(webhook, endpoint)
        assert endpoint is not None  # noqa: S101 - nobody is authentic to a source that does not exist
        if endpoint.redaction != _NOTHING_REDACTED:
            # What it holds cannot be looked into, so nothing of it can be kept.
            webhook = msgspec.structs.replace(webhook, body=b"")
        submission = _submission(webhook, authentication, "malformed", str(error))
        await self.writer.submit(submission, comes_again=endpoint.source.retries)

    async def read_body(
        self, source: str, chunks: AsyncIterator[bytes] | bytes, *, encoding: str = "", length: int | None = None
    ) -> bytes:
        """The body of a delivery to a source, within its bounds; see :meth:`BodyReader.read`."""
        endpoint = self._endpoints.get(source)
        size = None if endpoint is None else endpoint.size
        return await self.bodies.read(chunks, encoding=encoding, length=length, size=size)

    async def receive(
        self, source: str, headers: Mapping[str, str], body: bytes, token: str, received_at: int
    ) -> Receipt:
        """Verify, read and store one delivery; the answer comes after the commit.

        ``headers`` have names in lower case. Raises :class:`UnverifiedWebhook` (nothing is stored),
        :class:`MalformedWebhook` (the body is stored), :class:`TooLarge` and :class:`Unavailable`.
        """
        answer: asyncio.Future[Receipt] = asyncio.get_running_loop().create_future()
        self.accept(source, headers, body, token, received_at, partial(_resolve, answer))
        return await answer

    def accept(
        self, source: str, headers: Mapping[str, str], body: bytes, token: str, received_at: int, tell: Tell
    ) -> None:  # fmt: skip
        """All of :meth:`receive` that needs no waiting: verify, read and queue one delivery; ``tell`` hears the rest.

        Raises :class:`UnverifiedWebhook`, :class:`TooLarge` and :class:`Unavailable`; nothing is stored then.
        """
        webhook = Webhook(source=source, headers=headers, body=body, received_at=received_at, token=token)
        endpoint = self._endpoints.get(source)
        self.bodies.check(body, None if endpoint is None else endpoint.size)
        authentication = _authenticate(webhook, endpoint)
        assert endpoint is not None  # noqa: S101 - nobody is authentic to a source that does not exist
        submission, malformed = _read(webhook, endpoint, authentication)
        if endpoint.redaction != _NOTHING_REDACTED:
            submission, malformed = _redacted(webhook, endpoint, submission, malformed)
        if malformed is not None:
            tell = partial(_tell_malformed, tell, malformed)
        self.writer.queue(submission, tell, comes_again=endpoint.source.retries)

    async def amend(self, event: Event, received_at: int) -> Receipt:
        """Store a person's amendment of an event of any source: the next revision of it.

        Raises :class:`collector.errors.InvalidInput` where the event or its last revision is not known.
        """
        told = Submission(source=PEOPLE, received_at=received_at, events=(event,))
        return await self.writer.submit(told, comes_again=False)

    async def append_facts(self, events: Sequence[Event], received_at: int) -> Receipt:
        """Store what a person stated or the daemon records itself; all of one source. The same id again is known.

        Raises :class:`collector.errors.InvalidInput` for a value that cannot be stored, and :class:`Unavailable`.
        """
        submission = Submission(source=events[0].source, received_at=received_at, events=tuple(events))
        return await self.writer.submit(submission, comes_again=False)


def _tell_malformed(tell: Tell, malformed: MalformedWebhook, answer: Receipt | Exception) -> None:
    """Of a body that is not even the source's syntax, once it is stored, that."""
    tell(answer if isinstance(answer, Exception) else malformed)


def _authenticate(webhook: Webhook, endpoint: Endpoint | None) -> str:
    """How the sender proved itself. Whatever goes wrong in a proof, it proves nothing."""
    if endpoint is None:
        # As much work as a signature takes, so that the time taken does not say which sources exist.
        hmac.compare_digest(hmac.digest(bytes(32), webhook.body, "sha256"), bytes(32))
        raise UnverifiedWebhook(f"cannot verify delivery to {fit.line(webhook.source)}: there is no such source")
    try:
        return endpoint.source.verify(webhook, endpoint.credentials)
    except UnverifiedWebhook:
        raise
    except Exception as error:
        what = type(error).__name__
        raise UnverifiedWebhook(f"cannot verify delivery from {webhook.source}: its proof is odd ({what})") from error


def _read(
    webhook: Webhook, endpoint: Endpoint, authentication: str
) -> tuple[Submission, MalformedWebhook | None]:  # fmt: skip
    """What an authentic delivery becomes, whatever it holds; and the error to answer with after it is stored."""
    status, reason = "read", ""
    events: tuple[Event, ...] = ()
    malformed: MalformedWebhook | None = None
    try:
        check_depth(webhook)
        events = endpoint.source.parse(webhook, endpoint.reading)
    except MalformedWebhook as error:
        status, reason, malformed = "malformed", str(error), error
    except Exception as error:  # a parser's mistake must not lose what the sender said, nor make it come for ever
        events = (fit.unrecognised(webhook, f"the parser failed: {type(error).__name__}", endpoint.source.kind),)
    unread = next((event for event in events if event.type == "source.unrecognised"), None)
    if unread is not None:
        status, reason = "unrecognised", str(unread.data.get("reason", ""))
    return _submission(webhook, authentication, status, reason, events), malformed


def _redacted(
    webhook: Webhook, endpoint: Endpoint, told: Submission, malformed: MalformedWebhook | None
) -> tuple[Submission, MalformedWebhook | None]:  # fmt: skip
    """The same without what is not to be kept. Ids are those of the delivery as it came (design §3)."""
    try:
        clean, count = redact(endpoint.redaction, webhook)
    except Exception as error:  # nothing that could not be looked through is kept, and it need not come again
        clean = msgspec.structs.replace(webhook, body=b"", headers={})
        reason = f"redaction failed ({type(error).__name__}); nothing of it was kept"
        return _submission(clean, told.authentication, "unrecognised", reason), None
    if not count:
        return told, malformed
    again, malformed = _read(clean, endpoint, told.authentication)
    events = again.events
    if len(events) == len(told.events):
        events = tuple([_same(kept, as_sent, webhook.body) for kept, as_sent in zip(events, told.events, strict=True)])
    counted = tuple([msgspec.structs.replace(e, data=dict(e.data) | {"redacted": count}) for e in events])
    return msgspec.structs.replace(again, events=counted, headers=(*again.headers, (REDACTED, str(count)))), malformed


def _same(kept: Event, as_sent: Event, body: bytes) -> Event:
    """A redacted event under the identity of what was sent; an entity that we made ourselves (a digest) stays, too."""
    made = kept.entity != as_sent.entity and as_sent.entity.encode("utf-8", "replace") not in body
    return msgspec.structs.replace(kept, id=as_sent.id, entity=as_sent.entity if made else kept.entity)


def _submission(
    webhook: Webhook, authentication: str, status: str, reason: str, events: tuple[Event, ...] = ()
) -> Submission:
    return Submission(
        source=webhook.source,
        received_at=webhook.received_at,
        body=webhook.body,
        headers=_kept(webhook.headers),
        authentication=authentication,
        status=status,
        reason=reason,
        events=events,
    )


def _kept(headers: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    return tuple(
        [(name, _header(value)) for name, value in headers.items() if name in KEPT_HEADERS or name[:3] == "ce-"]
    )


@fit.remembered
def _header(value: str) -> str:
    """A header's value fit to keep. Senders say the same in each delivery."""
    return fit.line(value)[:_LONGEST_HEADER]


_BRACKETS = bytes.maketrans(b"[]{}", b"()()")
_ESCAPED = re.compile(rb'\\["\\]')
_BESIDES = bytes(set(range(256)) - set(b'[]{}"'))


def check_depth(webhook: Webhook) -> None:
    """Raises :class:`MalformedWebhook` for JSON of more than 64 levels; only brackets outside strings count."""
    body = webhook.body
    if body.count(b"{") + body.count(b"[") <= DEEPEST or body.lstrip()[:1] not in (b"{", b"["):
        return
    if b"\\" in body:
        body = _ESCAPED.sub(b"", body)
    # Two quotes side by side hold no bracket between them; then every other piece is outside of strings.
    marks = body.translate(_BRACKETS, _BESIDES).replace(b'""', b"")
    brackets = b"".join(marks.split(b'"')[::2])
    # Each round takes away the innermost pairs, so as many rounds as levels leave nothing of a sound body.
    for _ in range(DEEPEST):
        fewer = brackets.replace(b"()", b"")
        if len(fewer) == len(brackets):
            break
        brackets = fewer
    # What is left without a pair in it is not balanced; the parser says so better.
    if b"()" in brackets or brackets.count(b"(") > DEEPEST:
        raise fit.malformed(webhook.source, f"is nested deeper than {DEEPEST} levels", f"level {DEEPEST + 1}")
