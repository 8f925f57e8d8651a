"""Every back end of the log, held to the promise in ``collector/log/contract.py``."""

from __future__ import annotations

import asyncio
import itertools
import json
from hashlib import sha256

import pytest

from collector.errors import InvalidInput
from collector.event import PEOPLE
from collector.log import EventLog, Refused, Submission, queries
from collector.proof.merkle import content_commitment, delivery_commitment, delivery_leaf, event_commitment, leaf
from collector.removal import erasing
from tests.log_facts import AT, append, fact, opened, told
from tests.log_facts import database as database
from tests.log_facts import log as log

# What goes in comes out


async def test_what_was_appended_is_read_back_as_it_was(log: EventLog) -> None:
    """Every field of an event survives, and the log adds where it stands."""
    event = fact(
        "HighLatency", service="checkout", severity="critical", labels={"a": "ü"}, data={"n": [1, {"x": None}]}
    )
    (receipt,) = await append(log, told(event, received_at=AT + 7))
    (stored,) = await log.read()
    assert {name: getattr(stored, name) for name in event.__struct_fields__} == {
        name: getattr(event, name) for name in event.__struct_fields__
    }
    assert (stored.position, stored.received_at, stored.delivery, stored.item) == (1, AT + 7, receipt.delivery, 0)


async def test_a_receipt_names_each_item_and_says_what_was_known(log: EventLog) -> None:
    """The answer to a delivery has its id, and for each event the id, the position and whether it was known."""
    a, b, c = fact("a"), fact("b"), fact("c")
    await append(log, told(a))
    (receipt,) = await append(log, told(b, a, c))
    assert [(i.event_id, i.position, i.stored_before) for i in receipt.items] == [
        (b.id, 2, False),
        (a.id, 1, True),
        (c.id, 3, False),
    ]
    assert not receipt.nothing_new
    assert (await append(log, told(a, b)))[0].nothing_new


async def test_a_log_survives_being_closed_and_opened(database: str) -> None:
    """A second opening finds the events of the first and goes on counting."""
    async with opened(database) as log:
        await append(log, told(fact("a")))
    async with opened(database) as log:
        await append(log, told(fact("b")))
        assert [event.title for event in await log.read()] == ["a", "b"]
        assert await log.head() == 2


async def test_reading_goes_on_after_a_position(log: EventLog) -> None:
    """``after`` and ``limit`` walk the log without a gap or a repeat."""
    await append(log, told(*(fact(str(n)) for n in range(10))))
    positions: list[int] = []
    while events := await log.read(after=positions[-1] if positions else 0, limit=3):
        positions += [event.position for event in events]
    assert positions == list(range(1, 11))


async def test_an_empty_log_has_nothing(log: EventLog) -> None:
    """Position 0, no events, no deliveries."""
    assert await log.head() == 0
    assert await log.read() == []
    assert await log.deliveries() == []
    assert await log.append([]) == []


# Facts told again


async def test_a_fact_told_again_is_stored_once_and_counted(log: EventLog) -> None:
    """A repeat adds no event; how often and when last is known."""
    event = fact("a")
    for minute in range(4):
        await append(log, told(event, received_at=AT + minute))
    assert await log.head() == 1
    repeats = await log.repeats([event.id, fact("b").id])
    assert {key: (one.count, one.last_at) for key, one in repeats.items()} == {event.id: (3, AT + 3)}


async def test_one_batch_may_tell_a_fact_several_times(log: EventLog) -> None:
    """Duplicates within a batch, and within one delivery, are one event."""
    event = fact("a")
    receipts = await append(log, told(event, event), told(event, body=b"another", received_at=AT + 1))
    assert [item.stored_before for receipt in receipts for item in receipt.items] == [False, True, True]
    assert await log.head() == 1
    assert (await log.repeats([event.id]))[event.id].count == 1


async def test_a_delivery_that_was_received_earlier_speaks(log: EventLog) -> None:
    """Stored later but received earlier: a revision says so, and the first is kept."""
    await append(log, told(fact("a", title="late"), received_at=AT + 9))
    (receipt,) = await append(log, told(fact("a", title="early"), received_at=AT + 3))
    await append(log, told(fact("a", title="later still"), received_at=AT + 12))
    events = await log.read_ids([fact("a").id])
    assert [(e.title, e.revision, e.amendment) for e in events] == [("late", 0, ""), ("early", 1, "earlier_delivery")]
    assert receipt.nothing_new


