"""``api``: the tokens that open it, each with a role, those of single senders, and a proxy that signs people in."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

import msgspec

from collector.settings.schema import Api, SenderToken, SourceSettings
from collector.settings.secrets import Files, readers, secrets_of
from collector.settings.yaml_reader import (
    Node,
    Reader,
    UnreadableNode,
    list_of,
    mapping_of,
    one_of,
    parsed,
    section,
    text,
)
from collector.sources import SOURCES
from collector.tokens import ROLES, SENDER, ProxyLogin, Token

_HEADER = re.compile(r"[A-Za-z][A-Za-z0-9-]{0,99}", re.ASCII)
_TAKEN = ("authorization", "cookie", "host", "origin", "forwarded", "x-forwarded-for", "x-forwarded-proto")
"""Headers that say something else, and that whoever asks may send."""
LONGEST = 100
"""Characters of a token's name."""


def _network(value: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network:
    try:
        network = ipaddress.ip_network(value)
    except ValueError:
        raise ValueError(f"is {value!r}, which is no address; write it like 127.0.0.1 or 10.1.0.0/16") from None
    if not network.prefixlen:
        raise ValueError(f"is {value!r}, which is every address; name those of the proxy alone")
    return network


def _header(value: str) -> str:
    if not _HEADER.fullmatch(value) or value.lower() in _TAKEN:
        raise ValueError(f"is {value!r}, which cannot say who asks; write it like X-Forwarded-User or Remote-User")
    return value


def _proxy(node: Node, values: dict[str, Any]) -> ProxyLogin | None:
    """What is not whole believes nobody."""
    networks, roles = values.pop("addresses", ()), values.pop("roles", {})
    if not networks and node.sound:
        node.report("has no addresses; say from where the proxy connects, such as 127.0.0.1")
    if not roles and node.sound:
        node.report('has no roles; say what people may do by their groups, such as {sre: write, "*": read}')
    return ProxyLogin(networks=networks, roles=roles, **values) if networks and roles else None


PROXY = section(
    _proxy,
    {
        "addresses": list_of(parsed(_network)),
        "user_header": parsed(_header),
        "groups_header": parsed(_header),
        "roles": mapping_of(one_of(*ROLES)),
    },
)


def api(files: Files) -> Reader[Api]:
    """The section ``api``."""

    def build(node: Node, values: dict[str, Any]) -> Api:
        entries = values.get("tokens", ())
        return Api(
            tokens=secrets_of(node, values, "token"),
            named_tokens=tuple(each for each in entries if isinstance(each, Token)),
            senders=tuple(each for each in entries if isinstance(each, SenderToken)),
            proxy=values.get("proxy"),
        )

    def tokens(node: Node) -> tuple[Token | SenderToken, ...]:
        entries: list[Token | SenderToken] = []
        for name, child in node.entries():
            with suppress(UnreadableNode):
                if not name.strip() or not name.isprintable() or len(name) > LONGEST:
                    child.fail(f"cannot stand as who wrote something; use at most {LONGEST} characters")
                entries += _token(files, name)(child)
        return tuple(entries)

    return section(build, {**readers(files, "token"), "tokens": tokens, "proxy": PROXY})


def _token(files: Files, name: str) -> Reader[tuple[Token | SenderToken, ...]]:
    def build(node: Node, values: dict[str, Any]) -> tuple[Token | SenderToken, ...]:
        secrets, role = secrets_of(node, values, "token"), values.get("role")
        if role is None and node.sound:
            node.fail(f"has no role; say what it may do, one of {', '.join((*ROLES, SENDER))}")
        if not secrets and node.sound:
            node.fail("has no token; set token_file")
        if ("source" in values) != (role == SENDER) and node.sound:
            node.fail(f"has role {role} {'and a' if 'source' in values else 'and no'} source; role sender has one")
        groups = values.get("groups", ())
        if groups and role == SENDER:
            node.fail("has role sender and groups; it opens nothing of the API, so leave groups out")
        if any(not each.strip() or not each.isprintable() or len(each) > LONGEST for each in groups):
            node.fail(f"has a group without a name that can be written; use at most {LONGEST} characters")
        if role == SENDER:
            return tuple(
                SenderToken(source=values.get("source", ""), secret=secret, line=node.line) for secret in secrets
            )
        return tuple(Token(secret=secret, name=name, role=role or ROLES[0], groups=groups) for secret in secrets)

    return section(
        build, {"role": one_of(*ROLES, SENDER), "source": text, "groups": list_of(text), **readers(files, "token")}
    )


def with_senders(node: Node, api: Api, sources: Mapping[str, SourceSettings]) -> Mapping[str, SourceSettings]:
    """The sources, each with the tokens of its senders beside what proves its deliveries."""
    changed = dict(sources)
    for sender in api.senders:
        at = node.inside("api", node.node, sender.line).inside("tokens", node.node, sender.line)
        source = changed.get(sender.source)
        if source is None:
            at.report(f"names the source {sender.source!r}, which is not configured; name one of {', '.join(sources)}")
        elif "bearer" not in SOURCES[source.kind].proofs:
            at.report(
                f"names {sender.source}, but {source.kind} sends no token; "
                f"{' or '.join(SOURCES[source.kind].proofs)} do"
            )
        elif source.credentials.signing:
            at.report(f"names {sender.source}, which signs its deliveries; a token would not be asked for")
        else:
            bearer = (*source.credentials.bearer, sender.secret)
            proof = msgspec.structs.replace(source.credentials, bearer=bearer, open=False)
            changed[sender.source] = msgspec.structs.replace(source, credentials=proof)
    return changed
