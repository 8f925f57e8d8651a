"""What a browser holds once a person gave the API token: a signed cookie that tells nothing of the token.

Nothing is kept here: a session is signed with the token that opened it, so that
it outlives a restart, is known to every daemon that has the token, and ends
when the token is taken away. A form carries a second signature with
the same token, which no page of another site can read.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from collections.abc import Iterable

from collector.event import HOUR
from collector.tokens import Token

COOKIE = "timelined_session"
LIFE = 12 * HOUR
"""How long a session lasts, µs: a shift."""

_SHAPE = re.compile(r"[0-9]{1,18}\.[0-9a-f]{32}\.[0-9a-f]{64}")


def opened(token: bytes, now: int) -> str:
    """A new session's cookie; ``now`` in µs."""
    said = f"{now + LIFE}.{secrets.token_hex(16)}"
    return f"{said}.{_signed(token, b'session', said)}"


def holder(cookie: str | None, tokens: Iterable[Token], now: int) -> Token | None:
    """The one of these tokens that opened the session of a cookie; None where none did, or it has ended."""
    if cookie is None or not _SHAPE.fullmatch(cookie):
        return None
    expiry, _, signature = cookie.rpartition(".")
    matches = [
        token for token in tokens if hmac.compare_digest(signature, _signed(token.secret, b"session", expiry))
    ]  # fmt: skip
    return matches[0] if matches and now < int(expiry.partition(".")[0]) else None


def form_key(token: bytes) -> str:
    """What forms carry that the sessions of a token are shown. Who has not the token cannot make it, and it does not
    give the token away. A form that was opened before its session ended is good in the next one."""
    return _signed(token, b"form", "")


def _signed(token: bytes, purpose: bytes, said: str) -> str:
    key = hmac.new(token, b"timelined " + purpose, hashlib.sha256).digest()
    return hmac.new(key, said.encode(), hashlib.sha256).hexdigest()
