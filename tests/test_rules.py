"""What lint finds in a finished file: each rule on a line that breaks it and on one that does not."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from pathlib import Path

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from collector.cli import timelined
from renderers.edits import plain
from renderers.lint_lines import physical_lines
from renderers.markdown import markdown, marked
from renderers.rules import NAMES, RULES, SEVERITIES, complaints
from renderers.shipped import SHIPPED
from tests.histories import MADE_UP, Facts

FILE = """\
# Postmortem Report: **checkout**

## Summary (Tl;dr)
- At 18:02:10 UTC the alert fired [a3f9c].
{summary}

## Impact
- Alerts were firing for 21 min 25 s [a3f9c, 4c9ba].
{impact}

## Timeline
| **Time** | **Event** |
|---|---|
| 2026-03-04 18:02 | **Detected.** Alert HighErrorRate fired [a3f9c] |
{rows}
| 2026-03-04 18:23 | **Resolved.** Over [4c9ba] |

## Detection: How We Discovered the Incident
{detection}

## Root Causes
- **Primary Cause:** the pool was too small
- **Contributing Factors:** {factors}

## Action Items
| **Action** | **Owner** | **Due Date** |
|---|---|---|
{actions}

## Appendix (Optional)
| Id | Time | Type | Source |
|---|---|---|---|
| a3f9c | 18:02:10 | alert.firing | alertmanager |
| 4c9ba | 18:23:35 | alert.resolved | alertmanager |
"""
GOOD = {
    "summary": "Checkout failed for some customers.",
    "impact": "4,100 orders failed.",
    "rows": '| 2026-03-04 18:12 | Note by Ana: "pool exhausted" [a3f9c] |',
    "detection": "- The alert called Ana [a3f9c].",
    "factors": "nobody had measured the pool",
    "actions": "| Set the pool to 200 (OPS-12) | Ana | 2026-03-11 |",
}
MEASURED = """\
- A person discovered it: Ann reported it at 18:02:10 [a3f9c].
| Time to mitigate | 21 min 25 s | detected 18:02:10 | mitigated 18:23:35 | recorded [a3f9c, 4c9ba] |"""
LATE = """\
| 2026-03-04 18:12 | **Mitigated.** Yes [a3f9c] |
| 2026-03-04 18:13 | **Acknowledged** by Ana [a3f9c] |"""
NOW = datetime(2026, 3, 8, tzinfo=UTC)


def found(**changed: str) -> list[str]:
    """The names of the rules that a file breaks which is good but for these parts."""
    return [each.rule for each in complaints(FILE.format(**GOOD | changed), off=("uncited",), now=NOW)]


def test_nothing_is_found_in_a_good_file() -> None:
    assert found() == []


@pytest.mark.parametrize(
    ("rule", "section", "text"),
    [
        ("unknown-citation", "summary", "- It broke [b0b0b]."),
        ("row-order", "rows", "| 2026-03-04 18:01 | Note [a3f9c] |"),
        ("moment-order", "rows", LATE),
        ("detection", "detection", ""),
        ("prompt", "summary", "> **Fill in:** what broke, and for whom?"),
        ("placeholder", "summary", "TODO: write this."),
        ("silence", "rows", ""),
        ("detection-action", "detection", MEASURED),
        ("impact-size", "impact", "Many orders failed."),
        ("vague-time", "summary", "It came back a few hours later."),
        ("vague-time", "summary", "We had changed it recently."),
        ("outage", "summary", "During the outage we restarted it."),
        ("outage", "summary", "All customers saw errors."),
        ("blame", "summary", "Ben should have tested it."),
        ("blame", "summary", "It was human error."),
        ("cause-count", "factors", ""),
        ("action", "actions", "| Set the pool to 200 | _not recorded_ | 2026-03-11 |"),
        ("action", "actions", "| Set the pool to 200 | Ana | |"),
        ("action-verb", "actions", "| Improve monitoring | Ana | 2026-03-11 |"),
        ("action-link", "actions", "| Set the pool to 200 | Ana | 2026-03-11 |"),
        ("newer-evidence", "summary", "> **Changed since the words above were edited:** It was 18:03 [a3f9c]."),
        ("conflict", "summary", "<<<<<<< HEAD\nIt broke.\n=======\nIt failed.\n>>>>>>> theirs"),
        ("apart", "summary", "> **Two people edited this apart. The lines above were here, those below come from x.**"),
        ("number", "summary", "Customers waited for 3 h."),
        ("number", "summary", "At 18:40 UTC we looked again."),
        ("number", "detection", "- Then 3 pages were sent [a3f9c].\n- We saw 4 pages."),
        ("undated-time", "rows", '| 2026-03-05 00:12 | Note by Ana: "gone" [a3f9c] |\n\nAt 18:02 Ana looked.'),
        ("overdue", "actions", "| Set the pool to 200 (OPS-12) | Ana | 2026-03-01 |"),
        ("late-review", "rows", "**Status:** Resolved\n**Incident:** 1 · critical · 2026-03-04"),
        ("detection-action", "detection", "- It did [a3f9c].\n| Time to detect | 21 min 25 s | a | b | c [a3f9c] |"),
        ("time-ahead", "rows", "| 2026-03-04 18:12 | a |\n| 2026-03-09 18:12 | **Resolved.** b |"),
    ],
)  # fmt: skip
def test_each_rule_finds_what_it_is_for(rule: str, section: str, text: str) -> None:
    """And names itself, so that it can be switched off."""
    assert rule in found(**{section: text})
    assert rule in NAMES
    shown = FILE.format(**GOOD | {section: text})
    assert rule not in {each.rule for each in complaints(shown, off=(rule,), now=NOW)}


@pytest.mark.parametrize(
    ("section", "text"),
    [
        ("summary", "At 18:02 UTC and for 21 min 25 s, with 1 alert."), ("summary", "Release 18:2 was no time."),
        ("rows", "| 2026-03-05 00:12 | a [a3f9c] |\n\nAt 00:12 on 2026-03-05 Ana looked, at 18:23 the evening before."),
        ("actions", "| Set the pool to 200 (OPS-12) (done) | Ana | 2026-03-01 |"),
        ("rows", "**Status:** Resolved · Reviewed (Ana, 2026-03-04 18:40 UTC) [a3f9c]"),
        ("detection", "- It did [a3f9c].\n| Time to detect | 14 min | a | b | c [a3f9c] |"),
        ("detection", MEASURED + "\n\n## Action Items\n- Alert on failed payments: Ana, 2026-03-11"),
    ],
)  # fmt: skip
def test_what_evidence_shows_or_people_did_is_no_fault(section: str, text: str) -> None:
    """A time of the evidence, a time with its day, an action that is done, a review, and what was noticed soon."""
    rules = {"number", "undated-time", "overdue", "late-review", "detection-action"}
    assert not rules & set(found(**{section: text}))


def test_a_time_that_differs_from_the_evidence_is_found() -> None:
    """By more than a minute; which of the two holds is for people to say, so both are told."""
    rules_by_text = {text: found(detection=MEASURED, summary=text) for text in (
        "It was mitigated at 18:23.", "We had mitigated it by 18:24.", "It was mitigated at 18:31.",
        "Ann noticed it around 17:50.", "The impact began at 17:50.",
    )}  # fmt: skip
    assert ["two-times" in rules for rules in rules_by_text.values()] == [False, False, True, True, False]


def test_an_alert_that_outlives_the_end_is_found() -> None:
    """One that fired or ended after it; one of which no end is told, unless the draft says so."""
    over = FILE.replace("# Postmortem", "**Status:** Resolved\n\n# Postmortem").replace(
        "{rows}", "| 2026-03-04 18:20 | Alert HighErrorRate on checkout resolved after 18 min [4c9ba] |\n{rows}"
    )
    late = "| 2026-03-04 18:30 | Alert Slow on web resolved after 9 min [4c9ba] |"
    early = over.replace("## Detection", f"{late}\n## Detection")
    still = over.replace("{rows}", "| 2026-03-04 18:21 | Alert Slow fired on web (warning) [4c9ba] |\n{rows}")
    named = still.replace("{summary}", "- No end is recorded for Slow on web (warning) [4c9ba].")
    findings = [[each.text for each in complaints(file.format(**GOOD)) if each.rule == "resolved-early"]
            for file in (over, early, still, named)]  # fmt: skip
    assert [len(each) for each in findings] == [0, 1, 1, 0]
    assert findings[2] == ["no end of the alert Slow is told, though the incident is called resolved"]


def test_a_file_may_come_over_standard_input() -> None:
    """As other commands of a pipe take it."""
    text = FILE.format(**GOOD | {"summary": "TODO: 100%"})
    told = CliRunner().invoke(timelined, ["lint", "-", "--off", "uncited", "-o", "github"], input=text)
    assert "::warning file=-,line=5,col=1,title=placeholder::" in told.stdout


def test_what_people_wrote_through_timelined_is_theirs() -> None:
    """It ends in a citation as everything does; the index says that what it cites is somebody's words."""
    file_text = FILE.format(**GOOD | {"summary": "Ben should have tested it [77d1b]."})
    assert "blame" not in {each.rule for each in complaints(file_text)}
    file_text += "| 77d1b | 19:00:00 | incident.edited | people |\n"
    assert "blame" in {each.rule for each in complaints(file_text)}


