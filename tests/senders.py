"""What the senders of the stories put on the wire, in their own formats.

Every body is built here from a few words, faithful to ``webhook version 4``
of Alertmanager, PagerDuty's V3, GitHub's REST shapes, CloudEvents 1.0 and the
pages of the senders' makers. The
companies, people and machines are made up.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

DAY = "2026-03-04"


def moment(text: str) -> datetime:
    """``14:02``, ``14:02:10.5`` or ``2026-03-05 00:10`` (a day of its own), UTC."""
    if len(text) > 15 or text[4:5] == "-":
        return datetime.fromisoformat(text).replace(tzinfo=UTC)
    return datetime.fromisoformat(f"{DAY}T{text}").replace(tzinfo=UTC)


def micros(text: str) -> int:
    """The same, in µs since 1970."""
    return (moment(text) - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)


def rfc3339(text: str) -> str:
    """The same as Go writes it, with milliseconds."""
    return moment(text).isoformat(timespec="milliseconds").replace("+00:00", "Z")


@dataclass(frozen=True)
class Sent:
    """One delivery as a sender puts it on the wire."""

    source: str
    body: bytes
    headers: dict[str, str] = field(default_factory=dict)


def _json(source: str, value: Any, **headers: str) -> Sent:
    named = {name.replace("_", "-"): text for name, text in headers.items()}
    body = json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()
    return Sent(source, body, {"content-type": "application/json", **named})


# --- Alertmanager ---------------------------------------------------------------------------------------------------


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
    return _json("alertmanager", body, user_agent="Alertmanager/0.27.0")


# --- PagerDuty ------------------------------------------------------------------------------------------------------


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
        return _json("pagerduty", {"event": event}, x_webhook_id=delivery, user_agent="PagerDuty-Webhook/V3.0")

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


# --- GitHub ---------------------------------------------------------------------------------------------------------


def _github(kind: str, body: dict[str, Any], seed: str) -> Sent:
    guid = hashlib.sha256(seed.encode()).hexdigest()
    delivery = f"{guid[:8]}-{guid[8:12]}-{guid[12:16]}-{guid[16:20]}-{guid[20:32]}"
    return _json("github", body, x_github_event=kind, x_github_delivery=delivery, user_agent="GitHub-Hookshot/7e2f1a0")


def _repository(name: str) -> dict[str, Any]:
    owner, _, short = name.partition("/")
    url = f"https://github.example/{name}"
    return {"id": 81, "name": short, "full_name": name, "html_url": url, "owner": {"login": owner, "id": 7}}


def _user(login: str) -> dict[str, Any]:
    return {"login": login, "id": int(hashlib.sha256(login.encode()).hexdigest()[:6], 16), "type": "User"}


@dataclass(frozen=True)
class Deployment:
    """One GitHub deployment."""

    id: int
    repository: str
    environment: str
    description: str
    by: str
    created: str
    service: str | None = None
    task: str = "deploy"
    ref: str = "main"

    @property
    def sha(self) -> str:
        return hashlib.sha1(f"{self.repository} {self.id}".encode(), usedforsecurity=False).hexdigest()

    def _json(self) -> dict[str, Any]:
        return {
            "id": self.id,
            "sha": self.sha,
            "ref": self.ref,
            "task": self.task,
            "payload": {"service": self.service} if self.service else {},
            "environment": self.environment,
            "original_environment": self.environment,
            "description": self.description,
            "creator": _user(self.by),
            "created_at": rfc3339(self.created),
            "updated_at": rfc3339(self.created),
            "url": f"https://api.github.example/repos/{self.repository}/deployments/{self.id}",
        }

    def _body(self, **more: Any) -> dict[str, Any]:
        who = {"repository": _repository(self.repository), "sender": _user(self.by)}
        return {"action": "created", "deployment": self._json(), **who, **more}

    def requested(self) -> Sent:
        return _github("deployment", self._body(), f"deployment {self.id}")

    def status(self, state: str, at: str) -> Sent:
        status = {
            "id": int(hashlib.sha256(f"{self.id} {state} {at}".encode()).hexdigest()[:8], 16),
            "state": state,
            "creator": _user(self.by),
            "description": "",
            "environment": self.environment,
            "target_url": f"https://ci.example/runs/{self.id}",
            "log_url": f"https://ci.example/runs/{self.id}/log",
            "environment_url": "",
            "created_at": rfc3339(at),
            "updated_at": rfc3339(at),
        }
        return _github("deployment_status", self._body(deployment_status=status), f"{self.id} {state} {at}")


def deployment(number: int, repository: str, description: str, *, at: str, **more: Any) -> Deployment:
    """A deployment requested then."""
    chosen = {"environment": "production", "by": "ana-lima", **more}
    return Deployment(number, repository, description=description, created=at, **chosen)


def merged(number: int, repository: str, title: str, *, at: str, by: str = "ana-lima") -> Sent:
    """A pull request that was merged then."""
    sha = hashlib.sha1(f"merge {repository} {number}".encode(), usedforsecurity=False).hexdigest()
    pull = {
        "id": 5_000 + number,
        "number": number,
        "state": "closed",
        "title": title,
        "html_url": f"https://github.example/{repository}/pull/{number}",
        "user": _user(by),
        "merged": True,
        "merged_by": _user(by),
        "merged_at": rfc3339(at),
        "updated_at": rfc3339(at),
        "closed_at": rfc3339(at),
        "merge_commit_sha": sha,
        "head": {"ref": "fix", "sha": sha[::-1]},
        "base": {"ref": "main", "sha": sha},
    }
    body = {"action": "closed", "number": number, "pull_request": pull}
    more = {"repository": _repository(repository), "sender": _user(by)}
    return _github("pull_request", body | more, f"pull {number} {at}")


@dataclass(frozen=True)
class Run:
    """One run of a GitHub workflow."""

    id: int
    repository: str
    workflow: str
    title: str
    by: str
    created: str
    event: str = "push"
    branch: str = "main"

    def in_progress(self, at: str) -> Sent:
        return self._send("in_progress", "in_progress", None, at)

    def completed(self, at: str, conclusion: str = "success") -> Sent:
        return self._send("completed", "completed", conclusion, at)

    def _send(self, action: str, status: str, conclusion: str | None, at: str) -> Sent:
        url = f"https://github.example/{self.repository}/actions/runs/{self.id}"
        run = {
            "id": self.id,
            "name": self.workflow,
            "path": f".github/workflows/{self.workflow.lower().replace(' ', '-')}.yml",
            "display_title": self.title,
            "run_number": self.id % 1000,
            "run_attempt": 1,
            "event": self.event,
            "status": status,
            "conclusion": conclusion,
            "head_branch": self.branch,
            "head_sha": hashlib.sha1(f"run {self.id}".encode(), usedforsecurity=False).hexdigest(),
            "html_url": url,
            "created_at": rfc3339(self.created),
            "run_started_at": rfc3339(self.created),
            "updated_at": rfc3339(at),
            "actor": _user(self.by),
            "triggering_actor": _user(self.by),
        }
        repository = _repository(self.repository) | {"default_branch": "main"}
        body = {"action": action, "workflow_run": run, "repository": repository, "sender": _user(self.by)}
        return _github("workflow_run", body, f"run {self.id} {action} {at}")


def run(number: int, repository: str, workflow: str, title: str, *, at: str, by: str = "ana-lima", **more: Any) -> Run:
    """A run that was set off then."""
    return Run(number, repository, workflow, title, by, at, **more)


# --- CloudEvents ----------------------------------------------------------------------------------------------------


def cloudevent(kind: str, ident: str, *, at: str, subject: str = "", sender: str = "/ops/console", **data: Any) -> Sent:
    """One structured CloudEvent."""
    event = {
        "specversion": "1.0",
        "id": ident,
        "source": sender,
        "type": kind,
        "time": rfc3339(at),
        "subject": subject,
        "datacontenttype": "application/json",
        "data": data,
    }
    sent = _json("cloudevents", {k: v for k, v in event.items() if v != ""})
    return replace(sent, headers={"content-type": "application/cloudevents+json"})


# --- Grafana --------------------------------------------------------------------------------------------------------


def grafana(*alerts: Alert, group: tuple[str, ...] = ("alertname", "service"), overwritten: bool = True) -> Sent:
    """A notification of Grafana 12; a resolved alert's start is overwritten with its end, unless said otherwise."""
    labels = {label: alerts[0].labels[label] for label in group if label in alerts[0].labels}
    told = [one.json() for one in alerts]
    for one in told:
        if one["status"] == "resolved" and overwritten:
            one["startsAt"] = one["endsAt"]
        one["generatorURL"] = "https://grafana.example/alerting/grafana/rule-1/view"
        one["dashboardURL"] = "https://grafana.example/d/checkout"
    status = "firing" if any(one["status"] == "firing" for one in told) else "resolved"
    key = "{}:{" + ", ".join(f'{name}="{value}"' for name, value in labels.items()) + "}"
    body = {
        "receiver": "timelined", "status": status, "orgId": 1, "alerts": told, "groupLabels": labels,
        "commonLabels": labels, "commonAnnotations": {}, "externalURL": "https://grafana.example/", "version": "1",
        "groupKey": key, "truncatedAlerts": 0, "title": status, "state": "alerting", "message": "",
    }  # fmt: skip
    return _json("grafana", body)


