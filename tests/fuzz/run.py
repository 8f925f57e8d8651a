"""Many streams, one behind the other, against three faces that must stay alike."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import AbstractAsyncContextManager, AsyncExitStack, contextmanager
from pathlib import Path

import structlog

from collector.web import RequestLimits, server_kwargs
from tests.face import Face, running
from tests.fuzz.exchange import Watch, compare


async def fuzz(folder: Path, numbers: Iterable[int]) -> Counter[int]:
    """How often each status was answered. Raises AssertionError for a stream that broke a promise."""
    statuses: Counter[int] = Counter()
    async with AsyncExitStack() as stack:
        faces = [await stack.enter_async_context(_face(folder / name)) for name in ("whole", "pieces", "bytes")]
        for face in faces:
            for number in (1, 2):
                await face.incident(number)
            said, key = {"other": 2, "by": "Ada"}, {"Idempotency-Key": "merge"}
            assert (await face.post("/api/v1/incidents/1/merge", said, headers=key)).status == 201
            await face.followed()
            # What the follower says of a stream would come at another moment for each of the three.
            await face.stand_still()
        with watched() as watch:
            for number in numbers:
                statuses.update(await compare(faces, number, watch))
        stored = [await _stored(face) for face in faces]
        assert stored[0] == stored[1] == stored[2], f"the same streams stored {stored}"
    return statuses


def _face(folder: Path) -> AbstractAsyncContextManager[Face]:
    folder.mkdir()
    # However busy the machine is, the rest of a body is read after its answer.
    server = server_kwargs() | {"lingering_time": 60.0}
    return running(folder, server=server, limits=RequestLimits(patience=0.0))


async def _stored(face: Face) -> tuple[int, str]:
    newest = await face.log.deliveries(limit=1)
    return await face.log.head(), newest[0].id if newest else ""


@contextmanager
def watched() -> Iterator[Watch]:
    """Hears everything that is logged."""
    watch = Watch()
    logging.getLogger().addHandler(watch)
    try:
        with structlog.testing.capture_logs() as lines:
            watch.lines = lines
            yield watch
    finally:
        logging.getLogger().removeHandler(watch)
