"""Alertmanager, Grafana and Zabbix."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from typing import Any

from tests.senders.sent import Sent, as_json, rfc3339, utc


@dataclass(frozen=True)
class Alert:
    """One alert as Alertmanager knows it."""

    name: str
    labels: dict[str, str]
    annotations: dict[str, str]
    since: str
    until: str | None = None
    query: str | None = None

    @property
    def fingerprint(self) -> str:
        text = "\xff".join(f"{k}\xfe{v}" for k, v in sorted(self.labels.items()))
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    def resolved(self, until: str) -> Alert:
        return replace(self, until=until)

    def again(self, since: str) -> Alert:
        """The next episode of the same alert."""
        return replace(self, since=since, until=None)

    def json(self) -> dict[str, Any]:
        url = "http://prometheus.example:9090/graph?g0.expr="
        return {
            "status": "firing" if self.until is None else "resolved",
            "labels": self.labels,
            "annotations": self.annotations,
            "startsAt": rfc3339(self.since),
            "endsAt": "0001-01-01T00:00:00Z" if self.until is None else rfc3339(self.until),
            "generatorURL": url + (self.query or self.name).replace(" ", "+").replace(">", "%3E") + "&g0.tab=1",
            "fingerprint": self.fingerprint,
        }


def alert(
    name: str,
    *,
    since: str,
    service: str | None = "checkout",
    environment: str | None = "production",
    severity: str | None = "critical",
    summary: str = "",
    runbook: str = "",
    query: str | None = None,
    **labels: str,
) -> Alert:
    """An alert that fires since then."""
    chosen = {"alertname": name, "service": service, "environment": environment, "severity": severity, **labels}
    notes = {"summary": summary, "runbook_url": runbook}
    return Alert(
        name,
        {k: v for k, v in chosen.items() if v is not None},
        {k: v for k, v in notes.items() if v},
        since,
        query=query,
    )


def group_key(*alerts: Alert, by: tuple[str, ...] = ("alertname", "service")) -> str:
    """The key of the group these alerts are in."""
    labels = {k: alerts[0].labels[k] for k in by if k in alerts[0].labels}
    return "{}:{" + ", ".join(f'{k}="{v}"' for k, v in sorted(labels.items())) + "}"


def alertmanager(
    *alerts: Alert, peer: str = "am-0", by: tuple[str, ...] = ("alertname", "service"), truncated: int = 0
) -> Sent:
    """A notification of a whole group, by one of the HA peers."""
    firing = any(a.until is None for a in alerts)
    body = {
        "version": "4",
        "groupKey": group_key(*alerts, by=by),
        "truncatedAlerts": truncated,
        "status": "firing" if firing else "resolved",
        "receiver": "timelined",
        "groupLabels": {k: alerts[0].labels[k] for k in by if k in alerts[0].labels},
        "commonLabels": {"alertname": alerts[0].name},
        "commonAnnotations": {},
        "externalURL": f"http://{peer}.example:9093",
        "alerts": [a.json() for a in alerts],
    }
    return as_json("alertmanager", body, user_agent="Alertmanager/0.27.0")


def grafana(*alerts: Alert, group: tuple[str, ...] = ("alertname", "service"), overwritten: bool = True) -> Sent:
    """A notification of Grafana 12; a resolved alert's start is overwritten with its end, unless said otherwise."""
    labels = {label: alerts[0].labels[label] for label in group if label in alerts[0].labels}
    alerts_json = [one.json() for one in alerts]
    for alert_json in alerts_json:
        if alert_json["status"] == "resolved" and overwritten:
            alert_json["startsAt"] = alert_json["endsAt"]
        alert_json["generatorURL"] = "https://grafana.example/alerting/grafana/rule-1/view"
        alert_json["dashboardURL"] = "https://grafana.example/d/checkout"
    status = "firing" if any(one["status"] == "firing" for one in alerts_json) else "resolved"
    key = "{}:{" + ", ".join(f'{name}="{value}"' for name, value in labels.items()) + "}"
    body = {
        "receiver": "timelined", "status": status, "orgId": 1, "alerts": alerts_json, "groupLabels": labels,
        "commonLabels": labels, "commonAnnotations": {}, "externalURL": "https://grafana.example/", "version": "1",
        "groupKey": key, "truncatedAlerts": 0, "title": status, "state": "alerting", "message": "",
    }  # fmt: skip
    return as_json("grafana", body)


def zabbix(
    event: str, name: str, subject: str, *, at: str, began: str | None = None, service: str = "shop",
    severity: str = "4",
    opdata: str = "", by: str = "", action: str = "", message: str = "",
) -> Sent:  # fmt: skip
    """A problem, its recovery or an update of it, by the script of Zabbix' sender page."""
    body = {
        "timelined": "zabbix.1", "event": event, "what": subject, "time": utc(at), "started": utc(began or at),
        "name": name, "severity": severity, "host": f"{service}-01", "tags": {"service": service, "env": "production"},
        "opdata": opdata, "user": by, "action": action, "message": message,
        "url": f"https://zabbix.example/tr_events.php?eventid={event}",
    }  # fmt: skip
    return as_json("zabbix", body)
