"""What a scrape looks up: where log and lists are, how large they are, and whether the daemon is ready.

Of what is not known, because the database does not answer say, there is no sample: a gauge never tells an old value.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from prometheus_client import Metric
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.samples import Sample

from collector.event import SECOND
from collector.following import Vitals
from collector.projections import lists_path
from collector.proof.upkeep import Upkeep
from collector.web import Readiness

Families = Sequence[Metric]
"""What a scrape is told of, each with its samples."""
_PARTS = ("", "-wal")


def families(
    state: Readiness, incidents: Mapping[str, int], sizes: Mapping[str, int], waiting: int, aside: int | None
) -> list[Metric]:
    """Everything looked up; ``incidents`` by their state, ``sizes`` from :func:`sizes`, ``waiting`` in bytes, and how
    many events are set ``aside``, None where lists cannot be read."""
    facts = state.facts
    metrics = [
        ready(state.ready),
        _gauge("timelined_queue_events", "Events that wait for their commit.", facts.get("queue")),
        _gauge("timelined_queue_bytes", "Bytes of the bodies that wait for their commit.", waiting),
        _gauge("timelined_log_position", "The position of the last event.", facts.get("position")),
        _gauge("timelined_log_sealed_position", "Up to which position the log is sealed.", facts.get("sealed")),
        _gauge("timelined_sealing_failed", "Whether the last pass could not seal.", _fails(facts.get("sealing"))),
        _gauge("timelined_lists_lag_events", "Events that grouping has still to take in.", facts.get("lag")),
        _gauge("timelined_lists_failed", "Whether anything keeps lists from being whole.", _fails(facts.get("lists"))),
        _gauge("timelined_events_set_aside", "Events that grouping could not take, and goes on without.", aside),
        _info("timelined_log_info", "Always 1; the labels say which log this is, and on which server.", facts),
        _gauge("timelined_follower_leader", "Whether this daemon is the one that groups.", _flag(facts.get("follows"))),
    ]
    by_state = GaugeMetricFamily("timelined_incidents", "Incidents by their state.", labels=("state",))
    for name, number in incidents.items():
        by_state.add_metric((name,), number)
    metrics.append(by_state)
    metrics += [_gauge(name, _SIZES[name], size) for name, size in sizes.items()]
    return metrics


_SIZES = {
    "timelined_log_size_bytes": "Bytes of the log's file and its write-ahead log.",
    "timelined_lists_size_bytes": "Bytes of the file of lists and its write-ahead log.",
    "timelined_disk_free_bytes": "Bytes that are free for us where the log lies.",
}


def following(vitals: Vitals) -> list[Metric]:
    """How the follower is: its process, where it has one of its own, and the drafts it wrote since we started."""
    own = vitals.process is not None
    memory = _resident(vitals.process) if vitals.process else (0 if own else None)
    return [
        _gauge("timelined_follower_running", "Whether the follower's process is there.", _flag(vitals.process)),
        _gauge("timelined_follower_resident_memory_bytes", "Memory of the follower's process.", memory),
        _count("timelined_follower_restarts", "Times the follower's process ended and was started again.",
               vitals.restarts if own else None),
        _count("timelined_drafts_written", "Drafts written to the folder of drafts.", vitals.drafts),
        _count("timelined_draft_failures", "Drafts that could not be rendered or written.", vitals.draft_failures),
    ]  # fmt: skip


def ready(well: bool) -> Metric:
    """Whether deliveries can be stored."""
    return _gauge("timelined_ready", "Whether deliveries can be stored; /-/ready says why not.", int(well))


def of_daemon(own: Iterable[Metric], more: Iterable[Metric], logs: Mapping[str, Iterable[Metric]]) -> list[Metric]:
    """What a daemon over several logs tells: of itself once, and of each log with the label ``log``.

    A name is told once, of all of them together. ``own`` and ``more`` are of the daemon, ``logs`` of each log.
    """
    by_name = {family.name: family for family in (*own, *more) if family.name.startswith((*_OF_PROCESS, *_OF_BOTH))}
    for name, families in logs.items():
        for family in families:
            if family.name.startswith(_OF_PROCESS):
                continue
            whole = by_name.setdefault(family.name, Metric(family.name, family.documentation, family.type, family.unit))
            whole.samples += [_of_log(sample, name) for sample in family.samples]
    return [*by_name.values()]


_OF_PROCESS = ("process_", "python_", "timelined_build_info", "timelined_config_")
"""What names of metrics begin with that are the same whatever log is asked of."""
_OF_BOTH = ("timelined_http_",)
"""Likewise of those that a daemon has for its own addresses, too, without the label."""


def _of_log(sample: Sample, name: str) -> Sample:
    """A sample with the log's name; that which says which log it is has its identity under another label then."""
    labels = dict(sample.labels)
    if "log" in labels:
        labels["identity"] = labels["log"]
    return sample._replace(labels={**labels, "log": name})


