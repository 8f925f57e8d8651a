"""``api``: the tokens that open it, each with a role, and those of single senders."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from typing import Any

import msgspec

from collector.settings.marks import Node, Reader, Wrong, one_of, section, text
from collector.settings.schema import Api, SenderToken, SourceSettings
from collector.settings.secrets import Files, readers, secrets_of
from collector.sources import SOURCES
from collector.tokens import ROLES, SENDER, Token

LONGEST = 100
"""Characters of a token's name."""


def api(files: Files) -> Reader[Api]:
    """The section ``api``."""

    def build(place: Node, values: dict[str, Any]) -> Api:
        told = values.get("tokens", ())
        return Api(
            tokens=secrets_of(place, values, "token"),
            named=tuple(each for each in told if isinstance(each, Token)),
            senders=tuple(each for each in told if isinstance(each, SenderToken)),
        )

    def tokens(place: Node) -> tuple[Token | SenderToken, ...]:
        found: list[Token | SenderToken] = []
        for name, child in place.entries():
            with suppress(Wrong):
                if not name.strip() or not name.isprintable() or len(name) > LONGEST:
                    child.wrong(f"cannot stand as who wrote something; use at most {LONGEST} characters")
                found += _token(files, name)(child)
        return tuple(found)

    return section(build, {**readers(files, "token"), "tokens": tokens})


def _token(files: Files, name: str) -> Reader[tuple[Token | SenderToken, ...]]:
    def build(place: Node, values: dict[str, Any]) -> tuple[Token | SenderToken, ...]:
        secrets, role = secrets_of(place, values, "token"), values.get("role")
        if role is None and place.sound:
            place.wrong(f"has no role; say what it may do, one of {', '.join((*ROLES, SENDER))}")
        if not secrets and place.sound:
            place.wrong("has no token; set token_file")
        if ("source" in values) != (role == SENDER) and place.sound:
            place.wrong(f"has role {role} {'and a' if 'source' in values else 'and no'} source; role sender has one")
        if role == SENDER:
            return tuple(
                SenderToken(source=values.get("source", ""), secret=secret, line=place.line) for secret in secrets
            )
        return tuple(Token(secret=secret, name=name, role=role or ROLES[0]) for secret in secrets)

    return section(build, {"role": one_of(*ROLES, SENDER), "source": text, **readers(files, "token")})


def with_senders(place: Node, api: Api, sources: Mapping[str, SourceSettings]) -> Mapping[str, SourceSettings]:
    """The sources, each with the tokens of its senders beside what proves its deliveries."""
    changed = dict(sources)
    for sender in api.senders:
        at = place.inside("api", place.node, sender.line).inside("tokens", place.node, sender.line)
        said = changed.get(sender.source)
        if said is None:
            at.note(f"names the source {sender.source!r}, which is not configured; name one of {', '.join(sources)}")
        elif "bearer" not in SOURCES[said.kind].proofs:
            at.note(
                f"names {sender.source}, but {said.kind} sends no token; {' or '.join(SOURCES[said.kind].proofs)} do"
            )
        elif said.credentials.signing:
            at.note(f"names {sender.source}, which signs its deliveries; a token would not be asked for")
        else:
            bearer = (*said.credentials.bearer, sender.secret)
            proof = msgspec.structs.replace(said.credentials, bearer=bearer, open=False)
            changed[sender.source] = msgspec.structs.replace(said, credentials=proof)
    return changed
