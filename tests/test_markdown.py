"""A document as Markdown and as JSON: the template's words, the citations' form, and nothing of a stranger's making."""

from __future__ import annotations

import dataclasses
import json
import re
from functools import cache
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jinja2 import Environment, UndefinedError, meta
from markdown_it import MarkdownIt

from collector.event import EVENT_TYPES, RecordedEvent
from renderers import cite, sandbox, shipped
from renderers import markdown as md
from renderers.document import (
    ActionRow,
    Actions,
    Block,
    Bullets,
    Claim,
    Code,
    Document,
    Index,
    IndexLine,
    Inline,
    LinkedText,
    Name,
    Options,
    Prompt,
    Quote,
    Row,
    Section,
    Timeline,
    Words,
)
from renderers.draft import draft
from renderers.formats import RENDERERS
from renderers.replay import replay
from renderers.sheet import Sheet
from tests.examples import examples
from tests.facts import at, change, fact, firing, link, mark, page, resolved, stated

HEADINGS = [
    "# Postmortem Report: **Carts are slow**",
    "## Summary (Tl;dr)",
    "## Impact",
    "## Timeline",
    "## Detection: How We Discovered the Incident",
    "## Root Causes",
    "## Diagnostic Steps",
    "## Resolution and Mitigation",
    "## Lessons Learned",
    "## Action Items",
    "## Appendix (Optional)",
    "### Footer",
]
PLAIN_OPTIONS = Options()
PARSER = MarkdownIt("commonmark").enable(["table", "strikethrough"])
EVENTS = {
    event.id: event for event in (firing(2), firing(3), resolved(9, since=2), page("triggered", 4), fact("x.y", 5, "e"))
}
IDS = tuple(EVENTS)
SHORT = [each[-5:] for each in IDS]


def document(*blocks: Block, section: str = "summary", options: Options = PLAIN_OPTIONS, **more: object) -> Document:
    """A document with these blocks in one section and nothing in the others."""
    fields = {
        "title": Claim(parts=(Name("Carts are slow"),)),
        "lead": None,
        "date": at(0),
        "resolved": True,
        "sections": (Section(key=section, blocks=blocks),),
        "events": EVENTS,
        "digest": "d",
        "options": options,
    }
    return Document(**(fields | more))  # type: ignore[arg-type]


def written(*blocks: Block, section: str = "summary", options: Options = PLAIN_OPTIONS) -> str:
    """The Markdown of a section that holds these blocks, without its heading."""
    text = md.markdown(document(*blocks, section=section, options=options))
    return text.split(f"{HEADINGS[1 if section == 'summary' else 3]}\n")[1].split("\n\n---\n")[0]


def claim(*parts: Inline | str, cites: tuple[str, ...] = IDS[:1], **more: object) -> Claim:
    """A sentence; a plain string is our own words."""
    words = tuple(Words(part) if isinstance(part, str) else part for part in parts)
    return Claim(parts=words, cites=cites, **more)  # type: ignore[arg-type]


def test_headings_rules_and_footer_are_the_templates() -> None:
    """Word for word and in order, whatever the sections hold."""
    lines = md.markdown(document()).splitlines()
    assert [line for line in lines if line.startswith("#")] == HEADINGS
    assert lines.count("---") == 12
    assert lines[2:5] == ["**Incident Lead:** _not recorded_  ", "**Date:** 2026-03-04  ", "**Status:** Resolved  "]
    assert lines[5] == "**Incident:** _not recorded_"
    assert lines[-3].startswith("_This postmortem follows SRE best practices, focusing on continuous improvement")
    assert (lines[-2:], lines[-4]) == (["", "---"], "### Footer")


def test_a_draft_of_an_earlier_time_says_so() -> None:
    """What was not known yet must not read as if it had not happened."""
    text = md.markdown(document(as_of=at(30), resolved=False, options=Options(zone="Europe/Berlin")))
    assert "**Status:** Unresolved, as known at 2026-03-04 15:30:00 (+01:00)  \n" in text


