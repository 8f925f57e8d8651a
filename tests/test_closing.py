"""Whether an incident is over, since when, and what it is called: one answer, whoever asks."""

from __future__ import annotations

import asyncio
import random
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from collector.correlation import Rules, correlate
from collector.drafting.due import due
from collector.drafting.rendering import context_of, document_of
from collector.event import RecordedEvent
from collector.projections import IncidentRow
from collector.semantics.closing import OPEN, Closing, OpenSpan, TitledSignal, Word, closing, peak, title
from renderers.replay import replay
from tests.examples import examples
from tests.followed import following
from tests.stories import at, event, firing, page, resolved, says

# --- the rule ---------------------------------------------------------------------------------------------------------


def word(kind: str, minutes: float, stated_at: float | None = None) -> Word:
    """A person says so, about that moment."""
    stated = at(minutes if stated_at is None else stated_at)
    return Word(f"incident.{kind}", at(minutes), stated, f"{kind}@{minutes}/{stated_at}")


def span(name: str, start: float, end: float | None) -> OpenSpan:
    """A signal from minute to minute."""
    return OpenSpan(name, at(start), None if end is None else at(end), "alert", f"{name}@{start}")


def test_an_incident_is_over_with_its_last_signal() -> None:
    """One that is open keeps it open, and without a signal nothing was ever over."""
    assert closing([span("A", 0, 20), span("B", 5, 30)], []).at == at(30)
    assert closing([span("A", 0, 20), span("B", 5, None)], []) == OPEN
    assert closing([], []) == OPEN


def test_a_resolve_covers_what_began_before_it() -> None:
    """What still fires is covered; what began later speaks for itself, while it fires and once it ended."""
    over = word("resolved", 21)
    assert closing([span("A", 0, None)], [over]) == Closing(at(21), over)
    assert closing([span("A", 0, None), span("B", 26, None)], [over]) == OPEN
    assert closing([span("A", 0, None), span("B", 26, 86)], [over]).at == at(86)


def test_a_resolve_from_before_the_alert_covers_nothing() -> None:
    """People stated a moment at which there was nothing to end."""
    assert closing([span("A", 0, None)], [word("resolved", -30)]) == OPEN
    assert closing([span("A", 0, 20)], [word("resolved", -30)]).at == at(20)


def test_what_was_reopened_is_over_once_something_ends_after_that() -> None:
    """Nothing that had ended before says that it is over."""
    again = [word("resolved", 21), word("reopened", 23)]
    assert closing([span("A", 0, 20)], again) == OPEN
    assert closing([span("A", 0, 20), span("B", 26, 40)], again).at == at(40)
    assert closing([span("A", 0, None), span("B", 26, 40)], again) == OPEN


def test_words_stand_in_the_order_of_what_they_state() -> None:
    """Then in that in which they were said: a resolve of ten o'clock, said later, does not undo a reopening since."""
    assert closing([span("A", 0, 5)], [word("reopened", 30, stated_at=30), word("resolved", 10, stated_at=60)]) == OPEN
    assert closing([span("A", 0, 5)], [word("reopened", 30, stated_at=31), word("resolved", 30, stated_at=30)]) == OPEN
    assert closing(
        [span("A", 0, 5)], [word("resolved", 30, stated_at=31), word("reopened", 30, stated_at=30)]
    ).at == at(30)


def test_an_alert_without_an_end_goes_on_with_its_next_episode() -> None:
    """Its start moved, or its resolve was lost: the end that is told later is the end of both."""
    assert closing([span("A", 0, None), span("A", 30, 50)], []).at == at(50)
    assert closing([span("A", 0, 10), span("A", 30, None)], []) == OPEN
    assert closing([span("A", 0, None), span("B", 30, 50)], []) == OPEN


def test_a_title_is_a_persons_or_names_the_first_alert() -> None:
    """Other alerts count by name and not by series; without an alert the first page or report names it."""
    alerts = [TitledSignal("High", "shop"), TitledSignal("High", "shop"), TitledSignal("Slow", "cart")]
    assert title("Shop down", alerts, []) == "Shop down"
    assert title("", alerts[:2], []) == "shop: High"
    assert title("", alerts, []) == "shop: High (and 1 more alert)"
    assert title("", [*alerts, TitledSignal("Full")], []) == "shop: High (and 2 more alerts)"
    assert title("", [TitledSignal("High")], [TitledSignal("Page 3")]) == "High"
    assert title("", [TitledSignal("shop", "Shop")], []) == "shop"
    assert title("", [], [TitledSignal(""), TitledSignal("Cannot pay")]) == "Cannot pay"
    assert title("", [], []) == "Incident without a title"


def test_the_peak_is_the_gravest_that_was_told() -> None:
    """Unless a person set another."""
    assert peak("", ["warning", "critical", None, "error"]) == "critical"
    assert peak("sev3", ["critical"]) == "sev3"
    assert peak("", [None]) is None


def test_the_peak_has_one_spelling_in_any_order() -> None:
    """Of spellings that are as grave the same one is shown, whichever came first."""
    assert peak("", ["p1", "P1", "P3"]) == peak("", ["P3", "P1", "p1"])
    assert peak("", ["SEV-1", "sev1"]) == peak("", ["sev1", "SEV-1"])


