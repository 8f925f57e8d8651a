"""What opens the API: a token, whose it is, and how much it may do."""

from __future__ import annotations

import msgspec

READ, WRITE, ADMIN = "read", "write", "admin"
ROLES = (READ, WRITE, ADMIN)
"""What a token may do, each all that stands before it: read; state facts; erase, and reload the configuration."""
SENDER = "sender"
"""The role of a token that proves the deliveries of one source, and opens nothing of the API."""


class Token(msgspec.Struct, frozen=True, kw_only=True):
    """One token, or whoever is let in otherwise."""

    secret: bytes = b""
    name: str = ""
    """Whose it is: the actor of all that is written with it. Empty: the writer says who it is."""
    role: str = ADMIN

    def may(self, role: str) -> bool:
        """Whether it may do what this role does."""
        return self.role in ROLES and ROLES.index(self.role) >= ROLES.index(role)

    def __repr__(self) -> str:
        return f"Token(name={self.name!r}, role={self.role!r})"
