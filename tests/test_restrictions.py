"""Who may read of what, by the statements alone."""

from __future__ import annotations

from typing import Any

import pytest

from collector.event import RESTRICTED, RecordedEvent
from collector.people import amendments
from collector.projections.restrictions import restricted
from tests.stories import at, firing, says

VAULT = firing("VaultOpened", 0, "vault")
WHISPER = firing("Whisper", 5, "vault")
BY: dict[str, Any] = {"by": "Ana", "reason": "a name stood in it", "stated_at": at(900)}


def _erased(fact: RecordedEvent, *, everything: bool) -> RecordedEvent:
    event = amendments.erased(fact, **BY, everything=everything, incidents=[VAULT.id])
    fields = {name: getattr(event, name) for name in event.__struct_fields__}
    return RecordedEvent(**fields, position=fact.position, received_at=fact.received_at)


def test_splits_of_splits_are_as_private_as_the_first_however_many() -> None:
    """Each is followed to where it came from once, and not along every way that leads there."""
    parts = [firing(f"Part{number}", number, "vault") for number in range(60)]
    facts = [says(RESTRICTED, 100, parts[0], group="security", number=1, numbers=[1])]
    for number in range(1, 60):
        names: dict[str, Any] = {"events": [parts[number].id], "number": number, "numbers": [number]}
        facts.append(says("incident.split", 101 + number, parts[number - 1], **names))
    numbers = {part.id: number for number, part in enumerate(parts, 1)}
    said = restricted(facts, numbers).stated
    assert all(said[part.id] == {"security"} for part in parts)


@pytest.mark.parametrize("everything", [False, True])
def test_an_erased_statement_is_still_of_the_incident_that_it_names(everything: bool) -> None:
    """By its number, too, so that it stays private whatever becomes of the event that opened it."""
    fact = says(RESTRICTED, 100, VAULT, group="security", number=2, numbers=[2])
    said = restricted([_erased(fact, everything=everything)], {}).stated
    assert {VAULT.id, "#2"} <= said.keys()


def test_erasing_what_was_said_of_one_event_locks_nobody_out_of_its_incident() -> None:
    """A statement that keeps one event private is of that event, also once its words are gone."""
    whole = says(RESTRICTED, 100, VAULT, group="security", number=2, numbers=[2])
    lone = says(RESTRICTED, 101, VAULT, event=WHISPER.id, number=2, numbers=[2])
    before = restricted([whole, lone], {})
    after = restricted([whole, _erased(lone, everything=True)], {})
    assert before.stated[VAULT.id] == after.stated[VAULT.id] == {"security"}
    assert before.left[WHISPER.id] == after.left[WHISPER.id] == {"security"}
