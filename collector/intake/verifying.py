"""Whether a delivery's sender is who they say: before anything is read, and also while nothing can be stored.

What is not authentic learns nothing: no source of the name in its address, no log that it delivers to, and no log
that is away.
"""

from __future__ import annotations

import asyncio
import difflib
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from functools import partial
from types import MappingProxyType
from typing import NoReturn

import msgspec

from collector.errors import DamagedBody, Unavailable, UnverifiedWebhook
from collector.event import MINUTE
from collector.intake.body_reader import BodyLimits, BodyReader
from collector.intake.browsers import foreign_page
from collector.redaction import Redaction
from collector.signing import signature_of
from collector.telemetry.crashes import Crashes
from collector.webhook import Credentials, Reading, Source, Webhook

_REFUSAL = 0.02
"""Seconds that a refusal takes at least: how far its checks came does not show."""


class Endpoint(msgspec.Struct, frozen=True, kw_only=True):
    """A configured source: which kind of sender, how it proves itself, how its fields are read."""

    source: Source
    credentials: Credentials = Credentials()
    reading: Reading = Reading()
    size: int | None = None
    """Its own bound of a body in bytes."""
    redaction: Redaction = Redaction()
    """What of its deliveries is not kept."""
    refire_after: int = 6 * MINUTE
    """A firing told again more than this after its resolve is another firing, µs."""

    @property
    def headers(self) -> tuple[str, ...]:
        """Headers kept with its deliveries: what its kind reads, and what its mapping does."""
        mapping = self.reading.mapping
        return self.source.headers if mapping is None else (*self.source.headers, *mapping.headers)


class Verifier:
    """Receives the bodies of deliveries to these sources, and verifies who sends them."""

    def __init__(self, endpoints: Mapping[str, Endpoint], limits: BodyLimits | None = None) -> None:
        self.bodies = BodyReader(limits or BodyLimits())
        self._crashes = Crashes()
        self.serve(endpoints)

    def serve(
        self, endpoints: Mapping[str, Endpoint], other_logs: Mapping[str, Endpoint] = MappingProxyType({})
    ) -> None:
        """Verify the senders of these sources from now on, and of no others.

        ``other_logs`` are the sources of other logs of the same daemon: what is bounded by the widest of all sources is
        bounded alike in each log, or a refusal would tell which log a source has.
        """
        self.endpoints = endpoints
        every = [*endpoints.values(), *other_logs.values()]
        sizes = [endpoint.size for endpoint in every if endpoint.size is not None]
        self._largest = max([self.bodies.limits.size, *sizes])
        """The bound of a body whose sender has not proved itself: the same whatever source it names."""
        self._signings = max([1, *(len(endpoint.credentials.signing) for endpoint in every)])

    async def read_body(
        self, chunks: AsyncIterator[bytes] | bytes, *, encoding: str = "", length: int | None = None
    ) -> bytes:
        """The body of a delivery, within the bounds of the source that has the widest; see :meth:`BodyReader.read`."""
        return await self.bodies.read(chunks, encoding=encoding, length=length, size=self._largest)

    async def proved(self, webhook: Webhook) -> tuple[Endpoint, str]:
        """The source of an authentic delivery, and how its sender proved itself.

        A refusal takes the same time whatever source was named, and whether there is one: as many digests of the body,
        and beside them a time in which all else is done. Raises :class:`UnverifiedWebhook`.
        """
        clock = asyncio.get_running_loop().time
        begun = clock()
        endpoint = self.endpoints.get(webhook.source)
        try:
            if endpoint is None:
                raise UnverifiedWebhook(_no_such_source(webhook.source, tuple(self.endpoints)))
            prove = partial(_authenticate, webhook, endpoint, self._crashes)
            return endpoint, await self.bodies.apart(len(webhook.body), prove)
        except UnverifiedWebhook:
            for _ in range(self._signings - (0 if endpoint is None else len(endpoint.credentials.signing))):
                await self.bodies.apart(len(webhook.body), partial(signature_of, webhook.body, bytes(32)))
            await asyncio.sleep(max(0.0, begun + _REFUSAL - clock()))
            raise

    async def refuse(
        self, source: str, headers: Mapping[str, str], chunks: AsyncIterator[bytes] | bytes, token: str,
        clock: Callable[[], int], length: int | None = None,
    ) -> NoReturn:  # fmt: skip
        """Refuse a delivery that cannot be stored now, whoever sends it, as if it could be.

        Raises :class:`UnverifiedWebhook`, or whatever is wrong with the body, and :class:`Unavailable` to its sender.
        """
        try:
            encoding = headers.get("content-encoding", "")
            body, damaged = await self.read_body(chunks, encoding=encoding, length=length), False
        except DamagedBody as error:
            body, damaged = error.raw, True
        webhook = Webhook(source=source, headers=headers, body=body, received_at=clock(), token=token)
        endpoint, _ = await self.proved(webhook)
        if not damaged:
            self.bodies.check(body, endpoint.size)
        raise Unavailable("cannot store the delivery now: its log is away, and /-/ready says why; send it again")


def _no_such_source(name: str, sources: Sequence[str]) -> str:
    """Says so without the name: where a secret is part of an address, a mistyped one may have it there."""
    near = difflib.get_close_matches(name[:64].lower(), sources, n=1)
    hint = f"did you mean {near[0]}?" if near else f"there is {', '.join(sources) or 'none'}"
    return f"cannot verify delivery: there is no source of the name in its address, which is not repeated here; {hint}"


def _authenticate(webhook: Webhook, endpoint: Endpoint, crashes: Crashes) -> str:
    """How the sender proved itself. Whatever goes wrong in a proof, it proves nothing."""
    try:
        proof = endpoint.source.verify(webhook, endpoint.credentials)
    except UnverifiedWebhook:
        raise
    except Exception as error:
        crashes.note("cannot look at a proof: the delivery is refused", webhook.source, error)
        what = type(error).__name__
        raise UnverifiedWebhook(f"cannot verify delivery from {webhook.source}: its proof is odd ({what})") from error
    if proof == "none" and (header := foreign_page(webhook.headers)):
        raise UnverifiedWebhook(
            f"cannot verify delivery from {webhook.source}: a browser sends it for a page of another site, as {header} "
            f"says, and the source is open; give it a secret in sources.{webhook.source} to let that page in"
        )
    return proof
