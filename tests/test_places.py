"""Which service and which environment an event is of: by its labels, its service's name, and the catalog."""

from __future__ import annotations

import pytest

from collector.correlation import Catalog, Rules, Service
from collector.event import RecordedEvent
from collector.normalise import environment_of, service_of
from collector.webhook import Reading
from tests.facts import change, firing

READING = Reading()
NAMED: tuple[tuple[dict[str, str], str | None], ...] = (
    ({"service": "shop", "app": "other"}, "shop"),
    ({"app": "shop", "job": "node"}, "shop"),
    ({"application": "shop", "component": "cart"}, "shop"),
    ({"app_kubernetes_io_name": "shop", "component": "cart"}, "shop"),
    ({"component": "cart", "job": "shop"}, "cart"),
    ({"kubernetes_deployment": "shop", "namespace": "store", "deployment": "hub"}, "shop"),
    ({"namespace": "store", "deployment": "hub", "job": "kube-state-metrics"}, "hub"),
    ({"namespace": "store", "statefulset": "ledger", "job": "kube-state-metrics"}, "ledger"),
    ({"namespace": "store", "deployment": "api"}, "store/api"),
    ({"namespace": "prod", "deployment": "api"}, "api"),
    ({"namespace": "default", "deployment": "api"}, "api"),
    ({"deployment": "hub", "job": "search-sync"}, "search-sync"),
    ({"namespace": "store", "job": "search-sync"}, "search-sync"),
    ({"job": "search-sync", "instance": "db1:9100"}, "search-sync"),
    ({"job": "node", "instance": "db1.example.com:9100"}, "db1.example.com"),
    ({"job": "mysqld_exporter", "instance": "10.0.0.7:9104"}, "10.0.0.7"),
    ({"job": "blackbox", "instance": "https://shop.example.com/health"}, "shop.example.com"),
    ({"job": "prom-node-exporter", "instance": "[2001:db8::1]:9100"}, "2001:db8::1"),
    ({"service": "<no value>", "app": "shop"}, "shop"),
    ({"service": "N/A", "instance": "db1:9100"}, "db1"),
    ({"service": "node-exporter", "job": "shop"}, "shop"),
    ({"service": "{{ $labels.service }}"}, None),
    ({"job": "kube-state-metrics"}, None),
    ({"job": "kube-state-metrics", "instance": "10.2.0.7:8080", "namespace": "store", "pod": "cart-7d9f"}, None),
    ({"job": "monitoring/prometheus-kube-state-metrics", "instance": "10.2.0.7:8080"}, None),
    ({"job": "cadvisor", "instance": "worker-3:10250"}, "worker-3"),
    ({"job": "prometheus", "instance": "prom-1:9090"}, "prom-1"),
    ({"namespace": "store"}, None),
    ({"instance": ""}, None),
    ({}, None),
)


@pytest.mark.parametrize(("labels", "service"), NAMED)
def test_labels_that_name_a_service(labels: dict[str, str], service: str | None) -> None:
    """The first that names one speaks; exporters and placeholders name none, of a workload its own name counts."""
    assert service_of(labels, READING) == service


@pytest.mark.parametrize(
    ("labels", "environment"),
    [
        ({"environment": "prod", "env": "dev"}, "prod"), ({"environment": "<no value>", "env": "dev"}, "dev"),
        ({"namespace": "prod"}, "prod"), ({"namespace": "prod-eu"}, "prod-eu"), ({"namespace": "shop"}, None),
        ({"namespace": "prod", "env": "dev"}, "dev"), ({"stage": "live"}, "live"), ({}, None),
    ],
)  # fmt: skip
def test_labels_that_name_an_environment(labels: dict[str, str], environment: str | None) -> None:
    """A namespace that says nothing but an environment is one, where no label states it."""
    assert environment_of(labels, READING) == environment


def environment(event: RecordedEvent, **rules: object) -> str | None:
    """The key of an event's environment."""
    return Catalog(Rules(**rules)).environment_of(event)[0]  # type: ignore[arg-type]


def test_the_environment_of_an_event() -> None:
    """Its own, else the one in its service's name; what a sender marks as production is."""
    assert environment(firing(1, environment="prod-eu")) == "production/eu"
    assert environment(firing(1, service="shop (prod)")) == "production"
    assert environment(firing(1, service="shop (prod)", environment="stg")) == "staging"
    assert environment(firing(1, environment="N/A")) is None
    assert environment(change("succeeded", 1, environment="blue", data={"production": True})) == "production/blue"
    assert environment(change("succeeded", 1, environment="blue", data={"production": False})) == "blue"


def test_environments_are_named_by_patterns() -> None:
    """A pattern of the team's outranks what folding knows."""
    aliases = {"shop-live-*": "production", "prod-sandbox": "sandbox", "eu": "production"}
    for written in ("shop-live-1", "Shop Live 2", "shop_live_eu", "EU"):
        assert environment(firing(1, environment=written), environment_aliases=aliases) == "production"
    assert environment(firing(1, environment="prod-sandbox"), environment_aliases=aliases) == "sandbox"
    assert environment(firing(1, environment="shop-live"), environment_aliases=aliases) != "production"


def test_the_catalog_keeps_services_apart_that_it_lists() -> None:
    """Two names that fold to one are two services if the catalog says so, and all other spellings are the first's."""
    catalog = Catalog(Rules(services=(Service(name="payments"), Service(name="payments-service"))))
    first, second = catalog.key("payments"), catalog.key("payments-service")
    assert first != second
    assert catalog.key("Payments (production)") == first
    assert catalog.key("PAYMENTS_SERVICE") == second


def test_an_alias_has_spellings_too() -> None:
    """It is folded as names are."""
    catalog = Catalog(Rules(services=(Service(name="shop", aliases=("Storefront API",)),)))
    assert {catalog.key(each) for each in ("storefront-api", "prod/storefront_api", "Storefront API (EU)")} == {"shop"}


def test_people_of_the_catalog() -> None:
    """A login and a display name are one by folding; who else is one person, the catalog says."""
    catalog = Catalog(Rules(people={"Ana Lima": ("alima@example.com", "al")}))
    assert {catalog.person(each) for each in ("Ana Lima", "ana.lima", "alima@example.com", "AL")} == {"analima"}
    assert catalog.person("alim") != "analima"
    assert Catalog(Rules()).person("alima@example.com") != "analima"
