"""The rules by which signals are one incident: their names, what each of them matches, and the reason it gives."""

from __future__ import annotations

from collector.correlation.catalog import Catalog, Rules
from collector.correlation.signals import Signal
from collector.event import MINUTE

OPENED, PERSON, PAGE, ALERT, AGAIN, REOPENING, GROUP, SERVICE, DEPENDENCY, STORM = range(10)
"""The rules in the order in which they speak; a lower one gives the reason."""

RULE_NAMES = (
    "opened", "person", "page", "alert", "alert_again", "alert_reopened", "alert_group", "service", "dependency",
    "storm",
)  # fmt: skip

Match = tuple[int, str]
"""A rule and the name that decided: a page, a group, a service."""


def key_match(key: str) -> Match:
    """The rule that a sought key stands for, and the name in it."""
    kind, _, name = key.partition(":")
    if kind == "page":
        return (PAGE, name)
    if kind in {"group", "group-paged", "group-fired"}:
        return (GROUP, name.partition("\x1f")[0])
    return (ALERT, name.rpartition("\x1f")[2])


def service_match(signal: Signal, service: str) -> Match:
    """Rule 4: the same service, or a direct dependency."""
    return (SERVICE, service) if service == signal.service else (DEPENDENCY, service)


def storm_match(signal: Signal) -> Match:
    """Rule 5, from the side of the later signal."""
    return (STORM, "page" if signal.storms else "")


def reason(signal: Signal, match: Match, rules: Rules, catalog: Catalog) -> str:
    """Why a signal is in its incident, in one sentence that names the fields that decided."""
    rule, name = match
    if rule == STORM:
        within = f"within {rules.storm // MINUTE} min of"
        return f"paged {within} another signal" if name else f"started {within} a page"
    sentences = {
        OPENED: _opened(signal),
        PERSON: f"{name} tied it to the incident",
        PAGE: f"shares page {name}",
        ALERT: f"shares alert {name}",
        AGAIN: f"the same alert fired again before page {name} ended",
        REOPENING: "the same alert fired again after a person reopened the incident",
        GROUP: f"shares alert group {name[:12]}",
        SERVICE: f"same service {signal.service_name}",
        DEPENDENCY: f"{signal.service_name} and {catalog.display_name(name)} depend on each other directly",
    }
    return sentences[rule]


def _opened(signal: Signal) -> str:
    if signal.kind == "page":
        return "opened the incident: a page that no earlier signal explains"
    if signal.kind == "report":
        return "opened the incident: a person's report"
    severity = f"severity {signal.severity}" if signal.severity else "no severity"
    return f"opened the incident: an alert with {severity} that no earlier signal explains"
