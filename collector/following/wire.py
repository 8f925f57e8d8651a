"""What intake and the follower's process say to each other: frames of msgpack over one Unix socket.

Intake speaks first (:class:`Setup`), and then of commits, which are hints: the
follower's cursor is the truth. The follower asks for appends, which are
answered after their commit; asking twice stores once, by the events' ids.
Intake asks for drafts and the like. Each question has a number that its answer
repeats. No secret is said: the follower has no use for any.
"""

from __future__ import annotations

import asyncio
import itertools
import socket
import struct
from collections.abc import AsyncIterator, Mapping

import msgspec

from collector.correlation import Rules
from collector.errors import InvalidInput, NotFound, Unavailable
from collector.log import Receipt, Submission

_SIZE = struct.Struct(">I")
_LARGEST = 1 << 30
"""Bytes of one frame: a draft of any size fits; more is no frame of ours."""


class Setup(msgspec.Struct, tag=True, frozen=True, kw_only=True):
    """How the follower is to work: the part of the configuration that is no secret."""

    storage: str
    """The URL of the log. It may hold a password, so it is said here and in no command line."""
    rules: Rules
    drafts: bool
    """Whether drafts are written by themselves."""
    folder: str
    stale_after: int
    keep_versions: int = 0
    """How long the versions of edited drafts are kept, µs; 0: for ever."""
    keep_drafts: int = 0
    """How long drafts that nobody edited are kept, µs; 0: for ever."""
    drafts_size: int = 0
    """How many bytes all drafts may take; 0: any."""
    options: Mapping[str, str]
    """Of drafts, by name."""
    template: str
    """Of drafts: the name of one of ours, or the text of a team's own."""
    external_url: str
    level: str
    format: str
    life: str = ""
    """What stands for the daemon's process: a follower of another one may have ended with it."""
    log: str = ""
    """What the log is called, where the daemon has several: lines say it."""
    number_prefix: str = ""
    """What stands before an incident's number in drafts: the log's name, but for the default one."""


class PeerEnded(Unavailable):
    """The other process ended before it answered."""


class Commit(msgspec.Struct, tag=True, frozen=True):
    """The log has more events."""


class Append(msgspec.Struct, tag=True, frozen=True):
    """Store these."""

    number: int
    submissions: tuple[Submission, ...]


class Failure(msgspec.Struct, frozen=True):
    """Why a question could not be answered."""

    kind: str
    """``unavailable``, ``invalid``, ``missing`` or ``failed``."""
    message: str
    field: str = ""

    @classmethod
    def of(cls, error: Exception) -> Failure:
        """What is said of an error; of one that is a mistake of ours its class alone."""
        for kind, known in _KINDS.items():
            if isinstance(error, known):
                return cls(kind, str(error), error.pointer if isinstance(error, InvalidInput) else "")
        return cls("failed", type(error).__name__)

    def error(self) -> Exception:
        """The same, to be raised."""
        if self.kind == "invalid":
            return InvalidInput(self.message, self.field)
        if self.kind == "missing":
            return NotFound(self.message, self.field)
        return Unavailable(self.message if self.kind == "unavailable" else f"the follower failed: {self.message}")


_KINDS = {"missing": NotFound, "invalid": InvalidInput, "unavailable": Unavailable}


class Receipts(msgspec.Struct, tag=True, frozen=True):
    """The answer to :class:`Append`: one receipt for each, or why nothing was stored."""

    number: int
    receipts: tuple[Receipt, ...] = ()
    failure: Failure | None = None


class Progress(msgspec.Struct, tag=True, frozen=True):
    """How far the lists are."""

    position: int
    resolved: tuple[int, ...] = ()
    """Incidents that are over since the last one of these."""


HEARTBEAT = 1.0
"""Seconds in which the follower says at least once how it is."""


class Condition(msgspec.Struct, tag=True, frozen=True):
    """How the follower is; said again and again, as a sign that it lives."""

    follows: bool
    """On PostgreSQL, whether the lease is ours."""
    failure: str
    """Why the log cannot be followed now; empty where it can."""
    drafts: int = 0
    """Drafts written since the follower began."""
    draft_failures: int = 0
    """Those that could not be rendered or written."""


