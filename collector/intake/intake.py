"""Webhooks into the log: bounds (``body_reader``), verification, reading, one commit for all who wait (``writer``).

An answer is given after the commit and never before. What is authentic is
never lost: a body nobody can read is kept all the same. What is not authentic
leaves no trace. Whatever cannot be stored now is refused at once, so that the
sender comes again; nothing waits without a bound.

Grouping and drafts are no concern of this room.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from functools import lru_cache, partial
from types import MappingProxyType

import msgspec

from collector import normalise
from collector.errors import DamagedBody, MalformedWebhook
from collector.event import HOUR, PEOPLE, SENDER, Event
from collector.intake import imported
from collector.intake.body_reader import BodyLimits, check_depth
from collector.intake.doubles import Doubles
from collector.intake.verifying import Endpoint, Verifier
from collector.intake.writer import Writer
from collector.log import Receipt, Submission
from collector.log.contract import REDACTED
from collector.redaction import MARK, Redaction, redact
from collector.semantics.episodes import ENDS
from collector.telemetry.crashes import Crashes
from collector.webhook import IMPORT, Import, Source, Webhook

KEPT_HEADERS = frozenset((
    "content-type", "content-encoding", "content-length", "user-agent", "x-request-id", IMPORT,
))  # fmt: skip
"""Kept with a delivery of any source, beside what its kind of sender names: what the sender says it sent."""

_LONGEST_HEADER = 512
_NOTHING_REDACTED = Redaction()
_NEVER = 100 * 366 * 24 * HOUR


class Intake:
    """What stands between the web and the log."""

    def __init__(self, writer: Writer, endpoints: Mapping[str, Endpoint], limits: BodyLimits | None = None) -> None:
        self.writer = writer
        self.verifier = Verifier(endpoints, limits)
        self.bodies = self.verifier.bodies
        self._crashes = Crashes()
        self._doubles = Doubles(writer)

    def serve(
        self, endpoints: Mapping[str, Endpoint], other_logs: Mapping[str, Endpoint] = MappingProxyType({})
    ) -> None:
        """Take deliveries to these sources from now on, and to no others; see :meth:`Verifier.serve`."""
        self.verifier.serve(endpoints, other_logs)

    @property
    def _endpoints(self) -> Mapping[str, Endpoint]:
        return self.verifier.endpoints

    @property
    def sources(self) -> Mapping[str, Source]:
        """Configured name → the kind of sender that delivers there."""
        return {name: endpoint.source for name, endpoint in self._endpoints.items()}

    def entry(self, name: str, address: str) -> str:
        """What to enter at the sender of a source, which delivers there; empty where there is no such source."""
        endpoint = self._endpoints.get(name)
        return endpoint.source.entry(address, endpoint.credentials) if endpoint else ""

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
        """A delivery as it comes in: :meth:`Verifier.read_body`, then :meth:`receive`. ``clock`` gives µs UTC.

        A body that was damaged on the way is kept as it came if its sender proves itself without it (by a token, say)
        or signed these very bytes; :class:`DamagedBody` is raised all the same.
        """
        headers = _as_sent(headers)
        try:
            encoding = headers.get("content-encoding", "")
            body = await self.verifier.read_body(chunks, encoding=encoding, length=length)
        except DamagedBody as error:
            await self._keep_damaged(source, headers, token, clock(), error)
            raise
        return await self.receive(source, headers, body, token, clock())

    async def _keep_damaged(
        self, source: str, headers: Mapping[str, str], token: str, received_at: int, error: DamagedBody
    ) -> None:
        webhook = Webhook(source=source, headers=headers, body=error.raw, received_at=received_at, token=token)
        endpoint, authentication = await self.verifier.proved(webhook)
        self.bodies.check(error.raw, endpoint.size)
        if endpoint.redaction != _NOTHING_REDACTED:
            # What it holds cannot be looked into, so nothing of it can be kept.
            webhook = msgspec.structs.replace(webhook, body=b"")
        submission = _submission(webhook, endpoint, authentication, "malformed", str(error))
        await self.writer.submit(submission, sender_retries=endpoint.source.retries)

    async def receive(
        self, source: str, headers: Mapping[str, str], body: bytes, token: str, received_at: int
    ) -> Receipt:
        """Verify, read and store one delivery; the answer comes after the commit.

        ``headers`` have names in lower case. Raises :class:`UnverifiedWebhook` (nothing is stored),
        :class:`MalformedWebhook` (the body is stored), :class:`TooLarge` and :class:`Unavailable`.
        """
        headers = _as_sent(headers)
        webhook = Webhook(source=source, headers=headers, body=body, received_at=received_at, token=token)
        endpoint, authentication = await self.verifier.proved(webhook)
        self.bodies.check(body, endpoint.size)
        understand = partial(_understood, webhook, endpoint, authentication, self._crashes)
        submission, malformed = await self.bodies.apart(len(body), understand)
        receipt = await self.writer.submit(submission, sender_retries=endpoint.source.retries)
        if malformed is not None:
            raise malformed
        imports = endpoint.source.imports
        if any(form.near for form in imports.values()):
            new = {item.event_id for item in receipt.items if not item.stored_before}
            news = [event for event in submission.events if event.id in new]
            await self._doubles.merge(source, news, imports, received_at)
        challenge = endpoint.source.challenge
        if challenge is None:
            return receipt
        answer = await self.bodies.apart(len(body), partial(challenge, webhook))
        return msgspec.structs.replace(receipt, answer=answer)

    def forms(self, source: str) -> Mapping[str, Import] | None:
        """In which forms a source's records can be brought in afterwards; None where there is no such source."""
        endpoint = self._endpoints.get(source)
        return None if endpoint is None else endpoint.source.imports

    async def make_up(self, now: int) -> int:
        """Take back what an import brought and a delivery told just before the daemon ended, or while nothing could be
        stored; how many events those are.

        Raises :class:`collector.errors.Unavailable`.
        """
        forms = {name: endpoint.source.imports for name, endpoint in self._endpoints.items()}
        return await self._doubles.make_up(forms, now)

    def derived(self, webhook: Webhook, authentication: str) -> Submission | None:
        """What a stored delivery is read as now; None where its source is not configured any more."""
        endpoint = self._endpoints.get(webhook.source)
        return None if endpoint is None else derive(webhook, endpoint, authentication)

    async def amend(self, event: Event, received_at: int) -> Receipt:
        """Store a person's amendment of an event of any source: the next revision of it.

        Raises :class:`collector.errors.InvalidInput` where the event or its last revision is not known.
        """
        told = Submission(source=PEOPLE, received_at=received_at, events=(event,))
        return await self.writer.submit(told, sender_retries=False)

    async def append_facts(self, events: Sequence[Event], received_at: int) -> Receipt:
        """Store what a person stated or the daemon records itself; all of one source. The same id again is known.

        Raises :class:`collector.errors.InvalidInput` for a value that cannot be stored, and :class:`Unavailable`.
        """
        submission = Submission(source=events[0].source, received_at=received_at, events=tuple(events))
        return await self.writer.submit(submission, sender_retries=False)