@pytest.mark.parametrize("batched", [False, True])
async def test_any_order_of_arrival_leaves_the_same_content(log: EventLog, batched: bool) -> None:
    """Of four deliveries the one with the smallest (received_at, digest) speaks, whatever came first."""
    variants = [(AT + 5, "b"), (AT + 5, "a"), (AT + 8, "c"), (AT + 5, "d")]
    digests = {title: sha256(json.dumps([title]).encode()).digest() for _, title in variants}
    expected = min(variants, key=lambda pair: (pair[0], digests[pair[1]]))[1]
    for number, order in enumerate(itertools.permutations(variants)):
        name = f"x{number}"
        tellings = [told(fact(name, title=title), received_at=at) for at, title in order]
        for batch in [tellings] if batched else [[one] for one in tellings]:
            await append(log, *batch)
        assert (await log.read_ids([fact(name).id]))[-1].title == expected


async def test_an_amendment_is_the_next_revision(log: EventLog) -> None:
    """A correction stands beside what it corrects; no delivery speaks after it, and the same one again is known."""
    await append(log, told(fact("a"), received_at=AT + 9))
    correction = fact("a", title="corrected", revision=1, amendment="correction")
    stated = Submission(source=PEOPLE, received_at=AT + 20, events=(correction,))
    (first,), (again,) = await append(log, stated), await append(log, stated)
    await append(log, told(fact("a", title="early"), received_at=AT + 1))
    assert [e.title for e in await log.read_ids([correction.id])] == ["a", "corrected"]
    assert (first.items[0].stored_before, again.items[0].stored_before) == (False, True)


async def test_an_amendment_of_nothing_is_refused(log: EventLog) -> None:
    """A correction of an event that does not exist, or that skips a revision, is an invalid input."""
    for revision in (0, 1, 2):
        event = fact("a", revision=revision, amendment="correction")
        (answer,) = await log.append([Submission(source=PEOPLE, received_at=AT, events=(event,))])
        assert isinstance(answer, Refused)
        assert isinstance(answer.error(), InvalidInput)
    assert await log.head() == 0


async def test_a_body_that_tells_an_erased_fact_is_not_kept(log: EventLog) -> None:
    """After an erasure the same fact may arrive again; the delivery is recorded, its bytes are not."""
    await append(log, told(fact("a")))
    erasure = fact("a", title="", revision=1, amendment="erasure")
    await append(log, Submission(source=PEOPLE, received_at=AT, events=(erasure,)))
    (receipt,) = await append(log, told(fact("a"), body=b"a secret"))
    assert await log.body(receipt.delivery) is None
    delivery = await log.delivery(receipt.delivery)
    assert delivery is not None
    assert (delivery.size, delivery.digest) == (8, "")


async def test_what_a_person_says_twice_is_known(log: EventLog) -> None:
    """A command's id follows from its idempotency key, so its repetition adds nothing."""
    note = Submission(source=PEOPLE, received_at=AT, events=(fact("n", type="note.added", source=PEOPLE),))
    first, second = await append(log, note, note)
    assert (first.nothing_new, second.nothing_new, first.delivery) == (False, True, "")
    assert (await log.read())[0].delivery == ""
    assert await log.deliveries() == []


# Deliveries


async def test_deliveries_are_listed_newest_first_and_page_by_page(log: EventLog) -> None:
    """Listing, filtering by source and status, and going on after the last one seen."""
    for n in range(6):
        source, status = ("gh", "read") if n % 2 else ("am", "malformed")
        submission = Submission(
            source=source, received_at=AT + n, body=b"x" * n, status=status, headers=(("user-agent", "ü"),)
        )
        await append(log, submission)
    everything = await log.deliveries()
    assert [d.size for d in everything] == [5, 4, 3, 2, 1, 0]
    assert [d.size for d in await log.deliveries(status="malformed")] == [4, 2, 0]
    assert [d.size for d in await log.deliveries(source="gh", status="read", limit=2)] == [5, 3]
    assert [d.size for d in await log.deliveries(before=everything[3].id)] == [1, 0]
    assert everything[0].digest == sha256(b"xxxxx").hexdigest()
    assert everything[0].headers == (("user-agent", "ü"),)


