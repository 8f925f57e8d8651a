"""What the benchmarks of ingest send: Alertmanager's bodies, with marks that each request fills anew."""

from __future__ import annotations

import json
from typing import Any

from tests.bench import load

PATH = "/webhooks/alertmanager"


def body_of(alerts: int, **labels: str) -> bytes:
    """An Alertmanager body; ``labels`` replace those its alerts have.

    Every alert has a fingerprint of its own, made of the mark and its number.
    """
    group = {"alertname": "HighErrorRate", "service": "checkout"}
    whole = {
        "receiver": "timelined",
        "status": "firing",
        "alerts": [_alert(number, group, labels) for number in range(alerts)],
        "groupLabels": group,
        "commonLabels": group | {"severity": "critical"},
        "commonAnnotations": {"runbook_url": "https://runbooks.example.org/checkout/errors"},
        "externalURL": "https://alertmanager.example.org",
        "version": "4",
        "groupKey": '{}/{severity="critical"}:{alertname="HighErrorRate", service="checkout"}',
        "truncatedAlerts": 0,
    }
    return json.dumps(whole).encode()


def _alert(number: int, group: dict[str, str], replaced: dict[str, str]) -> dict[str, Any]:
    labels = {"severity": "critical", "environment": "production", "instance": f"10.0.3.{number % 250}:8080"}
    return {
        "status": "firing",
        "labels": group | labels | {"n": load.MARK} | replaced,
        "annotations": {
            "summary": f"5xx ratio of checkout is 7.3 % on instance {number}",
            "description": "More than 5 % of requests failed during the last five minutes.",
            "runbook_url": "https://runbooks.example.org/checkout/errors",
        },
        "startsAt": f"2026-03-04T{load.CLOCK}456789Z",
        "endsAt": "0001-01-01T00:00:00Z",
        "generatorURL": "https://prometheus.example.org/graph?g0.expr=sum%28rate%28errors%5B5m%5D%29%29&g0.tab=1",
        "fingerprint": f"{load.MARK}{number:04d}",
    }


def plain_body_of(alerts: int) -> bytes:
    """The same with as little as Prometheus' own examples say: a summary, a short rule, no service."""
    group = {"alertname": "InstanceDown"}
    whole = json.loads(body_of(alerts)) | {
        "groupLabels": group,
        "commonLabels": group | {"severity": "critical"},
        "commonAnnotations": {},
        "externalURL": "http://alertmanager:9093",
        "groupKey": '{}:{alertname="InstanceDown"}',
    }
    for number, alert in enumerate(whole["alerts"]):
        instance = f"10.0.3.{number % 250}:9100"
        alert["labels"] = group | {"instance": instance, "job": "node", "severity": "critical"}
        alert["annotations"] = {"summary": f"Instance {instance} is down"}
        alert["generatorURL"] = "http://prometheus:9090/graph?g0.expr=up+%3D%3D+0&g0.tab=1"
    return json.dumps(whole).encode()
