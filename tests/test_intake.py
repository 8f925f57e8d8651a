"""Webhooks into the log: bounds, verification, and an answer only after the commit."""

from __future__ import annotations

import asyncio
import statistics
import threading
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from pathlib import Path

import msgspec
import pytest

from collector import signing
from collector.errors import InvalidInput, MalformedWebhook, TooLarge, Unavailable, UnverifiedWebhook
from collector.event import PEOPLE, Event, event_id
from collector.intake import Endpoint, Intake
from collector.intake.body_reader import LARGE, BodyLimits
from collector.intake.writer import Writer
from collector.log import Answer, EventLog, Receipt, Submission, open_log
from collector.webhook import Credentials, Reading, Source, Webhook
from tests.bodies import AT, chunks


def fact(name: str, **fields: object) -> Event:
    """An event whose id follows from its name."""
    given = {"type": "alert.firing", "source": "pager", "entity": name, "occurred_at": AT, "title": name} | fields
    return Event(id=event_id("test.1", "pager", AT, name), **given)  # type: ignore[arg-type]


def verify(webhook: Webhook, credentials: Credentials) -> str:
    """A sender that proves itself by a header."""
    if webhook.headers.get("x-odd"):
        raise KeyError("a mistake of the adapter's own")
    if webhook.headers.get("authorization", "").encode() not in credentials.bearer:
        raise UnverifiedWebhook("the token is wrong")
    return "bearer"


def parse(webhook: Webhook, reading: Reading) -> tuple[Event, ...]:
    """One event for each word; a few words go wrong on purpose."""
    words = webhook.body.decode().split()
    if "broken" in words:
        raise MalformedWebhook("cannot read delivery from pager: not its syntax, at byte 3", "byte 3")
    if "boom" in words:
        raise RecursionError("very deep, and here is a secret")
    if "huge" in words:
        return (fact("huge", occurred_at=2**80),)
    if "strange" in words:
        return (fact("strange", type="source.unrecognised", data={"reason": "no such kind", "kind": "strange"}),)
    return tuple(fact(word) for word in words)


SOURCE = Source(
    kind="pager", called="Pager", paste="{address}", headers=("x-pager", "x-pager-*"), verify=verify, parse=parse
)
CREDENTIALS = Credentials(bearer=(b"let me in",))
SIGNATURE = signing.Signature(header="X-Signature", prefix="v1=", sender="the pager")
TOKEN = {"authorization": "let me in", "content-type": "text/plain", "user-agent": "pager/1", "cookie": "c"}


@pytest.fixture
async def log(tmp_path: Path) -> AsyncIterator[EventLog]:
    """An open, empty log."""
    opened = await open_log(f"sqlite:///{tmp_path / 'timelined.db'}")
    yield opened
    await opened.close()


@pytest.fixture
def intake(log: EventLog) -> Intake:
    """Intake with one source, which asks for a token."""
    endpoint = Endpoint(source=SOURCE, credentials=Credentials(bearer=(b"let me in",)))
    return Intake(Writer(log), {"pager": endpoint})


async def receive(intake: Intake, body: str, headers: dict[str, str] | None = None, source: str = "pager") -> Receipt:
    """Deliver a body."""
    return await intake.receive(source, TOKEN if headers is None else headers, body.encode(), "", AT)


class Slow:
    """A log that commits only when told to, and counts its transactions."""

    def __init__(self) -> None:
        self.batches: list[Sequence[Submission]] = []
        self.gate = asyncio.Semaphore(0)
        self.failure: Exception | None = None
        self.begun = asyncio.Event()

    async def append(self, submissions: Sequence[Submission]) -> list[Answer]:
        """Wait for the gate, then answer everything."""
        self.batches.append(submissions)
        self.begun.set()
        await self.gate.acquire()
        if self.failure is not None:
            raise self.failure
        return [Receipt(delivery=submission.reason) for submission in submissions]


def submission(name: str, size: int = 1, events: int = 1) -> Submission:
    """A delivery of a given weight; its receipt carries its name."""
    return Submission(source="pager", received_at=AT, body=b"x" * size, reason=name, events=(fact(name),) * events)


# From a webhook to a receipt


async def test_a_verified_delivery_is_stored_before_it_is_answered(intake: Intake, log: EventLog) -> None:
    """The receipt names events that can be read, and how the sender proved itself is kept."""
    receipt = await receive(intake, "a b")
    assert [event.id for event in await log.read()] == [item.event_id for item in receipt.items]
    delivery = await log.delivery(receipt.delivery)
    assert delivery is not None
    assert (delivery.authentication, delivery.status, delivery.received_at) == ("bearer", "read", AT)
    assert (await receive(intake, "b a")).nothing_new


