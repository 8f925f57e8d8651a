"""Grafana's state history of alerts, as its API gives it out: GET /api/v1/rules/history

Grafana keeps it in Loki or as annotations. A row has the labels of its alert,
and a fingerprint over fewer labels than the one in a notification, so nothing
says for certain which alert of a notification it is: it is told as an
observation and opens nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from collector import normalise
from collector.event import MINUTE, SECOND, Event, event_id
from collector.times import moment
from collector.webhook import IMPORT, Ask, Deliveries, Import, Pages, Reading, RecordSpan, Webhook

FORM = "history"
RECIPE = "grafana.history.1"
_MOST = 5_000
"""Rows that one answer may have; Loki by default gives out no more."""
_SHORTEST = MINUTE
"""A span that is not divided any further."""


def sent(record: Mapping[str, Any]) -> Deliveries:
    """Each row of an answer, or one row as it was fetched."""
    rows = _rows(record) if "data" in record else [record]
    return [({IMPORT: FORM}, _row(each)) for each in rows]


def _rows(frame: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """The rows of a frame, which has a list for each column."""
    names = [str(field["name"]) for field in frame["schema"]["fields"]]
    columns = dict(zip(names, frame["data"]["values"], strict=True))
    nanos = (frame["data"].get("nanos") or [None])[0] or [0] * len(columns["time"])
    for at, line, more in zip(columns["time"], columns["line"], nanos, strict=True):
        yield {"time": at * 1_000_000 + more, "line": line}


def _row(row: Mapping[str, Any]) -> dict[str, Any]:
    line = row["line"]
    if not isinstance(row["time"], int) or not isinstance(line["current"], str) or not isinstance(line["labels"], dict):
        raise TypeError("a row has a number for its time, and the labels and the state of its alert")
    return {"time": row["time"], "line": line}


def event_of(webhook: Webhook, reading: Reading) -> Event:
    """The observation of one row."""
    record = normalise.decode_any(webhook.body, webhook.source)
    line = record["line"]
    happened = moment(record["time"], webhook.received_at)
    labels = normalise.labels({str(key): str(value) for key, value in line["labels"].items()})
    name = normalise.line(line.get("ruleTitle")) or normalise.line(labels.get("alertname")) or "An alert"
    before, now = normalise.line(line.get("previous")), normalise.line(line["current"])
    rule, alert = (
        normalise.line(line.get("ruleUID")),
        normalise.line(line.get("fingerprint")) or "&".join(sorted(labels)),
    )
    content = {"type": "grafana.alert_state", "text": normalise.text(line.get("error")), "rule": rule}
    return Event(
        id=event_id(RECIPE, webhook.source, happened.stated, rule, alert, happened.identity, now),
        type="observation.recorded",
        **normalise.origin(webhook, happened),
        entity=normalise.line(f"alert_state:{rule}:{alert}"),
        service=normalise.service_of(labels, reading),
        environment=normalise.environment_of(labels, reading),
        severity=normalise.severity_of(labels, reading),
        title=normalise.line(f"{name} went from {before or 'an unknown state'} to {now}"),
        labels=labels,
        data={key: value for key, value in content.items() if value},
    )


async def _pages(ask: Ask, span: RecordSpan) -> Pages:
    """All rows of a span; where an answer has as many as it may, its halves are asked for."""
    spans = [(span.since // SECOND, -(-span.until // SECOND))]
    while spans:
        since, until = spans.pop()
        query = {"from": str(since), "to": str(until), "limit": str(_MOST)}
        rows = list(_rows((await ask("/api/v1/rules/history", query))[0]))
        if len(rows) >= _MOST and (until - since) * SECOND > _SHORTEST:
            middle = (since + until) // 2
            spans += [(middle, until), (since, middle)]
        else:
            yield rows


IMPORTS = {FORM: Import(called="rows of Grafana's GET /api/v1/rules/history", sent=sent, pages=_pages)}
