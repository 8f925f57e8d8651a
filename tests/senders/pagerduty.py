"""PagerDuty."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any

from tests.senders.alerting import Alert, group_key
from tests.senders.sent import Sent, as_json, rfc3339


@dataclass(frozen=True)
class Page:
    """One PagerDuty incident."""

    number: int
    title: str
    created: str
    service: str = "checkout"
    urgency: str = "high"
    priority: str | None = None
    key: str | None = None

    @property
    def id(self) -> str:
        return "Q" + hashlib.sha256(f"page {self.number}".encode()).hexdigest()[:13].upper()

    def _reference(self, name: str, kind: str) -> dict[str, Any]:
        ident = "P" + hashlib.sha256(name.encode()).hexdigest()[:6].upper()
        return {"id": ident, "type": f"{kind}_reference", "summary": name, "html_url": None, "self": None}

    def _send(self, kind: str, at: str, data: dict[str, Any], by: str | None, mark: str = "") -> Sent:
        seed = f"{self.number} {kind} {at} {mark}"
        event = {
            "id": "01" + hashlib.sha256(seed.encode()).hexdigest()[:24].upper(),
            "event_type": kind,
            "resource_type": "incident",
            "occurred_at": rfc3339(at),
            "agent": self._reference(by, "user") if by else None,
            "client": None,
            "data": data,
        }
        delivery = hashlib.sha256(f"{seed} webhook".encode()).hexdigest()[:32]
        return as_json("pagerduty", {"event": event}, x_webhook_id=delivery, user_agent="PagerDuty-Webhook/V3.0")

    def _incident(self, status: str, people: tuple[str, ...], policy: str) -> dict[str, Any]:
        return {
            "id": self.id,
            "type": "incident",
            "html_url": f"https://acme.pagerduty.example/incidents/{self.id}",
            "number": self.number,
            "status": status,
            "incident_key": self.key,
            "created_at": rfc3339(self.created),
            "title": self.title,
            "service": self._reference(self.service, "service"),
            "assignees": [self._reference(name, "user") for name in people],
            "escalation_policy": self._reference(policy, "escalation_policy"),
            "teams": [],
            "priority": self._reference(self.priority, "priority") if self.priority else None,
            "urgency": self.urgency,
            "conference_bridge": None,
            "resolve_reason": None,
        }

    def triggered(self, *people: str, policy: str = "Checkout on-call") -> Sent:
        return self._send("incident.triggered", self.created, self._incident("triggered", people, policy), None)

    def acknowledged(self, at: str, by: str) -> Sent:
        return self._send("incident.acknowledged", at, self._incident("acknowledged", (by,), "Checkout on-call"), by)

    def escalated(self, at: str, to: str) -> Sent:
        return self._send("incident.escalated", at, self._incident("triggered", (to,), "Checkout on-call"), None)

    def resolved(self, at: str, by: str | None = None) -> Sent:
        return self._send("incident.resolved", at, self._incident("resolved", (), "Checkout on-call"), by)

    def reopened(self, at: str, by: str) -> Sent:
        return self._send("incident.reopened", at, self._incident("triggered", (by,), "Checkout on-call"), by)

    def annotated(self, at: str, by: str, text: str) -> Sent:
        note = {
            "id": "N" + hashlib.sha256(text.encode()).hexdigest()[:8].upper(),
            "type": "incident_note",
            "incident": self._reference(self.title, "incident") | {"id": self.id},
            "content": text,
            "trimmed": False,
        }
        return self._send("incident.annotated", at, note, by, text)

    def published(self, at: str, by: str, text: str) -> Sent:
        update = {
            "id": "U" + hashlib.sha256(text.encode()).hexdigest()[:8].upper(),
            "type": "incident_status_update",
            "incident": self._reference(self.title, "incident") | {"id": self.id},
            "message": text,
            "trimmed": False,
        }
        return self._send("incident.status_update_published", at, update, by, text)


def page(number: int, title: str, *, at: str, **more: Any) -> Page:
    """A page that was triggered then."""
    return Page(number, title, at, **more)


def incident_key(*alerts: Alert, by: tuple[str, ...] = ("alertname", "service")) -> str:
    """What Alertmanager gives PagerDuty as the dedup key of this group."""
    return hashlib.sha256(group_key(*alerts, by=by).encode()).hexdigest()