async def test_small_deliveries_are_answered_while_a_large_one_is_read(log: EventLog) -> None:
    """Proof and parser of a large body run beside the event loop; what is stored of it is what it always was."""
    reading, go_on, threads = threading.Event(), threading.Event(), set[int]()

    def patient(webhook: Webhook, reading_given: Reading) -> tuple[Event, ...]:
        if len(webhook.body) > LARGE:
            threads.add(threading.get_ident())
            reading.set()
            # On the event loop nobody could ever say so.
            assert go_on.wait(120), "nobody was answered meanwhile"
        return parse(webhook, reading_given)

    def proving(webhook: Webhook, credentials: Credentials) -> str:
        if len(webhook.body) > LARGE:
            threads.add(threading.get_ident())
        return verify(webhook, credentials)

    source = msgspec.structs.replace(SOURCE, parse=patient, verify=proving)
    intake = Intake(Writer(log), {"pager": Endpoint(source=source, credentials=CREDENTIALS)})
    body = "large " + " " * LARGE
    large = asyncio.create_task(receive(intake, body))
    assert await asyncio.to_thread(reading.wait, 120)
    small = [await receive(intake, name) for name in ("a", "b")]
    assert not large.done()
    go_on.set()
    receipt = await large
    assert threading.get_ident() not in threads
    assert [event.title for event in await log.read()] == ["a", "b", "large"]
    assert not any(answer.nothing_new for answer in (*small, receipt))
    assert await log.body(receipt.delivery) == body.encode()


async def test_what_is_wrong_with_a_large_body_is_answered_as_of_a_small_one(intake: Intake, log: EventLog) -> None:
    """Kept and refused where it is malformed, unrecognised where the parser fails, without a trace where unproved."""
    much = " " * LARGE
    with pytest.raises(MalformedWebhook):
        await receive(intake, "broken" + much)
    assert (await receive(intake, "boom" + much)).status == "unrecognised"
    with pytest.raises(UnverifiedWebhook):
        await receive(intake, "a" + much, {})
    assert [delivery.status for delivery in await log.deliveries()] == ["unrecognised", "malformed"]


async def test_only_harmless_headers_are_kept(intake: Intake, log: EventLog) -> None:
    """What describes the delivery is kept; what proves who sent it never is."""
    secrets = {"x-hub-signature-256": "sha256=00", "webhook-signature": "v1,x", "x-api-key": "k"}
    receipt = await receive(intake, "a", TOKEN | secrets | {"x-pager-type": "t\udcff", "x-pager": "push" * 400})
    delivery = await log.delivery(receipt.delivery)
    assert delivery is not None
    kept = dict(delivery.headers)
    assert set(kept) == {"content-type", "user-agent", "x-pager-type", "x-pager"}
    assert len(kept["x-pager"]) <= 512


@pytest.mark.parametrize(
    ("source", "headers"),
    [("pager", {}), ("pager", {"authorization": "wrong"}), ("pager", {"x-odd": "1"}), ("nobody", TOKEN), ("", TOKEN)],
)
async def test_what_is_not_authentic_leaves_no_trace(
    intake: Intake, log: EventLog, source: str, headers: dict[str, str]
) -> None:
    """A wrong or absent proof, a proof that breaks the adapter, an unknown source: refused, and nothing is stored."""
    with pytest.raises(UnverifiedWebhook):
        await receive(intake, "a", headers, source)
    assert await log.deliveries() == []


async def test_a_malformed_body_is_kept_and_refused(intake: Intake, log: EventLog) -> None:
    """The sender hears the place of the mistake; the body is listed with the reason, and no event is made of it."""
    with pytest.raises(MalformedWebhook) as refusal:
        await receive(intake, "broken")
    assert refusal.value.position == "byte 3"
    (delivery,) = await log.deliveries(status="malformed")
    assert delivery.reason == str(refusal.value)
    assert await log.body(delivery.id) == b"broken"
    assert await log.head() == 0


async def test_a_parser_that_fails_loses_nothing(intake: Intake, log: EventLog) -> None:
    """Any exception becomes ``source.unrecognised`` with the class's name only, and the body is kept."""
    receipt = await receive(intake, "boom")
    (event,) = await log.read()
    assert (receipt.status, event.type) == ("unrecognised", "source.unrecognised")
    assert "RecursionError" in receipt.reason
    assert "secret" not in receipt.reason + str(event)
    assert await log.body(receipt.delivery) == b"boom"


async def test_what_an_adapter_does_not_understand_is_listed_so(intake: Intake, log: EventLog) -> None:
    """The adapter's own reason stands in the receipt and in the list of deliveries."""
    receipt = await receive(intake, "strange")
    (delivery,) = await log.deliveries(status="unrecognised")
    assert receipt.reason == delivery.reason == "no such kind"


