"""Exporters, which measure and are not what is measured."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

from collector.names.stages import environment_words
from collector.names.words import words_of

EXPORTERS = (
    "kube-state-metrics", "cadvisor", "kubelet", "prometheus", "alertmanager", "pushgateway", "blackbox", "exporter",
    "node", "probe", "probes", "snmp", "statsd", "windows", "federate", "kubernetes-nodes", "kubernetes-pods",
    "kubernetes-services", "kubernetes-service-endpoints", "kubernetes-apiservers", "kubernetes-nodes-cadvisor",
    "kubernetes-cadvisor", "apiserver", "telegraf", "node-metrics", "integrations/unix", "integrations/node",
    "nodes", "jmx", "collectd", "netdata",
)  # fmt: skip
"""Values of ``job`` that name who measures and not what is measured."""
_WHOLE = frozenset({"node", "nodes", "probe", "probes", "snmp", "statsd", "windows", "federate", "apiserver",
                    "telegraf", "jmx", "collectd", "netdata"})  # fmt: skip
"""Those that are words of services' names as well: they count only as a whole name."""


@lru_cache(maxsize=4096)
def is_exporter(text: str, exporters: tuple[str, ...] = EXPORTERS) -> bool:
    """Whether a text names an exporter, also behind a namespace or a release, and of an environment or a region.

    ``node``, ``nodeexporter`` and ``monitoring/prom-mysqld_exporter-eu`` do; ``graph-node`` does not.
    """
    segments = [_without_environment(words_of(segment)) for segment in text.split("/")]
    exporter_names, endings = _dashed(exporters)
    last = segments[-1]
    if (
        "-".join(filter(None, segments)) in exporter_names
        or last in exporter_names
        or last.replace("-", "") in _solid(exporters)
    ):
        return True
    return last.endswith(endings) or ("blackbox" in exporter_names and last.startswith("blackbox-"))


@lru_cache(maxsize=64)
def _dashed(exporters: tuple[str, ...]) -> tuple[frozenset[str], tuple[str, ...]]:
    """Their names with dashes between words, and what the names of exporters in a namespace or a release end in."""
    known = frozenset("-".join(words_of(each)) for each in exporters)
    return known, tuple([f"-{each}" for each in sorted(known - _WHOLE)])


@lru_cache(maxsize=64)
def _solid(exporters: tuple[str, ...]) -> frozenset[str]:
    """Names of several words, and those of usual exporters, as one word."""
    several = ["".join(words_of(each)) for each in exporters if len(words_of(each)) > 1]
    usual = (
        *_WHOLE,
        "mysqld",
        "mysql",
        "postgres",
        "redis",
        "mongodb",
        "blackbox",
        "process",
        "kafka",
        "elasticsearch",
    )
    return frozenset((*several, *(f"{each}exporter" for each in usual)))


def _without_environment(words: Sequence[str]) -> str:
    """Words joined by dashes, without environments and regions unless nothing else is there."""
    return "-".join(environment_words(words).others or words)


def is_of_the_cluster(job: str) -> bool:
    """Whether a ``job`` is one that measures everything from one place, so that its ``instance`` is its own."""
    return "-".join(words_of(job)).endswith("kube-state-metrics")