def derive(webhook: Webhook, endpoint: Endpoint, authentication: str = "") -> Submission:
    """What an authentic delivery would be stored as. Nothing is stored, and nobody is asked."""
    crashes = Crashes()
    submission, malformed = _read(webhook, endpoint, authentication, crashes)
    if endpoint.redaction != _NOTHING_REDACTED:
        submission, _ = _redacted(webhook, endpoint, submission, malformed, crashes)
    return submission


def _understood(
    webhook: Webhook, endpoint: Endpoint, authentication: str, crashes: Crashes
) -> tuple[Submission, MalformedWebhook | None]:  # fmt: skip
    """What is stored of an authentic delivery, and the error to answer with after that. May run in any thread."""
    submission, malformed = _read(webhook, endpoint, authentication, crashes)
    if endpoint.redaction == _NOTHING_REDACTED:
        return submission, malformed
    return _redacted(webhook, endpoint, submission, malformed, crashes)


def _read(
    webhook: Webhook, endpoint: Endpoint, authentication: str, crashes: Crashes
) -> tuple[Submission, MalformedWebhook | None]:  # fmt: skip
    """What an authentic delivery becomes, whatever it holds; and the error to answer with after it is stored."""
    status, reason = "read", ""
    events: tuple[Event, ...] = ()
    malformed: MalformedWebhook | None = None
    try:
        check_depth(webhook)
        events = _of_kind(_parsed(webhook, endpoint), webhook.source, endpoint.source.kind)
    except MalformedWebhook as error:
        status, reason, malformed = "malformed", str(error), error
    except Exception as error:  # a parser's mistake must not lose what the sender said, nor make it come for ever
        crashes.note("a parser failed: the delivery is kept as source.unrecognised", webhook.source, error)
        events = (normalise.unrecognised(webhook, f"the parser failed: {type(error).__name__}", endpoint.source.kind),)
    unread = [event for event in events if event.type == "source.unrecognised"]
    if unread:
        status, reason = "unrecognised", str(unread[0].data.get("reason", ""))
    return _submission(webhook, endpoint, authentication, status, reason, events), malformed


