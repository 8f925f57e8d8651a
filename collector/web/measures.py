"""Metrics with their proof: the durations of an incident, and what they are over several of them.

The numbers are those of the drafts: rendering computes them, here they are
only counted together.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec
from aiohttp import web

from collector.errors import InvalidInput, NotFound
from collector.event import SECOND
from collector.web import answers, shapes, statements
from collector.web.distribution import distribution
from collector.web.keys import MEASURES, PROJECTIONS
from collector.web.requests import MOST, Query

routes = web.RouteTableDef()
PROFILES = ("timelined", "pagerduty", "datadog", "rootly")
Json = dict[str, Any]

_BY: Mapping[str, Callable[[Json], Sequence[str]]] = {
    "service": lambda told: told["services"] or ["unknown"],
    "severity": lambda told: [told["severity"] or "unknown"],
    "detected_by": lambda told: [told["detected_by"]],
}
"""What incidents can be told apart by; one of several services counts under each."""


@routes.get("/api/v1/incidents/{number}/metrics")
async def of_one(request: web.Request) -> web.Response:
    """The durations of an incident in each profile's terms, with both ends and the events that prove them."""
    Query(request)
    row = await statements.incident(request)
    told = await _measured(request, row.number)
    if told is None:
        raise NotFound(f"cannot measure incident {row.number}: nothing is known of it", "number")
    profiles = {name: [_shown(each) for each in durations] for name, durations in told["profiles"].items()}
    body = {"incident": row.number, "detected_by": told["detected_by"], "profiles": profiles}
    shown = msgspec.convert(body, shapes.Measures)
    return answers.fresh(request, answers.json(shown, headers=statements.moved(request, row)))


@routes.get("/api/v1/metrics")
async def over_several(request: web.Request) -> web.Response:
    """The durations over incidents: the list, how many know them, median and quartiles, and never a mean."""
    query = Query(request, "since", "until", "service", "profile", "by")
    profile = query.one_of("profile", *PROFILES) or "timelined"
    by = query.one_of("by", *_BY)
    since, until = query.moment("since"), query.moment("until")
    rows = await request.app[PROJECTIONS].incidents(
        since=since, until=until, service=query.text("service"), limit=MOST + 1
    )
    if len(rows) > MOST:
        raise InvalidInput(f"cannot measure more than {MOST} incidents at once: narrow since and until", "since")
    counted = [row for row in rows if row.status != "merged"]
    told = [each for row in counted if (each := await _measured(request, row.number)) is not None]
    groups: dict[str, list[Json]] = {}
    for each in told if by is not None else ():
        for name in _BY[by or ""](each):
            groups.setdefault(name, []).append(each)
    body = {
        "profile": profile, "since": answers.time(since), "until": answers.time(until), "by": by,
        **_counted(told, profile),
        "groups": [{"name": name, **_counted(found, profile)} for name, found in sorted(groups.items())],
    }  # fmt: skip
    return answers.fresh(request, answers.json(msgspec.convert(body, shapes.MeasuresOver)))


async def _measured(request: web.Request, number: int) -> Json | None:
    text = await request.app[MEASURES](number, None, {})
    found: Json | None = msgspec.json.decode(text) if text is not None else None
    return found


def _counted(told: Sequence[Json], profile: str) -> Json:
    """Each duration of the profile over these incidents, newest first."""
    columns: dict[str, list[tuple[Json, Json]]] = {}
    for each in told:
        for duration in each["profiles"][profile]:
            columns.setdefault(duration["name"], []).append((each, duration))
    return {"incidents": len(told), "measures": [_measure(name, found) for name, found in columns.items()]}


def _measure(name: str, found: Sequence[tuple[Json, Json]]) -> Json:
    spread = distribution([duration["micros"] for _, duration in found])
    first = found[0][1]
    return {
        "name": name, "term": first["term"], "formula": first["formula"], "known": spread.known, "of": spread.of,
        "median": _seconds(spread.median), "lower_quartile": _seconds(spread.lower),
        "upper_quartile": _seconds(spread.upper),
        "values": [
            {"incident": each["number"], "title": each["title"], "seconds": _seconds(duration["micros"]),
             "status": duration["status"], "why": duration["why"] or None}
            for each, duration in found
        ],
    }  # fmt: skip


def _shown(duration: Json) -> Json:
    ends = {side: {**duration[side], "at": answers.time(duration[side]["at"])} for side in ("from", "to")}
    micros = duration["micros"]
    return {name: value for name, value in duration.items() if name != "micros"} | ends | {"seconds": _seconds(micros)}


def _seconds(micros: float | None) -> float | None:
    return None if micros is None else micros / SECOND
