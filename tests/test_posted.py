"""Every recording and every published body, of all kinds of senders, through the door of one daemon."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, NamedTuple

import aiohttp

from collector import daemon
from collector.event import MACHINE
from collector.settings import Drafts, Settings, SourceSettings, Storage, Web
from collector.sources import SOURCES
from tests.recorded import CASES, CREDENTIALS, PAYLOADS, READING, RECEIVED, parsed, recorded
from tests.served import Rig

FOLDERS = {
    "azure-monitor": "azuremonitor", "cdevents": "cloudevents", "google-cloud-monitoring": "googlecloud",
    "incident-io": "incidentio", "terraform-cloud": "hcpterraform",
}  # fmt: skip
"""Folder of published bodies → the kind that takes them, where that has another name."""


class Posted(NamedTuple):
    """A body on its way: where to, with which headers, and what it is called here."""

    path: str
    headers: dict[str, str]
    body: bytes
    name: str


def recordings() -> list[Posted]:
    """Each as its sender proves it."""
    posted = []
    for case in CASES:
        sent, kind = recorded(case), case.parent.name
        path = f"{kind}/{sent.token}" if sent.token else kind
        posted.append(Posted(path, dict(sent.headers), sent.body, f"{kind}/{case.name}"))
    return posted


def published() -> list[Posted]:
    """Bodies of vendors' documentation, which nobody signed, to their kind and to others; none where there are none."""
    posted = []
    for path in sorted(PAYLOADS.glob("*/**/*.json")):
        folder, *rest = path.relative_to(PAYLOADS).parts
        if folder != "signatures":
            name = f"{folder}/{'/'.join(rest)}"
            headers = {"content-type": "application/json"}
            kinds = (FOLDERS.get(folder, folder), "alertmanager", "mapped")
            posted += [Posted(f"{kind}-open", headers, path.read_bytes(), name) for kind in kinds]
    return posted


@asynccontextmanager
async def serving(folder: Path, name: str) -> AsyncIterator[Rig]:
    """A daemon with a source of each kind that wants its proof, and one that is open, at the hour of the recordings."""
    sources = {kind: SourceSettings(kind=kind, credentials=CREDENTIALS[kind], reading=READING) for kind in SOURCES} | {
        f"{kind}-open": SourceSettings(kind=kind, reading=READING) for kind in SOURCES
    }
    settings = Settings(
        storage=Storage(url=f"sqlite:///{folder / name}.db"),
        web=Web(listen_address=("127.0.0.1:0",)),
        drafts=Drafts(enabled=False),
        sources=sources,
    )
    async with daemon.running(settings, clock=lambda: RECEIVED) as served, aiohttp.ClientSession() as client:
        yield Rig(folder, served, client)


async def answered(rig: Rig, sent: Posted) -> list[dict[str, Any]] | None:
    """What became of each of its events; None where the answer is the challenge of a new subscription."""
    url = f"{rig.served.address}/webhooks/{sent.path}"
    async with rig.client.post(url, data=sent.body, headers=sent.headers) as answer:
        assert answer.status in (200, 202), (sent.name, answer.status, await answer.text())
        return (await answer.json())["items"] if answer.content_type == "application/json" else None


async def told(place: Rig) -> dict[str, str]:
    """The ids of senders' events, each with its source."""
    events = await place.log.read(limit=100_000)
    return {each.id: each.source for each in events if each.source != MACHINE}


async def test_each_body_is_the_same_events_however_often_and_in_whatever_order_it_comes(tmp_path: Path) -> None:
    """Posted with its proof it is what it is parsed as; again and backwards it adds nothing, and read again changes
    nothing; to another daemon backwards at first, it is the same facts."""
    theirs = {f"{case.parent.name}/{case.name}": [event.id for event in parsed(case)] for case in CASES}
    bodies = recordings() + published()
    async with serving(tmp_path, "one") as rig:
        for sent in bodies:
            items = await answered(rig, sent)
            if items is not None and sent.name in theirs:
                assert [item["event"] for item in items] == theirs[sent.name], sent.name
        failed = [each for each in await rig.log.deliveries(limit=1000) if "parser" in each.reason]
        assert failed == []
        first, size = await told(rig), len(await rig.log.read(limit=100_000))
        for sent in reversed(bodies):
            assert all(item["known"] for item in await answered(rig, sent) or ()), sent.name
        assert len(await rig.log.read(limit=100_000)) == size
        after = 0
        while after is not None:
            page = await rig.post("replays", after=after, limit=500)
            assert (page["changes"], page["skipped"]) == ([], {})
            after = page["after"]
    async with serving(tmp_path, "two") as rig:
        for sent in reversed(recordings()):
            await answered(rig, sent)
        assert (await told(rig)).keys() == {name for name, source in first.items() if not source.endswith("-open")}
