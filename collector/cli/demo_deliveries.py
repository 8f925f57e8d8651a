"""The recorded incident that ``timelined demo`` plays: one evening at an invented shop.

A deploy of checkout exhausts its connection pool; two Alertmanagers report
it, PagerDuty pages Ana, she rolls back. Beside it stands what a real hour is
made of: repeats, a delivery that comes late, another service's troubles.
Every body is built here, in the sender's own format, with fixed times: the
same deliveries always, and so the same draft.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote_plus

import msgspec

DAY = "2026-03-04"
SHOP = "https://github.example/shop"
PROMETHEUS = "http://prometheus.shop.example:9090/graph?g0.expr="
CHECKOUT_ERRORS = 'sum(rate(http_requests_total{service="checkout",code=~"5.."}[5m])) > 5'
CART_LATENCY = "histogram_quantile(0.5, sum by (le, pod) (rate(cart_request_seconds_bucket[5m]))) > 2"
SEARCH_DISK = 'predict_linear(node_filesystem_avail_bytes{service="search"}[1h], 4 * 3600) < 0'


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """Something that reaches the daemon at a moment of the recording."""

    at: str
    """When it is received, ``HH:MM:SS`` UTC."""
    summary: str
    """What it is, for whoever watches."""
    path: str
    """Where it is posted; ``{number}`` stands for the incident's number."""
    body: Mapping[str, Any]
    headers: Mapping[str, str] = {}
    signature: str = ""
    """The header that carries the signature, and its prefix: ``X-PagerDuty-Signature: v1=``."""

    @property
    def micros(self) -> int:
        """When it is received, µs UTC."""
        return micros(self.at)

    def request(self, secret: bytes) -> tuple[bytes, dict[str, str]]:
        """The body and headers as they go on the wire."""
        body = json.dumps(self.body, separators=(",", ":")).encode()
        headers = {"Content-Type": "application/json", **self.headers}
        if self.signature:
            name, _, prefix = self.signature.partition(": ")
            headers[name] = prefix + hmac.new(secret, body, hashlib.sha256).hexdigest()
        return body, headers


def micros(at: str) -> int:
    """A time of the recording's day, µs UTC."""
    moment = datetime.fromisoformat(f"{DAY}T{at}").replace(tzinfo=UTC)
    return round(moment.timestamp()) * 1_000_000


def _stamp(at: str) -> str:
    return f"{DAY}T{at}Z"


# --- Alertmanager ---------------------------------------------------------------------------------------------------


class _DemoAlert(msgspec.Struct, frozen=True, kw_only=True):
    """One alert as Alertmanager tells it."""

    name: str
    service: str
    severity: str
    since: str
    summary: str
    query: str
    until: str = ""
    runbook: str = ""
    pod: str = ""

    def json(self) -> dict[str, Any]:
        labels = {"alertname": self.name, "service": self.service, "severity": self.severity}
        labels |= {"environment": "production"} | ({"pod": self.pod} if self.pod else {})
        notes = {"summary": self.summary} | ({"runbook_url": self.runbook} if self.runbook else {})
        print_of = "".join(f"{name}={value};" for name, value in sorted(labels.items()))
        return {
            "status": "resolved" if self.until else "firing",
            "labels": labels,
            "annotations": notes,
            "startsAt": _stamp(self.since),
            "endsAt": _stamp(self.until) if self.until else "0001-01-01T00:00:00Z",
            "generatorURL": PROMETHEUS + quote_plus(self.query) + "&g0.tab=1",
            "fingerprint": hashlib.sha256(print_of.encode()).hexdigest()[:16],
        }


def _group_key(alert: _DemoAlert) -> str:
    return f'{{}}:{{alertname="{alert.name}", service="{alert.service}"}}'


def _alertmanager(
    at: str, summary: str, *alerts: _DemoAlert, member: str = "a", reason: str = "first notification"
) -> Step:
    """One notification of a group, as one member of the pair sends it."""
    first = alerts[0]
    notified = [alert.json() for alert in alerts]
    body = {
        "version": "4",
        "groupKey": _group_key(first),
        "truncatedAlerts": 0,
        "status": "firing" if any(alert["status"] == "firing" for alert in notified) else "resolved",
        "receiver": "timelined",
        "groupLabels": {"alertname": first.name, "service": first.service},
        "commonLabels": {
            k: v for k, v in notified[0]["labels"].items() if all(a["labels"].get(k) == v for a in notified)
        },
        "commonAnnotations": {},
        "externalURL": f"http://alertmanager-{member}.shop.example:9093",
        "notification_reason": reason,
        "alerts": notified,
    }
    return Step(at=at, summary=summary, path="/webhooks/alertmanager", body=body)