def test_a_file_is_read_by_the_mark_that_it_begins_with(tmp_path: Path) -> None:
    """UTF-8 with one and without, and UTF-16: the same is found in the same places."""
    text, outputs = FILE.format(**GOOD | {"summary": "TODO: 100%"}), set()
    for encoding in ("utf-8", "utf-8-sig", "utf-16"):
        file = tmp_path / "a.md"
        file.write_text(text, encoding)
        outputs.add(CliRunner().invoke(timelined, ["lint", str(file), "--off", "uncited", "--off", "overdue"]).stdout)
    assert len(outputs) == 1


@pytest.mark.parametrize(
    "text",
    [
        'Ben wrote: "it should have failed over recently".',
        "Run `should have` to see it.",
        "Alerts fired for 21 min.",
        "It took 21 min 25 s.",
        "> **Answered:** nobody",
        "```\nTODO all customers\n```",
    ],
)
def test_what_others_said_and_what_is_shown_is_no_fault(text: str) -> None:
    """Quotes and code are others' words, and a length of time that is rounded is still that one."""
    assert not set(found(summary=text)) & {"blame", "vague-time", "number", "placeholder", "outage"}


def test_a_file_without_a_zone_is_found() -> None:
    """A time of day means nothing elsewhere."""
    told = {each.rule: each for each in complaints("## Summary\nIt broke at 18:02.\n")}
    assert (told["zone"].line, told["zone"].column) == (2, 13)
    assert "zone" not in {each.rule for each in complaints("## Summary\nIt broke at 18:02 CET.\n")}


