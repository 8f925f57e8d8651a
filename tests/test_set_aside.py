"""An event that grouping cannot take is set aside and said; everything else is grouped as if it were not there."""

from __future__ import annotations

import asyncio
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
from hypothesis import given
from hypothesis import strategies as st
from structlog.testing import capture_logs

from collector.correlation import Rules
from collector.correlation.refolding import Refolding
from collector.errors import Unavailable
from collector.event import RecordedEvent
from collector.following.suspects import TRIES, Suspects, accuses_an_event
from tests.examples import examples
from tests.followed import CATALOG, Followed, following, submission
from tests.poison import poisonous
from tests.regrouped import batch, kept
from tests.stories import firing, streams

RULES = Rules()


class _Ended(BaseException):
    """The end of a process, as far as what it leaves behind is concerned."""


async def test_one_event_does_not_stop_grouping(tmp_path: Path) -> None:
    """It is tried three times by itself, then set aside by name; what is not known of it is said where it is asked."""
    events = [firing(f"pod-{number}", number / 10) for number in range(40)]
    bad = events[17]
    async with following(tmp_path) as followed:
        with poisonous({bad.id}) as failures, capture_logs() as lines:
            await followed.told(*events)
            await followed.told(firing("later", 5))
        assert followed.follower.failure == ""
        (line,) = [line for line in lines if "set aside" in line["event"]]
        assert (line["position"], line["id"], line["error"]) == (18, bad.id, "KeyError")
        assert "sorting" in line["trace"]
        assert "secret" not in str(lines)
        # Halves of forty, and then by itself.
        assert failures[0] <= 6 + TRIES
        others = [*(event for event in events if event is not bad), firing("later", 5)]
        assert await followed.base.query(kept) == batch(others, RULES)
        assert (await followed.lists.state()).set_aside == 1
        why = await followed.lists.why(bad.id)
        assert why is not None
        assert "set aside: grouping could not take it (KeyError)" in why.reason
        # As of the next start, too.
        followed.restart()
        await followed.told(firing("pod-17", 8))
        assert await followed.base.query(kept) == batch([*others, firing("pod-17", 8)], RULES)


async def test_lists_made_anew_try_it_again(tmp_path: Path) -> None:
    """A version that can take it takes it in with everything else."""
    events = [firing(f"pod-{number}", number) for number in range(5)]
    async with following(tmp_path) as followed:
        with poisonous({events[2].id}):
            await followed.told(*events)
        assert (await followed.lists.state()).set_aside == 1
        await followed.follower.rebuild()
        assert (await followed.lists.state()).set_aside == 0
        assert await followed.base.query(kept) == batch(events, RULES)
        with poisonous({events[4].id}):
            await followed.follower.rebuild()
        assert await followed.base.query(kept) == batch(events[:4], RULES)


async def test_an_end_of_the_daemon_accuses_no_event_until_it_comes_again(tmp_path: Path) -> None:
    """Whoever kills the daemon kills its follower; what kills both twice over the same events is looked for, as is what
    kills the follower alone at once."""
    events = [firing(f"pod-{number}", number) for number in range(40)]
    accused = "the follower ended over these events; taking fewer of them at a time"

    async def ended_over(followed: Followed, life: str) -> list[str]:
        """What a follower says at its start after one before it; it ends over its first round."""
        followed.more["life"] = life
        followed.restart()
        with capture_logs() as lines, patch.object(Refolding, "refold", side_effect=_Ended), suppress(_Ended):
            await followed.follower.catch_up()
        return [line["event"] for line in lines]

    async with following(tmp_path) as followed:
        await followed.log.append([submission(event) for event in events])
        accused_events = [await ended_over(followed, life) for life in ("one", "two", "three")]
        assert accused_events == [[], [], [accused]]
        followed.restart()
        await followed.follower.catch_up()
        await followed.log.append([submission(firing("later", 90))])
        accused_events = [await ended_over(followed, life) for life in ("four", "four")]
        assert accused_events == [[], [accused]]
        followed.more["life"] = "five"
        followed.restart()
        await followed.follower.catch_up()
        assert await followed.base.query(kept) == batch([*events, firing("later", 90)], RULES)