async def test_a_page_that_was_graver_for_a_while_was_that_grave(tmp_path: Path) -> None:
    """P3, P1 and P3 again: lists and draft tell P1, over whatever alert it was."""
    pages = [page("P1", state, minute, severity=priority, data={"priority": priority})
            for state, minute, priority in (("triggered", 10, "P3"), ("priority_updated", 20, "P1"),
                                            ("priority_updated", 30, "P3"), ("resolved", 40, "P3"))]  # fmt: skip
    async with following(tmp_path) as followed:
        await followed.told(firing("Slow", 9, severity="P4"), *pages)
        (row,) = await followed.lists.incidents()
        case = await followed.lists.case(row.number)
    assert row.severity == "P1"
    assert case is not None
    incident = document_of(case).incident
    assert incident is not None
    assert "· P1 ·" in "".join(part.text for part in incident.parts)


def test_an_alert_that_was_critical_once_keeps_its_incident() -> None:
    """A sender that lowers an alert's severity while it fires takes back nothing."""
    for severities in (("critical", "warning"), ("warning", "critical")):
        told = [firing("Slow", 10, severity=severity, identity=n) for n, severity in enumerate(severities)]
        (incident,) = correlate(told, Rules()).incidents
        assert len(incident.members) == 2


# --- every face of it -------------------------------------------------------------------------------------------------

_MINUTES = st.integers(0, 60)


@st.composite
def outages(draw: st.DrawFn) -> list[RecordedEvent]:
    """Signals of one service within an hour, and people's words about it before, between and after them."""
    events: list[RecordedEvent] = [firing("A0", 10), *draw(st.lists(_signal(), max_size=7))]
    for _ in range(draw(st.integers(0, 4))):
        kind = draw(st.sampled_from(["resolved", "resolved", "reopened"]))
        moment = draw(st.integers(-20, 90))
        about = draw(st.sampled_from(events))
        events.append(says(f"incident.{kind}", 95 + draw(_MINUTES), about, occurred=moment))
    if draw(st.booleans()):
        events.append(
            says("incident.edited", 96, events[0], field=draw(st.sampled_from(["title", "severity"])), value="x")
        )
    return list({one.id: one for one in events}.values())


@st.composite
def _signal(draw: st.DrawFn) -> RecordedEvent:
    minutes = draw(_MINUTES)
    name = f"A{draw(st.integers(0, 2))}"
    kind = draw(st.sampled_from(["firing", "resolved", "resolved", "page", "low", "report", "bare"]))
    if kind == "page":
        state = draw(st.sampled_from(["triggered", "acknowledged", "resolved", "resolved", "reopened"]))
        severity = draw(st.sampled_from(["P1", "P3", "p1", "high", None]))
        return page(f"P{draw(st.integers(0, 1))}", state, minutes, severity=severity, data={"urgency": "high"})
    if kind == "report":
        return event("incident.opened", minutes, "people", f"report@{minutes}", service="checkout", title="Cannot pay")
    if kind == "firing":
        return firing(name, minutes)
    if kind == "low":
        return firing(f"W{name}", minutes, severity="warning")
    if kind == "bare":
        return resolved(name, 0, minutes, data={})
    return resolved(name, minutes, minutes + draw(st.integers(-3, 30)))


class Face:
    """What was made of one incident."""

    def __init__(self, row: IncidentRow, over: int | None, title: str, severity: str | None) -> None:
        self.row, self.over, self.title, self.severity = row, over, title, severity


async def faces(folder: Path, events: Sequence[RecordedEvent], order: Any) -> list[tuple[Any, ...]]:
    """For each incident what lists, the draft and its moments say: over since when, and what it is called."""
    arriving = list(events)
    order.shuffle(arriving)
    async with following(folder) as followed:
        for one in arriving:
            await followed.told(one)
        answers: list[tuple[Any, ...]] = []
        for row in await followed.lists.incidents(limit=100):
            case = await followed.lists.case(row.number)
            if row.merged_into is not None or case is None:
                continue
            history, document = replay(case.events, None, context_of(case)), document_of(case)
            heading = "".join(part.text for part in document.title.parts)
            settled = {each.reason for each in due(at(100), [row], {}, 1 << 62)}
            assert (row.status == "resolved") == document.resolved == ("resolved" in settled)
            answers.append((row.key, row.ended_at, history.closing.at, history.moments["resolved"].at))
            assert row.title == heading
            severities = [each.severity for each in history.openers] + [each.severity for each in history.pages]
            assert row.severity == peak(_edited(history), severities)
            head = "".join(part.text for part in document.incident.parts) if document.incident else ""
            assert f"· {row.severity}" in head if row.severity else True
        return answers


def _edited(history: Any) -> str:
    edit = history.edits.get("severity")
    return "" if edit is None else str(edit.data["value"])


@examples(25)
@given(events=outages(), order=st.randoms(use_true_random=False))
def test_lists_drafts_and_grouping_give_one_answer(events: list[RecordedEvent], order: Any) -> None:
    """Whatever people said before, between and after the signals, and in whatever order all of it arrived."""
    with tempfile.TemporaryDirectory() as folder:
        answers = asyncio.run(faces(Path(folder), events, order))
    ended = {incident.key: incident.ended_at for incident in correlate(events, Rules()).incidents}
    assert {key: listed for key, listed, _, _ in answers} == ended
    for _, listed, drafted, measured in answers:
        assert listed == drafted == measured


async def test_a_page_of_which_only_the_end_is_known_moves_no_end(tmp_path: Path) -> None:
    """It began nobody knows when: what a person ended is over since then, in lists and drafts alike."""
    alert = firing("A0", 10)
    told = [alert, page("P0", "resolved", 11), says("incident.resolved", 95, alert, occurred=10)]
    found = await faces(tmp_path, told, random.Random(1))  # noqa: S311 - an order, and no secret
    assert [times for _, *times in found] == [[at(10)] * 3]
