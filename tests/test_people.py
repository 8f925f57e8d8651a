"""People as roles: nobody's name stands in any format, and each has one name in the whole of a draft."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Iterator
from functools import cache
from typing import Any
from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.event import Link
from collector.names.persons import persons_in
from renderers import edits
from renderers.document import Document
from renderers.formats import INLAID, RENDERERS
from renderers.markdown import machine_marked, markdown, marked, named_machine_marked
from renderers.name_patterns import NamePatterns
from tests.edited_drafts import assert_people_kept, with_edits
from tests.editors import Editor, deeds, do, said
from tests.examples import examples
from tests.histories import MADE_UP, Facts
from tests.random_incidents import incidents

HIDDEN = (
    "ana", "lima", "alima", "okafor", "ben", "núñez", "nunez", "josé", "jose", "zhou", "wei", "mia", "brandt", "carol",
    "tove", "strand", "pia", "quist", "olu", "adeyemi", "hidden.person", "rana", "mehta", "u0mia0001",
)  # fmt: skip
"""Words of the names, logins and addresses of everybody in the incident of many people."""


@cache
def many() -> Facts:
    """An incident in which people stand wherever they can."""
    story = Facts()
    story.context["people"] = {"Mia Brandt": "Mia Brandt", "U0MIA0001": "Mia Brandt", "mb@example.com": "Mia Brandt"}
    story.deploys("checkout", "13:50", "13:55", "v42: Ben's pool (thanks @ana.lima)", actor="ben.okafor@example.com",
                 links=(Link(rel="source", url="https://git.example/u/ben.okafor/deploys/1"),
                        Link(rel="log", url="mailto:Ben.Okafor@example.com")),
                 refs=("repository:ben-okafor/checkout",), labels={"owner": "Ben Okafor"},
                 data={"branch": "ben.okafor/pool"})  # fmt: skip
    story.deploys("checkout", "13:20", "13:30", "Chart", actor="release-bot")
    fired = story.fires("HighErrorRate", "14:00", "checkout", said="Call Ana Lima <ana.lima@example.com>",
                       runbook="https://wiki.example/~ana.lima/runbook")  # fmt: skip
    story.page(
        "triggered", "14:01", title="Checkout down, ask Ana Lima", data={"assignees": ["Ana Lima", "Tove Strand"]}
    )
    story.page("acknowledged", "14:03", actor="Ana Lima")
    story.page("role_assigned", "14:04", actor="Ana Lima", data={"text": "Incident Commander", "to": "Ana Lima"})
    story.page("responder_added", "14:05", actor="Ana Lima", data={"to": "José Núñez, Olu Adeyemi"})
    story.page("delegated", "14:05:30", actor="Ana Lima", data={"to": "Payments on call"})
    story.says("chat.message", "14:06", "@Jose can you look? cc <@U0MIA0001> ANA_LIMA Lima, Ana; Zhou Wei said so",
              by="jose.nunez@example.com", data={"channel": "incidents"})  # fmt: skip
    story.says("chat.message", "14:07", "A\u200bna Lima and Jose\u0301 Nunez: see https://x.example/u/ana%2Elima?a=%40ben.okafor",
              by="José Núñez", data={"channel": "incidents"})  # fmt: skip
    cut = "The pool is full since it was made smaller by Zhou Wei"
    story.says(
        "note.added",
        "14:08",
        f"{cut[:-3]}…",
        by="Zhou Wei",
        data={"text": f"{cut}; [mail](mailto:hidden.person@x.example)"},
    )
    story.says("note.added", "14:09", "Mark the first deploy as bad & tell Ana", by="<b>Mia Brandt</b>")
    story.says("report.received", "13:58", "Customers cannot pay", by=None, data={"by": "Carol of support"})
    story.add("observation.recorded", "14:10", source="cloudevents", title="Switch set",
             data={"data": {"author": {"name": "Rana Mehta", "email": "rana@x.example"}, "ana.lima": 1}})  # fmt: skip
    story.nearby("Ben Okafor did it", "change.succeeded", "13:40", title="By Pia", actor="Pia Quist", service="search")
    story.says("action.added", "15:00", "Ben and Olu size the pool", by="Ana Lima",
              data={"owner": "b.okafor@example.com", "due": "2026-04-01", "state": "open", "action": "a"})  # fmt: skip
    story.edits("root_causes", "Lima, Ana says that *Ben Okafor's* change `by ben.okafor` was not tested.")
    story.says("incident.reviewed", "18:10", by="Tove Strand", data={"status": "reviewed", "stated_at": 1})
    story.page("resolved", "14:30", actor="Ana Lima")
    story.ends(fired, "14:31")
    return story


def spelt_out(text: str) -> Iterator[str]:
    """A text as it is, and as whoever reads it undoes what a format did to it."""
    yield text
    yield html.unescape(text)
    yield unquote(html.unescape(text))
    yield re.sub(r"\\u([0-9a-f]{4})", lambda found: chr(int(found[1], 16)), text)
    yield re.sub(r"[\\*_`\u200b\u00ad]|<[^>]*>|\\n", "", text)


def names_in(text: str) -> set[str]:
    """The words of people's names in a text."""
    found = (set(re.findall(r"[^\W_]+(?:\.person)?", each.casefold())) for each in spelt_out(text))
    return set().union(*found) & set(HIDDEN)


