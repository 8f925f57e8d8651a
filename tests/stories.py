"""Events in few words, for the tests of grouping: times are minutes after an arbitrary midnight."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from collector.event import MINUTE, PEOPLE, RecordedEvent, event_id

MIDNIGHT = 1_772_582_400_000_000
"""2026-03-04T00:00:00Z."""


def at(minutes: float) -> int:
    """This many minutes after midnight, µs."""
    return MIDNIGHT + round(minutes * MINUTE)


def event(kind: str, minutes: float, source: str = "test", entity: str = "", **more: Any) -> RecordedEvent:
    """One event, its id made of what identifies it."""
    identity = [kind, entity, str(minutes), str(more.pop("identity", ""))]
    moment = at(minutes)
    fields = {
        "id": event_id("test.1", source, moment, *identity), "type": kind, "source": source,
        "entity": entity or f"{kind}@{minutes}", "occurred_at": moment, "position": more.pop("position", 1),
        "received_at": more.pop("received_at", moment), **more,
    }  # fmt: skip
    return RecordedEvent(**fields)


def firing(name: str, minutes: float, service: str | None = "checkout", **more: Any) -> RecordedEvent:
    """An alert fires; critical unless said otherwise."""
    return event("alert.firing", minutes, entity=name, **_alert(name, minutes, service, more))


def resolved(name: str, since: float, minutes: float, service: str | None = "checkout", **more: Any) -> RecordedEvent:
    """An alert that fired since then is over."""
    return event("alert.resolved", minutes, entity=name, identity=since, **_alert(name, since, service, more))


def _alert(name: str, since: float, service: str | None, more: dict[str, Any]) -> dict[str, Any]:
    group = more.pop("group", "")
    data = {"starts_at": at(since), "group_labels": dict.fromkeys(more.pop("by", ()), "x"), **more.pop("also", {})}
    refs = ((f"alertgroup:{group}",) if group else ()) + tuple(more.pop("refs", ()))
    return {"title": name, "service": service, "severity": "critical", "data": data, "refs": refs, **more}


def low(name: str, minutes: float, service: str | None = "checkout", **more: Any) -> RecordedEvent:
    """An alert of severity warning fires."""
    return firing(name, minutes, service, **{"severity": "warning", **more})


def page(number: str, state: str, minutes: float, service: str | None = "checkout", **more: Any) -> RecordedEvent:
    """A page changes its state."""
    refs = (f"page:{number}", *more.pop("refs", ()))
    return event(f"page.{state}", minutes, "pager", number, title=f"Page {number}", service=service, refs=refs, **more)


def change(
    name: str, minutes: float, service: str | None = "checkout", state: str = "succeeded", **more: Any
) -> RecordedEvent:
    """A deployment changes its state."""
    return event(f"change.{state}", minutes, "forge", f"deployment:{name}", title=name, service=service, **more)


def says(kind: str, minutes: float, incident: RecordedEvent | None = None, **data: Any) -> RecordedEvent:
    """A person states something, about the incident of an event if one is given."""
    refs: tuple[str, ...] = (f"incident:{incident.id}",) if incident else ()
    refs += tuple(f"incident:{data[name]}" for name in ("from",) if name in data)
    said = {"stated_at": at(minutes), **{k: v for k, v in data.items() if k not in {"service", "occurred"}}}
    return event(
        kind, data.pop("occurred", minutes), PEOPLE, f"fact@{minutes}", actor="Ana", refs=refs, data=said,
        identity=data.get("event", ""), title="said", service=data.get("service"),
    )  # fmt: skip


# --- random streams ---------------------------------------------------------------------------------------------------

_SERVICES = (None, "checkout", "cart", "search", "billing")
_ENVIRONMENTS = (None, None, "production", "prod", "prod-eu", "production-us", "us", "staging")
_MOMENTS = st.builds(lambda day, minute: day * 1440 + minute, st.sampled_from([0, 0, 1, 30]), st.integers(0, 200))


@st.composite
def streams(draw: st.DrawFn, longest: int = 14) -> list[RecordedEvent]:
    """Events of few services at clustered times: alerts, pages, changes, reports and what people say of them."""
    events: list[RecordedEvent] = []
    for _ in range(draw(st.integers(1, longest))):
        makers = [_some_alert, _some_alert, _some_page, _some_change, _some_other]
        events.append(draw(draw(st.sampled_from(makers))()) if len(events) < 2 or draw(st.integers(0, 3)) else
                      draw(_some_word(events)))  # fmt: skip
    return list({one.id: one for one in events}.values())


@st.composite
def _some_alert(draw: st.DrawFn) -> RecordedEvent:
    number, since = draw(st.integers(0, 4)), draw(_MOMENTS)
    more: dict[str, Any] = {
        "environment": draw(st.sampled_from(_ENVIRONMENTS)),
        "group": draw(st.sampled_from(["", "g1", "g2"])),
        "by": draw(st.sampled_from([(), ("service",)])),
        "severity": draw(st.sampled_from(["critical", "critical", "warning", None])),
    }
    name, service = f"A{number}", _SERVICES[number]
    if draw(st.booleans()):
        # Some tell each state of an alert as a firing.
        return firing(name, since, service, also=draw(st.sampled_from([{}, {}, {"cycle": "c"}])), **more)
    if not draw(st.integers(0, 4)):
        more["data"] = {}  # its sender does not say since when it fired
    return resolved(name, since, since + draw(st.integers(0, 90)), service, **more)


@st.composite
def _some_page(draw: st.DrawFn) -> RecordedEvent:
    state = draw(st.sampled_from(["triggered", "acknowledged", "resolved", "reopened"]))
    refs = draw(st.sampled_from([(), ("alertgroup:g1",), ("alertgroup:g2",), ("alert:A1",)]))
    number = draw(st.integers(0, 2))
    data = draw(st.sampled_from([{}, {}, {"assignees": ["Ana"]}, {"assignees": ["Ana", "Jon"]}]))
    return page(f"P{number}", state, draw(_MOMENTS), draw(st.sampled_from(_SERVICES)), refs=refs, data=data)


@st.composite
def _some_change(draw: st.DrawFn) -> RecordedEvent:
    refs = draw(st.sampled_from([(), ("repository:acme/web",), ("commit:1",), ("repository:acme/cart", "commit:1")]))
    name, state = f"d{draw(st.integers(0, 3))}", draw(st.sampled_from(["started", "succeeded"]))
    return change(name, draw(_MOMENTS), draw(st.sampled_from(_SERVICES)), state, refs=refs)


@st.composite
def _some_other(draw: st.DrawFn) -> RecordedEvent:
    kind = draw(st.sampled_from(["note.added", "status.updated", "observation.recorded"]))
    refs = draw(st.sampled_from([(), ("page:P1",), ("alertgroup:g1",)]))
    return event(kind, draw(_MOMENTS), service=draw(st.sampled_from(_SERVICES)), refs=refs)


@st.composite
def _some_word(draw: st.DrawFn, events: list[RecordedEvent]) -> RecordedEvent:
    about, other = draw(st.sampled_from(events)), draw(st.sampled_from(events))
    kind = draw(st.sampled_from(["joined", "left", "merged", "split", "resolved", "reopened", "opened", "note"]))
    minutes = draw(_MOMENTS)
    if kind == "note":
        return says("note.added", minutes, about)
    if kind == "opened":
        return says("incident.opened", minutes, service=draw(st.sampled_from(_SERVICES)))
    data: dict[str, dict[str, Any]] = {
        "joined": {"event": other.id}, "left": {"event": other.id}, "merged": {"into": about.id, "from": other.id},
        "split": {"events": [other.id, draw(st.sampled_from(events)).id]},
    }  # fmt: skip
    return says(f"incident.{kind}", minutes, about, **data.get(kind, {}))