# --- Slack ----------------------------------------------------------------------------------------------------------


def slack_ts(at: str) -> str:
    """When something was written, as Slack names it."""
    seconds, fraction = divmod(micros(at), 1_000_000)
    return f"{seconds}.{fraction:06}"


def slack(at: str, by: str, text: str, channel: str = "C0INC000001") -> Sent:
    """A message in a channel."""
    ts = slack_ts(at)
    event = {
        "type": "message", "user": by, "ts": ts, "text": text, "channel": channel, "event_ts": ts,
        "channel_type": "channel",
    }  # fmt: skip
    return _json("slack", {"type": "event_callback", "team_id": "T0LARK001", "event_id": f"Ev{ts}", "event": event})


def pinned(at: str, by: str, message: Sent) -> Sent:
    """A message is pinned to its channel."""
    inner = json.loads(message.body)["event"]
    item = {
        "type": "message",
        "channel": inner["channel"],
        "message": {key: inner[key] for key in ("user", "ts", "text")},
    }
    event = {
        "type": "pin_added", "user": by, "channel_id": inner["channel"], "item": item, "event_ts": slack_ts(at),
    }  # fmt: skip
    return _json("slack", {"type": "event_callback", "team_id": "T0LARK001", "event_id": f"Ev{at}", "event": event})


