"""Senders: each sends one delivery after the other over HTTP and writes down what it was told."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any

import aiohttp
import msgspec

from tests.faults.deliveries import Delivery, several
from tests.faults.history import Attempt, History, Outcome, Placed, now, outcome_of
from tests.faults.supervisor import reached, until

_TIMEOUT = aiohttp.ClientTimeout(total=40)


class Clients:
    """Several senders at once. They go on through every fault, until they are told to stop."""

    def __init__(
        self, addresses: Sequence[str], history: History, seed: str, count: int = 8, *, pairs: bool = False
    ) -> None:
        """With ``pairs`` every delivery is sent by two at once, to two daemons, as a pair of Alertmanagers does."""
        self._addresses, self._history, self._pairs = addresses, history, pairs
        *self._deliveries, self._slow = several(seed, count + 1)
        self._random = random.Random(seed)  # noqa: S311 - to be repeated, not to be secret
        self._tasks: list[asyncio.Task[None]] = []
        self._stopping = False
        self._again: list[Delivery] = []
        self.pace = 0.0
        """Seconds that each waits between an answer and its next delivery."""

    def start(self) -> None:
        """Begin to send."""
        self._stopping = False
        self._tasks = [asyncio.create_task(self._send_on(number)) for number in range(len(self._deliveries))]

    async def stop(self) -> None:
        """Let each finish the request it has begun."""
        self._stopping = True
        tasks, self._tasks = self._tasks, []
        await asyncio.gather(*tasks)

    def cancel(self) -> None:
        """Give up at once; for the end of a run that failed."""
        for task in self._tasks:
            task.cancel()

    async def acked(self, more: int) -> None:
        """Wait until so many more attempts were acknowledged."""
        await reached(self._history.acked + more, lambda: self._history.acked, "acknowledgements")

    async def refused(self, more: int, patience: float = 60.0) -> None:
        """Wait until so many more attempts were answered 503."""
        count = len(self._history.attempts)

        def enough() -> bool:
            return sum(attempt.status == 503 for attempt in self._history.attempts[count:]) >= more

        await until(enough, f"{more} refusals", patience)

    async def send_again(self, share: float = 0.5) -> None:
        """As senders do: part of what was not acknowledged comes again. The rest was given up."""
        again, self._again = self._again, []
        async with self._session() as session:
            for delivery in again:
                if self._random.random() < share:
                    self._history.add(await self._attempt(session, delivery, self._random.choice(self._addresses)))

    async def send(self, delivery: Delivery, address: str = "") -> Attempt:
        """One delivery by itself."""
        async with self._session() as session:
            attempt = await self._attempt(session, delivery, address or self._addresses[0])
        self._history.add(attempt)
        return attempt

    async def send_slowly(self, rest: asyncio.Event) -> Attempt:
        """One delivery of its own whose second half comes once ``rest`` is set."""
        delivery = self._slow.fresh()

        async def halves() -> AsyncIterator[bytes]:
            yield delivery.body[:100]
            await rest.wait()
            yield delivery.body[100:]

        async with self._session() as session:
            attempt = await self._attempt(session, delivery, self._addresses[0], halves())
        self._history.add(attempt)
        return attempt

    async def _send_on(self, number: int) -> None:
        deliveries, count = self._deliveries[number], len(self._addresses)
        addresses = [self._addresses[(number + peer) % count] for peer in range(1 + self._pairs)]
        async with self._session() as session:
            while not self._stopping:
                delivery = deliveries.next()
                told = (self._attempt(session, delivery, address) for address in addresses)
                attempts = await asyncio.gather(*told)
                for attempt in attempts:
                    self._history.add(attempt)
                if all(each.outcome is Outcome.UNKNOWN or each.status in (0, 503) for each in attempts):
                    self._again.append(delivery)
                    await asyncio.sleep(0.05)  # what a sender does before it tries again; nothing is waited for
                await asyncio.sleep(self.pace)

    @staticmethod
    def _session() -> aiohttp.ClientSession:
        return aiohttp.ClientSession(timeout=_TIMEOUT)

    async def _attempt(
        self, session: aiohttp.ClientSession, delivery: Delivery, address: str, body: AsyncIterator[bytes] | None = None
    ) -> Attempt:
        """Send once. Cut off from here it is written down as well: it may have been taken, like one whose answer was
        lost."""
        headers = {"Content-Type": "application/json"}
        if delivery.encoding:
            headers["Content-Encoding"] = delivery.encoding
        url, sent_at = f"{address}/webhooks/{delivery.source}", now()
        begun = Attempt(delivery.body, delivery.facts, Outcome.UNKNOWN, sent_at=sent_at)
        try:
            async with session.post(url, data=body or delivery.body, headers=headers) as answer:
                raw = await answer.read()
        except asyncio.CancelledError:
            self._history.add(begun._replace(said="cut off by its sender", heard_at=now()))
            raise
        except aiohttp.ClientConnectorError:
            return begun._replace(outcome=Outcome.REJECTED, said="nobody listens", heard_at=now())
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            return begun._replace(said=type(error).__name__, heard_at=now())
        return _heard(begun, answer.status, answer.headers, raw)._replace(heard_at=now())


def _heard(begun: Attempt, status: int, headers: Mapping[str, str], raw: bytes) -> Attempt:
    answer: dict[str, Any] = msgspec.json.decode(raw)
    detail = str(answer.get("detail", ""))
    return begun._replace(
        outcome=outcome_of(status, detail),
        status=status,
        said=detail,
        delivery=answer.get("delivery", ""),
        placed=tuple(Placed(each["event"], each["position"], each["known"]) for each in answer.get("items", ())),
        retry_after=headers.get("Retry-After", ""),
    )
