"""What is left of a follower that ends at the worst moment: nothing is lost, and nothing is said twice or too early."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import pytest
from sqlalchemy import select

from collector.errors import Unavailable
from collector.log import Submission
from collector.projections import tables
from tests.followed import Followed, submission
from tests.followed import followed as followed
from tests.stories import firing, resolved

Append = Callable[[Sequence[Submission]], Awaitable[Any]]


async def crashed(followed: Followed, append: Append) -> None:
    """A firing is followed by a process that appends so, and then by its successor."""
    await followed.log.append([submission(firing("A", 0))])
    with pytest.MonkeyPatch.context() as broken:
        broken.setattr(followed.log, "append", append)
        with pytest.raises(Unavailable):
            await followed.follower.catch_up()
    followed.restart()
    await followed.follower.catch_up()


async def test_what_a_crash_left_unsaid_is_said(followed: Followed) -> None:
    """What waits to be said was committed with what it is about, and is appended by whoever comes next."""

    async def refuse(_: Sequence[Submission]) -> Any:
        raise Unavailable("cannot append: the disk is full")

    await crashed(followed, refuse)
    assert [event.type for event in await followed.said()] == ["incident.opened"]


async def test_what_a_crash_left_unnoted_is_said_once(followed: Followed) -> None:
    """Said, and not noted as such: whoever comes next says it again under the same ids, and lets go of it."""
    append = followed.log.append

    async def end(submissions: Sequence[Submission]) -> Any:
        await append(submissions)
        raise Unavailable("cannot append: the process ended")

    await crashed(followed, end)
    assert [event.type for event in await followed.said()] == ["incident.opened"]
    assert await followed.base.query(lambda c: c.execute(select(tables.outbox.c.id)).all()) == []
    assert await followed.log.head() == await followed.lists.position() == 2


async def test_what_is_said_is_on_the_disk_before(followed: Followed, monkeypatch: pytest.MonkeyPatch) -> None:
    """The log never knows what a power cut takes from the lists; what nobody is told of need not be kept at once."""
    calls: list[str] = []
    append, write = followed.log.append, followed.base.write

    async def appending(submissions: Sequence[Submission]) -> Any:
        calls.append("said")
        return await append(submissions)

    async def writing(work: Any, *, durable: bool = True) -> Any:
        answer = await write(work, durable=durable)
        calls.append("durable" if durable else "written")
        return answer

    monkeypatch.setattr(followed.log, "append", appending)
    monkeypatch.setattr(followed.base, "write", writing)
    for event in (firing("A", 0), resolved("A", 0, 5), firing("B", 60, "cart", severity="info")):
        calls.clear()
        await append([submission(event)])
        await followed.follower.catch_up()
        assert calls.count("said") == calls.count("durable") == (event.severity != "info")
        assert "said" not in calls or calls.index("durable") < calls.index("said")


@pytest.mark.parametrize("between", [False, True])
async def test_what_is_said_is_listed_as_the_log_has_it(
    followed: Followed, between: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is taken in without being read back where nothing came between, so that none of it can be what ends us; lists
    that are made of the log say the same of it."""
    append, others = followed.log.append, [submission(firing("B", 3, "cart"))] if between else []

    async def appending(submissions: Sequence[Submission]) -> Any:
        while others:
            await append([others.pop()])
        return await append(submissions)

    await append([submission(firing("A", 0)), submission(resolved("A", 0, 5))])
    monkeypatch.setattr(followed.log, "append", appending)
    await followed.follower.catch_up()
    index = select(tables.event_index).order_by(tables.event_index.c.position)
    listed = await followed.base.query(lambda c: list(map(tuple, c.execute(index))))
    noted = await followed.base.query(lambda c: c.execute(select(tables.attempt.c.last)).scalar_one())
    assert [row[0] for row in listed] == list(range(1, await followed.log.head() + 1))
    assert (noted > 2) == between
    assert await followed.base.query(lambda c: c.execute(select(tables.outbox.c.id)).all()) == []
    await followed.follower.rebuild()
    assert listed == await followed.base.query(lambda c: list(map(tuple, c.execute(index))))


async def test_who_keeps_nothing_of_what_is_said_is_followed_for(
    followed: Followed, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A command over a log without lists makes them for itself alone, and appends nowhere: it ends at the log's end."""

    async def nowhere(_: Sequence[Submission]) -> Any:
        return []

    await followed.log.append([submission(firing("A", 0))])
    monkeypatch.setattr(followed.log, "append", nowhere)
    assert await followed.follower.catch_up() == await followed.log.head() == 1
    assert await followed.numbers() == {1: "open"}


async def test_a_crash_before_the_commit_loses_nothing(followed: Followed, monkeypatch: pytest.MonkeyPatch) -> None:
    """Cursor and projections are one transaction: what was not committed is read again."""
    await followed.told(firing("A", 0))
    await followed.log.append([submission(firing("B", 5))])

    async def refuse(*_: Any, **__: Any) -> Any:
        raise Unavailable("cannot write: the disk is full")

    with monkeypatch.context() as broken:
        broken.setattr(followed.base, "write", refuse)
        with pytest.raises(Unavailable):
            await followed.follower.catch_up()
    await followed.follower.catch_up()
    row = await followed.lists.incident(1)
    assert row is not None
    assert row.events == 2
