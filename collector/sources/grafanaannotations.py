"""Grafana's annotations, as its API gives them out:
https://grafana.com/docs/grafana/latest/developers/http_api/annotations/

People and deploys leave them on dashboards, and Grafana itself leaves one for
each change of an alert's state. That names the rule by a number and no
fingerprint, so nothing says which alert of a notification it is: it is told as
an observation and opens nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from collector import normalise
from collector.event import Event, event_id
from collector.times import moment
from collector.webhook import IMPORT, Ask, Deliveries, Import, Interface, Pages, Reading, RecordSpan, Webhook

FORM = "annotations"
RECIPE = "grafana.annotation.1"
_MOST = 5_000
_MILLISECOND = 1000


def sent(record: Mapping[str, Any]) -> Deliveries:
    """An annotation as it is; Grafana delivers none."""
    if not isinstance(record["id"], int) or not isinstance(record["time"], int):
        raise TypeError("an annotation has numbers for its id and its time")
    return [({IMPORT: FORM}, record)]


def event_of(webhook: Webhook, reading: Reading) -> Event:
    """The observation of one annotation."""
    record = normalise.decode_any(webhook.body, webhook.source)
    happened = moment(record["time"], webhook.received_at)
    text, state = normalise.text(record.get("text")), normalise.line(record.get("newState"))
    tags = [normalise.line(tag) for tag in record.get("tags") or () if isinstance(tag, str)]
    labels = dict(pair for tag in tags if (pair := _label(tag)) is not None)
    before, name = normalise.line(record.get("prevState")), normalise.line(record.get("alertName"))
    turned = f"{name or 'An alert'} went from {before or 'an unknown state'} to {state}" if state else ""
    content = {
        "type": "grafana.alert_state" if state else "grafana.annotation",
        "text": text,
        "tags": tags,
        "until": moment(record.get("timeEnd"), webhook.received_at).stated if record.get("timeEnd") else None,
    }
    return Event(
        id=event_id(RECIPE, webhook.source, happened.stated, str(record["id"])),
        type="observation.recorded",
        **normalise.origin(webhook, happened),
        entity=f"annotation:{record['id']}",
        service=normalise.service_of(labels, reading),
        environment=normalise.environment_of(labels, reading),
        title=normalise.line(turned) or normalise.line(text.partition("\n")[0]) or ", ".join(tags) or "An annotation",
        actor=None if state else normalise.person(record.get("login")),
        labels=labels,
        data={key: value for key, value in content.items() if value},
    )


def _label(tag: str) -> tuple[str, str] | None:
    """A tag that names something: ``service:checkout``."""
    name, colon, value = tag.partition(":")
    return (name, value) if colon and name and value else None


async def _pages(ask: Ask, span: RecordSpan) -> Pages:
    """All of a span at once, as the API gives them out: the newest, up to a limit."""
    query = {
        "from": str(span.since // _MILLISECOND), "to": str(span.until // _MILLISECOND), "limit": str(_MOST),
    }  # fmt: skip
    yield (await ask("/api/annotations", query))[0]


INTERFACE = Interface(headers=lambda token: {"Authorization": f"Bearer {token}"} if token else {})
IMPORTS = {FORM: Import(called="annotations of Grafana's GET /api/annotations", sent=sent, pages=_pages)}
