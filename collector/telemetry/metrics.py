"""What the daemon counts of itself as it works, in the terms of Prometheus' client library.

Whoever does something says it here in one call, after the fact; nothing is read back but by a scrape. What can be
looked up when somebody asks (positions, lags, sizes) is not counted here: see ``daemon/gauges.py``. Label values are
names of configured sources and words of our own, never what a sender wrote: a series costs memory for good.
"""

from __future__ import annotations

import platform
from collections import Counter as Counts
from collections.abc import Callable, Iterable
from functools import cache
from time import perf_counter
from typing import NamedTuple, TypeVar

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    GCCollector,
    Histogram,
    ProcessCollector,
    disable_created_metrics,
)

from collector import __version__
from collector.event import SECOND

NO_SOURCE = ""
"""Stands for a name that is no source's: what was asked for may be a token."""

_STORED = ("stored", "repeated", "unrecognised", "malformed")
_REFUSED = {401: "unauthorized", 404: "unauthorized", 413: "too_large", 415: "unsupported", 503: "unavailable"}
_OTHERWISE = "refused"
OUTCOMES = (*_STORED, *dict.fromkeys(_REFUSED.values()), _OTHERWISE)
"""What becomes of a delivery."""
JOB_OUTCOMES = ("done", "failed")
"""How a run of a job ends."""

# A series more for each counter, of which Prometheus makes nothing by default.
disable_created_metrics()  # type: ignore[no-untyped-call]

_ANSWERING = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
_COMMITTING = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
_ARRIVING = (1, 5, 15, 60, 300, 1800, 3600, 21_600, 86_400)


Labelled = TypeVar("Labelled", Counter, Gauge, Histogram)


def _series(metric: Labelled) -> Callable[..., Labelled]:
    """A metric's series by the values of their labels; each is looked up once, under the client's lock."""
    return cache(metric.labels)


class DeliveryOutcome(NamedTuple):
    """What is counted of a delivery in the log. Times are µs UTC."""

    source: str
    status: str
    """How it was read."""
    received_at: int
    latest: int
    """When its latest event happened."""
    new: int
    """How many of its events are new."""
    repeated: bool
    """Whether it has events, and none of them is new."""

    @property
    def outcome(self) -> str:
        """One of :data:`OUTCOMES`."""
        return "repeated" if self.repeated else self.status if self.status in _STORED else "stored"


