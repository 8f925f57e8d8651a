"""Deliveries that were refused: counted by source and reason, said in the log, recorded as events.

A refused delivery leaves no body, no header and no address, since it may hold a
secret and nobody proved anything. It leaves a count. The first of a kind is
logged at once, then how many there were each minute, and when it is over. As
events the counts are recorded once a minute at first, and less often while it
goes on, so that a stranger who knocks for days does not fill the log.

Knows nothing of HTTP beyond the status, and stores nothing itself.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

import msgspec
import structlog

from collector.event import HOUR, MACHINE, MINUTE, SECOND, Event, event_id

log = structlog.get_logger(__name__)

TYPE = "source.refused"
"""The type of the event that records refusals."""
EVERY = MINUTE
"""Between two lines in the log about refusals of one kind, and before the first event of them, µs."""
SLOWEST = HOUR
"""The longest between two events while refusals of one kind go on, µs."""
MOST_KINDS = 200
"""The most kinds that are told apart at a time; the others are counted together."""
NO_SOURCE = "(no such source)"
"""Stands for a name that is no source's: what was asked for may be a token."""
_OTHER = "other reasons"
_LOOK = "timelined deliveries --status refused"


class RefusedRow(msgspec.Struct, frozen=True, kw_only=True):
    """Deliveries of one source that were refused for one reason."""

    source: str
    """The configured source, or :data:`NO_SOURCE`."""
    status: int
    """What was answered."""
    reason: str
    """Why, in the daemon's words; nothing of the delivery's."""
    count: int
    first_at: int
    """When the first of them was refused, µs UTC."""
    last_at: int

    def event(self) -> Event:
        """These refusals as a fact of the daemon's own."""
        identity = (self.source, str(self.status), self.reason, str(self.first_at))
        return Event(
            id=event_id("refusals.1", MACHINE, self.first_at, *identity),
            type=TYPE,
            source=MACHINE,
            entity=f"source:{self.source}",
            occurred_at=self.first_at,
            title=f"{self.count} {'delivery' if self.count == 1 else 'deliveries'} refused: {self.reason}",
            data={"of": self.source, "status": self.status, "reason": self.reason, "count": self.count,
                  "until": self.last_at},
        )  # fmt: skip


def read_back(event: Event) -> RefusedRow:
    """What an event of :data:`TYPE` records."""
    data = event.data
    return RefusedRow(
        source=str(data.get("of", "")), status=int(data.get("status", 0)), reason=str(data.get("reason", "")),
        count=int(data.get("count", 0)), first_at=event.occurred_at, last_at=int(data.get("until", event.occurred_at)),
    )  # fmt: skip


class _RefusalKind:
    """What goes on of one source, status and reason."""

    def __init__(self, at: int, moment: float) -> None:
        self.first_at = self.last_at = at
        self.began = self.logged = self.last = moment
        """Seconds on a clock that nobody sets: when the first came, the last line was logged, and the last came."""
        self.total = 0
        self.unsaid = 0
        """Not in a line of the log yet."""
        self.unrecorded = 0
        """Not in an event yet."""
        self.cause = ""
        """The last error's sentence."""
        self.pause = EVERY
        self.record_at = at + EVERY


class Refusals:
    """Counts refusals. Used on the event loop. ``clock`` gives µs UTC, ``monotonic`` seconds that only go forward."""

    def __init__(self, clock: Callable[[], int], monotonic: Callable[[], float] = time.monotonic) -> None:
        self._clock, self._monotonic = clock, monotonic
        self._kinds: dict[tuple[str, int, str], _RefusalKind] = {}
        self.total = 0
        """Since the start."""

    def note(self, source: str | None, status: int, reason: str, cause: str = "") -> None:
        """A delivery was refused. ``source`` is None where there is none of that name.

        ``reason`` is one of few; ``cause`` is what the error said, for the log. Neither may repeat the delivery.
        """
        now, moment = self._clock(), self._monotonic()
        key = (NO_SOURCE if source is None else source, status, reason)
        if key not in self._kinds and len(self._kinds) >= MOST_KINDS:
            key = (NO_SOURCE, status, _OTHER)
        kind = self._kinds.get(key)
        if kind is None:
            kind = self._kinds[key] = _RefusalKind(now, moment)
            _say("deliveries are refused", key, cause, count=1)
        else:
            kind.unsaid += 1
        if not kind.unrecorded:
            kind.first_at = now
        kind.total, kind.unrecorded = kind.total + 1, kind.unrecorded + 1
        kind.last_at, kind.last = now, moment
        kind.cause = cause or kind.cause
        self.total += 1

    def pending(self) -> list[RefusedRow]:
        """What no event tells yet, the newest first."""
        found = [self._refused(key, kind) for key, kind in self._kinds.items() if kind.unrecorded]
        return sorted(found, key=lambda refused: refused.last_at, reverse=True)

    def say(self) -> None:
        """Log how many there were since the last line, once a minute a kind, and what is over."""
        moment = self._monotonic()
        for key, kind in self._kinds.items():
            if (seconds := moment - kind.logged) >= EVERY / SECOND and kind.unsaid:
                _say("deliveries are refused", key, kind.cause, count=kind.unsaid, seconds=int(seconds))
                kind.logged, kind.unsaid = moment, 0
        for key in [key for key, kind in self._kinds.items() if _is_over(kind, moment)]:
            kind = self._kinds.pop(key)
            seconds = kind.last - kind.began
            _say("no delivery was refused for a minute", key, "", count=kind.total, seconds=int(seconds))

    def due(self, everything: bool = False) -> list[RefusedRow]:
        """What is to be recorded now; ``everything`` does not wait. Goes on being due until :meth:`recorded`."""
        now = self._clock()
        # A clock that was set back must not put it off.
        return [
            self._refused(key, kind)
            for key, kind in self._kinds.items()
            if kind.unrecorded and (everything or not kind.record_at - kind.pause <= now < kind.record_at)
        ]

    def recorded(self, stored: Sequence[RefusedRow]) -> None:
        """These are in the log now."""
        now = self._clock()
        for refused in stored:
            kind = self._kinds.get((refused.source, refused.status, refused.reason))
            if kind is not None:
                kind.unrecorded -= refused.count
                kind.first_at = refused.last_at
                kind.pause = min(2 * kind.pause, SLOWEST)
                kind.record_at = now + kind.pause

    def _refused(self, key: tuple[str, int, str], kind: _RefusalKind) -> RefusedRow:
        source, status, reason = key
        return RefusedRow(
            source=source, status=status, reason=reason, count=kind.unrecorded, first_at=kind.first_at,
            last_at=kind.last_at,
        )  # fmt: skip


def _is_over(kind: _RefusalKind, moment: float) -> bool:
    return not kind.unrecorded and not kind.unsaid and moment - kind.last >= EVERY / SECOND


def _say(message: str, key: tuple[str, int, str], cause: str, **facts: int) -> None:
    source, status, reason = key
    level = log.error if status == 503 else log.warning
    more = {"cause": cause} if cause and cause != reason else {}
    level(message, source=source, status=status, reason=reason, **facts, **more, look=_LOOK)
