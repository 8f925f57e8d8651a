"""What GitHub's REST API gives out, as its webhooks tell it: https://docs.github.com/en/rest

Deployments and their states have ids of their own and are the same facts. Of a
workflow run the API says when it was asked for and when it ended, by a time that
may move afterwards; when it began to run, only a webhook says.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from collector.event import HOUR
from collector.webhook import Deliveries, Import


def deployment(record: Mapping[str, Any]) -> Deliveries:
    """A deployment that was asked for, and its states, where ``statuses`` lists them."""
    body = {"deployment": record, "repository": _repository(record)}
    found: list[tuple[Mapping[str, str], Mapping[str, Any]]] = []
    if record["id"] and record.get("created_at"):
        found.append((_kind("deployment"), body))
    statuses = record.get("statuses") or ()
    return found + [(_kind("deployment_status"), body | {"deployment_status": status}) for status in statuses]


def workflow_run(record: Mapping[str, Any]) -> Deliveries:
    """A run that was asked for, and one that ended."""
    body = {"workflow_run": record, "repository": record.get("repository") or _repository(record)}
    first, ended = record.get("run_attempt", 1) == 1, record["status"] == "completed"
    actions = [*(("requested",) if first else ()), *(("completed",) if ended else ())]
    return [(_kind("workflow_run"), {"action": action, **body}) for action in actions]


def delivery(record: Mapping[str, Any]) -> Deliveries:
    """What a webhook's delivery held, as GitHub keeps it for some days."""
    request = record["request"]
    return [({"x-github-event": str(record["event"])}, request["payload"])]


def _repository(record: Mapping[str, Any]) -> dict[str, str]:
    """The repository, out of the API's address of it; the address of its page, where that is GitHub's own."""
    address = urlsplit(str(record["repository_url"]))
    name = "/".join(address.path.strip("/").split("/")[-2:])
    page = {"html_url": f"https://github.com/{name}"} if address.hostname == "api.github.com" else {}
    return {"full_name": name, **page}


def _kind(name: str) -> dict[str, str]:
    return {"x-github-event": name}


IMPORTS = {
    "deployments": Import(
        called="deployments of GitHub's GET /repos/OWNER/REPO/deployments, each with its statuses", sent=deployment
    ),
    "workflow_runs": Import(
        called="workflow runs of GitHub's GET /repos/OWNER/REPO/actions/runs",
        sent=workflow_run, within="workflow_runs", near=HOUR,
    ),
    "deliveries": Import(called="deliveries of GitHub's GET /repos/OWNER/REPO/hooks/ID/deliveries/ID", sent=delivery),
}  # fmt: skip