# --- GitLab and Argo CD ---------------------------------------------------------------------------------------------


def _gitlab(kind: str, repository: str, **more: Any) -> Sent:
    project = {
        "id": 412, "web_url": f"https://gitlab.example/{repository}", "path_with_namespace": repository,
        "default_branch": "main",
    }  # fmt: skip
    return _json("gitlab", {"object_kind": kind, "project": project, **more})


def _spelt(at: str) -> str:
    """As GitLab writes most of its times."""
    return moment(at).strftime("%Y-%m-%d %H:%M:%S UTC")


def gitlab_merged(number: int, repository: str, title: str, *, at: str, by: str, sha: str) -> Sent:
    """A merge request was merged."""
    url = f"https://gitlab.example/{repository}/-/merge_requests/{number}"
    merge = {
        "id": 5000 + number, "iid": number, "title": title, "target_branch": "main", "action": "merge", "url": url,
        "state": "merged", "merge_commit_sha": sha, "updated_at": _spelt(at),
    }  # fmt: skip
    return _gitlab("merge_request", repository, user={"name": by, "username": "x"}, object_attributes=merge)


def argocd_sync(
    name: str, repository: str, sha: str, phase: str, *, began: str, ended: str | None = None, by: str | None = None
) -> Sent:
    """A sync of an application, by the template of its sender page."""
    initiator = {"username": by} if by else {"automated": True}
    operation = {
        "phase": phase, "startedAt": _whole(began), "finishedAt": _whole(ended) if ended else None,
        "message": "successfully synced (all tasks run)" if phase == "Succeeded" else "",
        "operation": {"initiatedBy": initiator, "sync": {"revision": sha}},
        "syncResult": {"revision": sha},
    }  # fmt: skip
    body = {
        "timelined": "argocd.1", "about": "sync", "name": name, "namespace": "argocd", "uid": f"uid-of-{name}",
        "labels": {"app": name, "env": "production"}, "url": f"https://argocd.example/applications/{name}",
        "repository": f"https://gitlab.example/{repository}.git", "operation": operation,
    }  # fmt: skip
    return _json("argocd", body)


def _whole(at: str) -> str:
    return moment(at).strftime("%Y-%m-%dT%H:%M:%SZ")


# --- Sentry ---------------------------------------------------------------------------------------------------------


