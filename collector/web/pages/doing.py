"""What a person does on a page: each form states one fact, as a write of the API does.

Promises: a form of another site, or of another session, does nothing; sent
twice, it states one fact; and where it cannot be taken, the answer has all that
was typed, to be corrected and sent again.
"""

from __future__ import annotations

import asyncio
import hmac
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec
from aiohttp import web

from collector import people
from collector.errors import InvalidInput, NotFound, TooLarge, TooSlow
from collector.event import Event
from collector.projections import IncidentRow
from collector.web import sessions, standing, statements
from collector.web.access import in_session, matching
from collector.web.keys import CLOCK, LIMITS, PROJECTIONS
from collector.web.pages.clocks import Clock
from collector.web.pages.lines import notes_in
from collector.web.problems import InvalidParameter, OtherSession
from collector.web.requests import LATEST, whole, writer

routes = web.RouteTableDef()

MOST = 200
"""How many events may be ticked at once."""
SHORT = 12
"""The digits of an event's id by which an address names what was stated."""


class Form(msgspec.Struct, frozen=True, kw_only=True):
    """A form, as far as every one is alike."""

    key: str
    by: str
    stated_at: int
    incident: str
    """The event that opened it."""
    number: int
    fields: Mapping[str, str]
    events: Sequence[str]
    """The ids of the events that were ticked."""
    other: str = ""
    """The event that opened another incident that is named."""
    clock: Clock

    @property
    def common(self) -> dict[str, Any]:
        """What every statement is made with."""
        return {"key": self.key, "by": self.by, "stated_at": self.stated_at, "incident": self.incident}

    def at(self) -> int | None:
        """The time that was written, µs; None where it is to be now."""
        return self.clock.moment(self.fields.get("at"), "at", self.stated_at)


def _note(form: Form) -> list[Event]:
    return [people.note(**form.common, text=form.fields.get("text", ""), at=form.at())]


def _notes(form: Form) -> list[Event]:
    fields, common = form.fields, form.common
    notes = notes_in(fields.get("text", ""), fields.get("day", ""), form.clock, form.stated_at)
    return [
        people.note(**common | {"key": f"{form.key}-{place}"}, text=text, at=at)
        for place, (at, text) in enumerate(notes)
    ]  # fmt: skip


def _mark(form: Form) -> list[Event]:
    at, fields = form.at(), form.fields
    when = form.stated_at if at is None else at
    return [people.mark(**form.common, mark=fields.get("mark", ""), text=fields.get("text", ""), at=when)]


def _action(form: Form) -> list[Event]:
    owner, due = form.fields.get("owner", ""), form.fields.get("due", "")
    return [people.action(**form.common, text=form.fields.get("text", ""), owner=owner, due=due)]


def _edit(form: Form) -> list[Event]:
    return [people.edited(**form.common, field=form.fields.get("field", ""), value=form.fields.get("value", ""))]


def _turned(fact: Callable[..., Event]) -> Callable[[Form], list[Event]]:
    return lambda form: [fact(**form.common, at=form.at())]


def _moved(fact: Callable[..., Event]) -> Callable[[Form], list[Event]]:
    def moved(form: Form) -> list[Event]:
        if not form.events:
            raise InvalidInput("cannot record a statement: no row is ticked; tick those that are meant", "event")
        common = form.common
        keys = [f"{form.key}-{name}" for name in form.events]
        return [
            fact(**(common | {"key": key}), event=name, number=form.number)
            for key, name in zip(keys, form.events, strict=True)
        ]  # fmt: skip

    return moved


def _split(form: Form) -> list[Event]:
    return [people.split(**form.common, events=form.events, number=form.number)]


def _merge(form: Form) -> list[Event]:
    return [people.merged(key=form.key, by=form.by, stated_at=form.stated_at, into=form.incident, other=form.other)]


STATING: Mapping[str, Callable[[Form], list[Event]]] = {
    "note": _note, "notes": _notes, "mark": _mark, "action": _action, "edit": _edit, "join": _moved(people.joined),
    "leave": _moved(people.left), "split": _split, "merge": _merge, "resolve": _turned(people.resolved),
    "reopen": _turned(people.reopened),
}  # fmt: skip
"""The last part of a form's address → the facts that it states."""
IN_A_ROW = ("note", "notes", "mark", "action")
"""What has a row of the timeline."""
TAKING_OUT = ("leave", "split")
"""What says of events that they are not in the incident."""
_DRAFT = "draft"
"""Where the draft stands on the incident's page."""
_ON_THE_PAGE = (_DRAFT, "review")
"""What stands there, and may be looked for at an address of its own."""


