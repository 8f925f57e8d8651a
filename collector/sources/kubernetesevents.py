"""Kubernetes' events, by kubernetes-event-exporter: https://github.com/resmoio/kubernetes-event-exporter

Its receiver ``webhook`` without a layout is read. Kubernetes writes the same
event again with a higher count; each is told. Only reasons that speak of a
fault or of a change of size are told, all else is set aside.
"""

from __future__ import annotations

from collector.sources.mapping import source_of
from collector.webhook import FieldMap, Sample

KIND = "kubernetesevents"
RECIPE = "kubernetesevents.1"

_COUNT = "(series.count || count)"
_AGAIN = f"type({_COUNT}) == 'number' && {_COUNT} > `1`"
_BEGAN = "(firstTimestamp || series && eventTime)"
_TOLD = (
    "OOMKilling", "OOMKilled", "BackOff", "CrashLoopBackOff", "FailedScheduling", "FailedMount", "FailedCreate",
    "Unhealthy", "NodeNotReady", "Evicted", "Killing", "ScalingReplicaSet", "SuccessfulRescale", "NodeHasDiskPressure",
    "SystemOOM", "Rebooted",
)  # fmt: skip

MAPPING = FieldMap(
    id=f"[metadata.uid, {_COUNT}, metadata.resourceVersion]",
    entity="join('/', [involvedObject.kind || '', involvedObject.namespace || '', involvedObject.name || ''])",
    # What names no reason or no event is none of Kubernetes'.
    type="metadata.uid && reason",
    types=dict.fromkeys(_TOLD, "observation.recorded") | {"*": "none"},
    time="series.lastObservedTime || eventTime || lastTimestamp || firstTimestamp",
    title="join(': ', [reason, involvedObject.name || involvedObject.kind || 'an object'])",
    # How often by then, and since when, is all that tells one of a hundred from the first.
    text=f"({_AGAIN}) && message && join('', [message, ' (', to_string({_COUNT}), ' times', "
    f"{_BEGAN} && join(' ', [' since', {_BEGAN}]) || '', ')']) || message",
    # What runs a service is called like it; a pod has letters of its own.
    service_else="contains(['Deployment', 'StatefulSet', 'DaemonSet', 'HorizontalPodAutoscaler'], "
    "involvedObject.kind || '') && involvedObject.name || ''",
    labels="merge(involvedObject.labels || `{}`, {namespace: involvedObject.namespace, cluster: clusterName})",
    status="reason",
    data={"subject": "involvedObject.kind"},
)

SOURCE = source_of(
    MAPPING,
    recipe=RECIPE,
    kind=KIND,
    sample=Sample(
        body='{"metadata": {"uid": "timelined-test"}, "reason": "Pulled", "message": "A test of timelined"}',
    ),
    called="Kubernetes",
    families=(),
    paste="in the exporter's configuration, receivers: webhook: endpoint: {address}",
    retries=False,
    identity=(
        *("/metadata/uid", "/metadata/resourceVersion", "/count", "/series/count", "/reason"),
        *("/involvedObject/kind", "/involvedObject/namespace", "/involvedObject/name"),
    ),
)
