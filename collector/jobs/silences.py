"""An alert that a monitoring system tells without end, and that it is missed when it is not told.

``Watchdog`` fires for ever: while it arrives, everything between its system and
us works, and when it stops, an hour without alerts says nothing any more. A job
of the scheduler's looks for it in the log, which has every delivery whoever took
it, and records a ``source.gap`` when it is missed, and another when it is heard
again. A time in which we took nothing ourselves is told otherwise and is not
held against a source.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence

import structlog

from collector.errors import TimelinedError
from collector.event import MACHINE, MINUTE, Event, RecordedEvent, event_id
from collector.log import EventLog

log = structlog.get_logger(__name__)

TYPE = "source.gap"
EVERY = 15
"""Seconds between two looks."""
_PAGE = 200
"""Deliveries read at a time."""
_FORGET = 10_000
"""Events of which it is remembered whether they are the alert; more are looked at anew."""
UNWATCHED = "it is no longer watched"

Heartbeats = Mapping[str, tuple[str, int]]
"""Source → the name of the alert that it tells without end, and how long it may not be heard, µs."""
Record = Callable[[Sequence[Event], int], Awaitable[object]]


class _Watch:
    """What is known of one source's heartbeat."""

    def __init__(self, since: int) -> None:
        self.last_heard_at = since
        """When it was heard last, or when we began to listen."""
        self.looked = ""
        """The newest delivery that was looked at."""
        self.silent: int | None = None
        """Since when it is missed, as the log has it."""


def gap(source: str, alert: str, since: int, until: int | None = None, because: str = "") -> Event:
    """That an alert which is told without end was not heard since a time, µs; with ``until`` when that was over."""
    ended = until is not None
    data = {"of": source, "kind": alert, "until": until, "reason": because}
    return Event(
        id=event_id("silence.1", MACHINE, since, source, "ended" if ended else "began"),
        type=TYPE,
        source=MACHINE,
        entity=f"silence:{source}:{since}",
        occurred_at=since,
        title=f"{alert} of {source} {'was not' if ended else 'is not'} heard",
        data={key: value for key, value in data.items() if value},
    )


def open_gaps(told: Sequence[RecordedEvent]) -> dict[str, RecordedEvent]:
    """Source → the silence of it that is not over; ``told`` are gaps on record."""
    ours = [event for event in told if event.source == MACHINE and isinstance(event.data.get("of"), str)]
    over = {event.entity for event in ours if "until" in event.data}
    return {event.data["of"]: event for event in sorted(ours, key=_when) if event.entity not in over}


def _when(event: Event) -> int:
    return event.occurred_at


class SilenceJob:
    """Looks for the heartbeats of sources. ``recorded`` gives the gaps on record, the newest first."""

    def __init__(
        self, store: EventLog, heartbeats: Heartbeats, clock: Callable[[], int], record: Record,
        recorded: Callable[[], Awaitable[Sequence[RecordedEvent]]],
    ) -> None:  # fmt: skip
        self._log, self._heartbeats, self._clock = store, dict(heartbeats), clock
        self._record, self._recorded = record, recorded
        self._watches: dict[str, _Watch] = {}
        self._alert_names: dict[str, str] = {}
        """Event id → the alert that it tells firing; empty for every other event."""
        self._begun = False

    def keep(self, heartbeats: Heartbeats) -> None:
        """Listen for these from the next look on."""
        self._heartbeats, self._begun = dict(heartbeats), False

    async def run(self) -> bool:
        """One look at each source; whether it could be had. What goes wrong is tried again next time."""
        try:
            if not self._begun:
                await self._begin()
            for source, (alert, within) in self._heartbeats.items():
                await self._look(source, alert, within)
        except TimelinedError as error:
            log.warning("cannot look for heartbeats; the next look tries again", error=str(error))
            return False
        return True

    async def _begin(self) -> None:
        """Know what the log has of silences, and close those of sources that nobody listens to any more."""
        now = self._clock()
        missed = open_gaps(await self._recorded())
        for source, event in missed.items():
            if source not in self._heartbeats:
                alert = str(event.data.get("kind", ""))
                await self._record([gap(source, alert, event.occurred_at, now, UNWATCHED)], now)
        self._watches = {source: self._watches.get(source) or _Watch(now) for source in self._heartbeats}
        for source, watch in self._watches.items():
            if source in missed:
                watch.silent = missed[source].occurred_at
        self._begun = True

    async def _look(self, source: str, alert: str, within: int) -> None:
        watch, now = self._watches[source], self._clock()
        # What was heard after now was heard before the clock was set back.
        watch.last_heard_at = min(watch.last_heard_at, now)
        last = await self._last_heard(source, alert, watch)
        watch.last_heard_at = max(watch.last_heard_at, last or 0)
        if last is not None and watch.silent is not None:
            await self._record([gap(source, alert, watch.silent, max(last, watch.silent))], now)
            log.info("a heartbeat is heard again", source=source, alert=alert)
            watch.silent = None
        if watch.silent is None and now - watch.last_heard_at > within:
            await self._record([gap(source, alert, watch.last_heard_at)], now)
            log.warning("a heartbeat is missed", source=source, alert=alert, last=watch.last_heard_at)
            watch.silent = watch.last_heard_at

    async def _last_heard(self, source: str, alert: str, watch: _Watch) -> int | None:
        """When the alert was told last among the deliveries that were not looked at yet, µs; None where in none."""
        newest, before = "", None
        while True:
            deliveries = await self._log.deliveries(source=source, before=before, limit=_PAGE)
            newest = newest or (deliveries[0].id if deliveries else watch.looked)
            for delivery in deliveries:
                # Older ones than the last look tell nothing that was not known then.
                if delivery.id == watch.looked or delivery.received_at < watch.last_heard_at - MINUTE:
                    watch.looked = newest
                    return None
                if alert.casefold() in await self._firing_names([item.event_id for item in delivery.items]):
                    watch.looked = newest
                    return delivery.received_at
            if len(deliveries) < _PAGE:
                watch.looked = newest
                return None
            before = deliveries[-1].id

    async def _firing_names(self, ids: Sequence[str]) -> set[str]:
        """The names of the alerts that these events tell firing."""
        unknown = [each for each in dict.fromkeys(ids) if each not in self._alert_names]
        if len(self._alert_names) + len(unknown) > _FORGET:
            self._alert_names.clear()
            unknown = list(dict.fromkeys(ids))
        if unknown:
            told = {event.id: event for event in await self._log.read_ids(unknown)}
            for event_name in unknown:
                event = told.get(event_name)
                fires = event is not None and event.type == "alert.firing"
                self._alert_names[event_name] = event.title.casefold() if event is not None and fires else ""
        return {name for each in ids if (name := self._alert_names[each])}
