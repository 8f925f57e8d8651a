"""Where an incident has several environments, each is told with its own; one within another is not told apart."""

from __future__ import annotations

import pytest

from tests.histories import Facts
from tests.sections import cells, said


def test_each_environment_of_several_is_told() -> None:
    """One alert that fired in two regions is told of each, and a deploy to the second is no change of the first."""
    story = Facts()
    story.deploys("search", "07:30:00", "07:33:00", "9", environment="prod-eu")
    story.deploys("search", "08:00:00", "08:02:00", "9", environment="prod-us")
    first = story.fires("Down", "08:05:00", "search", environment="prod-eu", series="a", said="EU is empty")
    second = story.fires("Down", "08:05:30", "search", environment="prod-us", series="b", said="US is empty")
    story.ends(first, "08:40:00")
    story.ends(second, "08:40:20")
    summary = said(story, "summary")
    assert summary[0] == (
        "At 08:05:00 the alert Down fired on search in prod-eu; Down on search in prod-us followed 30 s later"
    )
    assert summary[1] == (
        'Of what was hit first, the closest earlier change was the deploy "9" of search in prod-eu, finished at '
        "07:33:00, 32 min before the first alert"
    )
    assert said(story, "root_causes")[-1].endswith("It speaks against it that the first alert was in prod-eu")
    rows = story.markdown().partition("## Timeline")[2].partition("\n## ")[0]
    assert 'Alert Down fired on search in prod-eu (critical): "EU is empty"; alert Down fired on search in' in rows
    assert "Alert Down on search in prod-eu resolved after 35 min; alert Down on search in prod-us resolved" in rows
    assert 'Down on search in prod-us: "US is empty"' in said(story, "impact")


@pytest.mark.parametrize("environment", ["production", "prod-eu", None])
def test_an_environment_within_another_is_not_told_apart(environment: str | None) -> None:
    """What may be one place is told as one."""
    story = Facts()
    story.fires("Down", "08:05:00", "search", environment="prod", series="a")
    story.fires("Down", "08:09:00", "search", environment=environment, series="b")
    assert said(story, "summary")[0] == "At 08:05:00 the alert Down fired on search in prod"


def test_a_change_outside_of_production_says_where() -> None:
    """Also where the incident is of it, and in its sender's word: the name of a service only implies one."""
    story = Facts()
    alert = story.fires("Down", "08:05:00", "stg-search", environment=None)
    story.deploys("search", "08:20:00", "08:22:00", "v41", environment="staging", rollback=True)
    story.ends(alert, "08:30:00")
    (action,) = (each for each in said(story, "summary") if each.startswith("The last recorded action"))
    assert " in staging at 08:22:00" in action


def test_a_change_in_production_does_not_say_where() -> None:
    """That is what a reader expects."""
    story = Facts()
    story.deploys("search", "08:00:00", "08:02:00", "v42", environment="production")
    story.fires("Down", "08:05:00", "search", environment="production")
    (change,) = (each for each in said(story, "summary") if each.startswith("The closest earlier change"))
    assert "in production" not in change


def test_a_change_of_another_environment_is_no_action() -> None:
    """What went to staging did nothing to production, whoever did it; an alert that names no environment is taken to be
    of production. The change is told with where it went."""
    story = Facts()
    fired = story.fires("Errors", "10:00:00", "web", environment="prod")
    story.deploys("web", "10:05:00", "10:06:00", "v2", environment="staging", actor="Ana")
    story.ends(fired, "10:10:00")
    assert not any("v2" in each for each in said(story, "summary"))
    unnamed = Facts()
    fired = unnamed.fires("Errors", "10:00:00", "web", environment=None)
    unnamed.deploys("web", "10:05:00", "10:06:00", "v2", environment="staging", actor="Ana")
    unnamed.ends(fired, "10:10:00")
    assert not any("v2" in each for each in said(unnamed, "summary"))
    assert any('"v2"' in each and "(it went to staging)" in each for each in said(unnamed, "resolution"))


def test_a_change_beside_the_incident_is_told_with_its_environment() -> None:
    """A flag of staging that a draft of production names without it may be taken for one of production."""
    story = Facts()
    alert = story.fires("Slow", "10:00:00", "web")
    for environment, when in (("staging", "10:03:00"), ("production", "10:04:00")):
        story.nearby("no service and no reference", "change.flag_toggled", when, entity=environment, title="New cart",
                     environment=environment, data={"state": "on"})  # fmt: skip
    story.ends(alert, "10:09:00")
    assert (
        'In that time, not known to belong to this incident: the flag "New cart" in staging was set to on at 10:03:00'
        ' and the flag "New cart" was set to on at 10:04:00'
    ) in said(story, "resolution")
    beside = [line for line in said(story, "appendix") if "New cart" in line]
    assert [" in staging: no service" in line for line in beside] == [True, False]


def test_a_change_that_was_taken_back_later_is_told_in_a_sentence() -> None:
    """``by zoe, failed at`` is none."""
    story = Facts()
    story.deploys("web", "09:40:00", "09:50:00", "v1")
    alert = story.fires("Slow", "10:00:00", "web")
    story.deploys("web", "10:10:00", "10:12:00", "v2", failed=True)
    story.deploys("web", "10:20:00", "10:22:00", "v1")
    story.ends(alert, "10:23:00")
    (later,) = [text for text in said(story, "root_causes") if 'Deploy "v2"' in text]
    assert "to production, which failed at 10:12:00, 12 min after the alert" in later


def test_an_alert_of_one_of_several_regions_is_told_with_its_own() -> None:
    """Where two regions fire, the last end is not that of one series of the other's alert."""
    story = Facts()
    story.deploys("kafka", "09:50:00", "09:58:00", "v2", environment="production-us")
    first = story.fires("Lag", "10:00:00", "kafka", environment="production-eu", series="a")
    last = story.fires("Lag", "10:03:00", "kafka", environment="production-us", series="b")
    story.ends(first, "10:30:00")
    story.ends(last, "10:50:00")
    assert (
        "; 30 min without Lag on kafka in production-us, which ended 20 min after the other alert"
        in (cells(story, "measures")[2])
    )
    low = story.fires("Slow", "09:30:00", "kafka", environment="production-us", severity="warning")
    assert any("the alert Slow on kafka in production-us (warning): it fired at 09:30:00" in text
               for text in said(story, "detection"))  # fmt: skip
    assert "No end is recorded for Slow on kafka in production-us (warning)" in said(story, "summary")
    assert low.severity == "warning"
