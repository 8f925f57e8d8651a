"""``/api/v1/openapi.json``: what can be asked for, made from the routes, their handlers' words, and the shapes of
bodies and answers.

What stands here by hand is which shape belongs to which route, and its
parameters; tests hold it to the routes, to what is answered, and to docs/api.md.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec
from aiohttp import web

from collector import __version__
from collector.people import ANSWERED
from collector.web import answers, payloads, shapes
from collector.web.incidents import OPTIONS
from collector.web.keys import ROOT
from collector.web.negotiation import LINES, MEDIA
from collector.web.problems import MEDIA_TYPE, Problem
from collector.web.requests import LATEST, MOST, Query
from renderers.choices import PROFILES

routes = web.RouteTableDef()
ADDRESS = "/api/v1/openapi.json"
Json = dict[str, Any]

_TEXT: Json = {"type": "string"}
_TIME: Json = {"type": "string", "format": "date-time"}
_NUMBER: Json = {"type": "integer", "minimum": 0, "maximum": LATEST}
_LIMIT: Json = {"type": "integer", "minimum": 1, "maximum": MOST}


def _word(*words: str) -> Json:
    return {"type": "string", "enum": list(words)}


_SHOWN: Mapping[str, Json] = dict.fromkeys(OPTIONS, _TEXT)
_DRAFT: Mapping[str, Json] = {"as_of": _TIME, "marks": _word("true", "false"), **_SHOWN}
_IN_PATH: Mapping[str, Json] = {
    "number": _NUMBER, "event": _TEXT, "delivery": _TEXT, "source": _TEXT, "token": _TEXT,
    "section": _word(*ANSWERED), "format": _word(*MEDIA),
}  # fmt: skip
_EXAMPLES: Mapping[str, Any] = {"number": 1, "event": "1", "delivery": "d1", "source": "alertmanager"}
"""Of what a log begins with."""
_OPENAPI: Json = {"type": "object"}
"""This description itself, which OpenAPI's own schema describes."""


class Operation(msgspec.Struct, frozen=True, kw_only=True):
    """What one address takes and gives by one method."""

    query: Mapping[str, Json] = {}
    """Parameter → its schema."""
    headers: Mapping[str, Json] = {}
    """The same of request headers."""
    required: tuple[str, ...] = ()
    body: Any = None
    """The shape of a JSON body."""
    raw: bool = False
    """Whether the body is whatever the sender sends."""
    answers: Mapping[int, Any] = {}
    """Status → the shape of a JSON answer, or the media types of another one."""


_KEY: Json = {"Idempotency-Key": {"type": "string", "minLength": 1, "maxLength": 200}}
_TAGGED: Json = {"If-None-Match": _TEXT}


def _states(body: Any) -> Operation:
    """A statement: 201 for a new fact, 200 for one that was stated before."""
    return Operation(body=body, headers=_KEY, answers={200: shapes.Stated, 201: shapes.Stated})


def _lists(shape: Any, /, **query: Json) -> Operation:
    """A list by pages: it has an ETag, and a row on each line where that is asked for."""
    return Operation(
        query=query, headers=_TAGGED | {"Accept": _TEXT}, answers={200: (shape, *LINES), 304: None}
    )  # fmt: skip


def _shows(shape: Any, /, *, tagged: bool = False, **query: Json) -> Operation:
    """A read; ``tagged``: it has an ETag."""
    return Operation(
        query=query,
        headers=_TAGGED if tagged else {},
        answers={200: shape, 304: None} if tagged else {200: shape},
    )