async def test_a_delivery_is_found_with_its_items_and_its_bytes(log: EventLog) -> None:
    """The record of a delivery names what it told; its body is what came, byte for byte."""
    raw = bytes(range(256))
    (receipt,) = await append(log, told(fact("a"), fact("b"), body=raw))
    delivery = await log.delivery(receipt.delivery)
    assert delivery is not None
    assert delivery.items == receipt.items
    assert delivery.authentication == "bearer"
    assert await log.body(receipt.delivery) == raw
    for unknown in ("d99", "", "x", "d" + "9" * 40):
        assert await log.delivery(unknown) is None
        assert await log.body(unknown) is None


# Finding events


async def test_read_ids_keeps_what_was_received_by_a_time(log: EventLog) -> None:
    """``as_of`` leaves out every revision received later."""
    await append(log, told(fact("a", title="late"), received_at=AT + 9))
    await append(log, told(fact("b"), received_at=AT + 2), told(fact("a", title="early"), received_at=AT + 3))
    ids = [fact("a").id, fact("b").id, fact("a").id, "no id", "ab"]
    assert [e.title for e in await log.read_ids(ids)] == ["late", "b", "early"]
    assert [e.title for e in await log.read_ids(ids, as_of=AT + 3)] == ["b", "early"]
    assert await log.read_ids([]) == []


async def test_more_ids_than_one_statement_takes_are_read(log: EventLog) -> None:
    """Thousands of ids are asked for and appended in one go."""
    events = [fact(str(n), at=AT + n * 1000) for n in range(1300)]
    await append(log, told(*events))
    (again,) = await append(log, told(*events, body=b"again", received_at=AT + 1))
    assert all(item.stored_before for item in again.items)
    assert [e.id for e in await log.read_ids([event.id for event in events])] == [event.id for event in events]


