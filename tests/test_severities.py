"""Words of severities open an incident or do not, by one table."""

from __future__ import annotations

from pathlib import Path

import pytest

from collector.normalise import severity_of
from collector.semantics import severities
from collector.webhook import Reading

OPENING = ("critical", "CRITICAL", "crit", "page", "error", "err", "high", "major", "p0", "p1", "P1", "p2", "sev0",
           "sev1", "SEV-1", "Sev 2", "sev2", "severity 1", "disaster", "emergency", "fatal", "average", "urgent", "1",
           "2", "P1 - Critical", "priority 1", None, "", "purple", "very bad", "Severity: High", "level=error",
           "High priority", "1 - Critical")  # fmt: skip
SILENT = ("warning", "Warning", "warn", "ticket", "medium", "moderate", "minor", "low", "p3", "P4", "p5", "sev3",
          "SEV-4", "severity 5", "info", "informational", "information", "notice", "debug", "none", "ok", "page_low",
          "3", "4", "P3 - Moderate", "not classified", "email", "trivial", "heartbeat", "priority 4",
          "Priority: low", "severity=warning", "Low priority", "level: info", "non-critical", "Not critical", "4-Low",
          "success")  # fmt: skip
BY_DESIGN = ("Watchdog", "DeadMansSwitch", "Dead man's switch", "dead-man-switch", "InfoInhibitor")


@pytest.mark.parametrize("word", OPENING)
def test_words_that_open_an_incident(word: str | None) -> None:
    """Grave words do, and so does no word and one that nobody knows: what nobody classified is looked at."""
    assert severities.opens(word)


@pytest.mark.parametrize("word", SILENT)
def test_words_that_open_none(word: str) -> None:
    """Warnings, tickets and what is below them open none."""
    assert not severities.opens(word)


@pytest.mark.parametrize("name", BY_DESIGN)
def test_an_alert_that_fires_by_design_opens_none(name: str) -> None:
    """Without a severity its name decides; a severity that somebody gave it counts."""
    assert not severities.opens(None, name=name)
    assert not severities.opens("", name=name)
    assert severities.opens("critical", name=name)


@pytest.mark.parametrize("name", ["HeartbeatMissing", "WatchdogDown", "DeadMansSwitchExpired", ""])
def test_one_that_tells_of_such_an_alert_opens_one(name: str) -> None:
    """That it is away is what is wrong."""
    assert severities.opens(None, name=name)


@pytest.mark.parametrize(
    ("labels", "severity"),
    [
        ({"severity": "none"}, "none"), ({"severity": "None"}, "none"), ({"severity": "CRITICAL"}, "critical"),
        ({"severity": "<no value>"}, None), ({"severity": "unknown"}, None), ({"severity": ""}, None),
        ({"severity": "N/A", "priority": "P1"}, "p1"), ({"severity": "none", "priority": "P1"}, "none"),
        ({"level": "Info"}, "info"), ({}, None),
    ],
)  # fmt: skip
def test_none_is_a_severity_and_no_name(labels: dict[str, str], severity: str | None) -> None:
    """A watchdog's alert that always fires says ``none``, and opens no incident for it."""
    assert severity_of(labels, Reading()) == severity


@pytest.mark.parametrize(
    ("value", "severity"), [("unknown", "unknown"), ("Unknown", "unknown"), ("n/a", None), ("", None)]
)
def test_a_word_that_a_team_set_is_a_severity(value: str, severity: str | None) -> None:
    """``unknown`` stands for no name, but means what the team says it does."""
    found = severity_of({"severity": value}, Reading(severities=("unknown",)))
    assert found == severity
    assert severities.opens(found, silent=("unknown",)) == (severity is None)


def test_a_team_sets_its_own_words() -> None:
    """What is set outranks the table, in any spelling."""
    assert severities.opens("Warning", opening=("warning",))
    assert not severities.opens("SEV 2", silent=("sev2",))
    assert not severities.opens("purple", silent=("Purple",))


def test_ranks() -> None:
    """A peak is the gravest; a word that nobody knows stands between what opens and what does not."""
    written = ["info", "p3", "warning", "purple", "error", "high", "p1", "critical", "disaster"]
    assert sorted(written, key=severities.rank) == [
        "disaster", "critical", "p1", "high", "error", "purple", "p3", "warning", "info"
    ]  # fmt: skip


def test_no_word_stands_twice() -> None:
    """A word has one meaning."""
    words = [word for row in (*severities.OPENING, *severities.SILENT) for word in row]
    assert len(words) == len(set(words))
    assert all(severities.fold_severity(word) == word for word in words)


def test_the_table_is_documented() -> None:
    """docs/configuration.md lists every word, row by row."""
    page = Path("docs/configuration.md").read_text(encoding="utf-8")
    for opens, rows in (("yes", severities.OPENING), ("no", severities.SILENT)):
        for row in rows:
            assert f"| {opens} | {', '.join(f'`{word}`' for word in row)} |" in page