_ONE = "/api/v1/incidents/{number}"
OPERATIONS: Mapping[str, Operation] = {
    "GET /api/v1/openapi.json": _shows(_OPENAPI, tagged=True),
    "GET /api/v1/incidents": _lists(
        shapes.Incidents, status=_word("open", "resolved", "merged"), service=_TEXT, since=_TIME, until=_TIME,
        as_of=_TIME, before=_NUMBER, limit=_LIMIT,
    ),
    "POST /api/v1/incidents": _states(payloads.ReportBody),
    f"GET {_ONE}": _shows(shapes.Incident, tagged=True, as_of=_TIME),
    f"GET {_ONE}/events": _lists(
        shapes.Events, type=_TEXT, service=_TEXT, since=_TIME, until=_TIME, as_of=_TIME, zone=_TEXT, after=_NUMBER,
        limit=_LIMIT,
    ),
    f"GET {_ONE}/postmortem": Operation(
        query=_DRAFT, headers=_TAGGED | {"Accept": _TEXT}, answers={200: tuple(MEDIA.values()), 304: None}
    ),
    f"GET {_ONE}/postmortem.{{format}}": Operation(
        query=_DRAFT, headers=_TAGGED, answers={200: tuple(MEDIA.values()), 304: None}
    ),
    f"GET {_ONE}/postmortem/{{section}}": _shows(shapes.Section, tagged=True),
    f"PUT {_ONE}/postmortem/{{section}}": Operation(
        body=payloads.WritingBody, headers=_KEY | {"If-Match": _TEXT}, required=("If-Match",),
        answers={200: shapes.Stated, 201: shapes.Stated},
    ),
    f"GET {_ONE}/versions": _shows(shapes.Versions, tagged=True),
    f"GET {_ONE}/diff": Operation(
        query={"from": _TIME, "to": _TIME}, headers=_TAGGED, answers={200: shapes.Differences, 304: None}
    ),
    f"GET {_ONE}/publications": _shows(shapes.Publications, tagged=True),
    f"GET {_ONE}/metrics": _shows(shapes.Measures, tagged=True),
    "GET /api/v1/metrics": _shows(
        shapes.MeasuresOver, tagged=True, log=_TEXT, since=_TIME, until=_TIME, service=_TEXT,
        profile=_word(*PROFILES), by=_word("service", "severity", "detected_by"),
    ),
    f"POST {_ONE}/notes": _states(payloads.NoteBody),
    f"POST {_ONE}/actions": _states(payloads.ActionItemBody),
    f"POST {_ONE}/marks": _states(payloads.MarkBody),
    f"POST {_ONE}/join": _states(payloads.MoveBody),
    f"POST {_ONE}/leave": _states(payloads.MoveBody),
    f"POST {_ONE}/merge": _states(payloads.MergeBody),
    f"POST {_ONE}/split": _states(payloads.SplitBody),
    f"POST {_ONE}/resolve": _states(payloads.StatusBody),
    f"POST {_ONE}/reopen": _states(payloads.StatusBody),
    f"POST {_ONE}/edit": _states(payloads.EditBody),
    f"POST {_ONE}/review": _states(payloads.ReviewBody),
    f"POST {_ONE}/private": _states(payloads.RestrictionBody),
    f"POST {_ONE}/publish": Operation(
        body=payloads.PublicationBody, headers=_KEY, answers=dict.fromkeys((200, 201, 202), shapes.Published)
    ),
    f"POST {_ONE}/pull": Operation(
        body=payloads.PullBody, headers=_KEY, answers=dict.fromkeys((200, 201), shapes.Published)
    ),
    "GET /api/v1/events": _lists(
        shapes.Events, source=_TEXT, entity=_TEXT, service=_TEXT, type=_TEXT, incident=_NUMBER, since=_TIME,
        until=_TIME, order=_word("asc", "desc"), after=_NUMBER, before=_NUMBER, limit=_LIMIT,
    ),
    "GET /api/v1/events/stream": Operation(
        query={"type": _TEXT, "source": _TEXT, "after": _NUMBER, "beats": _word("true", "false")},
        headers={"Last-Event-ID": _NUMBER},
        answers={200: ("text/event-stream",)},
    ),
    "GET /api/v1/events/{event}": _shows(shapes.Whole, tagged=True),
    "POST /api/v1/events/{event}/correct": _states(payloads.CorrectionBody),
    "POST /api/v1/events/{event}/retract": _states(payloads.AmendmentBody),
    "GET /api/v1/why/{event}": _shows(shapes.Why),
    "POST /api/v1/erasures": Operation(
        body=payloads.ErasureBody, headers=_KEY, answers={200: shapes.Erasure, 201: shapes.Erasure}
    ),
    "POST /api/v1/imports/{source}": Operation(
        query={"form": _TEXT}, required=("form",), body=list[Any], answers=dict.fromkeys((200, 201), shapes.Imported)
    ),
    "POST /api/v1/replays": Operation(
        body=payloads.ReplayBody, headers=_KEY, answers=dict.fromkeys((200, 201), shapes.Replayed)
    ),
    "GET /api/v1/logs": _shows(shapes.Logs),
    "GET /api/v1/logs/incidents": _lists(
        shapes.LogIncidents, status=_word("open", "resolved", "merged"), service=_TEXT, since=_TIME, until=_TIME,
        limit=_LIMIT, cursor=_TEXT,
    ),
    "GET /api/v1/logs/events": _lists(
        shapes.LogEvents, source=_TEXT, type=_TEXT, service=_TEXT, entity=_TEXT, since=_TIME, until=_TIME,
        order=_word("asc", "desc"), limit=_LIMIT, cursor=_TEXT,
    ),
    "GET /api/v1/logs/stream": Operation(
        query={"type": _TEXT, "source": _TEXT, "cursor": _TEXT, "beats": _word("true", "false")},
        headers={"Last-Event-ID": _TEXT},
        answers={200: ("text/event-stream",)},
    ),
    "GET /api/v1/signals": _lists(shapes.Signals, after=_TEXT, limit=_LIMIT),
    "GET /api/v1/sources": _shows(shapes.SourceList),
    "GET /api/v1/deliveries": _lists(
        shapes.Deliveries, source=_TEXT, status=_word("read", "unrecognised", "malformed", "refused", "redacted"),
        before=_TEXT,
        limit=_LIMIT,
    ),
    "GET /api/v1/deliveries/{delivery}": _shows(shapes.Delivery),
    "GET /api/v1/deliveries/{delivery}/body": Operation(answers={200: ("application/octet-stream",)}),
    "POST /webhooks/{source}": Operation(raw=True, answers={200: shapes.Stored, 202: shapes.Stored}),
    "POST /webhooks/{source}/{token}": Operation(raw=True, answers={200: shapes.Stored, 202: shapes.Stored}),
    "OPTIONS /webhooks/{source}": Operation(answers={200: None, 204: None}),
    "OPTIONS /webhooks/{source}/{token}": Operation(answers={200: None, 204: None}),
    "GET /-/healthy": _shows(shapes.Healthy),
    "GET /-/ready": Operation(answers=dict.fromkeys((200, 503), shapes.Ready)),
    "POST /-/reload": Operation(answers={200: shapes.Reloaded}),
    "GET /metrics": Operation(
        headers={"Accept": _TEXT}, answers={200: ("text/plain", "application/openmetrics-text")}
    ),
}  # fmt: skip
"""Method and address → what it takes and gives. Pages for people are none of it."""