def test_a_parser_sees_the_headings_the_template_names() -> None:
    """No rule turns a line above it into a heading, and every table is a table."""
    row = Row(at=at(2), label="Detected", parts=(Words("Alert fired"),), cites=IDS[:1], type="alert.firing")
    tokens = PARSER.parse(md.markdown(document(Timeline((row,)), claim("It began"), section="timeline")))
    assert sum(token.type == "heading_open" for token in tokens) == len(HEADINGS)
    assert sum(token.type == "table_open" for token in tokens) == 1
    assert sum(token.type == "hr" for token in tokens) == 12


@pytest.mark.parametrize(
    ("sentence", "line"),
    [
        (claim("It began"), f"- It began [{SHORT[0]}]."),
        (claim("It said: ", Quote("12% fail.")), f'- It said: "12% fail." [{SHORT[0]}]'),
        (claim("Went on", stop=False), f"- Went on [{SHORT[0]}]"),
        (claim(Words("Primary Cause:", strong=True), cites=(), label=True), "- **Primary Cause:**"),
        (claim("Many", cites=IDS), f"- Many [{SHORT[0]}, {SHORT[1]}, {SHORT[2]}, +2]."),
        (
            claim("None seen", cites=(), none="change.* 12:02..14:02", searched=(Words("changes of "), Name("web"))),
            "- None seen.",
        ),
        (claim(Name("12"), cites=()), "- 12\\."),
        (
            claim("Look: ", LinkedText("rule", "https://p.example/a b")),
            f"- Look: [rule](https://p.example/a%20b) [{SHORT[0]}].",
        ),
        (claim("Ran ", Code("a`|b")), f"- Ran ``a`|b`` [{SHORT[0]}]."),
        (claim(Name("Wow!"), LinkedText("x", "https://p.example")), f"- Wow\\![x](https://p.example) [{SHORT[0]}]."),
    ],
)
def test_a_sentence_ends_in_its_evidence(sentence: Claim, line: str) -> None:
    """The citation comes last, three events at most, with one full stop, and never begins a line."""
    assert written(Bullets((sentence,))) == line


def test_lists_that_follow_each_other_are_one_list() -> None:
    """A blank line between two lists would make every item a paragraph; a numbered list is one of its own."""
    text = written(Bullets((claim("a"),)), Bullets((claim("b"),)), Bullets((claim("c"), claim("d")), numbered=True))
    assert text.splitlines() == [
        f"- a [{SHORT[0]}].",
        f"- b [{SHORT[0]}].",
        "",
        f"1. c [{SHORT[0]}].",
        f"2. d [{SHORT[0]}].",
    ]
    assert "paragraph_open" not in [t.type for t in PARSER.parse(text) if not t.hidden]


def test_the_index_has_one_line_an_event_at_its_own_time() -> None:
    """A table of short ids, clock times, types and sources."""
    lines = (IndexLine(id=IDS[0], at=at(2), type="alert.firing", source="am_1"),
             IndexLine(id=IDS[1], at=at(3), type="x|y", source="b"))  # fmt: skip
    assert written(Index(lines)).splitlines() == [
        "| Id | Time | Type | Source |",
        "|---|---|---|---|",
        f"| {SHORT[0]} | 14:02:00 | alert.firing | am_1 |",
        f"| {SHORT[1]} | 14:03:00 | x\\|y | b |",
    ]


def test_evidence_can_stand_at_the_end_or_nowhere() -> None:
    """``end`` numbers the statements of each section in the appendix; ``none`` shows no id at all."""
    whole = draft(replay([firing(2), resolved(20, since=2)]), Options(citations="end"))
    text = md.markdown(whole)
    above, _, appendix = text.partition("## Appendix")
    assert not re.search(r"\[[0-9a-f]{5}", above)
    assert re.search(r"^- Summary: 1 \[[0-9a-f]{5}\]; 2 ", appendix, re.MULTILINE)
    bare = md.markdown(draft(replay([firing(2), resolved(20, since=2)]), Options(citations="none")))
    assert not re.search(r"\b[0-9a-f]{5}\b(?!\d)", bare.partition("Digest")[0])
    assert "| Id | Time |" not in bare


