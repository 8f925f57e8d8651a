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
from collector.projections import IncidentRow
from collector.web import answers, shapes, statements
from collector.web.distribution import distribution
from collector.web.each_log import ReadLogs, asked_logs, need_one, read_each
from collector.web.keys import MEASURES, PROJECTIONS, OneLog
from collector.web.requests import MOST, Query
from renderers.choices import PROFILES

routes = web.RouteTableDef()
ADDRESS = "/api/v1/metrics"
"""Where the durations over several incidents are asked for."""
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
    measured = await _measured(request.app, row.number)
    if measured is None:
        raise NotFound(f"cannot measure incident {row.number}: nothing is known of it", "number")
    profiles = {name: [_duration(each) for each in durations] for name, durations in measured["profiles"].items()}
    body = {
        "incident": row.number,
        "private": row.private,
        "detected_by": measured["detected_by"],
        "profiles": profiles,
    }
    shown = msgspec.convert(body, shapes.Measures)
    return answers.with_etag(request, answers.json(shown, headers=statements.moved(request, row)))


@routes.get(ADDRESS)
async def over_several(request: web.Request) -> web.Response:
    """The durations over incidents: the list, how many know them, median and quartiles, and never a mean.

    Where the daemon serves several logs, over the incidents of all of them.
    """
    query = Query(request, "log", "since", "until", "service", "profile", "by")
    profile = query.one_of("profile", *PROFILES) or "timelined"
    by = query.one_of("by", *_BY)
    since, until = query.moment("since"), query.moment("until")
    asked = {"since": since, "until": until, "service": query.text("service")}
    measured, away = await _measured_incidents(asked_logs(request, query.text("log")), asked)
    groups: dict[str, list[Json]] = {}
    for each in measured if by is not None else ():
        for name in _BY[by or ""](each):
            groups.setdefault(name, []).append(each)
    body = {
        "profile": profile, "since": answers.time(since), "until": answers.time(until), "by": by,
        **_counted(measured, profile),
        "groups": [{"name": name, **_counted(found, profile)} for name, found in sorted(groups.items())],
        **({"not_counted": away} if away else {}),
    }  # fmt: skip
    return answers.with_etag(request, answers.json(msgspec.convert(body, shapes.MeasuresOver)))


async def _measured_incidents(
    logs: Sequence[OneLog], filters: Mapping[str, Any]
) -> tuple[list[Json], Mapping[str, str]]:
    """What is known of the incidents of these logs, the newest first; each log that could not be read, and why."""

    async def listed(log: OneLog) -> Sequence[IncidentRow]:
        return await log.app[PROJECTIONS].incidents(limit=MOST + 1, **filters)

    rows = await read_each(logs, listed)
    if sum(len(found) for _, found in rows.answers) > MOST:
        raise InvalidInput(f"cannot measure more than {MOST} incidents at once: narrow since and until", "since")
    of = {log.name: found for log, found in rows.answers}

    async def measured(log: OneLog) -> list[tuple[int, Json]]:
        counted = [row for row in of[log.name] if row.status != "merged"]
        found = [(row.started_at, await _measured(log.app, row.number)) for row in counted]
        return [(began, told | {"log": log.name}) for began, told in found if told is not None]

    # A log that goes away meanwhile is left out whole: no figure is of half of a log.
    read = await read_each([log for log, _ in rows.answers], measured)
    away = dict(sorted({**rows.away, **read.away}.items()))
    need_one(ReadLogs(read.answers, away), "measure incidents")
    every = sorted((each for _, found in read.answers for each in found), key=lambda each: -each[0])
    return [told for _, told in every], away


async def _measured(app: web.Application, number: int) -> Json | None:
    text = await app[MEASURES](number, None, {"people": "names"})
    found: Json | None = msgspec.json.decode(text) if text is not None else None
    return found


def _counted(measured: Sequence[Json], profile: str) -> Json:
    """Each duration of the profile over these incidents, newest first."""
    columns: dict[str, list[tuple[Json, Json]]] = {}
    for each in measured:
        for duration in each["profiles"][profile]:
            columns.setdefault(duration["name"], []).append((each, duration))
    return {"incidents": len(measured), "measures": [_measure(name, found) for name, found in columns.items()]}


def _measure(name: str, durations: Sequence[tuple[Json, Json]]) -> Json:
    spread = distribution([duration["micros"] for _, duration in durations])
    first = durations[0][1]
    return {
        "name": name, "term": first["term"], "formula": first["formula"], "known": spread.count, "of": spread.of,
        "median": _seconds(spread.median), "lower_quartile": _seconds(spread.lower),
        "upper_quartile": _seconds(spread.upper),
        "values": [
            {"log": each["log"], "incident": each["number"], "private": each["private"], "title": each["title"],
             "seconds": _seconds(duration["micros"]), "status": duration["status"], "why": duration["why"] or None}
            for each, duration in durations
        ],
    }  # fmt: skip


def _duration(duration: Json) -> Json:
    ends = {side: {**duration[side], "at": answers.time(duration[side]["at"])} for side in ("from", "to")}
    micros = duration["micros"]
    return {name: value for name, value in duration.items() if name != "micros"} | ends | {"seconds": _seconds(micros)}


def _seconds(micros: float | None) -> float | None:
    return None if micros is None else micros / SECOND
