"""What all of AWS's messages share: names of resources, texts, labels."""

from __future__ import annotations

from typing import Any

from collector import normalise
from collector.webhook import Reading

KIND = "aws"
RECIPE = "aws.1"

_NAMING = (
    "ServiceName", "FunctionName", "ApiName", "DBClusterIdentifier", "DBInstanceIdentifier", "QueueName", "TopicName",
    "CacheClusterId", "TableName", "DomainName", "AutoScalingGroupName", "StateMachineArn", "TargetGroup",
    "LoadBalancer",
)  # fmt: skip
"""Dimensions that name what is measured, the nearest to a service first."""


_WITH_IDS = frozenset({"app", "net", "gateway", "targetgroup"})


def text(value: object) -> str:
    """A value as one line; empty where it is no text and no number."""
    if isinstance(value, int) and not isinstance(value, bool):
        return str(normalise.tree(value))
    return normalise.line(value)


def inner(value: object, *keys: str) -> dict[str, Any]:
    """The object at these keys; empty where there is none."""
    for key in keys:
        value = value.get(key) if isinstance(value, dict) else None
    return value if isinstance(value, dict) else {}


def name_of(arn: str) -> str:
    """What a resource is called: what stands last in its ARN, ``checkout`` of ``…:service/cluster/checkout``."""
    return normalise.line(arn.rpartition(":")[2].rpartition("/")[2])


def service_of(labels: dict[str, str], reading: Reading) -> str | None:
    """The service: a label that names one, else the resource that is measured."""
    if found := normalise.service_of(labels, reading):
        return found
    return next((_resource(told) for name in _NAMING if (told := labels.get(name)) and _resource(told)), None)


def _resource(dimension: str) -> str:
    """The name in a dimension; of a load balancer (``app/checkout/50dc6c495c0c9188``) it stands in the middle."""
    parts = dimension.split("/")
    return parts[1] if len(parts) == 3 and parts[0] in _WITH_IDS else name_of(dimension)


def environment_of(labels: dict[str, str], group: str, reading: Reading) -> str | None:
    """The environment: a label that names one, else a group of machines that is called like one."""
    return normalise.environment_of({"namespace": group} | labels if group else labels, reading)
