"""What Alertmanager's API v2 gives out, as the webhook and the event recorder tell it:
https://github.com/prometheus/alertmanager/blob/main/api/v2/openapi.yaml

The API knows what fires now and the silences of the last days, and no history.
Of an alert it says neither its group's key nor whether anybody was notified; of
one that is silenced or inhibited nobody was, so it is told as that and not as
an alert.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from collector.times import rfc3339
from collector.webhook import Ask, Deliveries, Import, Interface, Pages, RecordSpan

_SUPPRESSED = "suppressed"
_OPERATORS = {(False, True): "=", (False, False): "!=", (True, True): "=~", (True, False): "!~"}


def alert(record: Mapping[str, Any]) -> Deliveries:
    """A notification of one alert that fires; of a suppressed one what suppresses it."""
    labels, status = dict(record["labels"]), record.get("status") or {}
    if status.get("state") != _SUPPRESSED:
        known = {name: record.get(name) for name in ("annotations", "startsAt", "generatorURL", "fingerprint")}
        alerts = [{"status": "firing", "labels": labels, **{name: each for name, each in known.items() if each}}]
        return [({}, {"version": "4", "status": "firing", "alerts": alerts})]
    muted = {"labels": labels, "fingerprint": str(int(record["fingerprint"], 16))}
    deliveries = [_recorded("silenceMutedAlert", {"silence": {"id": each}, "mutedAlert": muted})
             for each in status.get("silencedBy") or ()]  # fmt: skip
    by = [str(int(each, 16)) for each in status.get("inhibitedBy") or ()]
    if by:
        # The recorder has the time of the inhibition, and the API only that of the alert.
        told = {"mutedAlert": muted | {"startsAt": record.get("startsAt")}, "inhibitingFingerprints": by}
        deliveries.append(_recorded("inhibitionMutedAlert", told))
    return [({}, each) for each in deliveries]


def silence(record: Mapping[str, Any]) -> Deliveries:
    """That a silence was made, and of one that is over that it ended."""
    described = {
        "id": record["id"],
        "matchers": [_matcher(each) for each in record["matchers"]],
        "createdBy": record.get("createdBy"),
        "comment": record.get("comment"),
        "endsAt": record["endsAt"],
    }
    state = (record.get("status") or {}).get("state")
    ended = state == "expired"
    # One that was ended by hand was updated by that: when it was made, it began.
    made = record["startsAt"] if ended and record.get("updatedAt") == record["endsAt"] else record.get("updatedAt")
    deliveries = [_recorded("silenceCreated", {"silence": described | {"updatedAt": made or record["startsAt"]}})]
    if ended:
        deliveries.append(_recorded("silenceUpdated", {"silence": described | {"updatedAt": record["endsAt"]}}))
    return [({}, each) for each in deliveries]


def deliveries_of(record: Mapping[str, Any]) -> Deliveries:
    """What the event recorder wrote into its file, as it sends it; its time goes first, by which it is known."""
    if not isinstance(record["data"], dict):
        raise TypeError("an entry has an object for its data")
    return [({}, {"@timestamp": record["@timestamp"], **record})]


def _matcher(told: Mapping[str, Any]) -> dict[str, Any]:
    name, value = str(told["name"]), str(told["value"])
    kind = (bool(told.get("isRegex")), told.get("isEqual") is not False)
    equal = {"type": "TYPE_EQUAL"} if kind == (False, True) else {}
    return {"name": name, "pattern": value, "rendered": f'{name}{_OPERATORS[kind]}"{value}"', **equal}


def _recorded(kind: str, data: Mapping[str, Any]) -> dict[str, Any]:
    """What the event recorder would write; when an alert was suppressed first the API does not say."""
    return {"@timestamp": "", "data": {kind: data}}


async def _alerts(ask: Ask, span: RecordSpan) -> Pages:
    yield (await ask("/api/v2/alerts", ()))[0]


async def _silences(ask: Ask, span: RecordSpan) -> Pages:
    found, _ = await ask("/api/v2/silences", ())
    first = rfc3339(span.since)
    yield [each for each in found if str(each.get("endsAt", first)) >= first]


INTERFACE = Interface(headers=lambda token: {"Authorization": f"Bearer {token}"} if token else {}, token=False)
IMPORTS = {
    "alerts": Import(called="alerts of Alertmanager's GET /api/v2/alerts", sent=alert, pages=_alerts),
    "silences": Import(called="silences of Alertmanager's GET /api/v2/silences", sent=silence, pages=_silences),
    "recorder": Import(called="entries of the file of Alertmanager's event recorder", sent=deliveries_of),
}
