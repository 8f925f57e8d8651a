"""Asking a sender's API for what was missed: of configured hosts alone, bounded in time and size.

How an API is asked stands with its sender (``Source.interface``, ``Import.pages``). Deliveries that a sender could not
make, and does not try again, are asked for by a job. Nothing is asked to be sent again: timelined listens.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from typing import Any

import msgspec
import structlog

from collector.errors import InvalidInput, TimelinedError
from collector.event import HOUR
from collector.fetching.values import Fetch
from collector.publishing.calls import HostApi
from collector.webhook import Ask, Interface, Query, RecordSpan, Source

log = structlog.get_logger(__name__)

EVERY = 60.0
"""Seconds between two looks at which sources are due."""
BACK = 3 * 24 * HOUR
"""How far back deliveries are looked at, µs; senders keep them about as long."""

Take = Callable[[str, str, bytes, int], Awaitable[Any]]
"""Brings records in, see :meth:`collector.intake.importing.Importer.take`."""


async def fetched(source: Source, form: str, fetch: Fetch, since: int, until: int) -> AsyncIterator[Sequence[Any]]:
    """Records of what happened from ``since`` to ``until``, µs, some at a time.

    Raises :class:`InvalidInput` for a form that is not fetched, and what :meth:`HostApi.page` raises.
    """
    forms = {name: each.pages for name, each in source.imports.items() if each.pages is not None}
    if form not in forms or source.interface is None:
        raise InvalidInput(
            f"cannot fetch {form!r}: of {source.called} there is {', '.join(forms) or 'nothing to fetch'}", "form"
        )
    span = RecordSpan(since=since, until=until, names=fetch.repositories)
    async for page in forms[form](asking(source.interface, fetch), span):
        yield page


def asking(interface: Interface, fetch: Fetch) -> Ask:
    """Asks an API with the token as it is now."""
    api = HostApi(fetch.url, interface.headers(fetch.token()), fetch.timeout, purpose="fetch")

    async def ask(path: str, query: Query) -> tuple[Any, str]:
        return await api.page(path, query)

    return ask


class ReconcileJob:
    """What senders could not deliver, asked for and brought in. ``sources`` are those in force, with their fetches."""

    def __init__(
        self, sources: Callable[[], Mapping[str, tuple[Source, Fetch]]], take: Take, clock: Callable[[], int]
    ) -> None:
        self._sources, self._take, self._clock = sources, take, clock
        self._done: set[tuple[str, str]] = set()
        """Source and identity of deliveries that were brought in by this process."""
        self._looked: dict[str, int] = {}
        """When each source was looked at last."""
        self._failed: set[str] = set()
        """Sources of which not everything could be asked when they were looked at last."""

    async def run(self) -> bool:
        """Look at the sources that are due; whether everything could be asked, of the others when they were."""
        sources = self._sources()
        self._failed &= sources.keys()
        for name, (source, fetch) in sources.items():
            now = self._clock()
            if fetch.every is None or source.interface is None:
                continue
            # What is dated after now says nothing: the clock was set back.
            if name in self._looked and 0 <= now - self._looked[name] < fetch.every:
                continue
            self._looked[name] = now
            self._failed.discard(name)
            for repository in fetch.repositories:
                span = RecordSpan(since=now - BACK, until=now, names=(repository,))
                if not await self._look(name, source.interface, fetch, span):
                    self._failed.add(name)
        return not self._failed

    async def _look(self, name: str, interface: Interface, fetch: Fetch, span: RecordSpan) -> bool:
        where = ", ".join(span.names)
        try:
            count = await self._bring_in(name, interface, fetch, span)
        except (TimelinedError, LookupError, TypeError, ValueError, AttributeError) as error:
            said = str(error) if isinstance(error, TimelinedError) else "its answer has another shape"
            log.warning("cannot ask for missed deliveries", source=name, repository=where, error=said)
            return False
        if count:
            log.info("brought missed deliveries in", source=name, repository=where, count=count)
        return True

    async def _bring_in(self, name: str, interface: Interface, fetch: Fetch, span: RecordSpan) -> int:
        if interface.missed is None or interface.whole is None:
            return 0
        ask, count = asking(interface, fetch), 0
        async for identity, place in interface.missed(ask, name, span):
            if (name, identity) not in self._done:
                form, record = await interface.whole(ask, place)
                await self._take(name, form, msgspec.json.encode([record]), self._clock())
                self._done.add((name, identity))
                count += 1
        return count
