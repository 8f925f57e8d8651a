"""One service, environment or person has many spellings, and each is told from its neighbours."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector import names

PACKAGE_INDEX = (
    "package-index", "package_index", "package index", "Package index", "Package Index", "PACKAGE-INDEX",
    "PackageIndex", "packageindex", "package.index", "  package-index ", "Package index (production)",
    "Package index (prod)", "Package Index [staging]", "package-index (prod-eu)", "package-index (eu-west-1)",
    "Package index (US)", "Package index (pre-prod)", "prod/package-index", "production/package_index",
    "package-index/prod", "stg/package-index", "eu-west-1/package-index", "prod/us-east-1/package-index",
    "prod-package-index", "package-index-prod", "package-index-production", "staging-package-index",
    "package_index_stg", "dev-package-index", "package-index-prod-eu", "package-index-eu-west-1-prod",
    "eu-prod-package-index", "package-index-preprod", "non-prod-package-index", "package-index-service",
    "package-index-svc", "package-index-app", "Package Index Service", "PackageIndexService",
    "package-index-deployment",    "package-index-service-prod", "package-index-prod-service",
    "package-index.service", "package – index", "package-index@prod", "package-index:production", "prod|package-index",
    "Package index (Production, EU)", "package-index (env: prod)", "euw1/package-index", "PACKAGE_INDEX_SVC_PROD",
    "package-index （production）", "ｐａｃｋａｇｅ-index", "westeurope/package-index", "package-index/production/eu",
)  # fmt: skip
NOT_PACKAGE_INDEX = (
    "package", "index", "package-index-frontend", "package-index-backend", "package-index (mirror)",
    "package-index/mirror", "mirror/package-index", "package-index-eu", "package-index-2", "package-index-api",
    "package-index-live", "package-index-db", "live-package-index", "<no value>", "", "package-index-v2",
    "package-index-canary", "acme/package-index", "package-index-prod-1", "package-index-prod-blue",
    "the-package-index", "package-index.example.com", "package-indexer", "package-index-test", "package-index-uat",
    "prepackage-index", "package-index-devtools", "package-index (card)", "produce-package-index",
)  # fmt: skip
APART = (
    ("Payments (card)", "Payments (bank)"), ("shop-frontend", "shop-backend"), ("live-chat", "chat"),
    ("shop", "shop-eu"), ("10.0.0.11", "10.0.0.1.1"), ("10.0.1.1", "10.0.11"), ("search/api", "shop/api"),
    ("कि", "का"), ("db1", "db-2"), ("app", "service"), ("prod", "dev"), ("device-api", "vice-api"),
    ("products", "ucts"), ("appstore", "store"), ("staging-area-map", "map"),
)  # fmt: skip
PLACEHOLDERS = (
    "<no value>", "[no value]", "no value", "%!s(<nil>)", "%!v(MISSING)", "<nil>", "nil", "N/A", "n/a", "NA", "n.a.",
    "unknown", "Unknown", "UNKNOWN", "<unknown>", "(unknown)", "unknown_service", "none", "None", "null", "(null)",
    "undefined", "unset", "not set", "not-applicable", "{{ $labels.service }}", "{{service}}", "${SERVICE}",
    "$SERVICE", "$labels.service", "%SERVICE%", "%(service)s", "<% service %>", "#{service}", "<service>", "{service}",
    "-", "--", "?", "???", "", "  ", "…", "TBD", "TODO", "changeme", "<no value>/<no value>", "__SERVICE__",
    "unknown_service:java", "unknown_service:/usr/bin/node", "null/null", "undefined-undefined", "None None",
    "prod/unknown", "unknown (production)", "unknown-dev", "[object Object]", "&lt;no value&gt;", "#N/A", "#REF!",
    "REPLACE_ME", "unknown?", "Unknown Host", '$labels["job"]',
)  # fmt: skip
NO_PLACEHOLDERS = (
    "nullable", "unknown-pleasures", "none-such", "nan-bread", "todo-list", "undefined-behaviour-checker", "nile",
    "n", "a", "x", "0", "naming", "emptyness", "cash$", "100%", "value", "no-reply-mailer", "tbd-tracker", "C#",
    "service", "default", "null-island", "missing-persons", "a<b", "$5-shop", "blank-page", "prod-na", "na-prod",
    "todo-prod", "unknown-service-scanner", "nothing", "nonesuch", "nullpointer", "unset-timer", "object-store",
    "unknown-1", "R&D",
)  # fmt: skip
PRODUCTION = (
    "production", "Production", "PRODUCTION", "prod", "Prod", "prd", "live", " prod ", "production-eu",
    "prod-us-west-1", "eu-prod", "Production – shop", "Production - web", "prod/eu", "prod (eu)", "eu_prod",
    "prod.eu-central-1",
    "production_us_east_1", "us-east-1-prod", "live-eu", "prod1", "prod-2", "prod eu", "westeurope-prod", "shop-prod",
    "Production: api", "prod-fra1", "prod-cell-3", "k8s-prod", "PROD_EU", "Production (West Europe)", "prod-euw1",
    "env: prod", "environment=production", "Live environment", "prod@eu", "production:eu",
    "ｐｒｏｄ", "acme/production", "eastus2-prod",
)  # fmt: skip
NOT_PRODUCTION = (
    "staging", "stage", "stg", "dev", "development", "test", "qa", "uat", "pre-prod", "preprod", "pre_production",
    "Pre Production", "preproduction", "non-prod", "nonprod", "non_production", "not production", "no-prod", "sandbox",
    "demo", "preview", "staging-eu", "eu-staging", "stage-prod-copy", "product", "producer", "delivery", "alive",
    "wave-1", "prodigy", "integration", "dev-production-data", "acc", "acceptance", "Preview – shop",
    "non‑prod", "Pre–Prod", "qa-prod", "prod-uat", "demo-production", "olive", "environment",
)  # fmt: skip
SAME_ENVIRONMENT = (
    ("production", "prod"), ("prod-eu", "eu-prod"), ("prod-eu", "Production (EU)"), ("us-east1-b", "us-east-1b"),
    ("prod-us-west-1", "production us-west1"), ("stg", "Staging"), ("dev", "development"), ("pre-prod", "preprod"),
    ("production", "production-eu"), ("production", "production-eu-west-1"), ("prod-eu", "prod-eu-west-1"),
    ("prod-eu-west-1", "prod-eu-west-1a"), ("eu", "eu-west-1"), ("prod-shop", "prod-eu-shop"), ("staging", "stg-eu"),
    ("production", None), ("", "staging"), ("N/A", "production"), ("wave-2", "Wave 2"), ("blue", "Blue"),
    ("prod-eu", "Production (Europe)"), ("prod-eu", "prod-westeurope"), ("prod-eu", "prod-europe-west1"),
    ("prod-euw1", "prod-eu-west-1"), ("West Europe", "westeurope"), ("prod-us", "prod-eastus2"), ("use1", "us-east-1"),
    ("prod-westus2", "westus2-1 prod"), ("prod-eastus", "prod-eastus-3"), ("prod-us", "prod-westus2-1"),
    ("West US 2", "westus2"), ("env: prod", "prod-eu"), ("production environment", "prod"), ("prod-usa", "prod-us"),
    ("us", "production-us"), ("us-east-1", "prod"), ("EU", "prod-shop-eu-west-1"), ("us", "prod-shop"),
)  # fmt: skip
OTHER_ENVIRONMENT = (
    ("production-eu", "production-us"), ("prod-eu-west-1", "prod-eu-west-2"), ("prod", "staging"), ("prod", "pre-prod"),
    ("prod", "non-prod"), ("prod-eu", "staging-eu"), ("prod-shop", "prod-web"), ("prod-eu", "prod-shop"),
    ("wave-1", "wave-2"), ("prod-1", "prod-2"), ("prod-1", "prod-10"), ("blue", "green"), ("dev", "test"),
    ("eu", "us"), ("eu-west-1", "eu-west-10"), ("pre-prod", "non-prod"), ("prod-e", "prod-eu"), ("live", "qa"),
    ("prod-westus", "prod-westus2"), ("prod-eastus", "prod-eastus2-1"), ("West US", "West US 3"),
    ("prod-westus2-1", "prod-westus2-2"), ("prod-eu-west-1", "prod-europe-west1"),
    ("prod-northeurope", "prod-westeurope"), ("prod-eu", "prod-eastus2"),
    ("prod-us", "prod-australia"), ("eu-prod", "prod-uk"), ("use1", "usw2"), ("prod-blue", "prod-green"),
    ("prod-2", "prod-3"), ("stg-eu", "stg-us"), ("uat", "qa"), ("prod-na", "prod-eu"),
    ("us", "production-eu"), ("us", "staging-us"), ("eu-west-1", "staging"), ("us", "wave-1"), ("blue", "prod"),
)  # fmt: skip


@pytest.mark.parametrize("spelling", PACKAGE_INDEX)
def test_one_service_has_many_spellings(spelling: str) -> None:
    """Case, separators, environments where they stand and words that say nothing do not make another service."""
    assert names.fold_service(spelling) == names.fold_service("package-index")


@pytest.mark.parametrize("other", NOT_PACKAGE_INDEX)
def test_other_words_make_another_service(other: str) -> None:
    """A word that says something is never taken out."""
    assert names.fold_service(other) != names.fold_service("package-index")


@pytest.mark.parametrize(("one", "other"), APART)
def test_services_that_are_two(one: str, other: str) -> None:
    """Names that share words are not one for that."""
    assert names.fold_service(one) != names.fold_service(other)


@given(st.text(min_size=1, max_size=20))
def test_no_name_folds_to_nothing(text: str) -> None:
    """What is no placeholder has a key, and folding the key changes nothing that a second folding would not."""
    assert bool(names.fold_service(text)) == (not names.is_placeholder(text))
    assert bool(names.fold_environment(text)) == (not names.is_placeholder(text))


@pytest.mark.parametrize("word", sorted(names.SAY_NOTHING | names.AT_AN_END))
def test_a_name_of_one_word_stays(word: str) -> None:
    """A service that is called only ``service`` or ``prod`` keeps its name."""
    assert names.fold_service(word) == word


@pytest.mark.parametrize(
    ("name", "environment"),
    [
        ("Package index (production)", "production"), ("prod/shop", "prod"), ("shop-stg", "stg"), ("dev-shop", "dev"),
        ("shop (prod-eu)", "prod-eu"), ("shop-prod-eu", "prod-eu"), ("shop-pre-prod", "pre-prod"), ("live-chat", None),
        ("Payments (card)", None), ("shop", None), ("N/A", None), ("prod", None), ("chat (live)", "live"),
    ],
)  # fmt: skip
def test_the_environment_in_a_name(name: str, environment: str | None) -> None:
    """What is taken out of a service's name is the environment that it named."""
    assert names.environment_in(name) == environment


