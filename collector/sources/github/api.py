"""What GitHub's REST API gives out, as its webhooks tell it: https://docs.github.com/en/rest

Deployments and their states have ids of their own and are the same facts. Of a
workflow run the API says when it was asked for and when it ended, by a time that
may move afterwards; when it began to run, only a webhook says.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any
from urllib.parse import parse_qs, urlsplit

from collector.event import HOUR
from collector.times import parse, rfc3339
from collector.webhook import Ask, Deliveries, Import, Interface, Pages, RecordSpan


def deployment(record: Mapping[str, Any]) -> Deliveries:
    """A deployment that was asked for, and its states, where ``statuses`` lists them."""
    body = {"deployment": record, "repository": _repository(record)}
    deliveries: list[tuple[Mapping[str, str], Mapping[str, Any]]] = []
    if record["id"] and record.get("created_at"):
        deliveries.append((_kind("deployment"), body))
    statuses = record.get("statuses") or ()
    return deliveries + [(_kind("deployment_status"), body | {"deployment_status": status}) for status in statuses]


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


# --- asking for them --------------------------------------------------------------------------------------------------


async def _deployments(ask: Ask, span: RecordSpan) -> Pages:
    """Newest first, each with its states."""
    first = rfc3339(span.since)[:19]
    for repository in span.names:
        async for page in _numbered(ask, f"/repos/{repository}/deployments", {}):
            young = [each for each in page if str(each["created_at"]) >= first]
            for record in young:
                path = f"/repos/{repository}/deployments/{record['id']}/statuses"
                record["statuses"], _ = await ask(path, {"per_page": str(_PAGE)})
            yield young
            if len(young) < len(page):
                break


async def _workflow_runs(ask: Ask, span: RecordSpan) -> Pages:
    asked = {"created": f"{rfc3339(span.since)[:19]}Z..{rfc3339(span.until)[:19]}Z"}
    for repository in span.names:
        async for page in _numbered(ask, f"/repos/{repository}/actions/runs", asked, "workflow_runs"):
            yield page


async def _numbered(ask: Ask, path: str, query: Mapping[str, str], within: str = "") -> Pages:
    number = 1
    while True:
        found, _ = await ask(path, {**query, "per_page": str(_PAGE), "page": str(number)})
        page = found[within] if within else found
        if page:
            yield page
        if len(page) < _PAGE:
            return
        number += 1


async def _missed(ask: Ask, source: str, span: RecordSpan) -> AsyncIterator[tuple[str, Any]]:
    """The first attempt of each delivery of which none succeeded, of the webhooks that lead to this source."""
    for repository in span.names:
        hooks, _ = await ask(f"/repos/{repository}/hooks", ())
        for hook in hooks:
            address = str((hook.get("config") or {}).get("url", "")).split("?")[0]
            if hook.get("active", True) and f"/webhooks/{source}" in address:
                path = f"/repos/{repository}/hooks/{hook['id']}/deliveries"
                for each in await _failed(ask, path, span.since):
                    yield f"{path} {each['guid']}", f"{path}/{each['id']}"


async def _failed(ask: Ask, path: str, since: int) -> Sequence[Any]:
    failed: dict[str, Any] = {}
    delivered: set[str] = set()
    query: Mapping[str, str] | None = {"per_page": str(_PAGE)}
    looked = 0
    while query is not None and looked < _MOST:
        page, link = await ask(path, query)
        looked += len(page)
        for attempt in page:
            guid = str(attempt["guid"])
            if 200 <= int(attempt["status_code"]) < 300:
                delivered.add(guid)
            failed[guid] = attempt
        older = not page or (parse(str(page[-1]["delivered_at"])) or 0) < since
        named = {name: values[0] for name, values in parse_qs(urlsplit(link).query).items()}
        query = named if link and not older else None
    return [each for guid, each in failed.items() if guid not in delivered]


async def _whole(ask: Ask, address: Any) -> tuple[str, Any]:
    return "deliveries", (await ask(address, ()))[0]


def _headers(token: str) -> Mapping[str, str]:
    more = {"Authorization": f"Bearer {token}"} if token else {}
    return {"Accept": "application/vnd.github+json", "X-GitHub-Api-Version": "2022-11-28", **more}


_PAGE = 100
_MOST = 5_000
"""Deliveries of one webhook that are looked at in one run."""

INTERFACE = Interface(
    url="https://api.github.com", headers=_headers, repositories=True, missed=_missed, whole=_whole
)  # fmt: skip
IMPORTS = {
    "deployments": Import(
        called="deployments of GitHub's GET /repos/OWNER/REPO/deployments, each with its statuses",
        sent=deployment, pages=_deployments,
    ),
    "workflow_runs": Import(
        called="workflow runs of GitHub's GET /repos/OWNER/REPO/actions/runs",
        sent=workflow_run, pages=_workflow_runs, within="workflow_runs", near=HOUR,
    ),
    "deliveries": Import(called="deliveries of GitHub's GET /repos/OWNER/REPO/hooks/ID/deliveries/ID", sent=delivery),
}  # fmt: skip
