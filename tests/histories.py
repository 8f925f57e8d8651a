"""Made-up incidents for the tests of the draft: a few words for each event, the rest as the adapters would fill it in.

Every incident here is a function that returns a :class:`Facts`; ``MADE_UP``
names them all. The companies, people and machines do not exist.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from typing import Any

import msgspec

from collector.drafting.rendering import SENDERS
from collector.event import MINUTE, SECOND, Link, RecordedEvent
from renderers.choices import ROLES
from renderers.document import Document, Options
from renderers.draft import draft
from renderers.history import Context, Grouped, History, Nearby
from renderers.markdown import markdown
from renderers.replay import replay
from renderers.roles import told_by_roles

MIDNIGHT = 1_772_582_400 * SECOND
"""2026-03-04T00:00:00Z."""


def at(text: str) -> int:
    """``14:02``, ``14:02:10`` or ``+1 00:10`` (the next day) as µs."""
    days, _, clock = text.rpartition(" ")
    hours, minutes, seconds = [*clock.split(":"), "0"][:3]
    return (
        MIDNIGHT
        + (int(days or 0) * 86_400 + int(hours) * 3600 + int(minutes) * 60) * SECOND
        + int(float(seconds) * SECOND)
    )


class Facts:
    """What senders and people told of one incident."""

    def __init__(self) -> None:
        self.events: list[RecordedEvent] = []
        self.context: dict[str, Any] = {"reported": {}}
        self.near: list[Nearby] = []

    def add(self, kind: str, when: str | int, tail: str = "", late: int = 3 * SECOND, **fields: Any) -> RecordedEvent:
        """One event; ``tail`` is what its id ends in, ``late`` how long after it happened it was received."""
        moment = at(when) if isinstance(when, str) else when
        fields.setdefault("source", _source(kind))
        identity = f"{kind} {moment} {fields.get('entity')} {fields.get('title')} {len(self.events)}"
        digits = hashlib.sha256(identity.encode()).hexdigest()[:20]
        fields.setdefault("entity", digits[:8])
        event = RecordedEvent(
            id=f"{moment // 1000:012x}{digits[: 20 - len(tail)]}{tail}",
            type=kind,
            occurred_at=moment,
            position=len(self.events) + 1,
            received_at=moment + late,
            delivery=f"delivery-{len(self.events)}",
            **fields,
        )
        self.events.append(event)
        return event

    def fires(self, name: str, when: str | int, service: str | None = None, *, severity: str | None = "critical",
              series: str = "", environment: str | None = "production", said: str = "", description: str = "",
              query: str = "", runbook: str = "", **more: Any) -> RecordedEvent:  # fmt: skip
        moment = at(when) if isinstance(when, str) else when
        data = {"starts_at": moment, "summary": said, "description": description, "query": query,
                **more.pop("data", {})}  # fmt: skip
        links = (Link(rel="runbook", url=runbook),) if runbook else ()
        labels = {"alertname": name} | ({"pod": series} if series else {})
        return self.add("alert.firing", moment, entity=f"{name}/{service}/{series}", title=name, service=service,
                        severity=severity, environment=environment, labels=labels, links=links,
                        data={key: value for key, value in data.items() if value != ""}, **more)  # fmt: skip

    def ends(self, fired: RecordedEvent, when: str | int, **more: Any) -> RecordedEvent:
        moment = at(when) if isinstance(when, str) else when
        return self.add("alert.resolved", moment, entity=fired.entity, title=fired.title, service=fired.service,
                        severity=fired.severity, environment=fired.environment, labels=fired.labels,
                        data={"starts_at": fired.data["starts_at"], "ends_at": moment, **more.pop("data", {})},
                        **more)  # fmt: skip

    def page(
        self, step: str, when: str, number: int = 311, service: str | None = "checkout", **more: Any
    ) -> RecordedEvent:
        data = {"number": number, **more.pop("data", {})}
        more.setdefault("title", f"Page {number}")
        return self.add(f"page.{step}", when, entity=f"P{number}", service=service, data=data, **more)

    def deploys(self, service: str | None, start: str, end: str, title: str = "", *, rollback: bool = False,
                tails: tuple[str, str] = ("", ""), failed: bool = False, **more: Any) -> RecordedEvent:  # fmt: skip
        entity = f"deployment:{service}{start}"
        more.setdefault("environment", "production")
        data = {"task": "rollback" if rollback else "deploy", **more.pop("data", {})}
        if title:
            data = {"ref": title, "sha": hashlib.sha1(title.encode(), usedforsecurity=False).hexdigest(), **data}
        self.add("change.started", start, tails[0], entity=entity, service=service, title=title, data=data, **more)
        kind = "change.failed" if failed else "change.rolled_back" if rollback else "change.succeeded"
        return self.add(kind, end, tails[1], entity=entity, service=service, title=title, data=data, **more)

    def nearby(self, reason: str, kind: str, when: str | int, tail: str = "", **fields: Any) -> RecordedEvent:
        event = self.add(kind, when, tail, **fields)
        self.events.remove(event)
        self.near.append(Nearby(event=event, reason=reason))
        return event

    def says(self, kind: str, when: str, text: str = "", by: str | None = "Ana", **more: Any) -> RecordedEvent:
        more.setdefault("data", {})
        return self.add(kind, when, source="people", title=text, actor=by, **more)

    def marks(self, mark: str, when: str, text: str = "", by: str | None = "Ana", said: str = "") -> RecordedEvent:
        data = {"mark": mark, "stated_at": at(when) + MINUTE} | ({"by": said} if said else {})
        return self.says("mark.set", when, text, by, data=data)

    def edits(self, field: str, value: str, when: str = "18:00", tail: str = "") -> RecordedEvent:
        data = {"field": field, "value": value, "stated_at": at(when)}
        return self.says("incident.edited", when, data=data, tail=tail)

    def history(self, events: Iterable[RecordedEvent] | None = None) -> History:
        """The incident as replay folds it."""
        context = Context(nearby=tuple(self.near), senders=SENDERS, **self.context)
        return replay(self.events if events is None else list(events), None, context)

    def draft(self, **options: Any) -> Document:
        chosen, history = Options(**options), self.history()
        if chosen.people == ROLES:
            return told_by_roles(self.events, None, history.context, chosen)
        return draft(history, chosen)

    def markdown(self, **options: Any) -> str:
        return markdown(self.draft(**options))

    def without(self, *gone: RecordedEvent) -> Facts:
        """The same incident, had these never been told."""
        ids = {event.id for event in gone}
        return self.changed(lambda event: None if event.id in ids else event)

    def changed(self, change: Callable[[RecordedEvent], RecordedEvent | None]) -> Facts:
        other = Facts()
        other.events = [new for event in self.events if (new := change(event)) is not None]
        other.near, other.context = self.near, self.context
        return other


def _source(kind: str) -> str:
    families = {"alert": "alertmanager", "page": "pagerduty", "change": "github", "observation": "cloudevents"}
    return families.get(kind.partition(".")[0], "cloudevents")


def bare(event: RecordedEvent, *fields: str) -> RecordedEvent:
    """The event without these fields."""
    empty: dict[str, Any] = {
        "service": None, "environment": None, "severity": None, "actor": None, "title": "", "links": (), "labels": {},
        "refs": (),
    }  # fmt: skip
    if "data" in fields:
        shared = {
            key: event.data[key] for key in ("starts_at", "ends_at", "mark", "field", "stated_at") if key in event.data
        }
        event = msgspec.structs.replace(event, data=shared)
    return msgspec.structs.replace(event, **{field: empty[field] for field in fields if field != "data"})


# --- the incidents ----------------------------------------------------------------------------------------------


def example() -> Facts:
    """A deploy, two alerts, a page, a rollback."""
    story = Facts()
    story.deploys("checkout", "13:59:30", "14:00:10", "v42", tails=("b7a20", "41fc0"))
    errors = story.fires("HighErrorRate", "14:02:10", "checkout", tail="a3f9c", description="12% of requests fail.",
                        query="ratio > 0.05", runbook="https://runbooks.example/errors")  # fmt: skip
    story.page("triggered", "14:02:30", tail="0c6e4", data={"assignees": ["Ana"]})
    slow = [story.fires("SlowCart", at("14:03:20") + n * 8 * SECOND, "cart", severity=None, series=f"cart-{n}",
                       tail="77d1b" if not n else f"5100{n:x}") for n in range(12)]  # fmt: skip
    story.page("acknowledged", "14:04:00", tail="5f33e", actor="Ana")
    story.says("note.added", "14:12:00", "Pool exhausted.", tail="3be7f")
    story.deploys("checkout", "14:20:10", "14:20:10", "v41", rollback=True, tails=("7f21d", "7f21e"), actor="Ana")
    story.events = [event for event in story.events if not event.id.endswith("7f21d")]
    story.events[-1] = msgspec.structs.replace(story.events[-1], id=story.events[-1].id[:-5] + "7f21d")
    story.ends(errors, "14:23:10", tail="4c9ba")
    for n, alert in enumerate(slow):
        story.ends(alert, "14:23:10", tail="12aa3" if not n else f"9100{n:x}")
    story.page("resolved", "14:24:00", tail="e6b21", actor="Ana")
    story.nearby("other service", "alert.firing", "14:00:00", tail="9d70e", title="DiskFilling", service="search",
                severity="warning")  # fmt: skip
    opened = {event.id: Grouped(rule="service", reason="same service checkout") for event in story.events[:2]}
    story.context["grouped"] = opened
    return story


def switched_off() -> Facts:
    """No page is taken for a quarter of an hour; a kill switch ends it; the status page tells customers."""
    story = Facts()
    alert = story.fires("QueueFull", "09:00:00", "mailer", said="90,000 mails wait.")
    story.page("triggered", "09:01:00", 500, "mailer", data={"assignees": ["Bo", "Cy"], "priority": "P2"})
    story.page("escalated", "09:11:00", 500, "mailer", data={"assignees": ["Dee"]})
    story.page("acknowledged", "09:16:00", 500, "mailer", actor="Dee")
    story.page("reassigned", "09:17:00", 500, "mailer", data={"assignees": ["Eli"]})
    story.page("updated", "09:17:30", 500, "mailer")
    story.add("status.updated", "09:20:00", title="Mails are late.")
    story.add("observation.recorded", "09:30:00", title="bulk mail off", actor="Eli", service="mailer",
             data={"type": "com.acme.switch.set", "subject": "bulk-mail"})  # fmt: skip
    story.ends(alert, "09:34:00", late=41 * MINUTE)
    story.page("resolved", "09:40:00", 500, "mailer", actor="Eli")
    return story


def page_alone() -> Facts:
    """A page without any alert, resolved without an acknowledgement."""
    story = Facts()
    story.page("triggered", "03:00:00", 7, "ledger", title="Ledger is down", data={"assignees": ["Jon"]})
    story.page("resolved", "03:20:00", 7, "ledger", title="Ledger is down")
    return story


def report_alone() -> Facts:
    """A customer reports, nothing else is told."""
    told = Facts()
    told.says("incident.opened", "11:00:00", "Cannot pay", service="payments", data={"by": "Support"})
    return told


def reported_first() -> Facts:
    """A customer reports before the alert; people state impact, mitigation, cause and the end."""
    story = Facts()
    story.marks("impact_started", "09:50:00", "first failed payment", by="Mia")
    story.says("incident.opened", "10:00:00", "Cannot pay", service="checkout", data={"by": "Support"})
    alert = story.fires("HighErrorRate", "10:11:00", "checkout")
    story.page("triggered", "10:11:30", actor=None)
    story.page("acknowledged", "10:13:00", actor="Ana")
    story.marks("mitigated", "10:28:00", "switched the route")
    story.ends(alert, "10:30:00")
    story.page("resolved", "10:31:00", actor="Ana")
    story.marks("impact_ended", "10:28:00", by="Mia")
    story.marks("cause_identified", "10:50:00", "expired certificate")
    story.says(
        "action.added", "11:00:00", "Watch certificates", data={"owner": "Ana", "due": "2026-03-11", "state": "open"}
    )
    story.says("action.added", "11:01:00", "Write it down", data={"owner": "", "due": "soon", "state": "done"})
    story.says("incident.resolved", "11:10:00")
    return story


def change_alone() -> Facts:
    """Nothing but a deployment that goes on."""
    told = Facts()
    told.deploys("search", "08:00:00", "08:30:00", "index v3")
    return told


def note_alone() -> Facts:
    """Nothing but a note."""
    told = Facts()
    told.says("note.added", "08:00:00", "Looks odd.")
    return told


def going_on() -> Facts:
    """A flapping alert whose end never came, low alerts before it, and a failed deploy."""
    story = Facts()
    low = story.fires("DiskFilling", "06:20:00", "db", severity="warning", said="80% full")
    story.ends(low, "07:30:00")
    story.deploys("db", "06:50:00", "07:05:00", "vacuum settings", failed=True, actor="ci")
    for minute in (0, 4, 8, 12):
        alert = story.fires("SlowQueries", f"07:{minute:02d}:00", "db", said="p99 is 3 s")
        if minute < 12:
            story.ends(alert, f"07:{minute + 2:02d}:00")
    story.page("triggered", "07:01:00", 42, "db", data={"assignees": ["Jon"]})
    story.page("acknowledged", "07:03:00", 42, "db", actor="Jon")
    story.deploys("db", "07:20:00", "07:21:00", "settings back", rollback=True, actor="Jon")
    story.add("chat.message", "07:22:00", title="still slow", actor="Jon")
    return story


def many_changes() -> Facts:
    """One change of every kind before and during the incident, with links."""
    story = Facts()
    pull = (Link(rel="pull_request", url="https://code.example/acme/web/pull/9"),)
    story.add("change.merged", "12:00:00", title="New cache", actor="ana", service="web", links=pull,
             data={"number": 9, "repository": "acme/web"}, entity="pr:9")  # fmt: skip
    story.add(
        "change.pushed", "12:00:05", title="New cache", actor="ana", data={"ref": "main", "repository": "acme/web"}
    )
    story.add("change.succeeded", "12:03:00", entity="workflow_run:1:1", title="New cache",
             data={"workflow": "pipeline", "duration": 2 * MINUTE, "repository": "acme/web"}, actor="ana")  # fmt: skip
    story.add("change.released", "12:04:00", title="v1.9", data={"repository": "acme/web"}, actor="ana")
    story.deploys("web", "12:05:00", "12:07:00", "v1.9", actor="ci", data={"ref": "v1.9"})
    story.deploys("web", "12:05:30", "12:25:30", "slow one", actor="ci")
    alert = story.fires("High5xx", "12:09:00", "web")
    other = story.fires("High5xx", "12:09:30", "api")
    story.add("change.flag_toggled", "12:15:00", title="new-cache", service="web", environment="production", actor="bo",
             data={"state": "off"}, entity="flag:new-cache")  # fmt: skip
    story.ends(alert, "12:17:00")
    story.ends(other, "12:40:00")
    return story


def corrected() -> Facts:
    """A person corrected when the alert fired; a sender left something out; the collector was down."""
    story = Facts()
    first = story.fires("High5xx", "12:00:00", "web", tail="aaaaa")
    story.ends(first, "12:10:00")
    story.events[0] = msgspec.structs.replace(first, amendment="correction", revision=1)
    gap = story.add("source.gap", "12:01:00", source="alertmanager", data={"missing": 3})
    stop = story.add("collector.stopped", "11:00:00", source="timelined")
    start = story.add("collector.started", "11:20:00", source="timelined", data={"previous_stop": "recorded"})
    unread = story.add("source.unrecognised", "12:03:00", source="pagerduty", data={"reason": "new kind"})
    story.events = story.events[:2]
    story.context["collector"] = (stop, start, gap, unread)
    return story


def storm() -> Facts:
    """Sixty alerts of as many names on as many services, within minutes; two hundred messages."""
    story = Facts()
    for n in range(60):
        alert = story.fires(
            f"Alert{n}", at("15:00:00") + n * 9 * SECOND, f"service-{n}", said=f"number {n} " + "word " * 30
        )
        if n % 5:
            story.ends(alert, at("15:30:00") + n * 150 * SECOND)
    for n in range(200):
        story.add(
            "chat.message", at("15:01:00") + n * 20 * SECOND, title=f"message {n} " + "and more " * 20, actor="Bo"
        )
    for n in range(60):
        story.says("note.added", f"16:{n:02d}:00", f"note {n} " + "blah " * 40)
    return story


def monster(events: int = 10_000) -> Facts:
    """Thousands of series of one alert, most of which flap once or twice."""
    story = Facts()
    fired = [story.fires("PodCrash", at("02:00:00") + n * 50_000, "grid", series=f"pod-{n}", said=f"pod-{n}")
             for n in range(events // 3 - 30)]  # fmt: skip
    for n, alert in enumerate(fired):
        story.ends(alert, at("02:05:00") + n * 50_000)
        if n % 2:
            again = story.fires("PodCrash", at("02:08:00") + n * 50_000, "grid", series=f"pod-{n}", said=f"pod-{n}")
            story.ends(again, at("02:11:00") + n * 50_000)
    while len(story.events) < events:
        n = len(story.events)
        story.add("observation.recorded", at("02:00:00") + n * SECOND // 2, title=f"restart {n}", actor="kubelet",
                 data={"type": "k8s.pod.restarted"}, service="grid")  # fmt: skip
    return story


MADE_UP: dict[str, Callable[[], Facts]] = {
    each.__name__: each
    for each in (example, switched_off, page_alone, report_alone, reported_first, change_alone, note_alone, going_on,
                 many_changes, corrected, storm)
}  # fmt: skip
"""Every incident but the monster."""
