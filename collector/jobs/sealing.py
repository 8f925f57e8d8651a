"""The job that seals the log: a checkpoint in the database, and the same beside it.

A pass may run twice or be cut off anywhere. The database comes first; what the
folder lacks is written at the next pass. A folder that is ahead of the
database, or that tells of another log, stops the sealing until a person has
looked: a log that signs two histories proves nothing. Intake goes on meanwhile.
"""

from __future__ import annotations

import asyncio
from functools import partial

import structlog

from collector.errors import LogDamaged, TimelinedError
from collector.log import EventLog
from collector.proof import seal
from collector.proof.checkpoint import EVENTS, TREES, Signer, origin_of
from collector.proof.folder import ProofFolder

log = structlog.get_logger(__name__)


class SealJob:
    """Seals both trees. Passes never overlap."""

    def __init__(self, *, log: EventLog, beside: ProofFolder, origin: str, signer: Signer | None) -> None:
        self._log = log
        self.beside = beside
        self._origin = origin
        self.signer = signer
        """What signs from the next pass on."""
        self._alone = asyncio.Lock()
        self.size = 0
        """How many events the last checkpoint covers."""
        self.failure = ""
        """Why the last pass did not seal; empty where it did, or where nothing was new."""

    async def run(self) -> bool:
        """Seal what came since the last pass; whether that could be done. What goes wrong is said, and tried again at
        the next pass."""
        async with self._alone:
            try:
                for tree in TREES:
                    await self._seal(tree)
            except (TimelinedError, OSError, ValueError) as error:
                self.failure = str(error)
                log.error("cannot seal the log; the next pass tries again", error=self.failure)
            else:
                self.failure = ""
            return not self.failure

    async def _seal(self, tree: str) -> None:
        await self._agree(tree)
        sealed = await self._log.query(partial(seal.extended, tree=tree, origin=self._origin, signer=self.signer))
        if sealed is not None:
            await self._log.transact(partial(seal.keep, sealed=sealed), leading=True)
            await asyncio.to_thread(self.beside.keep, tree, sealed.note)
            log.info("sealed the log", tree=tree, size=sealed.size)
        if tree == EVENTS:
            last = sealed or await self._log.query(partial(seal.last, tree=tree))
            self.size = last.size if last else 0

    async def _agree(self, tree: str) -> None:
        """The folder tells of this log, and has every checkpoint of it."""
        copy = await asyncio.to_thread(self.beside.latest, tree)
        if copy is not None:
            await self._same_log(tree, copy.size, copy.root)
        origin = origin_of(tree, self._origin)
        for note in await self._log.query(partial(seal.notes, tree=tree, after=copy.size if copy else 0)):
            if note.startswith(f"{origin}\n"):
                await asyncio.to_thread(self.beside.keep, tree, note)

    async def _same_log(self, tree: str, size: int, root: bytes) -> None:
        known = await self._log.query(partial(seal.last, tree=tree))
        if known is not None and known.size == size:
            root_found = known.root
        else:
            root_found = await self._log.query(partial(seal.root_at, tree=tree, size=size))
        if root_found != root:
            raise LogDamaged(
                f"cannot seal the log: the checkpoint in {self.beside.checkpoints} at {size} is of another log; "
                "run timelined verify, and give this log a new proof.origin if it is right"
            )
