"""Webhooks into the log: bounds (``bodies``), verification, reading, and one commit for all who wait (``writer``).

An answer is given after the commit and never before. What is authentic is
never lost: a body nobody can read is kept all the same. What is not authentic
leaves no trace. Whatever cannot be stored now is refused at once, so that the
sender comes again; nothing waits without a bound.

Grouping and drafts are no concern of this room.
"""

from __future__ import annotations

import asyncio
import hmac
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from functools import partial

import msgspec

from collector import reading as fit
from collector.bodies import BodyReader, Limits, check_depth
from collector.crashes import Crashes
from collector.errors import DamagedBody, MalformedWebhook, UnverifiedWebhook
from collector.event import PEOPLE, Event
from collector.log import Receipt, Submission
from collector.log.promise import REDACTED
from collector.redaction import Redaction, redact
from collector.webhook import Credentials, Reading, Source, Webhook
from collector.writer import Tell, Writer, resolve

KEPT_HEADERS = frozenset((
    "content-type", "content-encoding", "content-length", "user-agent",
    "x-github-event", "x-github-delivery", "x-github-hook-id", "x-webhook-id", "x-webhook-subscription",
    "x-gitlab-event", "x-gitlab-event-uuid", "webhook-id", "webhook-timestamp", "x-request-id",
))  # fmt: skip
"""Kept with a delivery, beside ``ce-*``: what the sender says it sent. Never a credential or a signature."""

_LONGEST_HEADER = 512
_NOTHING_REDACTED = Redaction()


class Endpoint(msgspec.Struct, frozen=True, kw_only=True):
    """A configured source: which kind of sender, how it proves itself, how its fields are read."""

    source: Source
    credentials: Credentials = Credentials()
    reading: Reading = Reading()
    size: int | None = None
    """Its own bound of a body in bytes."""
    redaction: Redaction = Redaction()
    """What of its deliveries is not kept."""


class Intake:
    """What stands between the web and the log."""

    def __init__(self, writer: Writer, endpoints: Mapping[str, Endpoint], limits: Limits | None = None) -> None:
        self.writer = writer
        self.bodies = BodyReader(limits or Limits())
        self._endpoints = endpoints
        self._crashes = Crashes()

    def knows(self, source: str) -> bool:
        """Whether a source of this name is configured."""
        return source in self._endpoints

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
        authentication = _authenticate(webhook, endpoint, self._crashes)
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
        self.accept(source, headers, body, token, received_at, partial(resolve, answer))
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
        authentication = _authenticate(webhook, endpoint, self._crashes)
        assert endpoint is not None  # noqa: S101 - nobody is authentic to a source that does not exist
        submission, malformed = _read(webhook, endpoint, authentication, self._crashes)
        if endpoint.redaction != _NOTHING_REDACTED:
            submission, malformed = _redacted(webhook, endpoint, submission, malformed, self._crashes)
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


def _authenticate(webhook: Webhook, endpoint: Endpoint | None, crashes: Crashes) -> str:
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
        crashes.note("cannot look at a proof: the delivery is refused", webhook.source, error)
        what = type(error).__name__
        raise UnverifiedWebhook(f"cannot verify delivery from {webhook.source}: its proof is odd ({what})") from error


def _read(
    webhook: Webhook, endpoint: Endpoint, authentication: str, crashes: Crashes
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
        crashes.note("a parser failed: the delivery is kept as source.unrecognised", webhook.source, error)
        events = (fit.unrecognised(webhook, f"the parser failed: {type(error).__name__}", endpoint.source.kind),)
    unread = next((event for event in events if event.type == "source.unrecognised"), None)
    if unread is not None:
        status, reason = "unrecognised", str(unread.data.get("reason", ""))
    return _submission(webhook, authentication, status, reason, events), malformed


def _redacted(
    webhook: Webhook, endpoint: Endpoint, told: Submission, malformed: MalformedWebhook | None, crashes: Crashes
) -> tuple[Submission, MalformedWebhook | None]:  # fmt: skip
    """The same without what is not to be kept. Ids are those of the delivery as it came (design §3)."""
    try:
        clean, count = redact(endpoint.redaction, webhook)
    except Exception as error:  # nothing that could not be looked through is kept, and it need not come again
        crashes.note("redaction failed: nothing of the delivery's body is kept", webhook.source, error)
        clean = msgspec.structs.replace(webhook, body=b"", headers={})
        reason = f"redaction failed ({type(error).__name__}); nothing of it was kept"
        return _submission(clean, told.authentication, "unrecognised", reason), None
    if not count:
        return told, malformed
    again, malformed = _read(clean, endpoint, told.authentication, crashes)
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
