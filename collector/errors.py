"""Our few errors, and how a message is built.

    TimelinedError
    ├── UnverifiedWebhook      the sender could not be authenticated
    ├── MalformedWebhook       authentic, but not even the source's syntax
    │   ├── DamagedBody        … because its gzip cannot be inflated; not known to be authentic yet
    │   └── BrokenOff          … because its body did not come whole; not known to be authentic either
    ├── TooLarge               a body beyond the bounds
    ├── UnsupportedEncoding    a Content-Encoding that is neither identity nor one gzip
    ├── InvalidInput           a person's or a client's request that cannot be taken
    │   └── NotFound           … because what it names does not exist
    ├── InvalidSettings        the configuration has mistakes (all of them, each with its line)
    ├── NotPermitted           the database does not let this role do it; somebody has to grant that
    ├── Unavailable            cannot store or read now; the sender should come again
    │   ├── TooSlow            … because its body did not arrive in time
    │   └── DiskFailed         … nor ever in this process: what is on the disk is not known
    └── LogDamaged             the log contradicts itself

Every message answers four questions: what was attempted, on what, what was
found, what to do. No secret and no body ever stands in one.
"""

from __future__ import annotations


class TimelinedError(Exception):
    """The root of every error this project raises on purpose."""


class UnverifiedWebhook(TimelinedError):
    """The sender could not be authenticated; the answer is 401 and says nothing more."""


class MalformedWebhook(TimelinedError):
    """An authentic body is not even the source's syntax; the answer is 400.

    ``position`` names where reading stopped (``byte 118``, ``$.alerts[2].startsAt``).
    """

    def __init__(self, message: str, position: str) -> None:
        super().__init__(message)
        self.position = position


class DamagedBody(MalformedWebhook):
    """A body that is not exactly one whole gzip member; ``raw`` is what came.

    Whether it is authentic has not been asked yet; what is gets 400 and is kept.
    """

    def __init__(self, message: str, position: str, raw: bytes) -> None:
        super().__init__(message, position)
        self.raw = raw


class BrokenOff(MalformedWebhook):
    """A body that did not come whole: its framing is broken, or the connection ended; ``received`` is in bytes."""

    def __init__(self, message: str, received: int) -> None:
        super().__init__(message, f"byte {received}")
        self.received = received


class TooLarge(TimelinedError):
    """A body beyond the bounds of size or of compression; the answer is 413."""


class UnsupportedEncoding(TimelinedError):
    """A Content-Encoding that is neither identity nor one gzip; the answer is 415."""


class InvalidInput(TimelinedError):
    """A request that cannot be taken as it is; the answer is 400 or 422.

    ``pointer`` names the offending field or parameter where there is one.
    """

    def __init__(self, message: str, pointer: str = "") -> None:
        super().__init__(message)
        self.pointer = pointer


class NotFound(InvalidInput):
    """The thing a request names does not exist; the answer is 404."""


class InvalidSettings(TimelinedError):
    """The configuration has mistakes; ``mistakes`` holds one sentence for each."""

    def __init__(self, mistakes: tuple[str, ...]) -> None:
        super().__init__("\n".join(mistakes))
        self.mistakes = mistakes


class NotPermitted(TimelinedError):
    """A right is missing in the database, which no waiting brings; the answer is 403 and says what to grant."""


class Unavailable(TimelinedError):
    """Nothing can be stored or read now; the answer is 503 with ``Retry-After``.

    ``retry_after`` is in whole seconds.
    """

    def __init__(self, message: str, retry_after: int = 5) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class TooSlow(Unavailable):
    """A body that did not arrive in time; the answer is 503, since a 4xx would make most senders give the event up."""


class DiskFailed(Unavailable):
    """The disk could not keep what was written: nobody can say what is on it. Nothing more is stored or acknowledged,
    and the process ends; the next one finds out."""


class LogDamaged(TimelinedError):
    """The log contradicts itself; nothing more is written to it."""
