"""Sentry."""

from __future__ import annotations

import hashlib
from typing import Any

from tests.senders.sent import Sent, as_json, micros, moment


def _sentry(resource: str, action: str, data: dict[str, Any], *, at: str, by: str = "") -> Sent:
    """A hook of an internal integration; ``at`` is when it was sent."""
    actor = {"type": "user", "id": 7, "name": by} if by else {"type": "application", "id": "sentry", "name": "Sentry"}
    body = {"action": action, "installation": {"uuid": "5d1c04a8-92b3-4f60-8000-000000000001"}, "data": data}
    headers = {"sentry_hook_resource": resource, "sentry_hook_timestamp": str(micros(at) // 1_000_000)}
    return as_json("sentry", {**body, "actor": actor}, **headers)


def _sentry_issue(number: int, title: str, project: str, first: str) -> dict[str, Any]:
    return {
        "id": str(number), "shortId": f"{project.upper()}-{number % 100}", "title": title, "level": "error",
        "status": "unresolved", "project": {"id": "52", "name": project.title(), "slug": project},
        "web_url": f"https://sentry.example/organizations/shop/issues/{number}/", "firstSeen": _iso(first),
    }  # fmt: skip


def _iso(at: str) -> str:
    """The same as Sentry writes it, with microseconds."""
    return moment(at).isoformat(timespec="microseconds").replace("+00:00", "Z")


def sentry_issue(number: int, title: str, project: str, action: str, *, first: str, at: str, by: str = "") -> Sent:
    """An issue was created, or was called resolved; ``first`` is when its first error came."""
    return _sentry("issue", action, {"issue": _sentry_issue(number, title, project, first)}, at=at, by=by)


def sentry_rule(number: int, title: str, project: str, rule: str, *, at: str, environment: str = "production") -> Sent:
    """A rule of issues fired on an error."""
    ident = hashlib.sha256(f"{number} {at}".encode()).hexdigest()[:32]
    event = {
        "event_id": ident,
        "title": title,
        "level": "error",
        "datetime": _iso(at),
        "issue_id": str(number),
        "tags": [["environment", environment], ["level", "error"], ["release", "v42"]],
        "url": f"https://sentry.example/api/0/projects/shop/{project}/events/{ident}/",
        "web_url": f"https://sentry.example/organizations/shop/issues/{number}/events/{ident}/",
        "issue_url": f"https://sentry.example/api/0/issues/{number}/",
    }
    return _sentry("event_alert", "triggered", {"event": event, "triggered_rule": rule}, at=at)


def sentry_metric(number: int, title: str, project: str, action: str, *, since: str, at: str, text: str) -> Sent:
    """A metric alert is critical, a warning, or resolved; it began at ``since``."""
    alert = {
        "id": str(number),
        "title": title,
        "status": 2 if action == "resolved" else 20,
        "date_started": _iso(since),
        "date_closed": _iso(at) if action == "resolved" else None,
        "projects": [project],
        "alert_rule": {"id": "7", "name": title, "environment": "production", "projects": [project]},
    }
    told = {"description_text": text, "web_url": "https://sentry.example/alerts/rules/details/26/"}
    return _sentry("metric_alert", action, {"metric_alert": alert, **told}, at=at)


def sentry_comment(number: int, project: str, text: str, *, at: str, by: str) -> Sent:
    """What a person wrote at an issue."""
    data = {"comment": text, "comment_id": micros(at) // 1000, "issue_id": number, "project_slug": project}
    return _sentry("comment", "created", {**data, "timestamp": _iso(at)}, at=at, by=by)