@cache
def drawn(people: str) -> Document:
    """Its draft, with people by their names or as roles."""
    return many().draft(detail="all", people=people)


@pytest.mark.parametrize("form", [*RENDERERS, *INLAID])
def test_no_name_stands_in_any_format(form: str) -> None:
    """Neither in a sentence nor in an attribute, a link, a title, raw labels or the front matter; automation does."""
    write = {**RENDERERS, **INLAID}[form]
    text = write(drawn("roles"))
    if form == "article":
        # By these two it is known what people edit of it; they are not published.
        text = json.dumps(
            {key: value for key, value in json.loads(text).items() if key not in ("machine_named", "roles")}
        )
    assert names_in(text) == set()
    assert names_in(write(drawn("names"))) or form == "measures"
    if form in ("md", "html", "csv"):
        assert "release-bot" in text


@pytest.mark.parametrize("name", MADE_UP)
def test_who_is_named_in_a_field_is_named_nowhere(name: str) -> None:
    """In every made-up incident; each person is called the same in the whole of it, and it says so once."""
    story = MADE_UP[name]()
    copy = story.draft(people="roles")
    text, roles = markdown(copy), copy.roles
    assert len(set(roles.values())) == len(roles)
    people = {person for event in (*story.events, *(near.event for near in story.near)) for person in persons_in(event)}
    known = {person for person in people if person in roles.values() and len(person) > 2}
    assert [each for each in known if re.search(rf"(?<!\w){re.escape(each)}(?!\w)", text)] == []
    assert text.count("names of people stand as roles") == bool(story.events)


def test_a_team_keeps_its_name() -> None:
    """It is no person, wherever a sender puts it."""
    story = Facts()
    story.fires("Down", "10:00:00", "shop")
    story.page("triggered", "10:00:30", 7, source="opsgenie", data={"escalation_policy": "Shop, Nights"})
    story.page("responder_added", "10:05:00", 7, source="opsgenie", data={"to": "Nights"})
    text = markdown(story.draft(people="roles"))
    assert "went to Shop, Nights" in text
    assert "person 1" not in text


def test_people_are_called_by_what_they_did() -> None:
    """The lead; who responded, in the order of their first act; who only made changes; who only reported; the rest."""
    called = {name: role for role, name in drawn("roles").roles.items()}
    assert called["Ana Lima"] == "the lead"
    assert (called["José Núñez"], called["Zhou Wei"]) == ("responder 1", "responder 2")
    assert (called["ben.okafor@example.com"], called["Pia Quist"]) == ("author 1", "author 2")
    assert (called["Carol of support"], called["Olu Adeyemi"]) == ("reporter 1", "person 1")
    assert not {"release-bot", "Payments on call", "github", "PagerDuty"} & called.keys()
    text = markdown(drawn("roles"))
    assert "| 2026-03-04 14:04 | The lead took the role Incident Commander" in text
    assert "by the lead" in text
    assert "delegated to Payments on call by the lead" in text


PATTERNS = NamePatterns(
    {"Ana Lima": "A", "alima@example.com": "A", "Núñez, José": "B", "Mark Page": "C", "Bo Li": "D", "checkout": "E",
     "Ana Souza": "F", "dan": "G"},
    ["checkout"],
)  # fmt: skip


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Ana Lima, ANA_LIMA, ana.lima@x.example and Lima, Ana", "[A], [A], [A] and [A]"),
        ("@alima, alima@example.com (mailto:alima@other.example) <@alima>", "[A], [A] ([A]) [A]"),
        ("Jose\u0301 Nunez's plan, josé.núñez; j\u200bosé núñez", "[B]'s plan, [B]; [B]"),
        ("Mark the page; then Mark. Page 3", "Mark the page; then [C]. Page 3"),
        ("Bo and bo; Danube, dan", "[D] and bo; Danube, [G]"),
        ("checkout is down, says @checkout", "checkout is down, says [E]"),
        ("Ana said", "[A or F] said"),
        ("u/ana%2Elima?q=%40alima", "u/[A]?q=%40[A]"),
    ],
)
def test_names_are_found_however_they_are_spelled(text: str, shown: str) -> None:
    """By whole words, the longest first; a word that means something else is a name only where something says so."""
    assert PATTERNS.replaced(text, parts=True) == shown


