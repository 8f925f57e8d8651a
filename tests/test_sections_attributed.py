"""What people wrote stands beside the name of who wrote it, and all of it stands somewhere."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from collector import people
from collector.correlation import Catalog, Rules
from collector.errors import InvalidInput
from collector.event import Event
from collector.names.spelling import Spelling
from tests.facts import fact, firing
from tests.histories import Facts, at
from tests.sections import rows, said

SAID: dict[str, Any] = {"key": "k", "by": "Ana", "stated_at": 1, "incident": "0" * 32}


def outage(end: str = "14:40") -> Facts:
    """An alert that fired for a while."""
    story = Facts()
    story.ends(story.fires("OrdersFail", "14:02", "orders", said="12% fail"), end)
    return story


def test_words_are_not_told_behind_the_name_of_who_took_them_back() -> None:
    """A moment that somebody else stated anew: the words stand behind whoever wrote them."""
    story = outage()
    story.marks("cause_identified", "14:11", "The DNS", by="Ana")
    story.marks("cause_identified", "14:38", "A certificate", by="Ben")
    story.marks("mitigated", "14:20", "Switched over", by="Ben")
    story.marks("mitigated", "14:25", "I still saw failures", by="Ana")
    assert 'Cause identified, as stated by Ana at first: "The DNS"; Ben later stated another one at 14:38:00' in rows(
        story
    )
    assert 'Mitigated, as stated by Ben at first: "Switched over"; Ana later stated 14:25:00' in rows(story)


def test_who_stated_each_end_of_the_impact_is_named() -> None:
    """One person once, two people each behind what they said, and what no person said is not told as theirs."""
    story = outage()
    story.marks("impact_started", "13:40", by="Kim")
    story.marks("impact_ended", "14:28", by="Ana")
    assert "Duration of the impact: 48 min, from 13:40:00, as stated by Kim, to 14:28:00, as stated by Ana" in said(
        story, "impact"
    )
    story = outage()
    story.marks("impact_started", "13:40", by="Ana")
    story.marks("impact_ended", "14:28", by="Ana")
    assert "Duration of the impact: 48 min, from 13:40:00 to 14:28:00, as stated by Ana" in said(story, "impact")


def test_a_report_that_came_after_alert_and_page_is_part_of_the_impact() -> None:
    """The summary tells the first report where people learnt by it; every other one stands in the impact."""
    story = outage()
    story.page("triggered", "14:03", service="orders")
    story.says("incident.opened", "14:20", "About 40 customers cannot pay", by="Kim", service="orders")
    assert not any("customers" in each for each in said(story, "summary"))
    assert 'Kim reported for orders: "About 40 customers cannot pay"' in said(story, "impact")
    story.says("incident.opened", "13:59", "A customer calls", by="Lea", service="orders")
    assert any("A customer calls" in each for each in said(story, "summary"))
    assert not any("A customer calls" in each for each in said(story, "impact"))
    assert 'Kim reported for orders: "About 40 customers cannot pay"' in said(story, "impact")


def test_what_is_not_known_to_belong_is_told_whole_and_with_who_wrote_it() -> None:
    """A title is the first line of what was written; what is cut says so."""
    story = outage()
    text = "Looking.\nERROR: no slots left"
    story.nearby("no service", "chat.message", "14:10", title="Looking.", actor="Olena",
                 data={"text": text, "channel": "incidents"})  # fmt: skip
    story.nearby("no service", "status.updated", "14:11", title="Beginning", data={"text": f"Beginning {'x' * 300}"})
    lines = story.markdown(citations="none").splitlines()
    assert any('message by Olena in incidents "Looking. ↵ ERROR: no slots left": no service' in line for line in lines)
    assert any('status post "Beginning xxx' in line and 'xxx…": no service' in line for line in lines)


def test_the_catalog_names_who_wrote_what_stands_beside_an_incident() -> None:
    """Nothing of the incident itself names them."""
    catalog = Catalog(Rules(people={"Olena Shevchenko": ("U0OLE0001",)}))
    near = fact("chat.message", 3, "m", actor="U0OLE0001")
    spelling = Spelling([firing(2)], catalog.whereabouts, catalog.people)
    assert spelling.respelled(near).actor == "Olena Shevchenko"
    assert spelling.respelled(fact("chat.message", 3, "m", actor="somebody")).actor == "somebody"


@pytest.mark.parametrize(
    "state",
    [
        lambda text: people.note(text=text, **SAID),
        lambda text: people.mark(mark="mitigated", at=1, text=text, **SAID),
        lambda text: people.reviewed(status="reviewed", text=text, **SAID),
        lambda text: people.action(text=text, **SAID),
    ],
)
def test_no_word_of_a_statement_is_dropped_without_a_word(state: Callable[[str], Event]) -> None:
    """What is too long is refused; what is not is kept whole, and fit to be stored."""
    assert state("a" * people.LONGEST).title == "a" * people.LONGEST
    with pytest.raises(InvalidInput, match="text has 10001 characters"):
        state("a" * (people.LONGEST + 1))
    assert state(" two\nlines \x00").title == "two\nlines \ufffd"


def test_two_people_who_set_another_severity_are_both_told() -> None:
    """The newest word counts; until then another one did. What was said again is told once."""
    story = outage()
    for when, by, value in (("14:10", "Ana", "sev1"), ("14:12", "Lea", "sev1"), ("14:20", "Ben", "sev3")):
        data = {"field": "severity", "value": value, "stated_at": at(when)}
        story.says("incident.edited", when, by=by, data=data)
    assert "Severity sev3, set by Ben; until then sev1, set by Lea" in said(story, "impact")


def test_a_headline_that_is_only_the_beginning_says_so() -> None:
    """Where several acts are told in one sentence, or one as a beginning; the timeline has all of what was written."""
    story = outage()
    for minute, more in ((8, "\nthe log said FATAL"), (9, ""), (10, "\nas before")):
        title = f"Restarted db-{minute}"
        story.add("observation.recorded", f"14:{minute:02}", title=title, actor="Ben", service="orders",
                  data={"type": "com.acme.restart", "text": title + more}, source="cloudevents")  # fmt: skip
    told = next(each for each in said(story, "resolution") if "3 acts of one kind" in each)
    assert '"Restarted db-8 …", "Restarted db-9" and "Restarted db-10 …"' in told
    assert any('"Restarted db-8 ↵ the log said FATAL"' in row for row in rows(story))


def test_an_end_that_was_stated_before_the_beginning_is_told_as_that() -> None:
    """Two people contradict each other: neither is told as if the other had said nothing."""
    story = outage()
    story.marks("impact_started", "14:25", by="Ben")
    story.marks("impact_ended", "14:20", by="Ana")
    assert "The impact ended at 14:20:00, as stated by Ana, which is before its recorded start at 14:25:00" in said(
        story, "impact"
    )


def test_what_may_belong_is_not_left_out_for_what_belongs_elsewhere() -> None:
    """A long conversation about another incident hides nothing that somebody wrote about this one."""
    story = outage()
    for n in range(30):
        story.nearby("it belongs to another incident", "chat.message", f"14:{n:02}:00", title=f"shard {n}", actor="Ben")
    story.nearby("no service and no reference", "chat.message", "14:30:30", title="looks better now", actor="Ana")
    lines = [each for each in said(story, "appendix") if each.startswith("At the same time")]
    assert any('message by Ana "looks better now"' in each for each in lines)
    assert [each for each in lines if "looks better" in each or "more events" in each] == lines[-2:]
    assert "not joined: 11 more events" in lines[-1]