def test_every_rule_has_a_name_a_severity_and_a_reason() -> None:
    assert len(set(NAMES)) == len(NAMES)
    assert all(rule.severity in SEVERITIES and rule.why for rule in RULES)


@pytest.mark.parametrize(
    "own", ["# Ours\n\n## Story\n{{ sheet.detection }}\n\n## To do\n{{ sheet.actions }}\n", *SHIPPED]
)
def test_sections_are_known_whatever_they_are_called(own: str) -> None:
    """In a file by its marks, and by the headings of our templates; lines are counted as editors do."""
    story = Facts()
    story.fires("Slow", "14:00", "web")
    story.says("action.added", "15:00", "improve monitoring", entity="action:a")
    text = marked(story.draft(template=own))
    for draft in (text, *([plain(text)] if own in SHIPPED else [])):
        findings = {one.rule: one for one in complaints(draft)}
        assert "detection" not in findings
        assert findings["action-verb"].line == findings["action-link"].line
        line = re.split("\r\n|\r|\n", draft)[findings["action-verb"].line - 1]
        assert "improve monitoring" in line
    late = complaints(text.replace("\n## ", "\n\x0b\x0c\u2028\x85\n## ", 1).replace("\n", "\r\n"))
    assert next(draft.line for draft in late if draft.rule == "action-verb") == findings_line(text) + 1


def findings_line(text: str) -> int:
    """Where the action stands."""
    return next(each.line for each in complaints(text) if each.rule == "action-verb")


@pytest.mark.parametrize("name", MADE_UP)
def test_a_draft_of_ours_breaks_no_rule_that_is_an_error(name: str) -> None:
    """What timelined writes by itself leaves questions to people, and nothing else that stops a publication."""
    told = complaints(markdown(MADE_UP[name]().draft()))
    assert not [each for each in told if each.severity == "error" or each.rule in ("two-times", "resolved-early")]


@given(st.text(max_size=200))
def test_no_text_stops_it(text: str) -> None:
    """Each complaint stands in a line that there is."""
    lines = physical_lines(text)
    for each in complaints(text, now=NOW):
        assert 1 <= each.line <= len(lines)
        assert each.column >= 1


def test_the_command_tells_programs_what_it_found(tmp_path: Path) -> None:
    """A table, JSON, SARIF and a workflow's commands say the same; --strict ends with 1 for a warning."""
    file = tmp_path / "a,b.md"
    file.write_text(FILE.format(**GOOD | {"summary": "TODO: 100%"}))
    off = ["--off", "uncited", "--off", "overdue"]
    answers = {form: CliRunner().invoke(timelined, ["lint", str(file), "-o", form, *off])
               for form in ("table", "json", "sarif", "github")}  # fmt: skip
    assert {answer.exit_code for answer in answers.values()} == {0}
    assert "placeholder" in answers["table"].stdout
    (told,) = json.loads(answers["json"].stdout)["findings"]
    assert (told["rule"], told["line"], told["column"], told["severity"]) == ("placeholder", 5, 1, "warning")
    (result,) = json.loads(answers["sarif"].stdout)["runs"][0]["results"]
    assert result["locations"][0]["physicalLocation"]["region"] == {"startLine": 5, "startColumn": 1}
    assert answers["github"].stdout.startswith("::warning file=")
    assert "a%2Cb.md,line=5,col=1,title=placeholder::'TODO' is a placeholder" in answers["github"].stdout
    strict = CliRunner().invoke(timelined, ["lint", "--strict", str(file)])
    assert strict.exit_code == 1