@pytest.mark.parametrize("text", PLACEHOLDERS)
def test_placeholders_are_no_names(text: str) -> None:
    """What a template left, and words for nothing, name neither a service nor an environment nor a person."""
    assert names.is_placeholder(text)
    assert names.fold_service(text) == names.environment_key(text) == names.fold_person(text) == ""


@pytest.mark.parametrize("text", NO_PLACEHOLDERS)
def test_names_that_look_like_placeholders(text: str) -> None:
    """A name in which such a word is one of several stays a name."""
    assert not names.is_placeholder(text)
    assert names.fold_service(text)


@pytest.mark.parametrize("text", PRODUCTION)
def test_spellings_of_production(text: str) -> None:
    """Each is production or a part of it, and matches production."""
    assert names.fold_environment(text)[0] == "production"
    assert names.environments_match(text, "production")


@pytest.mark.parametrize("text", NOT_PRODUCTION)
def test_what_is_not_production(text: str) -> None:
    """None of these matches production, and none is of it."""
    assert names.fold_environment(text)[0] != "production"
    assert not names.environments_match(text, "production")


@pytest.mark.parametrize(("first", "other"), SAME_ENVIRONMENT)
def test_environments_that_match(first: str, other: str | None) -> None:
    """Spellings of one, a whole and what is within it, and any with an absent one."""
    assert names.environments_match(first, other)
    assert names.environments_match(other, first)