def test_with_an_address_citations_become_links_at_the_very_end() -> None:
    """Definitions that Markdown reads and nobody sees: one for each event and each citation."""
    text = md.markdown(document(Bullets((claim("a"), claim("b", cites=IDS))), external_url="https://t.example"))
    ending = text.rpartition("---\n")[2].strip().splitlines()
    assert f"[{SHORT[0]}]: https://t.example/events/{IDS[0]}" in ending
    assert f"[{SHORT[0]}, {SHORT[1]}, {SHORT[2]}, +2]: https://t.example/events/{IDS[0]}" in ending
    links = [child for token in PARSER.parse(text) for child in token.children or [] if child.type == "link_open"]
    assert [str(each.attrGet("href")) for each in links] == [f"https://t.example/events/{IDS[0]}"] * 2
    assert "https://" not in md.markdown(document(Bullets((claim("a"),))))


def test_the_timeline_can_have_seconds() -> None:
    """The setting adds them to the time of each row."""
    row = Row(at=at(2.5), label="", parts=(Words("x"),), cites=IDS[:1], type="x")
    assert "| 2026-03-04 14:02:30 | x" in written(Timeline((row,)), section="timeline", options=Options(seconds=True))


def test_a_prompt_stands_alone() -> None:
    """It has a blank line on both sides, so that it is a quotation of its own."""
    text = written(Bullets((claim("a"),)), Prompt("what else?"), Bullets((claim("b"),)))
    assert text.splitlines()[1:4] == ["", "> **Fill in:** what else?", ""]


def test_a_row_has_its_label_its_suffixes_and_its_evidence() -> None:
    """``**Detected.**``, but ``**Acknowledged**`` where the row goes on; bars of a query do not end a cell."""
    rows = (
        Row(at=at(2), label="Detected", parts=(Words("Alert "), Name("A|B"), Words(" fired")), cites=IDS[:1], type="x"),
        Row(at=at(4), label="Acknowledged", parts=(Words("by "), Name("Ana")), cites=IDS[:4], type="x",
            suffixes=("received 8 min late", "corrected")),
        Row(at=at(5), label="", parts=(Code('up{a=~"b|c"}'),), cites=(), type="x"),
    )  # fmt: skip
    three = ", ".join(SHORT[:3])
    text = written(Timeline(rows, claim("2 rows are left out")), section="timeline")
    assert text.splitlines() == [
        "| **Time** | **Event** |",
        "|---|---|",
        f"| 2026-03-04 14:02 | **Detected.** Alert A\\|B fired [{SHORT[0]}] |",
        f"| 2026-03-04 14:04 | **Acknowledged** by Ana (received 8 min late) (corrected) [{three}, +1] |",
        '| 2026-03-04 14:05 | `up{a=~"b\\|c"}` |',
        "",
        f"2 rows are left out [{SHORT[0]}].",
    ]
    assert sum(token.type == "td_open" for token in PARSER.parse(text)) == 6


def test_rows_on_both_sides_of_a_clock_change_are_told_apart() -> None:
    """Where one wall-clock time happens twice, every row says which offset it is in."""
    moments = (1_792_886_400_000_000, 1_792_890_000_000_000)
    rows = tuple(Row(at=each, label="", parts=(Words("x"),), cites=IDS[:1], type="x") for each in moments)
    text = written(Timeline(rows), section="timeline", options=Options(zone="Europe/Berlin"))
    assert re.findall(r"2026-10-25 02:00 [+]\d\d:00", text) == ["2026-10-25 02:00 +02:00", "2026-10-25 02:00 +01:00"]


def test_actions_without_an_owner_say_so() -> None:
    """An empty cell could mean that nobody looked."""
    rows = (ActionRow(action=(Quote("Load-test"),), owner=(), due="", cites=IDS[:1]),)
    assert f'| "Load-test" [{SHORT[0]}] | _not recorded_ | _not recorded_ |' in md.markdown(
        document(Actions(rows), section="actions")
    )


