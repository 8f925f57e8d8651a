"""How a person tries a source from a shell, proved as its sender has to prove itself: no secret is ever shown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec
from aiohttp import web

from collector.intake import Endpoint
from collector.web.keys import FRONT
from collector.webhook import Credentials

_FIELDS: Mapping[str, tuple[str, str, str]] = {
    "header": ('-H "{header}: $TOKEN"', "", "TOKEN holds the header_token of this source"),
    "bearer": ('-H "Authorization: Bearer $TOKEN"', "", "TOKEN holds the bearer_token of this source"),
    "basic": ('-u "$NAME:$PASSWORD"', "", "NAME and PASSWORD hold the user and the password of this source's basic"),
    "path": ("", '/"$TOKEN"', "TOKEN holds the path_token of this source"),
}
"""A way of proof that can be typed, which is also the field of its credentials → the option of ``curl``, what follows
the address, and which variables of the shell it reads."""


class Trial(msgspec.Struct, frozen=True, kw_only=True):
    """A line for a shell, and what has to be known of it first."""

    words: str
    command: str


def webhooks_of(request: web.Request) -> str:
    """Where this reader reaches the daemon, for senders on the same way. Deliveries find the log of their source."""
    return f"{request.scheme}://{request.host}{request.app[FRONT].root}/webhooks"


def first_alert(endpoint: Endpoint | None, address: str) -> Trial | None:
    """What sends a first alert; None where the source has none, or its proof cannot be typed."""
    if endpoint is None or not endpoint.source.trial:
        return None
    source, credentials = endpoint.source, endpoint.credentials
    proof = _typed_proof(source.proofs, credentials)
    if proof is None and not credentials.open:
        return None
    option, ending, variables = _FIELDS[proof] if proof else ("", "", "")
    header = credentials.token_header or source.token_header
    where = f"{address}{ending} {option.format(header=header)}".rstrip()
    words = f"From a shell in which {variables}:" if proof else "From a shell:"
    return Trial(words=words, command=f"curl -i {where} --data-binary '{source.trial}'")


def made_up(name: str, endpoint: Endpoint | None) -> Trial | None:
    """What has the daemon's own command send a made-up delivery, which signs it, too; nothing to type where only
    the sender can sign."""
    if endpoint is None:
        return None
    if endpoint.credentials.certificates:
        called = endpoint.source.called
        return Trial(words=f"It cannot be tried from a shell: only {called} has the key that signs.", command="")
    command = f"timelined sources send-test {name}"
    if endpoint.source.sample is None:
        words = "On the machine of the daemon, with its configuration; BODY is a file with what your sender sends:"
        return Trial(words=words, command=f"{command} BODY")
    words = "On the machine of the daemon, with its configuration; it opens no incident:"
    return Trial(words=words, command=command)


def trials(name: str, endpoint: Endpoint | None, address: str) -> Sequence[Trial]:
    """All that tries a source; none of one that is not configured."""
    return [each for each in (first_alert(endpoint, address), made_up(name, endpoint)) if each is not None]


def _typed_proof(proofs: Sequence[str], credentials: Credentials) -> str | None:
    """The best way that is configured and can be typed."""
    return next((proof for proof in proofs if proof in _FIELDS and getattr(credentials, proof)), None)