@pytest.mark.parametrize(("first", "other"), OTHER_ENVIRONMENT)
def test_environments_that_do_not_match(first: str, other: str) -> None:
    """Two parts of one whole are two."""
    assert not names.environments_match(first, other)
    assert not names.environments_match(other, first)


def test_what_its_sender_calls_production() -> None:
    """An environment that is stated to be production is a part of it, whatever its name."""
    assert names.in_production("blue") == "production/blue"
    assert names.in_production("production/eu") == "production/eu"
    assert names.in_production("") == "production"


@pytest.mark.parametrize(
    ("instance", "host"),
    [
        ("db1:9100", "db1"), ("db1.example.com:9100", "db1.example.com"), ("10.0.0.1:9100", "10.0.0.1"),
        ("10.0.0.1", "10.0.0.1"), ("[2001:db8::1]:9100", "2001:db8::1"), ("2001:db8::1", "2001:db8::1"),
        ("https://user:word@shop.example.com:8443/health?x=1", "shop.example.com"), ("http://[::1]:80/", "::1"),
        ("shop.example.com/health", "shop.example.com"), ("", ""), ("  ", ""), ("two words", ""), ("{{x}}:1", ""),
    ],
)  # fmt: skip
def test_the_host_in_an_instance(instance: str, host: str) -> None:
    """A host is told without its port, and addresses are hosts too."""
    assert names.host_of(instance) == host