def _sentry(resource: str, action: str, data: dict[str, Any], *, at: str, by: str = "") -> Sent:
    """A hook of an internal integration; ``at`` is when it was sent."""
    actor = {"type": "user", "id": 7, "name": by} if by else {"type": "application", "id": "sentry", "name": "Sentry"}
    body = {"action": action, "installation": {"uuid": "5d1c04a8-92b3-4f60-8000-000000000001"}, "data": data}
    headers = {"sentry_hook_resource": resource, "sentry_hook_timestamp": str(micros(at) // 1_000_000)}
    return _json("sentry", {**body, "actor": actor}, **headers)


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


# --- AWS ------------------------------------------------------------------------------------------------------------

_ACCOUNT, _REGION = "111122223333", "eu-west-1"


def sns(message: dict[str, Any]) -> Sent:
    """A message in an envelope of Amazon SNS; nobody looks at its signature."""
    topic = f"arn:aws:sns:{_REGION}:{_ACCOUNT}:alarms"
    text = json.dumps(message)
    body = {
        "Type": "Notification", "MessageId": hashlib.sha256(text.encode()).hexdigest()[:16], "TopicArn": topic,
        "Message": text, "Timestamp": f"{DAY}T00:00:00.000Z", "SignatureVersion": "1", "Signature": "bWFkZSB1cA==",
    }  # fmt: skip
    return Sent("aws", json.dumps(body).encode(), {"content-type": "text/plain; charset=UTF-8"})


def _amazon(at: str) -> str:
    """As CloudWatch writes times."""
    return moment(at).strftime("%Y-%m-%dT%H:%M:%S.000+0000")


def _alarm_arn(name: str) -> str:
    return f"arn:aws:cloudwatch:{_REGION}:{_ACCOUNT}:alarm:{name}"


def cloudwatch(name: str, service: str, state: str, *, at: str, reason: str) -> dict[str, Any]:
    """What an alarm on a service of ECS publishes to its topic."""
    dimensions = [{"name": "ServiceName", "value": service}, {"name": "ClusterName", "value": "production"}]
    return {
        "AlarmName": name, "AlarmDescription": f"{service} answers 5xx", "AWSAccountId": _ACCOUNT,
        "NewStateValue": state, "OldStateValue": "OK" if state == "ALARM" else "ALARM", "NewStateReason": reason,
        "StateChangeTime": _amazon(at), "Region": "EU (Ireland)", "AlarmArn": _alarm_arn(name),
        "Trigger": {"MetricName": "5xx", "Namespace": "Shop", "Dimensions": dimensions},
    }  # fmt: skip


def bridged(kind: str, source: str, detail: dict[str, Any], resource: str, *, at: str) -> dict[str, Any]:
    """An event of EventBridge."""
    ident = hashlib.sha256(json.dumps([kind, detail, at]).encode()).hexdigest()[:16]
    return {
        "version": "0", "id": ident, "detail-type": kind, "source": source, "account": _ACCOUNT, "region": _REGION,
        "time": _whole(at), "resources": [resource], "detail": detail,
    }  # fmt: skip


def cloudwatch_bridged(
    name: str, service: str, state: str, *, at: str, reason: str, fired: str | None = None
) -> dict[str, Any]:
    """The same change of an alarm as an event of EventBridge; ``fired`` is when it went into alarm before."""
    dimensions = {"ServiceName": service, "ClusterName": "production"}
    metric = {"metricStat": {"metric": {"name": "5xx", "namespace": "Shop", "dimensions": dimensions}}}
    detail: dict[str, Any] = {
        "alarmName": name, "state": {"value": state, "reason": reason, "timestamp": _amazon(at)},
        "configuration": {"description": f"{service} answers 5xx", "metrics": [metric]},
    }  # fmt: skip
    if fired:
        detail["previousState"] = {"value": "ALARM", "timestamp": _amazon(fired)}
    return bridged("CloudWatch Alarm State Change", "aws.cloudwatch", detail, _alarm_arn(name), at=at)


def ecs_deployment(ident: str, service: str, state: str, *, at: str) -> dict[str, Any]:
    """A deployment of a service of ECS, as EventBridge tells it."""
    detail = {
        "eventType": "INFO", "eventName": f"SERVICE_DEPLOYMENT_{state}", "deploymentId": f"ecs-svc/{ident}",
        "clusterArn": f"arn:aws:ecs:{_REGION}:{_ACCOUNT}:cluster/production", "updatedAt": _whole(at),
        "reason": f"ECS deployment ecs-svc/{ident} {state.lower().replace('_', ' ')}.",
    }  # fmt: skip
    resource = f"arn:aws:ecs:{_REGION}:{_ACCOUNT}:service/production/{service}"
    return bridged("ECS Deployment State Change", "aws.ecs", detail, resource, at=at)


# --- Zabbix and Jenkins ---------------------------------------------------------------------------------------------


def zabbix(
    event: str, name: str, what: str, *, at: str, began: str | None = None, service: str = "shop", severity: str = "4",
    opdata: str = "", by: str = "", action: str = "", message: str = "",
) -> Sent:  # fmt: skip
    """A problem, its recovery or an update of it, by the script of Zabbix' sender page."""
    body = {
        "timelined": "zabbix.1", "event": event, "what": what, "time": _whole(at), "started": _whole(began or at),
        "name": name, "severity": severity, "host": f"{service}-01", "tags": {"service": service, "env": "production"},
        "opdata": opdata, "user": by, "action": action, "message": message,
        "url": f"https://zabbix.example/tr_events.php?eventid={event}",
    }  # fmt: skip
    return _json("zabbix", body)


def jenkins(job: str, number: int, service: str, phase: str, *, at: str, sha: str) -> Sent:
    """A phase of a build that deploys a service to production, and went well."""
    build = {
        "full_url": f"https://ci.example/job/{job}/{number}/", "number": number, "timestamp": micros(at) // 1000,
        "phase": phase, "scm": {"commit": sha, "branch": "origin/main"},
        "parameters": {"service": service, "environment": "production"},
    }  # fmt: skip
    if phase != "STARTED":
        build["status"] = "SUCCESS"
    return _json("jenkins", {"name": job, "display_name": job, "url": f"job/{job}/", "build": build})
