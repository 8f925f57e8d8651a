"""What opens the API: a token, whose it is, and how much it may do; or who a proxy says has signed in there."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping

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
    groups: tuple[str, ...] = ()
    """The groups whose private incidents it may read; an administrator reads all."""

    @property
    def reads(self) -> frozenset[str] | None:
        """The groups whose private incidents it may read; None: of all."""
        return None if self.role == ADMIN else frozenset(self.groups)

    def may(self, role: str) -> bool:
        """Whether it may do what this role does."""
        return self.role in ROLES and ROLES.index(self.role) >= ROLES.index(role)

    def __repr__(self) -> str:
        return f"Token(name={self.name!r}, role={self.role!r}, groups={self.groups!r})"


EVERYBODY = "*"
"""The group that stands for whoever the proxy lets in."""
LONGEST_NAME = 100
"""Characters of a name that a proxy gives."""


class ProxyLogin(msgspec.Struct, frozen=True, kw_only=True):
    """A proxy that signs people in and says in headers who asks."""

    networks: tuple[ipaddress.IPv4Network | ipaddress.IPv6Network, ...]
    """From where it connects. What comes from elsewhere is not believed."""
    user_header: str = "X-Forwarded-User"
    groups_header: str = "X-Forwarded-Groups"
    roles: Mapping[str, str]
    """Group, or :data:`EVERYBODY` → role."""

    def is_at(self, address: str) -> bool:
        """Whether a connection from this address is the proxy's."""
        try:
            peer = ipaddress.ip_address(address.partition("%")[0])
        except ValueError:
            return False
        mapped = getattr(peer, "ipv4_mapped", None)
        return any(each in network for network in self.networks for each in (peer, mapped) if each is not None)

    def person(self, user: str, groups: str) -> Token | None:
        """Whoever has this name and is of these groups (``a,b``), with the most that one of them may do; the role is
        empty where none of them may do anything. None where there is no such name."""
        name = user.strip()
        if not name or not name.isprintable() or len(name) > LONGEST_NAME:
            return None
        of = {EVERYBODY, *(each.strip() for each in groups.split(","))}
        roles = [role for group, role in self.roles.items() if group in of]
        return Token(
            name=name, role=max(roles, key=ROLES.index, default=""), groups=tuple(sorted(of - {EVERYBODY, ""}))
        )