async def test_the_kind_of_a_source_is_on_record_where_its_name_is_another(log: EventLog) -> None:
    """What is read later must not guess the sender from a name that a team chose."""
    names = ("pager", "night-shift")
    intake = Intake(Writer(log), {name: Endpoint(source=SOURCE, credentials=CREDENTIALS) for name in names})
    for name in names:
        await receive(intake, f"told-to-{name}", source=name)
    assert [(event.title, event.data.get("sender")) for event in await log.read(0, 9)] == [
        ("told-to-pager", None),
        ("told-to-night-shift", "pager"),
    ]


async def test_a_poisonous_neighbour_refuses_nobody(intake: Intake, log: EventLog) -> None:
    """Of many deliveries in one transaction only the one that cannot be stored becomes unrecognised."""
    receipts = await asyncio.gather(*(receive(intake, word) for word in ("a", "b", "huge", "c")))
    assert [receipt.status for receipt in receipts] == ["read", "read", "unrecognised", "read"]
    assert await log.head() == 4


async def test_what_people_say_is_stored_without_a_delivery(intake: Intake, log: EventLog) -> None:
    """A command's events are durable when the call returns; said again, they are known; odd ones are refused."""
    note = fact("n", source=PEOPLE, type="note.added")
    first = await intake.append_facts([note], AT)
    second = await intake.append_facts([note], AT)
    assert (first.nothing_new, second.nothing_new, await log.deliveries()) == (False, True, [])
    with pytest.raises(InvalidInput):
        await intake.append_facts([fact("n2", source=PEOPLE, occurred_at=2**70)], AT)


# The writer


async def test_what_waits_together_is_committed_together() -> None:
    """While one transaction is under way the next one gathers; nobody is answered before its own commit."""
    log = Slow()
    writer = Writer(log)  # type: ignore[arg-type]
    first = writer.submit(submission("first"))
    await log.begun.wait()
    others = [writer.submit(submission(str(n))) for n in range(5)]
    assert not first.done()
    log.gate.release()
    assert (await first).delivery == "first"
    assert not any(other.done() for other in others)
    log.gate.release()
    assert [(await other).delivery for other in others] == ["0", "1", "2", "3", "4"]
    assert [len(batch) for batch in log.batches] == [1, 5]
    assert (writer.events, writer.bytes) == (0, 0)


async def test_a_transaction_has_a_bounded_number_of_events() -> None:
    """What is beyond waits for the next transaction."""
    log = Slow()
    writer = Writer(log, batch_events=10)  # type: ignore[arg-type]
    answers = [writer.submit(submission(str(n), events=4)) for n in range(4)]
    for _ in range(2):
        log.gate.release()
    await asyncio.gather(*answers)
    assert [len(batch) for batch in log.batches] == [3, 1]


@pytest.mark.parametrize("bound", [{"queue_events": 10}, {"queue_bytes": 10}])
async def test_a_full_queue_refuses_at_once(bound: dict[str, int]) -> None:
    """Beyond its bound the queue answers Unavailable without waiting; its last tenth is for who does not come again."""
    log = Slow()
    writer = Writer(log, **bound)  # type: ignore[arg-type]
    submitted = [writer.submit(submission(str(n))) for n in range(9)]
    with pytest.raises(Unavailable, match="full"):
        writer.submit(submission("comes again"))
    submitted.append(writer.submit(submission("does not"), sender_retries=False))
    with pytest.raises(Unavailable, match="full"):
        writer.submit(submission("one too many"), sender_retries=False)
    log.gate.release()
    await asyncio.gather(*submitted)
    again = writer.submit(submission("later"))
    log.gate.release()
    await again


async def test_one_delivery_larger_than_the_queue_is_taken_alone() -> None:
    """Refused, it would come again for ever."""
    log = Slow()
    writer = Writer(log, queue_bytes=10, queue_events=10)  # type: ignore[arg-type]
    answer = writer.submit(submission("large", size=100, events=20))
    log.gate.release()
    assert (await answer).delivery == "large"


@pytest.mark.parametrize("failure", [Unavailable("cannot write: the disk is full", 7), ValueError("who knows")])
async def test_when_nothing_can_be_stored_everybody_hears_it(failure: Exception) -> None:
    """A failed transaction answers each of its submissions with Unavailable, and the writer goes on afterwards."""
    log = Slow()
    writer = Writer(log)  # type: ignore[arg-type]
    log.failure = failure
    answers = [writer.submit(submission(str(n))) for n in range(3)]
    log.gate.release()
    told = await asyncio.gather(*answers, return_exceptions=True)
    assert [type(each) for each in told] == [Unavailable] * 3
    assert len({id(each) for each in told}) == 3
    assert writer.failure
    log.failure = None
    answer = writer.submit(submission("after"))
    log.gate.release()
    assert (await answer).delivery == "after"
    assert writer.failure == ""


