"""What the event recorder of Alertmanager writes: protobuf's JSON, with 64-bit numbers as text and no empty fields."""

from __future__ import annotations

from typing import Any

from collector.sources.alertmanager import fingerprint_of

AT = "2026-03-04T14:02:25.100200300Z"


def entry(kind: str, told: dict[str, Any], at: str = AT) -> dict[str, Any]:
    """One recorded event."""
    return {"@timestamp": at, "instance": "am-0", "data": {kind: told}, "clusterPosition": 1}


def pairs(labels: dict[str, str]) -> dict[str, Any]:
    """Labels as 0.33 and 0.34 write them."""
    return {"labels": [{"key": key, "value": value} for key, value in sorted(labels.items())]}


def labels_of(name: str, service: str) -> dict[str, str]:
    """The labels of an alert."""
    return {"alertname": name, "service": service, "severity": "critical", "env": "production"}


def fingerprint(labels: dict[str, str]) -> str:
    """An alert's fingerprint in decimals."""
    return str(int(fingerprint_of(labels), 16))


def alert_of(name: str, *, service: str = "checkout", ends: str = "", maps: bool = False) -> dict[str, Any]:
    """An alert; with ``ends`` it is resolved, with ``maps`` its labels are an object."""
    labels, annotations = labels_of(name, service), {"summary": f"{name} on {service}"}
    return {
        "fingerprint": fingerprint(labels), "name": name, "startsAt": "2026-03-04T14:02:10.123456789Z",
        "endsAt": ends or "2026-03-04T14:06:10Z", **({"resolved": True} if ends else {}),
        "labels": labels if maps else pairs(labels), "annotations": annotations if maps else pairs(annotations),
    }  # fmt: skip


def group(key: str = '{}:{alertname="CheckoutErrorRate"}') -> dict[str, Any]:
    """The group that a notification is of."""
    return {
        "groupKey": key, "groupLabels": pairs({"alertname": "CheckoutErrorRate"}), "receiverName": "oncall",
        "groupUuid": "5c2d7a10-0000-4000-8000-000000000001",
    }  # fmt: skip


def notification(firing: list[dict[str, Any]], resolved: list[dict[str, Any]]) -> dict[str, Any]:
    """A notification that PagerDuty took."""
    hashes = [{"hash": str(place)} for place, _ in enumerate([*firing, *resolved])]
    return {
        "alerts": [{"hash": str(place), "details": each} for place, each in enumerate([*firing, *resolved])],
        "firingAlerts": hashes[: len(firing)], "resolvedAlerts": hashes[len(firing) :], "groupInfo": group(),
        "repeatInterval": "14400s", "reason": "NOTIFY_REASON_NEW_RESOLVED_ALERTS", "flushId": "7",
        "integration": {"name": "pagerduty"},
    }  # fmt: skip


def silence(**more: str) -> dict[str, Any]:
    """A silence on one service."""
    matcher = {"type": "TYPE_EQUAL", "name": "service", "pattern": "checkout", "rendered": 'service="checkout"'}
    silence_fields = {
        "id": "0b1c2d3e-0000-4000-8000-000000000002", "matchers": [matcher], "matcherSets": [{"matchers": [matcher]}],
        "startsAt": "2026-03-04T14:05:00Z", "endsAt": "2026-03-04T16:05:00Z", "updatedAt": "2026-03-04T14:05:00Z",
        "createdBy": "mara", "comment": "Known; the rollback is under way.",
    }  # fmt: skip
    return silence_fields | more


def muted(name: str, service: str = "checkout") -> dict[str, Any]:
    """An alert that was suppressed."""
    labels = labels_of(name, service)
    return {"labels": pairs(labels), "fingerprint": fingerprint(labels)}
