"""Templates: those that timelined has, a team's own, and what is said of one that is wrong."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from collector.cli import timelined
from collector.drafting.rendering import options_of, template_of
from collector.errors import InvalidInput, InvalidSettings
from renderers.markdown import markdown
from renderers.sandbox import check
from renderers.shipped import SHIPPED, source
from tests.conftest import make_log
from tests.histories import MADE_UP, Facts

SECTIONS = ("summary", "impact", "timeline", "detection", "root_causes", "diagnostics", "resolution", "lessons",
            "actions", "appendix")  # fmt: skip


def written(text: str) -> list[str]:
    """What is wrong with a template, each with its line."""
    return [f"{flaw.line} {flaw.severity}: {flaw.text}" for flaw in check(text)]


@pytest.mark.parametrize("name", SHIPPED)
def test_nothing_that_was_found_is_left_out_by_a_template_of_ours(name: str) -> None:
    """Each shows every section once, and what it shows is what the default shows, sentence for sentence."""
    assert check(source(name)) == ()
    draft = MADE_UP["reported_first"]()
    lines = {line for line in markdown(draft.draft()).splitlines() if line.startswith(("- ", "1. ", "| 2026"))}
    shown = set(markdown(draft.draft(template=name)).splitlines())
    assert {line for line in lines if "igest" not in line} <= shown


@pytest.mark.parametrize(
    ("text", "flaw"),
    [
        ("one\n{{ sheet.sumary }}", "2 error: 'renderers.sheet.Sheet object' has no attribute 'sumary'"),
        ("\n\n{{ incident }}", "3 error: 'incident' is undefined"),
        ("{{ sheet.__class__.__mro__ }}", "1 error: access to attribute '__class__' of 'Sheet' object is unsafe."),
        ("{% for each in range(10000000) %}{% endfor %}", "1 error: Range too big."),
        ("{{ 1 // 0 }}", "1 error: integer division or modulo by zero"),
        ("a\n{% if %}", "2 error: Expected an expression, got 'end of statement block'"),
        ("{% include '/etc/passwd' %}", "1 error: /etc/passwd"),
        ("{{ facts.durations[7].term }}", "1 error: tuple object has no element 7"),
    ],
)
def test_what_is_wrong_is_said_with_its_line(text: str, flaw: str) -> None:
    """A wrong name, a way out of the sandbox, and what is no template at all."""
    (found,) = written(text)
    assert found.startswith(flaw)


def test_what_a_template_leaves_out_or_says_twice_is_a_warning() -> None:
    """It can be used all the same: what a team does not want, it need not have."""
    text = "".join(f"{{{{ sheet.{name} }}}}" for name in SECTIONS if name != "impact")
    found = written(text + "{{ sheet.summary }}")
    assert found == [
        "0 warning: shows sheet.summary 2 times",
        "0 warning: leaves out sheet.impact: what was found for it is not shown",
        "0 warning: leaves out sheet.references: its citations are no links",
    ]


def test_a_teams_own_template_decides_headings_and_order() -> None:
    """And may build sentences of its own, in which a sender's text is still no structure."""
    story = Facts()
    story.ends(story.fires("<b>|# A*", "18:02:10", "`x`"), "18:23:35")
    own = "# {{ facts.title }}\n\n## Story\n{{ sheet.timeline }}\n\nHit: {{ facts.services|join(', ') }}\n"
    text = markdown(story.draft(template=own))
    assert text.startswith(r"# \`x\`: \<b>\|# A\*")
    assert text.count("\n## ") == 1
    assert "Hit: \\`x\\`\n" in text


def test_another_template_is_another_draft() -> None:
    """The digest says from what a draft was made, its template included."""
    told = MADE_UP["example"]()
    digests = {told.draft(template=name).digest for name in (*SHIPPED, "{{ sheet.summary }}")}
    assert len(digests) == len(SHIPPED) + 1


def test_only_names_can_be_asked_for(tmp_path: Path) -> None:
    """A reader chooses one of ours; the text of another comes from the configuration alone."""
    assert options_of({"template": "pagerduty"}).template == "pagerduty"
    with pytest.raises(InvalidInput, match="use one of default, google-sre"):
        options_of({"template": "{{ sheet.summary }}"})
    own = tmp_path / "own.j2"
    own.write_text("{{ sheet.summary }}\n")
    assert template_of(str(own)) == "{{ sheet.summary }}\n"
    assert template_of("atlassian") == "atlassian"


def test_a_configured_template_that_cannot_be_used_is_a_mistake(tmp_path: Path) -> None:
    """The message names the setting, the file and the line."""
    own = tmp_path / "own.j2"
    own.write_text("\n{{ sheet.nothing }}")
    with pytest.raises(InvalidSettings, match=r"drafts\.template: .*own\.j2, line 2: .*no attribute 'nothing'"):
        template_of(str(own))
    with pytest.raises(InvalidSettings, match="No such file or directory; name a file or one of default"):
        template_of(str(tmp_path / "gone.j2"))


def test_the_command_says_what_is_wrong(tmp_path: Path) -> None:
    """1 for a template that cannot be used; with --strict also for a warning; one of ours is shown to begin from."""
    result = CliRunner().invoke(timelined, ["template", "show", "default"])
    own = tmp_path / "own.j2"
    own.write_text(result.stdout)
    assert CliRunner().invoke(timelined, ["template", "check", str(own)]).exit_code == 0
    own.write_text(result.stdout.replace("{{ sheet.impact }}", ""))
    assert CliRunner().invoke(timelined, ["template", "check", str(own)]).exit_code == 0
    assert CliRunner().invoke(timelined, ["template", "check", "--strict", str(own)]).exit_code == 1
    own.write_text("{{ nothing }}")
    answer = CliRunner().invoke(timelined, ["template", "check", str(own), "-o", "json"])
    assert answer.exit_code == 1
    assert json.loads(answer.stdout)["flaws"] == [{"severity": "error", "line": 1, "text": "'nothing' is undefined"}]


def test_the_configured_template_is_that_of_every_draft(tmp_path: Path) -> None:
    """Where a reader asks for none; HTML and a template asked for by name are as they were."""
    own, config = tmp_path / "own.j2", tmp_path / "timelined.yml"
    own.write_text("# Ours\n\n{{ sheet.summary }}\n")
    config.write_text(f"storage:\n  url: sqlite:///{tmp_path / 'log.db'}\ndrafts:\n  template: {own}\n")
    where = ["--config.file", str(config)]
    make_log(f"sqlite:///{tmp_path / 'log.db'}")
    assert CliRunner().invoke(timelined, ["open", "It broke", "--service", "checkout", *where]).exit_code == 0
    draft = CliRunner().invoke(timelined, ["draft", "1", *where])
    assert draft.stdout.startswith("# Ours\n")
    assert "## Summary" not in draft.stdout
    named = CliRunner().invoke(timelined, ["draft", "1", "--template", "atlassian", *where])
    assert "## Root cause identification: the five whys\n" in named.stdout
    own.write_text("{{ gone }}")
    broken = CliRunner().invoke(timelined, ["check", "--config.file", str(config)])
    assert broken.exit_code == 1
    assert "line 1: 'gone' is undefined" in broken.stdout
