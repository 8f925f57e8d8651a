"""Names as they are compared: of services, environments, hosts and people.

A team spells one thing in many ways. Here spellings become one key, and here
it is decided what is no name at all. Grouping, lists and sentences of absence
compare by these keys alone, so that each asks as the others do. Nothing here
knows a catalog (``correlation.catalog`` adds its aliases), and nothing changes
what the log keeps: events stay as they were sent. ``spelling`` chooses, of all
spellings of one name, the one that a draft shows.
"""

from __future__ import annotations

from collector.names.environments import (
    apart,
    elsewhere,
    environment_key,
    environments_match,
    fold_environment,
    in_production,
    narrowest,
    only_environment,
)
from collector.names.exporters import EXPORTERS, is_exporter, is_of_the_cluster
from collector.names.hosts import host_of
from collector.names.people import fold_person, is_automation
from collector.names.placeholders import NO_NAMES, is_placeholder
from collector.names.services import (
    OF_REPOSITORIES,
    SAY_NOTHING,
    ServiceName,
    environment_in,
    fold_repository,
    fold_service,
    says_nothing,
    service_name,
)
from collector.names.stages import AT_AN_END, ENVIRONMENTS, PRODUCTION

__all__ = [
    "AT_AN_END",
    "ENVIRONMENTS",
    "EXPORTERS",
    "NO_NAMES",
    "OF_REPOSITORIES",
    "PRODUCTION",
    "SAY_NOTHING",
    "ServiceName",
    "apart",
    "elsewhere",
    "environment_in",
    "environment_key",
    "environments_match",
    "fold_environment",
    "fold_person",
    "fold_repository",
    "fold_service",
    "host_of",
    "in_production",
    "is_automation",
    "is_exporter",
    "is_of_the_cluster",
    "is_placeholder",
    "narrowest",
    "only_environment",
    "says_nothing",
    "service_name",
]