def test_short_ids_are_as_long_as_they_must_be() -> None:
    """Five digits from the end; only those that share them get more."""
    ids = ["0" * 27 + "abcde", "0" * 26 + "1fffff", "0" * 26 + "2fffff", "0" * 32]
    assert cite.short_ids(ids) == {ids[0]: "abcde", ids[1]: "1fffff", ids[2]: "2fffff", ids[3]: "00000"}


@given(st.sets(st.text("01", min_size=8, max_size=8), max_size=40))
def test_short_ids_name_one_event_each(ids: set[str]) -> None:
    """Each is an end of its own id and of no other."""
    short = cite.short_ids(ids)
    assert short.keys() == ids
    assert len(set(short.values())) == len(ids)
    assert all(each.endswith(end) and len(end) >= 5 for each, end in short.items())


def test_the_template_uses_the_sheet_and_nothing_else() -> None:
    """What a template may show is one dataclass, every field of which it shows."""
    source = shipped.source("default")
    environment = Environment()  # noqa: S701 - parsed, never rendered
    assert meta.find_undeclared_variables(environment.parse(source)) == {"sheet"}
    shown = re.findall(r"{{ sheet\.(\w+) }}", source)
    assert shown == [field.name for field in dataclasses.fields(Sheet)]


def test_a_name_the_template_does_not_know_stops_it() -> None:
    """An undefined name in a template is an error, never an empty place."""
    with pytest.raises(UndefinedError):
        sandbox.template("{{ sheet.nothing }}").render(sheet=object())


def test_a_plain_string_in_a_template_is_taken_for_a_strangers() -> None:
    """Text that nobody declared to be Markdown is escaped on its way out."""
    shown = sandbox.template("{{ text }}").render(text="<b>*x*</b>")
    assert shown == r"\<b>\*x\*\</b>"


HOSTILE = st.sampled_from(
    [
        *(
            "# x",
            "| a | b |",
            "[x](https://evil.example)",
            "![x](https://evil.example/p.png)",
            "<script>x</script>",
            "`x`",
        ),
        *(
            "x\n\n## Footer",
            "x\r\n---",
            "**x**",
            "@everyone",
            "https://evil.example",
            "a@evil.example",
            "www.evil.example",
        ),
        *(
            "1. x",
            "- x",
            "> x",
            "\u202egnp.exe",
            "&lt;b&gt;",
            "javascript:alert(1)",
            "| x\n|---|",
            "",
            "\x00",
            "\ufffd",
        ),
        *(
            "12.",
            "Wow!",
            "]",
            "\\",
            "[a3f9c]: https://evil.example",
            "<!--",
            "~~~",
            "x" * 400,
            "{{ sheet }}",
            "{% raw %}",
        ),
    ]
)


FIELDS = ("title", "lead", "impact")


@st.composite
def hostile_incidents(draw: st.DrawFn) -> list[RecordedEvent]:
    """An incident every text of which was chosen by somebody who means harm."""

    def text() -> str:
        return draw(HOSTILE)

    common: dict[str, Any] = {"service": text() or None, "environment": text() or None, "actor": text() or None}
    fields = {"data": {"text": text(), "summary": text(), "description": text(), "query": text(), "starts_at": at(2)}}
    links = (link("rule", text()), link("source", "https://prom.example/" + text()), link("runbook", text()))
    return [
        firing(2, text() or "A", severity=text() or None, links=links, labels={text() or "l": text()}, **fields | {}),
        firing(3, text() or "B", severity="warning", service=text() or None),
        resolved(20, "B", since=3),
        page("triggered", 3, **common, data={"number": text(), "assignees": [text()], "priority": text()}),
        page("acknowledged", 4, **common),
        change("succeeded", 1, title=text(), actor=text(), data={"ref": text(), "number": 7, "repository": text()},
               links=(link("pull_request", "https://git.example/" + text()),)),
        change("rolled_back", 10, "deployment:8", title=text(), actor=text()),
        fact("observation.recorded", 12, "o", title=text(), actor=text(), data={"type": text(), "subject": text()}),
        fact("status.updated", 13, "s", title=text(), data={"text": text()}),
        stated("note.added", 14, stated_at=14, title=text() or "n"),
        stated(
            "action.added", 15, stated_at=15, entity="action:a", title=text(), data={"owner": text(), "due": text()}
        ),
        stated("incident.edited", 16, stated_at=16, data={"field": draw(st.sampled_from(FIELDS)), "value": text()}),
        mark("mitigated", 18, title=text()),
    ]  # fmt: skip