async def test_a_stop_before_lists_are_made_is_an_end_like_any_other(tmp_path: Path) -> None:
    """A follower that is told to stop at once has nothing to take back, and nothing to take it from."""
    async with following(tmp_path) as followed:
        await followed.follower.rest()
        await followed.told(firing("a", 1))
        assert len(await followed.numbers()) == 1


async def test_a_database_that_is_away_accuses_no_event(tmp_path: Path) -> None:
    """What fails for another reason is raised as ever, and nothing is set aside."""
    async with following(tmp_path) as followed:
        for error in (Unavailable("no room"), OSError(28, "No space left on device"), MemoryError()):
            assert not accuses_an_event(error)
            with patch.object(Refolding, "refold", side_effect=error), pytest.raises(type(error)):
                await followed.told(firing("a", 1))
        await followed.told()
        assert (await followed.lists.state()).set_aside == 0
        assert len(await followed.numbers()) == 1
    assert accuses_an_event(KeyError("x"))
    assert not accuses_an_event(asyncio.CancelledError())


@examples(6)
@given(
    events=streams(longest=16),
    chosen=st.sets(st.integers(0, 15), max_size=4),
    rules=st.sampled_from([Rules(), CATALOG]),
    size=st.sampled_from([1, 3, 500]),
    crowded=st.sampled_from([0, 10_000]),
    order=st.randoms(use_true_random=False),
)
def test_whatever_is_set_aside_the_rest_is_grouped_as_without_it(
    events: list[RecordedEvent], chosen: set[int], rules: Rules, size: int, crowded: int, order: Any
) -> None:
    """Incremental grouping and correlation of all at once agree on what an event that was set aside counts for."""
    bad = {event.id for number, event in enumerate(events) if number in chosen}

    async def compare(folder: Path) -> None:
        async with following(folder, rules, batch=size, crowded=crowded) as followed:
            with poisonous(bad):
                for event in events:
                    await followed.log.append([submission(event)])
                    if order.random() < 0.3:
                        await followed.follower.catch_up()
                    if order.random() < 0.1:
                        followed.restart()
                await followed.follower.catch_up()
            rest = [event for event in events if event.id not in bad]
            assert await followed.base.query(kept) == batch(rest, rules)

    order.shuffle(events)
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(compare(Path(folder)))


@given(st.integers(1, 200), st.data())
def test_the_one_at_fault_is_found(count: int, data: st.DataObject) -> None:
    """However large a batch is, halving it finds the one, and nothing else is accused."""
    bad = data.draw(st.integers(1, count))
    suspects, position, attempts = Suspects(), 0, 0
    accused: list[int] = []
    while position < count and not accused:
        read = list(range(position + 1, min(count, position + suspects.size(position, 1_000)) + 1))
        if bad in read:
            attempts += 1
            found = suspects.blame(read)
            accused += [] if found is None else [found]
        else:
            position = read[-1]
    assert accused == [bad]
    assert attempts <= count.bit_length() + TRIES


@given(st.integers(1, 1_000), st.data())
def test_the_one_that_ends_the_process_is_found(count: int, data: st.DataObject) -> None:
    """Each end is another process, which knows only over what the one before ended, and how often over that alone."""
    bad = data.draw(st.integers(1, count))
    position, ends, rounds = 0, 0, 0
    suspects, attempt = Suspects(), (0, 0, 0)
    while position < count:
        read = list(range(position + 1, min(count, position + suspects.size(position, 1_000)) + 1))
        rounds += 1
        if bad not in read:
            position = read[-1]
            continue
        ends += 1
        alone = len(read) == 1
        attempt = (read[0], read[-1], suspects.tries(read[0]) if alone else 0)
        suspects = Suspects()
        if suspects.ended_over(*attempt):
            assert read == [bad]
            break
    else:
        raise AssertionError("it was never accused")
    assert ends <= TRIES + 3
    assert rounds <= 3 * 32 + TRIES