def _parsed(webhook: Webhook, endpoint: Endpoint) -> tuple[Event, ...]:
    """What was delivered, or what an import brought, as events."""
    if IMPORT in webhook.headers:
        return imported.read(webhook, endpoint.source, endpoint.reading)
    return endpoint.source.parse(webhook, endpoint.reading)


def _as_sent(headers: Mapping[str, str]) -> Mapping[str, str]:
    """A sender's headers, without the one by which a delivery would count as an import."""
    if IMPORT not in headers:
        return headers
    return {name: value for name, value in headers.items() if name != IMPORT}


def _of_kind(events: tuple[Event, ...], source: str, kind: str) -> tuple[Event, ...]:
    """The events with the kind of sender on record, where the source's name is another: a name may say anything."""
    if source == kind:
        return events
    return tuple([msgspec.structs.replace(event, data={**event.data, SENDER: kind}) for event in events])


def _redacted(
    webhook: Webhook, endpoint: Endpoint, submission: Submission, malformed: MalformedWebhook | None, crashes: Crashes
) -> tuple[Submission, MalformedWebhook | None]:  # fmt: skip
    """The same without what is not to be kept. Ids are those of the delivery as it came."""
    try:
        clean, count = redact(endpoint.redaction, webhook)
    except Exception as error:  # nothing that could not be looked through is kept, and it need not come again
        crashes.note("redaction failed: nothing of the delivery's body is kept", webhook.source, error)
        clean = msgspec.structs.replace(webhook, body=b"", headers={})
        reason = f"redaction failed ({type(error).__name__}); nothing of it was kept"
        return _submission(clean, endpoint, submission.authentication, "unrecognised", reason), None
    if not count:
        return submission, malformed
    redacted_submission, malformed = _read(clean, endpoint, submission.authentication, crashes)
    events = redacted_submission.events
    if len(events) == len(submission.events):
        events = tuple(
            [
                _identified(clean_event, as_sent, webhook.body)
                for clean_event, as_sent in zip(events, submission.events, strict=True)
            ]
        )
    counted = tuple([msgspec.structs.replace(e, data=dict(e.data) | {"redacted": count}) for e in events])
    return msgspec.structs.replace(
        redacted_submission, events=counted, headers=(*redacted_submission.headers, (REDACTED, str(count)))
    ), malformed


def _identified(redacted: Event, as_sent: Event, body: bytes) -> Event:
    """A redacted event under the identity of what was sent; an entity that we made ourselves (a digest) stays, too.

    One that is put together of the sender's words (``branch:owner/name:main``) has the mark in it, and is no digest.
    """
    digest = MARK not in redacted.entity and as_sent.entity.encode("utf-8", "replace") not in body
    data = redacted.data | {ENDS: as_sent.data[ENDS]} if ENDS in as_sent.data else redacted.data
    return msgspec.structs.replace(
        redacted, id=as_sent.id, entity=as_sent.entity if digest else redacted.entity, data=data
    )


def _submission(
    webhook: Webhook, endpoint: Endpoint, authentication: str, status: str, reason: str, events: tuple[Event, ...] = ()
) -> Submission:
    return Submission(
        source=webhook.source,
        received_at=webhook.received_at,
        body=webhook.body,
        headers=kept_headers(webhook.headers, endpoint.headers),
        authentication=authentication,
        status=status,
        reason=reason,
        events=events,
        # What is told afterwards says nothing of whether an alert fires again now.
        refire_after=_NEVER if IMPORT in webhook.headers else endpoint.refire_after,
    )


def kept_headers(headers: Mapping[str, str], wanted: tuple[str, ...]) -> tuple[tuple[str, str], ...]:
    """Those of a delivery's headers that are kept with it, ``wanted`` by its kind of sender; values are cut."""
    whole, begun = _names(wanted)
    return tuple([(name, _header(value)) for name, value in headers.items() if name in whole or name.startswith(begun)])


@lru_cache(maxsize=256)
def _names(wanted: tuple[str, ...]) -> tuple[frozenset[str], tuple[str, ...]]:
    """The headers that are kept where a kind of sender wants these, and how others begin that are."""
    return KEPT_HEADERS | set(wanted), tuple([name[:-1] for name in wanted if name.endswith("*")])


@normalise.remembered
def _header(value: str) -> str:
    """A header's value fit to keep. Senders say the same in each delivery."""
    return normalise.line(value)[:_LONGEST_HEADER]
