"""What an event says in one line of a list: also of marks, fields and values, and what tells equal alerts apart."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from collector.cli import output

Json = Mapping[str, Any]

AMENDED = {"correction": " [corrected]", "retraction": " [retracted]", "erasure": " [erased]"}
"""How lists mark the revisions that people made."""
_LABELS = 3
"""Labels by which one of several alerts is told apart, at most."""


def titles(events: Sequence[Json]) -> list[str]:
    """What each of these events says; those of one name are told apart by the labels in which they differ."""
    apart = _apart(events)
    return [title_of(event, apart.get(event["entity"], "")) for event in events]


def title_of(event: Json, separator: str = "") -> str:
    """What one line can say of an event: what happened, who did it, and what a person made of it since."""
    said = _SAYS.get(event["type"], _plain)(event)
    who = f" ({event['actor']})" if event["actor"] else ""
    return f"{said}{separator}{who}{AMENDED.get(event['amendment'], '')}"


def _plain(event: Json) -> str:
    return str(event["title"] or event["entity"])


def _mark(event: Json) -> str:
    data = event["data"]
    by = f", by {data['by']}" if data.get("by") else ""
    text = f": {event['title']}" if event["title"] else ""
    return f"{str(data.get('mark', 'moment')).replace('_', ' ')}{by}{text}"


def _edit(event: Json) -> str:
    data = event["data"]
    return f'{data.get("field", "field")} is now "{data["value"]}"' if "value" in data else _plain(event)


def _review(event: Json) -> str:
    text = f": {event['title']}" if event["title"] else ""
    return f"the postmortem is {str(event['data'].get('status', 'of no known status')).replace('_', ' ')}{text}"


def _publication(event: Json) -> str:
    data = event["data"]
    where = data.get("url") or data.get("target") or "a target that was erased"
    if data.get("status") == "failed":
        return f"could not be published to {where}: {data.get('reason', '')}"
    return f"published to {where}"


def _revision(event: Json) -> str:
    data = event["data"]
    if data.get("file"):
        return f"took in what people edited in {data['file']}"
    return f"took in what people edited at {data.get('target') or 'a target that was erased'}"


def _action(event: Json) -> str:
    data = event["data"]
    facts = [str(data[key]) for key in ("owner", "state") if data.get(key)]
    facts += [f"due {data['due']}"] if data.get("due") else []
    return f"{_plain(event)} [{', '.join(facts)}]" if facts else _plain(event)


def _moved(verb: str) -> Any:
    def says(event: Json) -> str:
        named = [event["data"]["event"]] if event["data"].get("event") else event["data"].get("events") or []
        shown = ", ".join(output.short(one) for one in named[:_LABELS]) + (" …" if len(named) > _LABELS else "")
        return f"{verb} [{shown}]" if named else _plain(event)

    return says


def _privacy(event: Json) -> str:
    if event["data"].get("event"):
        return "what counts no longer stays private"
    return f"private to {event['data']['group']}" if event["data"].get("group") else "public"


_SAYS: Mapping[str, Any] = {
    "mark.set": _mark,
    "incident.edited": _edit,
    "action.added": _action,
    "incident.reviewed": _review,
    "incident.published": _publication,
    "incident.revised": _revision,
    "incident.restricted": _privacy,
    "incident.joined": _moved("put in"),
    "incident.left": _moved("taken out"),
    "incident.split": _moved("split off"),
    "incident.merged": lambda _: "merged with another incident",
    "incident.resolved": lambda event: event["title"] or "declared over",
    "incident.reopened": lambda event: event["title"] or "declared not over after all",
}


def _apart(events: Sequence[Json]) -> dict[str, str]:
    """By entity, the labels in which it differs from others of the same name."""
    entities_by_title: dict[tuple[str, str], dict[str, Mapping[str, str]]] = defaultdict(dict)
    for event in events:
        if event["type"].startswith("alert."):
            entities_by_title[event["title"], event["service"] or ""][event["entity"]] = event["labels"] or {}
    suffixes: dict[str, str] = {}
    for entities in entities_by_title.values():
        keys = sorted({key for labels in entities.values() for key in labels})
        telling = [key for key in keys if len({labels.get(key) for labels in entities.values()}) > 1][:_LABELS]
        for entity, labels in entities.items():
            shown = ", ".join(f"{key}={labels[key]}" for key in telling if key in labels)
            suffixes[entity] = f" {{{shown}}}" if shown else ""
    return suffixes