# --- PagerDuty ------------------------------------------------------------------------------------------------------

_ANA = {"id": "PANA001", "type": "user_reference", "summary": "Ana"}
_BEN = {"id": "PBEN002", "type": "user_reference", "summary": "Ben"}


def _pagerduty(at: str, summary: str, kind: str, data: dict[str, Any], agent: Any = None, *, sent: str = "") -> Step:
    """One V3 event: it happened at ``at`` and is received at ``sent``, by default two seconds later."""
    event = {
        "id": f"01DEMO{kind.upper().replace('.', '')}{at.replace(':', '')}",
        "event_type": kind,
        "resource_type": "incident",
        "occurred_at": f"{DAY}T{at}.000Z",
        "agent": agent,
        "client": None,
        "data": data,
    }
    return Step(
        at=sent or at,
        summary=summary,
        path="/webhooks/pagerduty",
        body={"event": event},
        headers={"X-Webhook-Id": hashlib.sha256(event["id"].encode()).hexdigest()[:24]},
        signature="X-PagerDuty-Signature: v1=",
    )


def _page(status: str, alert: _DemoAlert) -> dict[str, Any]:
    return {
        "id": "PDEMO311",
        "type": "incident",
        "html_url": "https://shop.pagerduty.example/incidents/PDEMO311",
        "number": 311,
        "status": status,
        "incident_key": hashlib.sha256(_group_key(alert).encode()).hexdigest(),
        "created_at": _stamp("18:02:31"),
        "title": f"{alert.name} on {alert.service}",
        "service": {"id": "PCHECKO", "type": "service_reference", "summary": alert.service},
        "assignees": [_ANA],
        "escalation_policy": {"id": "PESCAL1", "type": "escalation_policy_reference", "summary": "Shop on call"},
        "teams": [],
        "priority": {"id": "PPRIO01", "type": "priority_reference", "summary": "P1"},
        "urgency": "high",
        "conference_bridge": None,
        "resolve_reason": None,
    }


def _page_note(text: str) -> dict[str, Any]:
    page = {"id": "PDEMO311", "type": "incident_reference", "summary": "[#311] HighErrorRate on checkout"}
    return {"id": "PNOTE01", "type": "incident_note", "incident": page, "content": text, "trimmed": False}


# --- GitHub ---------------------------------------------------------------------------------------------------------


def _deployment(
    at: str, summary: str, number: int, state: str, *, service: str = "checkout", task: str, description: str, who: str
) -> Step:
    """One deployment status of the shop's repository of that service."""
    repository = {"id": 7, "full_name": f"shop/{service}", "html_url": f"{SHOP}/{service}"}
    creator = {"login": who, "type": "User"}
    created = {4711: "17:58:30", 4712: "18:18:40", 4713: "18:09:00"}[number]
    deployment = {
        "id": number,
        "sha": hashlib.sha256(f"{service} {description}".encode()).hexdigest()[:40],
        "ref": "main",
        "task": task,
        "payload": {"service": service},
        "environment": "production",
        "description": description,
        "creator": creator,
        "created_at": _stamp(created),
    }
    status = {
        "id": int(f"{number}{at.replace(':', '')}"),
        "state": state,
        "description": description,
        "environment": "production",
        "target_url": f"{SHOP}/{service}/deployments/{number}",
        "creator": creator,
        "created_at": _stamp(at),
    }
    body = {"action": "created", "deployment_status": status, "deployment": deployment, "repository": repository}
    return Step(
        at=at,
        summary=summary,
        path="/webhooks/github",
        body=body | {"sender": creator},
        headers={"X-GitHub-Event": "deployment_status", "X-GitHub-Delivery": f"demo-{number}-{state}-{at}"},
        signature="X-Hub-Signature-256: sha256=",
    )


# --- the evening ----------------------------------------------------------------------------------------------------

