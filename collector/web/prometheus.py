"""``/metrics``, as a Prometheus server scrapes it, and the count of every request.

What is looked up for a scrape comes from :data:`collector.web.keys.GAUGES`; what is counted is the application's
:class:`collector.telemetry.metrics.Metrics`. Where an API token is set, ``/metrics`` asks for it: it names sources.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from time import perf_counter

from aiohttp import web
from aiohttp.typedefs import Handler
from prometheus_client import Metric
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector

from collector.web.keys import GAUGES, METRICS
from collector.web.places import STREAMS
from collector.web.requests import Query

routes = web.RouteTableDef()

ADDRESS = "/metrics"
_METHODS = frozenset(("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"))
_OTHER = "other"


@routes.get(ADDRESS)
async def metrics(request: web.Request) -> web.Response:
    """Everything that is counted and looked up, as text or OpenMetrics, whichever is asked for."""
    Query(request)
    return _encoded(request, _Both(request.app[METRICS].registry.collect(), await request.app[GAUGES]()))


async def looked_up(request: web.Request) -> web.Response:
    """The same, where all of it is looked up."""
    Query(request)
    return _encoded(request, _Both((), await request.app[GAUGES]()))


def _encoded(request: web.Request, told: _Both) -> web.Response:
    encode, content_type = choose_encoder(request.headers.get("Accept", ""))
    return web.Response(body=encode(told), headers={"Content-Type": content_type})


@web.middleware
async def count(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Count a request by the pattern of its address, and how long its answer took."""
    if request.path in STREAMS:
        # How long somebody listened is no measure of an answer.
        return await handler(request)
    counters, begun, code = request.app[METRICS], perf_counter(), 500
    counters.in_flight += 1
    try:
        response = await handler(request)
        code = response.status
        return response
    finally:
        counters.in_flight -= 1
        counters.answered(_pattern(request), _method(request), code, perf_counter() - begun)


def _pattern(request: web.Request) -> str:
    resource = request.match_info.route.resource
    return "(none)" if resource is None else resource.canonical


def _method(request: web.Request) -> str:
    return request.method if request.method in _METHODS else _OTHER


class _Both(Collector):
    """What is counted, then what was looked up."""

    def __init__(self, counted: Iterable[Metric], looked_up: Sequence[Metric]) -> None:
        self._counted, self._looked_up = counted, looked_up

    def collect(self) -> Iterable[Metric]:
        """All of it, in this order."""
        return self._all()

    def _all(self) -> Iterator[Metric]:
        yield from self._counted
        yield from self._looked_up
