"""Promise 7 over every story: each generated sentence cites, and says nothing once its proof is gone."""

from __future__ import annotations

from pathlib import Path

import pytest

from collector.drafting.rendering import document_of
from collector.projections import Case
from renderers.choices import DETAILS
from renderers.cite import citations, short_ids
from renderers.document import Options
from renderers.lint import lint, lint_text
from renderers.markdown import markdown
from tests.scenario import names, played, submission, tell


async def cases(name: str, folder: Path) -> list[Case]:
    """What the drafts of a story are rendered from: every incident that is listed has a case, and there is one."""
    story = tell(name)
    async with played([submission(a) for a in story.arrivals], story.rules, folder / "events.db") as lists:
        rows = await lists.incidents(limit=100)
        found = [await lists.case(row.number) for row in rows]
    made = [case for case in found if case is not None]
    assert len(made) == len(rows) > 0
    return made


@pytest.mark.parametrize("name", names())
async def test_no_generated_sentence_is_uncited(name: str, tmp_path: Path) -> None:
    """`timelined lint` counts 0 uncited claims in the drafts of every story."""
    for case in await cases(name, tmp_path):
        document = document_of(case)
        assert lint(document) == ()
        assert lint_text(markdown(document)) == ()


@pytest.mark.parametrize("name", names())
async def test_no_sentence_cites_an_event_twice(name: str, tmp_path: Path) -> None:
    """Each id stands once in a citation, so that ``+9`` means nine more events."""
    for case in await cases(name, tmp_path):
        drafts = [document_of(case, options=Options(detail=detail)) for detail in DETAILS]
        blocks = [block for document in drafts for section in document.sections for block in section.blocks]
        for ids in [ids for block in blocks for ids in citations(block)]:
            assert len(ids) == len(set(ids))


@pytest.mark.parametrize("name", names())
async def test_removing_an_event_removes_what_it_proved(name: str, tmp_path: Path) -> None:
    """Without an event nothing cites it any more, and what is left still cites for every sentence."""
    for case in await cases(name, tmp_path):
        for removed in case.events[:: max(1, len(case.events) // 12)]:
            rest = tuple(event for event in case.events if event.id != removed.id)
            if not rest:
                continue
            document = document_of(without(case, rest, removed.id), options=Options())
            text = markdown(document)
            assert lint(document) == ()
            assert removed.id not in document.events
            assert short_ids([*document.events, removed.id])[removed.id] not in text


def without(case: Case, rest: tuple, removed: str) -> Case:  # type: ignore[type-arg]
    """The same case where an event was never known."""
    import msgspec

    reported = {family: tuple(i for i in ids if i != removed) for family, ids in case.reported.items()}
    return msgspec.structs.replace(
        case,
        events=rest,
        memberships={event: why for event, why in case.memberships.items() if event != removed},
        reported={family: ids for family, ids in reported.items() if ids},
        collector=tuple(event for event in case.collector if event.id != removed),
    )
