"""Given these deliveries, when replayed, then this draft.

A scenario is a folder in ``tests/scenarios``: ``story.py`` says what arrived
and when, ``draft.md`` is the draft of the first incident (``draft-2.md`` of
the second …), read in review like code. Everything runs through the real
intake, the real log, the real follower and the real renderers, on a clock that
is written in the story.
"""

from __future__ import annotations

import importlib.util
import itertools
import re
from collections.abc import Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from collector import projections
from collector.correlation import Rules
from collector.drafting.rendering import postmortem
from collector.event import Event
from collector.following.follower import Follower
from collector.log import Submission
from collector.sources import SOURCES
from collector.webhook import ChatChannel, Reading, TypeMapping, Webhook
from renderers.document import Options
from tests.lists import opened
from tests.senders import Sent, micros

SCENARIOS = Path(__file__).parent / "scenarios"

READINGS = {
    "cloudevents": Reading(
        types={
            "com.acme.switch.*": TypeMapping(
                fields={"service": "data.service", "environment": "data.environment", "actor": "data.by",
                        "title": "data.what"},
            ),
            "com.acme.status.posted": TypeMapping(
                type="status.updated", fields={"service": "data.service", "title": "data.text", "actor": "data.by"},
            ),
        }
    ),
    "slack": Reading(
        channels={
            "C0INC000001": ChatChannel(name="incidents"),
            "C0PAY000002": ChatChannel(name="payments", service="checkout"),
        }
    ),
}  # fmt: skip
"""How the stories' own CloudEvents are to be read."""


@dataclass(frozen=True)
class Arrival:
    """One thing that reached the daemon: a webhook, or what a person stated."""

    at: int
    sent: Sent | None = None
    fact: Event | None = None


@dataclass
class Story:
    """What arrived, in the order it is told."""

    arrivals: list[Arrival] = field(default_factory=list)
    rules: Rules = field(default_factory=Rules)
    zone: str = "UTC"
    formats: tuple[str, ...] = ("md",)
    """The formats of which a draft lies beside the story."""
    _keys: Iterable[int] = field(default_factory=lambda: itertools.count(1))

    def given(self, at: str, *sent: Sent) -> None:
        """These deliveries were received then."""
        self.arrivals += [Arrival(micros(at), one) for one in sent]

    def says(self, at: str, statement: Callable[..., Event], *, by: str = "Ana Lima", **more: object) -> Event:
        """A person stated this then; ``about`` is a delivery whose first event the statement is about."""
        about = more.pop("about", None)
        if isinstance(about, Sent):
            more["incident"] = id_of(about)
        if isinstance(about, Event):
            more["incident"] = about.id
        if "moment" in more:
            more["at"] = micros(str(more.pop("moment")))
        key = f"key-{next(self._keys)}"  # type: ignore[call-overload]
        fact = statement(key=key, by=by, stated_at=micros(at), **more)
        self.arrivals.append(Arrival(micros(at), fact=fact))
        return fact


def webhook(arrival: Arrival) -> Webhook:
    """The delivery as the intake sees it."""
    assert arrival.sent is not None
    return Webhook(
        source=arrival.sent.source, headers=arrival.sent.headers, body=arrival.sent.body, received_at=arrival.at
    )


def id_of(sent: Sent, item: int = 0) -> str:
    """The id of an event that this delivery tells."""
    events = SOURCES[sent.source].parse(webhook(Arrival(0, sent)), READINGS.get(sent.source, Reading()))
    return events[item].id


def submission(arrival: Arrival) -> Submission:
    """What the log is given for it."""
    if arrival.fact is not None:
        return Submission(source="people", received_at=arrival.at, events=(arrival.fact,))
    hook = webhook(arrival)
    events = SOURCES[hook.source].parse(hook, READINGS.get(hook.source, Reading()))
    return Submission(
        source=hook.source,
        received_at=arrival.at,
        body=hook.body,
        headers=tuple(hook.headers.items()),
        events=events,
    )


def names() -> list[str]:
    """Every scenario there is."""
    return sorted(path.parent.name for path in SCENARIOS.glob("*/story.py"))


def tell(name: str) -> Story:
    """The story of this scenario."""
    spec = importlib.util.spec_from_file_location(f"story_{name.replace('-', '_')}", SCENARIOS / name / "story.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    told = Story()
    module.story(told)
    return told


def told_promise(name: str) -> str:
    """The first line of a story: what it is about."""
    return (SCENARIOS / name / "story.py").read_text().split('"""')[1].strip().splitlines()[0]


@asynccontextmanager
async def played(submissions: Sequence[Submission], rules: Rules, where: Path | str, *, live: bool = False):  # type: ignore[no-untyped-def]
    """The projections after these submissions went through the real log and the real follower.

    ``where`` is a file, or the address of a database.
    With ``live`` the follower reads after each of them; otherwise once, when all have arrived.
    """
    url = where if isinstance(where, str) else f"sqlite:///{where}"
    async with opened(url) as (log, lists):
        assert await log.lead()
        follower = Follower(lists, log, rules)
        for step in submissions:
            await log.append([step])
            if live:
                await follower.catch_up()
        await follower.catch_up()
        yield projections.Projections(lists, rules)


async def drafts(lists: projections.Projections, options: Options, form: str = "md") -> list[str]:
    """The draft of each incident, in the order the incidents began."""
    rows = sorted(await lists.incidents(limit=1000), key=lambda row: (row.started_at, row.key))
    texts = [(row.number, await postmortem(lists, row.number, format=form, options=options)) for row in rows
             if row.merged_into is None]  # fmt: skip
    return [renumbered(text, number, place) for place, (number, text) in enumerate(texts, 1) if text is not None]


def renumbered(text: str, number: int, shown_number: int) -> str:
    """The draft as if the incidents had been numbered in the order they began: their numbers follow arrival."""
    head = text.replace(f"**Incident:** {number} ·", f"**Incident:** {shown_number} ·")
    return re.sub(rf"`timelined (mark|action|join|split) {number} ", rf"`timelined \1 {shown_number} ", head)


async def draft_files(story: Story, where: Path | str) -> dict[str, str]:
    """File name → draft, for every incident of a story told as it happened."""
    async with played([submission(arrival) for arrival in story.arrivals], story.rules, where) as lists:
        texts = {form: await drafts(lists, Options(zone=story.zone), form) for form in story.formats}
    return {
        f"draft.{form}" if number == 1 else f"draft-{number}.{form}": text
        for form in story.formats
        for number, text in enumerate(texts[form], 1)
    }