_ERRORS = _DemoAlert(
    name="HighErrorRate",
    service="checkout",
    severity="critical",
    since="18:02:10",
    summary="12% of requests to checkout fail",
    query=CHECKOUT_ERRORS,
    runbook="https://runbooks.shop.example/checkout-errors",
)
_SLOW = tuple(
    _DemoAlert(
        name="SlowCart",
        service="cart",
        severity="critical",
        since=since,
        summary="Half of the requests to cart take longer than 2 s",
        query=CART_LATENCY,
        pod=f"cart-{n}",
    )
    for n, since in enumerate(("18:03:20", "18:03:25", "18:04:05"))
)
_DISK = _DemoAlert(
    name="DiskFilling",
    service="search",
    severity="warning",
    since="18:05:00",
    summary="The disk of search-2 is full in four hours",
    query=SEARCH_DISK,
)


def _ended(alert: _DemoAlert, until: str) -> _DemoAlert:
    return msgspec.structs.replace(alert, until=until)


def _person(at: str, summary: str, where: str, **fields: Any) -> Step:
    """Something a person states through the API; its key makes the recording repeatable."""
    path = "/api/v1/incidents/{number}/" + where
    return Step(at=at, summary=summary, path=path, body=fields, headers={"Idempotency-Key": f"demo-{where}-{at}"})


_AGAIN = "repeat interval elapsed"
_OVER = "all alerts resolved"

EVENING: tuple[Step, ...] = (
    _deployment("17:58:32", "GitHub: deploy of checkout v42 began", 4711, "in_progress",
                task="deploy", description="v42: pool per request", who="ana"),
    _deployment("18:00:05", "GitHub: deploy of checkout v42 succeeded", 4711, "success",
                task="deploy", description="v42: pool per request", who="ana"),
    _alertmanager("18:02:25", "Alertmanager a: HighErrorRate fires on checkout", _ERRORS),
    _alertmanager("18:02:28", "Alertmanager b: the same alert, from the other of the pair", _ERRORS, member="b"),
    _pagerduty("18:02:31", "PagerDuty: incident 311 triggered", "incident.triggered", _page("triggered", _ERRORS)),
    _alertmanager("18:03:40", "Alertmanager a: SlowCart fires on two pods of cart", *_SLOW[:2]),
    _pagerduty("18:04:01", "PagerDuty: acknowledged by Ana", "incident.acknowledged",
               _page("acknowledged", _ERRORS), _ANA),
    _alertmanager("18:04:20", "Alertmanager a: SlowCart fires on a third pod", *_SLOW, reason="new alerts added"),
    _alertmanager("18:05:15", "Alertmanager a: DiskFilling, a warning of search", _DISK),
    _alertmanager("18:07:25", "Alertmanager a: HighErrorRate again, nothing new", _ERRORS, reason=_AGAIN),
    _deployment("18:09:40", "GitHub: a deploy of newsletter, somebody else's", 4713, "success",
                service="newsletter", task="deploy", description="March issue", who="cleo"),
    _person("18:12:00", "Ana: a note through the API", "notes",
            text="The connection pool of checkout is exhausted since v42.", by="Ana"),
    _alertmanager("18:12:25", "Alertmanager b: HighErrorRate again, nothing new", _ERRORS, member="b", reason=_AGAIN),
    _deployment("18:18:45", "GitHub: rollback of checkout began", 4712, "in_progress",
                task="rollback", description="back to v41", who="ana"),
    _deployment("18:20:15", "GitHub: rollback of checkout succeeded", 4712, "success",
                task="rollback", description="back to v41", who="ana"),
    _alertmanager("18:23:25", "Alertmanager a: HighErrorRate resolved", _ended(_ERRORS, "18:23:10"), reason=_OVER),
    _alertmanager("18:23:27", "Alertmanager b: the same", _ended(_ERRORS, "18:23:10"), member="b", reason=_OVER),
    _alertmanager("18:23:50", "Alertmanager a: SlowCart resolved", *(_ended(each, "18:23:35") for each in _SLOW),
                  reason=_OVER),
    _pagerduty("18:24:40", "PagerDuty: resolved by Ana", "incident.resolved", _page("resolved", _ERRORS), _ANA),
    _pagerduty("18:06:30", "PagerDuty: a note of 18:06, 25 minutes late", "incident.annotated",
               _page_note("Errors began right after the deploy of v42."), _BEN, sent="18:31:40"),
    _person("18:40:00", "Ana: a follow-up through the API", "actions",
            text="Alert on pool saturation before requests fail", owner="Ben", due="2026-03-18", by="Ana"),
)  # fmt: skip
"""What reaches the daemon, in the order it does."""