@routes.post("/incidents/{number}/{what}")
async def state(request: web.Request) -> web.Response:
    """State what a form says, and lead back to the incident."""
    action, row = request.match_info["what"], await statements.incident(request)
    if action not in STATING:
        raise NotFound("cannot take the form: a page has no form of this name", "what")
    pairs = await read(request)
    form = await _form(request, row, pairs)
    facts = STATING[action](form)
    await _check_sense(request.app, action, row, form, facts)
    receipts = await statements.store_all(request.app, facts)
    number = (await statements.follow(request.app, row.number)).number
    zone = "" if form.clock.zone == "UTC" else f"&zone={form.clock.zone}"
    suffix = f"&row={facts[0].id}{zone}#e-{facts[0].id}" if action in IN_A_ROW else zone
    if action in TAKING_OUT:
        why = await request.app[PROJECTIONS].why(form.events[0])
        # Whoever took it out goes on with it there.
        suffix = f"&into={why.incident}{zone}" if why and why.incident not in (None, number) else zone
    stated = ",".join(one.event_id[-SHORT:] for one in receipts)
    return web.Response(
        status=303, headers={"Location": f"/incidents/{number}?said={action}&stated={stated}{suffix}"}
    )  # fmt: skip


@routes.get("/incidents/{number}/{what}")
@routes.get("/incidents/{number}/sections/{section}")
async def lead_back(request: web.Request) -> web.Response:
    """Where a form is sent is no page: who asks for it (a reload, an address typed by hand) is led to the incident."""
    page_name, row = request.match_info.get("what", _DRAFT), await statements.incident(request)
    if page_name not in STATING and page_name not in _ON_THE_PAGE:
        raise NotFound("cannot find the page: an incident has none of this name", "what")
    anchor = f"#{_DRAFT}" if page_name in _ON_THE_PAGE else ""
    return web.Response(status=303, headers={"Location": f"/incidents/{row.number}{anchor}"})


async def _form(request: web.Request, row: IncidentRow, pairs: Sequence[tuple[str, str]]) -> Form:
    app, fields = request.app, dict(reversed(pairs))
    clock = Clock(fields.get("zone") or "UTC")
    event_names = [name for field, text in pairs if field == "event" for name in text.split()]
    if len(event_names) > MOST:
        raise InvalidInput(
            f"cannot record a statement: {len(event_names)} events are ticked; tick {MOST} at most", "event"
        )
    events = [await statements.event_named(app, name, "event") for name in dict.fromkeys(event_names)]
    other = ""
    if "other" in fields:
        other = (await statements.follow(app, whole(fields["other"], "other", most=LATEST))).key
    return Form(
        key=fields.get("key", "")[:100], by=fields.get("by", ""), stated_at=app[CLOCK](), incident=row.key,
        number=row.number, fields=fields, events=events, other=other, clock=clock,
    )  # fmt: skip


async def _check_sense(
    app: web.Application, action: str, row: IncidentRow, form: Form, facts: Sequence[Event]
) -> None:  # fmt: skip
    """Raise for what makes no sense as things stand."""
    if action in TAKING_OUT:
        for event, fact in zip(form.events, facts if action == "leave" else [*facts] * len(form.events), strict=True):
            await standing.check_has(app, row, [event], fact, "event")
    elif action == "reopen":
        await standing.check_over(app, row, facts[0])


async def read(request: web.Request) -> list[tuple[str, str]]:
    """The fields of a form that is of this session, within the limits of a write."""
    limits = request.app[LIMITS]
    if request.content_type != "application/x-www-form-urlencoded":
        raise InvalidParameter("cannot read the form: it must be application/x-www-form-urlencoded", "Content-Type")
    if request.content_length is None or request.content_length > limits.command:
        raise TooLarge(f"cannot read the form: it is larger than {limits.command} bytes")
    try:
        async with asyncio.timeout(limits.read_timeout):
            form = await request.post()
    except TimeoutError as error:
        raise TooSlow(f"cannot read the form: it took over {limits.read_timeout:g} s to arrive") from error
    except (UnicodeDecodeError, ValueError) as error:
        raise InvalidParameter("cannot read the form: it is not UTF-8", "$") from error
    # Browsers end the lines of a form with two characters, whatever was typed.
    pairs = [(name, value.replace("\r\n", "\n")) for name, value in form.items() if isinstance(value, str)]
    _check(request, dict(reversed(pairs)))
    # It has said whose the form is; nothing that is recorded or shown may have it.
    pairs = [each for each in pairs if each[0] != "token"]
    # A token with a name says who writes.
    return [each for each in pairs if each[0] != "by"] + [("by", name)] if (name := writer(request)) else pairs


def _check(request: web.Request, fields: Mapping[str, str]) -> None:
    """Raise :class:`OtherSession` for a form that was shown to who had another token; without tokens there is none.

    One that brings the token itself, as from a page whose session had ended, is of whoever signs in by it.
    """
    token = in_session(request)
    if token is None or matching(fields.get("token", "").strip().encode("utf-8", "surrogateescape"), [token]):
        return
    if not hmac.compare_digest(sessions.form_key(token.secret).encode(), fields.get("form_key", "").encode()):
        raise OtherSession("cannot take the form: it was opened by who had another token; send it again if it is yours")