async def test_closing_finishes_what_was_queued_and_takes_nothing_new(intake: Intake, log: EventLog) -> None:
    """An orderly stop answers everybody who waits; whoever comes later is told to come again."""
    waiting = [asyncio.create_task(receive(intake, f"w{n}")) for n in range(20)]
    await asyncio.sleep(0)
    await intake.writer.close()
    assert all(receipt.items for receipt in await asyncio.gather(*waiting))
    assert await log.head() == 20
    with pytest.raises(Unavailable, match="stopping"):
        await receive(intake, "late")


async def test_a_sender_that_went_away_harms_nobody(intake: Intake, log: EventLog) -> None:
    """A request that is cancelled while it waits is stored all the same, and its neighbours are answered."""
    tasks = [asyncio.create_task(receive(intake, f"w{n}")) for n in range(5)]
    await asyncio.sleep(0)
    tasks[2].cancel()
    done = await asyncio.gather(*tasks, return_exceptions=True)
    assert [isinstance(each, Receipt) for each in done] == [True, True, False, True, True]
    assert await log.head() == 5
    assert intake.writer.events == 0


async def test_a_source_may_have_its_own_bound(log: EventLog) -> None:
    """GitHub's bodies are larger than most. Whoever proves nothing hears the same answers from every source."""
    endpoints = {
        "pager": Endpoint(source=SOURCE, credentials=CREDENTIALS),
        "github": Endpoint(source=SOURCE, credentials=CREDENTIALS, size=5000),
        "small": Endpoint(source=SOURCE, credentials=CREDENTIALS, size=50),
    }
    intake = Intake(Writer(log), endpoints, BodyLimits(size=1000))

    async def take(source: str, size: int, headers: Mapping[str, str] = TOKEN) -> str:
        try:
            await intake.take(source, headers, chunks(b" " * size), "", lambda: AT)
        except (TooLarge, UnverifiedWebhook) as error:
            return type(error).__name__
        return "taken"

    assert [await take(source, 4000) for source in ("github", "pager", "small")] == ["taken", "TooLarge", "TooLarge"]
    for size, answer in ((40, "UnverifiedWebhook"), (4000, "UnverifiedWebhook"), (6000, "TooLarge")):
        assert {await take(source, size, {}) for source in (*endpoints, "nobody")} == {answer}


async def test_the_time_of_a_refusal_does_not_tell_which_sources_exist(log: EventLog) -> None:
    """Whether there is such a source, and whether it has two signing secrets or a token: as much work, up to a step."""
    signed = msgspec.structs.replace(SOURCE, verify=lambda hook, proof: signing.authenticate(hook, proof, SIGNATURE))
    endpoints = {
        "token": Endpoint(source=SOURCE, credentials=CREDENTIALS),
        "once": Endpoint(source=signed, credentials=Credentials(signing=(b"a",))),
        "twice": Endpoint(source=signed, credentials=Credentials(signing=(b"a", b"b", b"c"))),
    }
    intake = Intake(Writer(log), endpoints)
    names = [*endpoints, "nobody", "x" * 4000]

    async def refusals(body: bytes, clock: Callable[[], float]) -> list[float]:
        """The middle of nine refusals' times, source by source in turn."""
        times: dict[str, list[float]] = {name: [] for name in names}
        for _ in range(9):
            for name, seconds in times.items():
                begun = clock()
                with pytest.raises(UnverifiedWebhook):
                    await intake.take(name, {}, body, "", lambda: AT)
                seconds.append(clock() - begun)
        return [statistics.median(taken) for taken in times.values()]

    worked = await refusals(b" " * (3 << 20), time.process_time)
    assert max(worked) < 1.3 * min(worked)
    assert min(await refusals(b"[]", time.perf_counter)) >= 0.02


async def test_a_source_that_is_not_there_is_not_named(log: EventLog) -> None:
    """A mistyped secret address may have its secret where the name stands: no message repeats it, however spelt."""
    intake = Intake(Writer(log), {"pager": Endpoint(source=SOURCE, credentials=CREDENTIALS)})
    for name in ("s3cret", "pager/s3cret", "pager%2Fs3cret", "pager%252fs3cret", "PAGER", "pagr"):
        with pytest.raises(UnverifiedWebhook) as refused:
            await intake.take(name, {}, b"[]", "", lambda: AT)
        assert "s3cret" not in str(refused.value)
        assert "pager" in str(refused.value)
    assert "did you mean pager?" in str(refused.value)


async def test_a_body_too_deep_is_malformed_and_kept(intake: Intake, log: EventLog) -> None:
    """Before any parser sees it."""
    with pytest.raises(MalformedWebhook):
        await receive(intake, "[" * 100 + "boom" + "]" * 100)
    (delivery,) = await log.deliveries(status="malformed")
    assert delivery.size == 204