def reloads(well: bool, at: float) -> list[Metric]:
    """Whether the last reload was taken in, and since when the configuration in force is."""
    return [
        _gauge("timelined_config_last_reload_successful", "Whether the last reload was taken in.", int(well)),
        _gauge(
            "timelined_config_last_reload_success_timestamp_seconds", "Since when the configuration is in force.", at
        ),
    ]


def upkeep(kept: Mapping[str, Upkeep]) -> list[Metric]:
    """When the log was last verified and backed up, as those commands left word."""
    verify, backup, restore = kept.get("verify"), kept.get("backup"), kept.get("restore")
    return [
        _gauge("timelined_last_verify_timestamp_seconds", "When the log was verified last.", _at(verify)),
        _gauge("timelined_last_verify_success", "Whether the log was what it was then.", _well(verify)),
        _gauge("timelined_last_backup_timestamp_seconds", "When a backup was made and checked last.", _at(backup)),
        _gauge("timelined_last_backup_success", "Whether the last try to make one went well.", _well(backup)),
        _gauge("timelined_last_restore_timestamp_seconds", "When a backup was restored on trial last.", _at(restore)),
    ]


def _at(done: Upkeep | None) -> float | None:
    return None if done is None else done.at / SECOND


def _well(done: Upkeep | None) -> int | None:
    return None if done is None else int(done.well)


def _resident(process: int) -> int | None:
    """Bytes of memory that a process has; None where the system does not say."""
    try:
        pages = int(Path(f"/proc/{process}/statm").read_text("ascii").split()[1])
    except (OSError, ValueError, IndexError):
        return None
    return pages * os.sysconf("SC_PAGE_SIZE")


def sizes(log: Path) -> dict[str, int]:
    """How large files are, and how much room there is; what cannot be looked at is left out."""
    by_metric: dict[str, int] = {}
    try:
        by_metric["timelined_log_size_bytes"] = _size(log)
        disk = os.statvfs(log)
        by_metric["timelined_disk_free_bytes"] = disk.f_bavail * disk.f_frsize
        by_metric["timelined_lists_size_bytes"] = _size(lists_path(log))
    except OSError:
        # A file may be gone at this moment: readiness says so.
        return by_metric
    return by_metric


def _size(path: Path) -> int:
    return sum(part.stat().st_size for suffix in _PARTS if (part := Path(f"{path}{suffix}")).exists())


def _info(name: str, meaning: str, facts: Mapping[str, Any]) -> Metric:
    family = GaugeMetricFamily(name, meaning, labels=("log", "server", "timeline"))
    family.add_metric([str(facts.get(label) or "") for label in ("log", "server", "timeline")], 1)
    return family


def _gauge(name: str, meaning: str, value: Any) -> Metric:
    family = GaugeMetricFamily(name, meaning)
    if value is not None:
        family.add_metric((), value)
    return family


def _count(name: str, meaning: str, value: int | None) -> Metric:
    family = CounterMetricFamily(name, meaning)
    if value is not None:
        family.add_metric((), value)
    return family


def _flag(value: object) -> int | None:
    return None if value is None else int(bool(value))


def _fails(said: object) -> int | None:
    return None if said is None else int(said != "well")