class Vitals(msgspec.Struct, frozen=True):
    """How whoever follows is, for those who watch."""

    process: int | None = None
    """Its process, 0 where it is gone; None where it has none of its own."""
    restarts: int = 0
    """Times that process was started again."""
    drafts: int = 0
    """Drafts written since the daemon began."""
    draft_failures: int = 0
    """Those that could not be rendered or written."""


class Forget(msgspec.Struct, tag=True, frozen=True):
    """Let go of what is in memory."""

    number: int


class Redraw(msgspec.Struct, tag=True, frozen=True):
    """Write the drafts again that cite these events."""

    number: int
    events: tuple[str, ...]


class Render(msgspec.Struct, tag=True, frozen=True):
    """The text of a draft."""

    number: int
    incident: int
    form: str
    as_of: int | None
    options: Mapping[str, str]


class Answer(msgspec.Struct, tag=True, frozen=True):
    """The answer to one of the last three."""

    number: int
    text: str | None = None
    files: tuple[str, ...] = ()
    edited: tuple[str, ...] = ()
    failure: Failure | None = None


Request = Forget | Redraw | Render
Message = Setup | Commit | Append | Receipts | Progress | Condition | Forget | Redraw | Render | Answer

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Message).decode


class Channel:
    """One end of the socket, on the running event loop."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer
        self._numbers = itertools.count(1)
        self._waiting: dict[int, asyncio.Future[Receipts | Answer]] = {}
        self._finished = False

    @property
    def _mute(self) -> bool:
        """Whether nothing can be said any longer."""
        return self._finished or self._writer.is_closing()

    @classmethod
    async def over(cls, end: socket.socket) -> Channel:
        """A channel over a connected socket, which it owns from now on."""
        end.setblocking(False)
        return cls(*await asyncio.open_unix_connection(sock=end))

    def number(self) -> int:
        """For a question of ours."""
        return next(self._numbers)

    def send(self, message: Message) -> None:
        """Say something. Where nobody listens any longer it is lost, and :meth:`messages` ends."""
        if not self._mute:
            frame = _encode(message)
            self._writer.write(_SIZE.pack(len(frame)) + frame)

    async def ask(self, question: Append | Request) -> Receipts | Answer:
        """Say something and wait for the answer. Raises what it says, or :class:`Unavailable` where none comes."""
        waiting: asyncio.Future[Receipts | Answer] = asyncio.get_running_loop().create_future()
        self._waiting[question.number] = waiting
        try:
            self.send(question)
            if self._mute:
                raise PeerEnded("the other process is gone; try again")
            answer = await waiting
        finally:
            self._waiting.pop(question.number, None)
        if answer.failure is not None:
            raise answer.failure.error()
        return answer

    async def messages(self) -> AsyncIterator[Message]:
        """What the other end says, until it closes; answers go to those who asked."""
        try:
            while True:
                (size,) = _SIZE.unpack(await self._reader.readexactly(_SIZE.size))
                if size > _LARGEST:
                    raise ConnectionError(f"a frame of {size} bytes")
                message = _decode(await self._reader.readexactly(size))
                if isinstance(message, Receipts | Answer):
                    waiting = self._waiting.get(message.number)
                    if waiting is not None and not waiting.done():
                        waiting.set_result(message)
                else:
                    yield message
        except (asyncio.IncompleteReadError, ConnectionError, msgspec.DecodeError):
            return
        finally:
            for waiting in self._waiting.values():
                if not waiting.done():
                    waiting.set_exception(PeerEnded("the other process is gone; try again"))

    def finish(self) -> None:
        """Say nothing more: the other end hears of it. What it still says is read."""
        if not self._mute:
            self._finished = True
            self._writer.write_eof()

    def close(self) -> None:
        """Close this end: the other one hears of it."""
        self._writer.close()
