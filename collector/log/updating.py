"""What a sender says anew of an alert that it had reported before.

A firing is told again and again, and its annotations may say another value
each time: "12% of requests fail", then "31%". Its identity is that of the
firing, so a repeat is known and would say nothing. What it says anew is derived
here, as an ``alert.updated`` of its own, at the time at which it was first
received: each text of a firing once, and never the one that the firing says.

So the events follow from the set of tellings alone, and are the same in
whatever order these were stored; on the way one may move or be taken back, by
a further revision. A text that comes back adds nothing: an update says when a
text was told first, not that it was the last. So of an alert that says several,
it is kept beside the events when each was told last (``alert_text``).

Texts are compared without what changes by itself: times of day, dates,
addresses, ids, and digits beyond the third of a number. Otherwise an alert that
tells the time would add an event with every repeat, for days.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from typing import Any

import msgspec

from collector.event import SENDER, Event, event_id, id_time
from collector.log import statements
from collector.log.refiring import Select, ToldFiring, Turn, derived
from collector.semantics.episodes import AGAIN

RECIPE = "update.1"

_PASSING = re.compile(
    r"https?://\S+"
    r"|\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d(?:[.,]\d+)?)?)?(?:Z| ?[+-]\d\d:?\d\d)?"
    r"|\b\d{1,2}:\d\d(?::\d\d(?:[.,]\d+)?)?\b"
    r"|\b(?=[0-9a-f-]*[0-9])(?=[0-9a-f-]*[a-f])[0-9a-f]{8}[0-9a-f-]*\b",
    re.IGNORECASE,
)
"""Addresses, dates, times of day, and ids in hexadecimal digits."""
_NUMBER = re.compile(r"\d+(?:[.,]\d+)*")
_DIGITS = 3
"""How many digits of a number are compared, from the first that is not zero."""

SAID = ("summary", "description")
"""The keys of a firing's data that are compared; the second holds ``message`` where a rule has that."""


class _AlertTexts(msgspec.Struct, gc=False):
    summary: Any = ""
    description: Any = ""


class _StoredFiring(msgspec.Struct, gc=False):
    data: _AlertTexts = msgspec.field(default_factory=_AlertTexts)


_said = msgspec.json.Decoder(_StoredFiring)
_event = msgspec.json.Decoder(Event)


class _Firing(msgspec.Struct, gc=False):
    """The telling of a firing that speaks for it."""

    text: str
    received_at: int
    delivery: int
    content: bytes = b""
    event: Event | None = None
    """None where it is to be read from ``content``."""
    commitment: bytes | None = None
    """Of its delivery; None where it is to be asked for."""


