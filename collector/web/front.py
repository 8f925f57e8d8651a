"""How HTTP is spoken: TLS, who has a password, which headers answers carry. All of it may change while serving.

Each new connection gets the context that is in force then, so that a
certificate is rotated without a restart and without ending a connection.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import secrets
import ssl
from collections.abc import Mapping, Sequence
from typing import Any, Self

import bcrypt

LONGEST = 72
"""Bytes of a password: bcrypt looks at no more, so that a longer one would be another one's equal."""
_REMEMBERED = 100
"""Passwords that were found right and are known again: to hash one takes a tenth of a second."""
_NOBODY = b"$2b$10$lZHps.Cr/L.lxWuPcM6.te5d6b/eVb6dFs7ocTEPr372fD7Mt/i7G"
"""What the password of a name that nobody has is compared with, so that time does not tell names."""


class Front:
    """What is in force now; :meth:`take` replaces it."""

    def __init__(self, *, prefix: str = "", root: str = "") -> None:
        self.prefix = prefix
        """What the addresses of requests begin with: nothing, or as ``/timelined``. It stays."""
        self.root = root or prefix
        """What the addresses in our links begin with: a proxy may take it off before it asks us. It stays."""
        self.users = Users({})
        self.headers: Mapping[str, str] = {}
        """What every answer carries, where it does not say otherwise itself."""
        self.names: Sequence[str] = ()
        """The subject alternative names of which a client's certificate needs one; none: any will do."""
        self.context: RotatingContext | None = None
        """TLS, if it is spoken. Once it is, it stays the same object."""

    def take(
        self,
        *,
        users: Mapping[str, bytes],
        headers: Mapping[str, str],
        names: Sequence[str] = (),
        context: ssl.SSLContext | None = None,
    ) -> None:
        """Have all this in force for the next connection and the next request."""
        self.users, self.headers, self.names = Users(users), headers, names
        if context is not None and self.context is None:
            self.context = RotatingContext.of(context)
        elif context is not None and self.context is not None:
            self.context.current = context

    def lets_in(self, certificate: Mapping[str, Any] | None) -> bool:
        """Whether a client with this certificate (as ``SSLSocket.getpeercert`` has it) may ask anything."""
        if not self.names:
            return True
        told = {name for _, name in (certificate or {}).get("subjectAltName", ())}
        return not told.isdisjoint(self.names)


class RotatingContext(ssl.SSLContext):
    """A listener's context, which hands each connection to the context that is in force when it begins."""

    current: ssl.SSLContext

    @classmethod
    def of(cls, context: ssl.SSLContext) -> Self:
        """One that hands on to this context."""
        made = cls(ssl.PROTOCOL_TLS_SERVER)
        made.current = context
        return made

    def wrap_bio(self, *arguments: Any, **named: Any) -> ssl.SSLObject:
        """What a connection reads and writes through."""
        return self.current.wrap_bio(*arguments, **named)


class Users:
    """Who has a password, as bcrypt hashes; one password is hashed at a time, beside the event loop."""

    def __init__(self, hashes: Mapping[str, bytes]) -> None:
        self._hashes = dict(hashes)
        self._alone = asyncio.Lock()
        self._key = secrets.token_bytes(32)
        self._right: dict[bytes, None] = {}

    def __bool__(self) -> bool:
        return bool(self._hashes)

    async def know(self, name: str, password: bytes) -> bool:
        """Whether this is the user's password, in a time that does not tell whether there is such a user."""
        password_hash = self._hashes.get(name, _NOBODY)
        digest = hmac.new(
            self._key, hashlib.sha256(password_hash).digest() + name.encode() + b":" + password, "sha256"
        ).digest()
        if digest in self._right:
            return True
        async with self._alone:
            right = await asyncio.to_thread(bcrypt.checkpw, password[:LONGEST], password_hash)
        if not right or name not in self._hashes or len(password) > LONGEST:
            return False
        if len(self._right) >= _REMEMBERED:
            del self._right[next(iter(self._right))]
        self._right[digest] = None
        return True
