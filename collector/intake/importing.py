"""What a sender gave out afterwards, on its way into the log.

The records are stored as they were fetched, as a delivery of their source, and
read as the deliveries that tell the same (``imported``). What the log knows
already adds nothing, so an import may be cut off and begun again. Where a record
has no identity in common with its delivery, the two are found to be one by what they
are about and when (``doubles``).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import msgspec

from collector.errors import InvalidInput, NotFound
from collector.event import Event
from collector.intake.doubles import SAME, Doubles
from collector.intake.imported import HOW
from collector.intake.writer import Writer
from collector.log import EventLog, Submission
from collector.webhook import IMPORT, Import, Webhook


class Brought(msgspec.Struct, frozen=True, kw_only=True):
    """What became of some records."""

    delivery: str = ""
    """Under which number they are stored; empty where all that they say was known."""
    new: tuple[str, ...] = ()
    """The ids of the events that the log did not have."""
    stored_before: int = 0
    """Events that it had."""
    merged: int = 0
    """Those of them that a delivery told without an identity in common."""
    withdrawn: int = 0
    """Events of an earlier import that a delivery told since."""
    not_understood: tuple[str, ...] = ()
    """Why some records could not be read; they are kept with the rest."""


class Importer:
    """Brings records in. ``derive`` reads a delivery, ``forms`` says in which forms a source's records are read."""

    def __init__(
        self, log: EventLog, writer: Writer, derive: Callable[[Webhook, str], Submission | None],
        forms: Callable[[str], Mapping[str, Import] | None],
    ) -> None:  # fmt: skip
        self._log, self._writer, self._derive, self._forms = log, writer, derive, forms
        self._doubles = Doubles(writer)

    async def take(self, source: str, form: str, records: bytes, now: int) -> Brought:
        """Store some records, a list in JSON, that were fetched ``now`` (µs UTC); those that are known add nothing.

        Raises :class:`NotFound` for a source that is not configured, :class:`InvalidInput` for a form that its kind
        does not have and for what is no JSON, and :class:`collector.errors.Unavailable`.
        """
        import_form = self._form(source, form)
        headers = {IMPORT: form, "content-type": "application/json"}
        submission = self._derive(Webhook(source=source, headers=headers, body=records, received_at=now), HOW)
        if submission is None or submission.status == "malformed":
            raise InvalidInput(f"cannot bring in {form}: {'' if submission is None else submission.reason}", "body")
        return await self._bring_in(submission, import_form.near, now)

    async def _bring_in(self, submission: Submission, near: int, now: int) -> Brought:
        doubles: dict[str, str] = {}
        fetched = submission
        if near:
            submission, doubles = await self._doubles.find(fetched, near)
        stored = {each.id for each in await self._log.read_ids([event.id for event in submission.events])}
        withdrawn = await self._doubles.withdraw(doubles, now)
        unread = tuple(
            dict.fromkeys(
                str(event.data.get("reason", "")) for event in submission.events if event.type == "source.unrecognised"
            )
        )
        merged = sum(event.data.get(SAME) is not None for event in submission.events)
        submission = msgspec.structs.replace(submission, events=tuple(map(_plain, submission.events)))
        new = tuple(dict.fromkeys(event.id for event in submission.events if event.id not in stored))
        result = Brought(
            new=new,
            stored_before=len(submission.events) - len(new),
            merged=merged,
            withdrawn=withdrawn,
            not_understood=unread,
        )
        if not new:
            return result
        receipt = await self._writer.submit(submission, sender_retries=False)
        if near:
            # A delivery that came in between saw nothing of this import, nor this import of it.
            _, doubles = await self._doubles.find(fetched, near)
            withdrawn += await self._doubles.withdraw(doubles, now)
        return msgspec.structs.replace(result, delivery=receipt.delivery, withdrawn=withdrawn)

    def _form(self, source: str, form: str) -> Import:
        forms = self._forms(source)
        if forms is None:
            raise NotFound(f"cannot import to {source!r}: no source has this name; timelined sources lists them")
        if form not in forms:
            known = f"it takes {', '.join(forms)}" if forms else "its kind has none"
            raise InvalidInput(f"cannot import {form!r} to {source}: its sender has no such form; {known}", "form")
        return forms[form]


def _plain(event: Event) -> Event:
    if SAME not in event.data:
        return event
    return msgspec.structs.replace(event, data={key: value for key, value in event.data.items() if key != SAME})