class Updates:
    """What one append has to say of alerts that say something new."""

    def __init__(self, execute: Callable[..., Any], select: Select, firings: Sequence[bytes]) -> None:
        """``firings`` are those of the batch that the log knows."""
        self._execute = execute
        self._firings: dict[bytes, _Firing | None] = {}
        """None where nothing can be compared: the firing was taken back or erased."""
        self._last_told: dict[bytes, int] = {}
        """When each firing was told last by this append."""
        self._texts: dict[bytes, dict[bytes, int]] = {}
        """Of each firing that says several texts, when each was told last."""
        self._changed: set[tuple[bytes, bytes]] = set()
        for firing, text, last_at in select(statements.TEXTS, firings) if firings else ():
            self._texts.setdefault(bytes(firing), {})[bytes(text)] = last_at
        for identity, amendment, received_at, delivery, content in (
            select(statements.SPEAKING, firings) if firings else ()
        ):
            if amendment in ("retraction", "erasure") or content is None:
                self._firings[bytes(identity)] = None
            else:
                self._firings[bytes(identity)] = _Firing("", received_at, delivery, bytes(content))

    def turns(self, event: Event, identity: bytes, teller: ToldFiring, *, speaks: bool) -> Iterable[Turn]:
        """What this telling of a firing makes to be said; ``speaks`` says that the firing now says what this does."""
        if identity not in self._firings:
            self._firings[identity] = _now(event, teller)
            self._last_told[identity] = teller.received_at
            return
        firing = self._firings[identity]
        if firing is None:
            return
        text = _text_in(firing) if firing.event is None else text_of(firing.event)
        moved = speaks and firing.delivery != teller.number
        if moved:
            self._firings[identity] = _now(event, teller)
        same = text == text_of(event) or compared(text) == compared(text_of(event))
        self._note(event, identity, teller, None if same else text)
        if same:
            return
        if not moved:
            yield Turn(_updated(event, teller.received_at), teller, withdrawn=False)
            return
        yield Turn(_updated(event, teller.received_at), teller, withdrawn=True)
        before = firing.event or _event.decode(firing.content)
        commitment = firing.commitment or bytes(self._execute(statements.COMMITMENT, (firing.delivery,)).fetchone()[0])
        first = ToldFiring(firing.received_at, firing.delivery, commitment)
        yield Turn(_updated(before, first.received_at), first, withdrawn=False)

    def write(self) -> None:
        """Keep what this append found out."""
        for firing, text in sorted(self._changed):
            self._execute(statements.PUT_TEXT, (firing, text, self._texts[firing][text]))

    def _note(self, event: Event, identity: bytes, teller: ToldFiring, other: str | None) -> None:
        """Note when a text was told, of a firing that says several; ``other`` is what it had said, where it differs."""
        if other is not None and identity not in self._texts:
            # Until now it had said one text alone, whenever it was told.
            stored = self._execute(statements.LAST_TOLD, (identity, identity)).fetchone()[0] or 0
            self._tell(identity, bytes.fromhex(_update_id(event, other)), max(stored, self._last_told.get(identity, 0)))
        if identity in self._texts:
            self._tell(identity, bytes.fromhex(update_id(event)), teller.received_at)
        self._last_told[identity] = max(teller.received_at, self._last_told.get(identity, 0))

    def _tell(self, identity: bytes, text: bytes, at: int) -> None:
        known = self._texts.setdefault(identity, {})
        if at > known.get(text, 0):
            known[text] = at
            self._changed.add((identity, text))


def may_be_updated(event: Event) -> bool:
    """Whether this is a firing as its sender told it."""
    return event.type == "alert.firing" and AGAIN not in event.data


def text_of(event: Event) -> str:
    """What a firing says: its summary and its description."""
    return _joined(event.data.get("summary"), event.data.get("description"))


def update_id(event: Event) -> str:
    """The id of the update that says what this telling of a firing does."""
    return _update_id(event, text_of(event))


def _update_id(event: Event, text: str) -> str:
    return event_id(RECIPE, event.source, id_time(event.id), event.id, compared(text))


@lru_cache(maxsize=4_096)
def compared(text: str) -> str:
    """A text without what changes by itself, as texts are compared."""
    return _NUMBER.sub(_shortened, _PASSING.sub("", text))


def _shortened(match: re.Match[str]) -> str:
    """A number to so many digits: ``1,234`` and ``1,239`` are one, and so are ``12.34`` and ``12.3``."""
    number, remaining = "", _DIGITS
    for each in match[0]:
        number += each if remaining > 0 or not each.isdigit() else "0"
        if each.isdigit() and number.strip("0.,"):
            remaining -= 1
    return number.rstrip("0").rstrip(".") if number.count(".") == 1 else number


def _now(event: Event, teller: ToldFiring) -> _Firing:
    return _Firing("", teller.received_at, teller.number, event=event, commitment=teller.commitment)


def _text_in(firing: _Firing) -> str:
    """Only what is compared is read: most repeats say nothing new."""
    if not firing.text:
        data = _said.decode(firing.content).data
        firing.text = _joined(data.summary, data.description)
    return firing.text


def _joined(summary: object, description: object) -> str:
    return f"{summary if isinstance(summary, str) else ''}\x1f{description if isinstance(description, str) else ''}"


def _updated(event: Event, at: int) -> Event:
    """The update that a telling of a firing makes. What may differ between a cluster's members is left out."""
    kept = ("status", "starts_at", *SAID, SENDER)
    data = {key: event.data[key] for key in kept if key in event.data}
    return derived(event, update_id(event), "alert.updated", at, data)