class Metrics:
    """Counters and histograms of one process, each in :attr:`registry` from the start, so that a rate begins at 0."""

    def __init__(self, sources: Iterable[str] = ()) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        GCCollector(registry=self.registry)
        build = Gauge(
            "timelined_build_info",
            "Always 1; the labels say which version runs on which Python.",
            ("version", "python"),
            registry=self.registry,
        )
        build.labels(__version__, platform.python_version()).set(1)
        self._requests = Histogram(
            "timelined_http_request_duration_seconds",
            "Seconds from a request's headers to its answer, without the sending of it.",
            ("handler", "method", "code"),
            buckets=_ANSWERING,
            registry=self.registry,
        )
        self._requests_of = _series(self._requests)
        self.in_flight = 0
        """Requests that are being answered; whoever answers them counts here."""
        Gauge(
            "timelined_http_requests_in_flight", "Requests that are being answered.", registry=self.registry
        ).set_function(lambda: self.in_flight)
        self._begin_sources()
        self._begin_jobs()
        self._commits = Histogram(
            "timelined_commit_duration_seconds",
            "Seconds that a transaction took, the sync to the disk included.",
            buckets=_COMMITTING,
            registry=self.registry,
        )
        self._failures = Counter(
            "timelined_commit_failures_total", "Transactions that stored nothing.", registry=self.registry
        )
        self.begin(sources)
        for outcome in dict.fromkeys((*_REFUSED.values(), _OTHERWISE)):
            self._deliveries.labels(NO_SOURCE, outcome)

    def _begin_sources(self) -> None:
        self._deliveries = Counter(
            "timelined_deliveries_total",
            "Deliveries by what became of them; those that name no source have an empty one.",
            ("source", "outcome"),
            registry=self.registry,
        )
        self._events = Counter(
            "timelined_events_stored_total", "Events that were not known before.", ("source",), registry=self.registry
        )
        self._lag = Histogram(
            "timelined_event_lag_seconds",
            "Seconds from the latest event of a delivery with news to its arrival.",
            ("source",),
            buckets=_ARRIVING,
            registry=self.registry,
        )
        self._last = Gauge(
            "timelined_source_last_delivery_timestamp_seconds",
            "When a delivery of this source was stored last; 0 where none was since the start.",
            ("source",),
            registry=self.registry,
        )
        self._happened = Gauge(
            "timelined_source_last_event_timestamp_seconds",
            "When the latest event of the source's last delivery with news happened; 0 where none was since the start.",
            ("source",),
            registry=self.registry,
        )
        self._skew = Gauge(
            "timelined_source_clock_ahead_seconds",
            "By how much the latest event of the source's last delivery with news lay in our future.",
            ("source",),
            registry=self.registry,
        )
        self._deliveries_of, self._events_of = _series(self._deliveries), _series(self._events)
        self._lag_of, self._last_of = _series(self._lag), _series(self._last)
        self._happened_of, self._skew_of = _series(self._happened), _series(self._skew)

    def _begin_jobs(self) -> None:
        self._runs = Counter(
            "timelined_job_runs_total", "Runs of a job, by how they ended.", ("task", "outcome"), registry=self.registry
        )
        self._succeeded = Gauge(
            "timelined_job_last_success_timestamp_seconds",
            "When a job was done last; 0 where it was not since the start.",
            ("task",),
            registry=self.registry,
        )
        self._failed = Gauge(
            "timelined_job_last_failure_timestamp_seconds",
            "When a run of a job failed last; 0 where none did since the start.",
            ("task",),
            registry=self.registry,
        )
        self._took = Gauge(
            "timelined_job_last_duration_seconds", "How long the last run of a job took.", ("task",),
            registry=self.registry,
        )  # fmt: skip
        self._misfires = Counter(
            "timelined_job_misfires_total", "Times a job was due while its last run went on; they become one run.",
            ("task",), registry=self.registry,
        )  # fmt: skip
        self._clock = Counter(
            "timelined_clock_step_seconds_total", "Seconds by which this machine's clock was set, either way.",
            registry=self.registry,
        )  # fmt: skip

    def begin(self, sources: Iterable[str]) -> None:
        """There are these sources: each series of theirs begins at 0."""
        for source in sources:
            self._begin(source)

    def _begin(self, source: str) -> None:
        for outcome in OUTCOMES:
            self._deliveries.labels(source, outcome)
        for each in (self._events, self._lag, self._last, self._happened, self._skew):
            each.labels(source)

    def answered(self, handler: str, method: str, code: int, seconds: float) -> None:
        """A request was answered; ``handler`` is the pattern of its address, never the address itself."""
        self._requests_of(handler, method, str(code)).observe(seconds)

    def stored(self, deliveries: Iterable[DeliveryOutcome]) -> None:
        """These deliveries are in the log now, by one commit."""
        outcomes: Counts[tuple[str, str]] = Counts()
        events: Counts[str] = Counts()
        last: dict[str, DeliveryOutcome] = {}
        last_with_news: dict[str, DeliveryOutcome] = {}
        for delivery in deliveries:
            outcomes[delivery.source, delivery.outcome] += 1
            last[delivery.source] = delivery
            if delivery.new:
                events[delivery.source] += delivery.new
                last_with_news[delivery.source] = delivery
                self._lag_of(delivery.source).observe((delivery.received_at - delivery.latest) / SECOND)
        for outcome, count in outcomes.items():
            self._deliveries_of(*outcome).inc(count)
        for source, count in events.items():
            self._events_of(source).inc(count)
        for source, delivery in last.items():
            self._last_of(source).set(delivery.received_at / SECOND)
        for source, delivery in last_with_news.items():
            self._happened_of(source).set(delivery.latest / SECOND)
            self._skew_of(source).set(max(delivery.latest - delivery.received_at, 0) / SECOND)

    def refused(self, source: str | None, code: int) -> None:
        """A delivery was refused; None for the source where it named none that there is."""
        self._deliveries_of(source or NO_SOURCE, _REFUSED.get(code, _OTHERWISE)).inc()

    def job(self, name: str) -> None:
        """There is this job."""
        for outcome in JOB_OUTCOMES:
            self._runs.labels(name, outcome)
        for each in (self._succeeded, self._failed, self._took, self._misfires):
            each.labels(name)

    def ran(self, job: str, outcome: str, seconds: float) -> None:
        """A run of a job ended; ``outcome`` is of :data:`JOB_OUTCOMES`."""
        self._runs.labels(job, outcome).inc()
        self._took.labels(job).set(seconds)
        (self._succeeded if outcome == "done" else self._failed).labels(job).set_to_current_time()

    def misfired(self, job: str) -> None:
        """A job was due while it ran."""
        self._misfires.labels(job).inc()

    def clock_set(self, seconds: float) -> None:
        """This machine's clock was set by so much."""
        self._clock.inc(abs(seconds))

    def committed(self, begun: float, stored: bool) -> None:
        """A transaction ended that had begun at this reading of :func:`time.perf_counter`."""
        self._commits.observe(perf_counter() - begun)
        if not stored:
            self._failures.inc()