async def test_an_emptied_event_is_read_in_its_place_among_many(log: EventLog) -> None:
    """Each revision without content is what its erasure left; the hundreds around it are what they were."""
    events = [fact(str(n), at=AT + n * 1000) for n in range(300)]
    for n in range(0, 300, 100):
        await append(log, told(*events[n : n + 100], received_at=AT + n))
    erasure = fact("150", at=AT + 150_000, title="", data={"erased": True}, revision=1, amendment="erasure")
    recorded = Submission(source=PEOPLE, received_at=AT + 999, events=(erasure,))
    await log.transact(lambda connection: erasing.erase(connection, recorded, [erasure.id], []))
    read = await log.read()
    assert [event.position for event in read] == list(range(1, 302))
    assert [event.title for event in read] == [*map(str, range(150)), "", *map(str, range(151, 300)), ""]
    assert [(e.delivery, e.item, e.received_at) for e in read[:300]] == [
        (f"d{n // 100 + 1}", n % 100, AT + n // 100 * 100) for n in range(300)
    ]
    emptied = read[150]
    assert (emptied.id, emptied.revision, emptied.amendment, emptied.data) == (erasure.id, 0, "", {"erased": True})
    assert await log.read_ids([event.id for event in reversed(events)]) == read


async def test_an_id_is_resolved_from_what_people_write(log: EventLog) -> None:
    """A whole id, a citation of its last digits, or a position names an event; a citation may be looked for late."""
    a, b = fact("a"), fact("b")
    await append(log, told(a, b))

    async def resolved(text: str, after: int = 0) -> list[str]:
        return await log.query(lambda c: queries.resolve_id(c, text, after=after))

    assert await resolved(a.id) == [a.id]
    assert await resolved(a.id[-5:].upper()) == [a.id]
    assert await resolved(" 2 ") == [b.id]
    assert await resolved("#1") == [a.id]
    assert (await resolved(a.id[-6:], 1), await resolved(b.id[-6:], 1)) == ([], [b.id])
    for nothing in ("", "3", "zzzzz", "%%%%%", a.id[-3:] + "é", "9" * 30, fact("c").id):
        assert await resolved(nothing) == []


async def test_a_digits_only_citation_names_an_id_as_well_as_a_position(log: EventLog) -> None:
    """What could be either is answered with both, never with a guess."""
    ending = next(n for n in itertools.count() if fact(str(n)).id[-4:] == "0002")
    await append(log, told(fact(str(ending)), fact("second")))
    named = await log.query(lambda c: queries.resolve_id(c, "0002"))
    assert named == [fact("second").id, fact(str(ending)).id]


# Order


async def test_positions_have_no_gap_while_appends_race(log: EventLog) -> None:
    """Racing appends, with duplicates among them, number 1 to n, and a reader sees each position once, in order."""
    positions_read: list[int] = []
    clock = itertools.count(AT)

    async def writer(number: int) -> list[int]:
        positions = []
        for turn in range(20):
            batch = [told(fact(f"{number}-{turn}"), fact(f"shared-{turn}"), received_at=next(clock))]
            (receipt,) = await append(log, *batch)
            positions += [item.position for item in receipt.items if not item.stored_before]
        return positions

    async def reader() -> None:
        while len(positions_read) < 8 * 20 + 20:
            positions_read.extend(
                event.position for event in await log.read(after=positions_read[-1] if positions_read else 0, limit=7)
            )

    async with asyncio.timeout(60):
        results, _ = await asyncio.gather(asyncio.gather(*(writer(n) for n in range(8))), reader())
    assert sorted(itertools.chain(*results)) == positions_read == list(range(1, 8 * 20 + 21))


async def test_followers_are_woken_after_commits_that_added_events(log: EventLog) -> None:
    """A wake-up comes after new events, not after repeats, and stops with unsubscribing."""
    woken: list[int] = []
    unsubscribe = log.subscribe(lambda: woken.append(1))
    await append(log, told(fact("a")))
    await append(log, told(fact("a"), body=b"again"))
    assert len(woken) == 1
    unsubscribe()
    await append(log, told(fact("b")))
    assert len(woken) == 1


# A database that refuses


async def test_content_can_be_removed_and_the_rest_still_reads(log: EventLog) -> None:
    """After an erasure of content the event answers with its metadata."""
    (receipt,) = await append(log, told(fact("a"), received_at=AT + 4))
    await log.transact(lambda c: c.exec_driver_sql("DELETE FROM content"))
    (event,) = await log.read()
    assert (event.id, event.type, event.title, event.received_at) == (fact("a").id, "alert.firing", "", AT + 4)
    assert await log.body(receipt.delivery) is None


async def test_commitments_and_leaves_can_be_computed_again(log: EventLog) -> None:
    """From salt, body and content follows what the protected rows hold."""
    (receipt,) = await append(log, told(fact("a"), body=b"raw", received_at=AT + 1))
    rows = await log.query(
        lambda c: c.exec_driver_sql(
            "SELECT e.content_commitment, e.commitment, e.leaf, e.content, d.commitment, d.leaf, d.headers, d.told, "
            "d.content, ec.salt, ec.bytes, dc.salt, dc.bytes FROM event e "
            "JOIN delivery d ON d.number = e.delivery JOIN content ec ON ec.number = e.content "
            "JOIN content dc ON dc.number = d.content"
        ).one()
    )
    of_content, commitment, kept_leaf, number, of_delivery, delivered, headers, items, delivery_source = rows[:9]
    salt, content, body_salt, body = rows[9:]
    assert of_delivery == delivery_commitment(body_salt, body) == sha256(body_salt + b"raw").digest()
    assert of_content == content_commitment(salt, of_delivery, content) == sha256(salt + of_delivery + content).digest()
    assert commitment == event_commitment(fact("a").occurred_at, 1, 0, number, "am", "", of_content)
    assert delivered == delivery_leaf(
        1, AT + 1, 3, delivery_source, "am", "bearer", "read", "", headers, items, of_delivery
    )  # fmt: skip
    assert kept_leaf == leaf(1, bytes.fromhex(fact("a").id), 0, AT + 1, "alert.firing", commitment)
    assert len(salt) == len(body_salt) == 32
    assert salt != body_salt
    assert receipt.delivery == "d1"


def test_a_leaf_is_what_the_design_says() -> None:
    """SHA-256 over the parts in their order and widths, written out by hand."""
    kind = b"alert.firing"
    parts = [
        b"\x00",
        (7).to_bytes(8, "big"),
        bytes(range(16)),
        (2).to_bytes(2, "big"),
        (-5).to_bytes(8, "big", signed=True),
    ]
    parts += [len(kind).to_bytes(2, "big"), kind, b"c" * 32]
    assert leaf(7, bytes(range(16)), 2, -5, "alert.firing", b"c" * 32) == sha256(b"".join(parts)).digest()
