"""What lint finds in a draft, as a value and as a file."""

from __future__ import annotations

import pytest

from renderers import lint
from renderers.document import (
    ActionRow,
    Actions,
    Block,
    Bullets,
    Claim,
    Document,
    Index,
    IndexLine,
    Prompt,
    Row,
    Section,
    Timeline,
    Words,
)
from renderers.draft import draft
from renderers.markdown import markdown
from renderers.replay import replay
from tests.facts import at, change, firing, page, resolved, stated

KNOWN = firing(2)
HERE = (KNOWN.id,)
GONE = ("f" * 32,)


def document(*blocks: Block, section: str = "summary", lead: Claim | None = None) -> Document:
    """A document with one section."""
    return Document(
        title=Claim(parts=(Words("x"),)),
        lead=lead,
        date=at(0),
        resolved=True,
        sections=(Section(key=section, blocks=blocks),),
        events={KNOWN.id: KNOWN},
        digest="d",
    )


def said(text: str = "It began", cites: tuple[str, ...] = HERE, **more: object) -> Claim:
    """A sentence of ours."""
    return Claim(parts=(Words(text),), cites=cites, **more)  # type: ignore[arg-type]


def row(cites: tuple[str, ...] = HERE, text: str = "It fired") -> Row:
    """A row of the timeline."""
    return Row(at=at(2), label="", parts=(Words(text),), cites=cites, type="alert.firing")


@pytest.mark.parametrize(
    ("block", "kinds"),
    [
        (Bullets((said(),)), []),
        (Bullets((said(cites=()),)), ["uncited"]),
        (Bullets((said(cites=(), none="change.*"),)), []),
        (Bullets((said(cites=(), label=True),)), []),
        (Bullets((said(cites=GONE),)), ["unknown"]),
        (said(cites=()), ["uncited"]),
        (Timeline((row(), row(()))), ["uncited"]),
        (Timeline((row(HERE + GONE),)), ["unknown"]),
        (Actions((ActionRow(action=(Words("Do"),), owner=(), due="", cites=()),)), ["uncited"]),
        (Index((IndexLine(id=GONE[0], at=at(2), type="alert.firing", source="am"),)), ["unknown"]),
        (Prompt("why?"), []),
    ],
)
def test_every_statement_needs_evidence_that_exists(block: Block, kinds: list[str]) -> None:
    """A sentence or a row without a citation, or with one of an event nobody has, is found wherever it stands."""
    assert [finding.kind for finding in lint.lint(document(block))] == kinds


def test_the_lead_needs_evidence_and_the_title_does_not() -> None:
    """Who led is a statement about a person."""
    (found,) = lint.lint(document(lead=said("Ana", cites=())))
    assert (found.kind, found.location, found.text) == ("uncited", "head", "Ana")


def test_a_draft_asks_twelve_questions_at_most() -> None:
    """Beyond that nobody answers them; how many words and rows there are is no fault."""
    asked = [lint.lint(document(*(Prompt("?"),) * count)) for count in (12, 13)]
    assert [[finding.text for finding in found] for found in asked] == [[], ["13 prompts; 12 at most"]]
    assert lint.lint(document(Bullets((said("word " * 7_001),)), Timeline((row(text="x"),) * 410))) == ()


INCIDENT = [
    change("succeeded", 1, title="v42", actor="ana"),
    firing(2, data={"summary": "12% | of requests fail."}),
    page("triggered", 3),
    page("acknowledged", 4, actor="Ana Lima"),
    change("rolled_back", 15, "deployment:8"),
    resolved(20, since=2),
    page("resolved", 22, actor="Ana Lima"),
    stated("note.added", 14, stated_at=14, title="Pool exhausted."),
    stated("action.added", 30, stated_at=30, entity="action:a", title="Load-test"),
]


def test_a_draft_has_no_uncited_claim() -> None:
    """Neither the value nor the finished file of a whole draft has a sentence without evidence."""
    made = draft(replay(INCIDENT))
    assert lint.lint(made) == ()
    assert lint.lint_text(markdown(made)) == ()


def test_a_line_that_lost_its_citation_is_found_in_the_file() -> None:
    """Every item and row is looked at: taking away one citation gives one finding that names its line."""
    lines = markdown(draft(replay(INCIDENT))).splitlines()
    cited = [
        n
        for n, line in enumerate(lines)
        if line.startswith(("- ", "1. ", "| ")) and line.endswith(("].", "]", "] |")) and "| unknown |" not in line
    ]
    assert len(cited) > 12
    for number in cited:
        start = lines[number].rindex(" [")
        end = lines[number].index("]", start) + 1
        broken = [*lines[:number], lines[number][:start] + lines[number][end:], *lines[number + 1 :]]
        found = lint.lint_text("\n".join(broken))
        assert [finding.location for finding in found] == [f"line {number + 1}"], lines[number]
