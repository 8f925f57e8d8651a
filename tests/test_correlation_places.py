"""Which events are one incident: what of it is of several environments."""

from __future__ import annotations

from typing import Any

from tests.groupings import grouped, only, rule_of, sizes
from tests.stories import firing, low, page

BY: dict[str, Any] = {"group": "g1", "by": ("alertname", "service")}
"""As Alertmanager groups alerts of every environment that it watches."""


def test_a_group_ties_no_two_environments() -> None:
    """One group of Alertmanager may hold alerts of production and staging, or of two regions: they stay apart."""
    europe = firing("A", 0, environment="production-eu", **BY)
    assert sizes(europe, firing("B", 3, environment="production-us", **BY)) == [1, 1]
    assert sizes(europe, firing("B", 3, environment="staging", **BY)) == [1, 1]
    assert sizes(europe, firing("B", 3, environment="production", **BY)) == [2]
    assert sizes(europe, firing("B", 3, environment="eu-production", **BY)) == [2]


def test_a_low_alert_of_another_environment_is_not_in_for_its_group() -> None:
    """What staging warns of is no symptom of production, though one notification tells both."""
    warning = low("W", 2, environment="staging", **BY)
    assert rule_of(warning, firing("A", 0, environment="production", **BY)) == "other environment"
    assert rule_of(low("W", 2, environment="production", **BY), firing("A", 0, environment="prod", **BY)) in {
        "alert_group",
        "service",
    }


def test_a_page_is_one_for_all_that_it_is_about() -> None:
    """Whoever was paged for a group looks after all of it, wherever it is."""
    paged = page("1", "triggered", 1, refs=("alertgroup:g1",))
    alerts = [firing("A", 0, environment="production", **BY), firing("B", 3, environment="staging", **BY)]
    assert len(only(paged, *alerts).members) == 3


def test_what_names_no_environment_is_of_production_rather_than_of_staging() -> None:
    """Of two incidents of its service, neither of which it names, the one of production; of its equals the first."""
    staging, production = firing("S", 0, environment="staging"), firing("P", 2, environment="production")
    paged, warning = page("1", "triggered", 3), low("W", 4)
    incidents = grouped(staging, production, paged, warning).incidents
    assert [len(incident.members) for incident in incidents] == [1, 3]
    assert sizes(staging, paged, warning) == [3]
    europe, america = firing("E", 0, environment="production-eu"), firing("U", 2, environment="production-us")
    assert sizes(europe, america, paged, warning) == [3, 1]