@pytest.mark.parametrize(
    "spelling", ["Ana Lima", "ana.lima", "ana-lima", "@analima", "Ana LIMA", "ana_lima@example.com", "Lima, Ana",
                 "Ana Lima (SRE)", "Aná Lima"]
)  # fmt: skip
def test_a_login_and_a_display_name_are_one_person(spelling: str) -> None:
    """Folding finds what differs in case, separators and accents; the catalog knows the rest."""
    assert names.fold_person(spelling) == "analima"


@pytest.mark.parametrize(
    ("name", "automation"),
    [
        *[(name, True) for name in ("SYSTEM", "Rootly Bot", "deploy-bot", "renovate[bot]", "RootlyBot",
                                    "project_15_bot_a1b2", "service_account_group_9_x", "sa-1-ci",
                                    "ci@shop.iam.gserviceaccount.com", "automatically", "system:serviceaccount:ci:x",
                                    "1b2c3d4e-0000-4000-8000-000000000001", "ci-bot@shop.example", "deploy bot",
                                    "bot-user", "dependabot[bot]", "github-actions", "Dependabot",
                                    "release.bot@shop.example")],
        *[(name, False) for name in ("Talbot", "Ana Lima", "ana.lima@example.com", "Robot Ana", "Sam System", "",
                                     "Yves Le Bot", "yves.le.bot", "yves-le-bot", "Bot, Jan", "ana@shop.bot", "Ben Bot",
                                     "ben.bot", "Ben Abbott", "Anna Smit-Bot", "Pieter Botha", "Sarah Jenkins",
                                     "Dependa Bot", "Bot János", "jenkins-lee")],
    ],
)  # fmt: skip
def test_automation_is_told_from_people(name: str, automation: bool) -> None:
    """By what systems call the accounts of automation, and by the names of tools."""
    assert names.is_automation(name) is automation
    assert names.is_automation("Better Stack", "betterstack")


@pytest.mark.parametrize("other", ["alima@example.com", "Ana", "Ana Luma", "Ana Lima Souza", "lima"])
def test_people_that_folding_keeps_apart(other: str) -> None:
    """A guess at who is meant is left to the catalog."""
    assert names.fold_person(other) != "analima"


@pytest.mark.parametrize(
    "job",
    ["node", "Node", "node-exporter", "node_exporter", "prom-node-exporter", "mysqld_exporter", "mysqld-exporter",
     "postgres_exporter", "kube-state-metrics", "prometheus-kube-state-metrics", "monitoring/kube-state-metrics",
     "cadvisor", "kubernetes-cadvisor", "kubelet", "blackbox", "blackbox_exporter", "blackbox-exporter-eu/blackbox",
     "snmp", "statsd-exporter", "pushgateway", "prometheus", "alertmanager", "windows_exporter", "redis-exporter",
     "monitoring/node-exporter", "kubernetes-pods", "kubernetes-nodes", "kubernetes-service-endpoints", "probe",
     "integrations/node_exporter", "nodeexporter", "kubeStateMetrics", "node_exporter_prod", "node-exporter-eu",
     "blackbox_http", "blackbox-exporter-icmp", "PostgresExporter", "prod/node", "jmx", "nodes"],
)  # fmt: skip
def test_jobs_of_exporters(job: str) -> None:
    """Who measures is not what is measured, in whatever spelling."""
    assert names.is_exporter(job)


@pytest.mark.parametrize(
    "job",
    [
        "graph-node",
        "checkout",
        "exporters-api",
        "nodes-api",
        "search-sync",
        "windows-shop",
        "nodejs",
        "node-api",
        "nodeapp",
        "exporter-api",
        "mysql",
        "blackboxes",
        "probe-kit",
        "importer",
        "jmx-console",
        "process",
        "prod-shop",
    ],
)
def test_jobs_that_are_services(job: str) -> None:
    """A word of an exporter in a service's name does not make it one."""
    assert not names.is_exporter(job)


def test_the_words_that_say_nothing_are_documented() -> None:
    """docs/configuration.md lists each."""
    written = Path("docs/configuration.md").read_text(encoding="utf-8")
    assert all(f"`{word}`" in written for word in names.SAY_NOTHING)


@given(
    st.lists(st.sampled_from(["production", "production/eu", "production/us", "production/eu-west-1", "staging", "us"]))
)
def test_where_something_was(keys: list[str]) -> None:
    """What is apart from the narrowest places is elsewhere; an empty list and no place are nowhere."""
    assert not names.elsewhere(None, keys)
    assert all(not names.elsewhere(key, [key]) for key in keys)
    assert not names.elsewhere("production", [key for key in keys if key != "staging"])
    assert names.elsewhere("production/us", ["production", "production/eu"])
    assert names.elsewhere("staging", ["us", "production"])
    assert not names.elsewhere("production/us", ["production"])