def test_a_word_of_somebodys_name_stays_in_what_machines_wrote() -> None:
    """There only whole names are looked for: a region is called Lima, too."""
    assert PATTERNS.replaced("Lima is down, ask Ana Lima") == "Lima is down, ask [A]"


# --- what people edit ------------------------------------------------------------------------------------------------


def test_a_file_without_names_stays_as_it_was_edited() -> None:
    """Brought up to date it has every word, and the same again changes nothing."""
    fresh = marked(drawn("roles"))
    theirs = fresh.replace("by the lead, 2 min", "by the lead, who was asleep, 2 min").replace("## Impact", "## Harm")
    once, personal = edits.merged(theirs.encode(), fresh) or (b"", False)
    assert personal
    assert (once.decode(), edits.merged(once, fresh)) == (theirs, (once, True))
    assert edits.merged(fresh.encode(), fresh) == (fresh.encode(), False)


@examples(3)
@given(story=incidents(), acts=st.lists(deeds(), min_size=1, max_size=5))
def test_what_is_edited_in_a_copy_without_names_is_not_lost(story: Facts, acts: list[Any]) -> None:
    """Taken in it stands in drafts with names and without; nobody is taken to have changed what they left alone."""
    copy = story.draft(people="roles")
    fresh, machine, names = marked(copy), machine_marked(copy), named_machine_marked(copy)
    editor = Editor(fresh)
    for act in acts:
        do(editor, act)
    base, theirs = (edits.renamed(text, machine, names, copy.roles) for text in (fresh, editor.text))
    text, _ = edits.taken_in(base, names, theirs, names, "archive")
    again, back = marked(with_edits(story, text)), with_edits(story, text, people="roles")
    typed = {f"word{n}x" for n in range(1, editor.typed + 1) if f"word{n}x" in editor.text}
    assert {word for word in typed if word not in again} == set()
    assert "edited:**" not in again
    # What was a machine's sentence before somebody broke its line is theirs now: there a role stands in brackets.
    kept, shown = (_IN_BRACKETS.sub(r"\1", text) for text in (editor.text, marked(back)))
    assert_people_kept(kept, shown, set(said(fresh)))
    assert "edited:**" not in marked(back)


_IN_BRACKETS = re.compile(r"\[((?:responder|author|reporter|person) \d+|the lead)\]")


def test_a_name_comes_back_where_its_role_was_edited() -> None:
    """A role in brackets, or with a number, is that person's name in what the log keeps: numbers change later."""
    copy = drawn("roles")
    fresh, machine, names = marked(copy), machine_marked(copy), named_machine_marked(copy)
    line = next(line for line in fresh.split("\n") if "made smaller by" in line and line.startswith("- "))
    theirs = fresh.replace(line, line.replace("made smaller", "halved"))
    base, text = (edits.renamed(each, machine, names, copy.roles) for each in (fresh, theirs))
    stored, reads = edits.taken_in(base, names, text, names, "archive")
    assert "Note by Zhou Wei" in reads
    assert "halved by Zhou Wei" in reads
    assert names_in(stored) == {"zhou", "wei", "hidden.person"}
    back = markdown(with_edits(many(), stored, people="roles", detail="all"))
    told = 'Note by [responder 2], 14:08:00: "The pool is full since it was halved by [responder 2]'
    assert told in back
    assert names_in(back) == set()


def test_a_copy_in_whose_marks_an_editor_broke_lines_is_not_an_edited_one() -> None:
    """Marks are read as if they stood on one line, in a copy without names as anywhere else."""
    copy = drawn("roles")
    machine, names = machine_marked(copy), named_machine_marked(copy)
    editor = Editor(marked(copy))
    editor.fold_marks(0, "")
    assert editor.text != marked(copy)
    base, theirs = (edits.renamed(each, machine, names, copy.roles) for each in (marked(copy), editor.text))
    assert "edited:**" not in edits.taken_in(base, names, theirs, names, "archive")[1]