@routes.get(ADDRESS)
async def openapi(request: web.Request) -> web.Response:
    """This description, as OpenAPI 3.1."""
    Query(request)
    return answers.with_etag(request, answers.json(document(request.app.router.routes(), request.app[ROOT])))


def document(served: Iterable[web.AbstractRoute], root: str = "") -> Json:
    """The description of these routes, as a client reaches them below ``root``."""
    shaped = [each for each in _shapes() if not isinstance(each, dict)]
    _, components = msgspec.json.schema_components(shaped, ref_template="#/components/schemas/{name}")
    paths: dict[str, Json] = {}
    for route in served:
        path = route.resource.canonical if route.resource is not None else ""
        operation = OPERATIONS.get(f"{route.method} {path}")
        if operation is not None:
            paths.setdefault(path, {})[route.method.lower()] = _described(route, path, operation)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "timelined",
            "version": __version__,
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": root or "/"}],
        "security": [{"token": []}, {"password": []}, {}],
        "paths": paths,
        "components": {
            "schemas": components,
            "securitySchemes": {
                "token": {"type": "http", "scheme": "bearer"},
                "password": {"type": "http", "scheme": "basic"},
            },
        },
    }


def _shapes() -> list[Any]:
    """Every shape, each once."""
    by_name: dict[str, Any] = {"Problem": Problem}
    for operation in OPERATIONS.values():
        answered = (
            one for each in operation.answers.values() for one in (each if isinstance(each, tuple) else (each,))
        )
        for shape in (operation.body, *answered):
            if isinstance(shape, type) and issubclass(shape, msgspec.Struct):
                by_name[shape.__name__] = shape
    return list(by_name.values())


def _described(route: web.AbstractRoute, path: str, operation: Operation) -> Json:
    words = " ".join((inspect.getdoc(route.handler) or "").split("\n\n")[0].split())
    described: Json = {
        "summary": words,
        "operationId": f"{route.method.lower()}{re.sub(r'[^a-z]+', '_', path)}".strip("_"),
        "parameters": [
            *({"name": each, "in": "path", "required": True, "schema": _IN_PATH[each],
               **({"example": _EXAMPLES[each]} if each in _EXAMPLES else {})}
              for each in re.findall(r"{(\w+)}", path)),
            *_parameters("query", operation.query, operation.required),
            *_parameters("header", operation.headers, operation.required),
        ],
        "responses": {
            **{str(status): _answer(status, shape) for status, shape in operation.answers.items()},
            "default": {
                "description": "An error (RFC 9457).",
                "content": {MEDIA_TYPE: {"schema": _schema(Problem)}},
            },
        },
    }  # fmt: skip
    if operation.body is not None:
        described["requestBody"] = {
            "required": True, "content": {"application/json": {"schema": _schema(operation.body)}}
        }  # fmt: skip
    if operation.raw:
        described["requestBody"] = {"required": True, "content": {"application/json": {"schema": {}}}}
    return described


def _parameters(where: str, schemas: Mapping[str, Json], required: tuple[str, ...]) -> list[Json]:
    return [
        {
            "name": name,
            "in": where,
            "required": name in required,
            "schema": schema if name in required else _or_empty(schema, where),
        }
        for name, schema in schemas.items()
    ]


def _or_empty(schema: Json, where: str) -> Json:
    """An empty parameter of the query is an absent one: a form sends it so."""
    return {"anyOf": [schema, {"const": ""}]} if where == "query" else schema


def _answer(status: int, shape: Any) -> Json:
    described: Json = {"description": _SAID.get(status, "The answer.")}
    if isinstance(shape, tuple):
        named = (("application/json", _schema(one)) if not isinstance(one, str) else (one, {}) for one in shape)
        described["content"] = {media.partition(";")[0]: {"schema": schema} for media, schema in named}
    elif shape is not None:
        described["content"] = {"application/json": {"schema": _schema(shape)}}
    return described


_SAID = {
    201: "Something new was recorded.", 202: "It was taken.", 204: "There is nothing to say.",
    304: "It is what the client has.", 503: "It cannot work now.",
}  # fmt: skip


def _schema(shape: Any) -> Json:
    if isinstance(shape, dict):
        return shape
    if isinstance(shape, type) and issubclass(shape, msgspec.Struct):
        return {"$ref": f"#/components/schemas/{shape.__name__}"}
    return msgspec.json.schema(shape)