def outline(text: str) -> list[str]:
    """Headings, rules, tables and whatever a stranger might have added."""
    tokens = PARSER.parse(text)
    inside = [child for token in tokens for child in token.children or []]
    kinds = [
        token.type for token in tokens if token.type in ("heading_open", "hr", "table_open", "html_block", "fence")
    ]
    return kinds + [child.type for child in inside if child.type in ("image", "html_inline", "em_open", "s_open")]


PLAIN = [
    firing(2),
    resolved(20, since=2),
    page("triggered", 3),
    stated("action.added", 15, stated_at=15, title="a"),
]


@cache
def plain_outline() -> list[str]:
    """The outline of a draft whose texts hold no Markdown; emphasis may be ours."""
    return [kind for kind in outline(md.markdown(draft(replay(PLAIN)))) if kind != "em_open"]


@examples(60)
@given(events=hostile_incidents())
def test_no_text_of_a_sender_changes_the_outline(events: list[RecordedEvent]) -> None:
    """Headings, rules, tables, emphasis, pictures and HTML of a whole draft are ours alone; so are the links' hosts."""
    text = md.markdown(draft(replay(events)))
    ours = plain_outline()
    assert [kind for kind in outline(text) if kind != "em_open"] == ours
    links = [child for token in PARSER.parse(text) for child in token.children or [] if child.type == "link_open"]
    assert {str(each.attrGet("href")).split("/")[2] for each in links} <= {
        "prom.example",
        "git.example",
        "evil.example",
    }
    assert all(str(each.attrGet("href")).startswith("https://") for each in links)
    text.encode()


@examples(15)
@given(events=hostile_incidents(), order=st.randoms())
def test_a_draft_is_the_same_whatever_the_order(events: list[RecordedEvent], order: object) -> None:
    """Shuffled events give the same bytes, in every format."""
    shuffled = list(events)
    order.shuffle(shuffled)  # type: ignore[attr-defined]
    for render in RENDERERS.values():
        assert render(draft(replay(shuffled))) == render(draft(replay(events)))


def test_json_says_everything_with_whole_ids_and_in_seconds() -> None:
    """A machine gets the parts, the full ids of the evidence and of the events cited, and lengths in seconds."""
    history = replay([firing(2), resolved(20, since=2), mark("impact_started", 0)])
    drafted = draft(history)
    draft_json = json.loads(RENDERERS["json"](drafted))
    assert [section["key"] for section in draft_json["sections"]][:3] == ["summary", "impact", "timeline"]
    cited = cite.cited(drafted)
    assert set(draft_json["events"]) == cited
    assert all(len(each) == 32 for each in cited)
    assert all(
        event["type"] in EVENT_TYPES and event["occurred_at"].endswith("Z") for event in draft_json["events"].values()
    )
    assert "position" not in json.dumps(draft_json)


def test_json_gives_moments_and_durations_where_the_document_has_them() -> None:
    """A duration that is not known is null, never zero."""
    history = replay([firing(2), resolved(20, since=2)])
    made = document(moments=history.moments, durations=tuple(history.durations.values()))
    draft_json = json.loads(RENDERERS["json"](made))
    seconds = {each["name"]: each["seconds"] for each in draft_json["durations"]}
    assert (seconds["mitigate"], seconds["detect"]) == (1_080, None)
    assert draft_json["moments"]["mitigated"]["at"] == "2026-03-04T14:20:00.000000Z"


def test_json_hides_nothing_invisible() -> None:
    """Characters that turn text around or that UTF-8 has no place for are written as escapes."""
    text = RENDERERS["json"](document(Bullets((claim(Quote("a\u202eb\ud800")),))))
    assert "\\u202e" in text
    assert json.loads(text)["sections"][0]["blocks"][0]["items"][0]["parts"][0]["text"] == "a\u202eb\ud800"
    text.encode()
