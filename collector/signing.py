"""Does this delivery come from who it says? Signatures, tokens and passwords, in constant time.

Everything is compared as bytes, over the raw body, and every secret that is
active is tried, so that neither a wrong guess nor a rotation shows in the
time taken. No header, however odd, raises anything but
:class:`collector.errors.UnverifiedWebhook`, and no secret stands in a message.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
from collections.abc import Callable, Sequence

import msgspec

from collector.errors import UnverifiedWebhook
from collector.event import MINUTE, SECOND
from collector.webhook import Credentials, Webhook

TOLERANCE = 5 * MINUTE
"""How far the time of signing may lie from the receipt, µs, as Slack and Standard Webhooks ask."""
_SECONDS = re.compile(r"\d{9,11}", re.ASCII)
_STANDARD = b"whsec_"
_MOST_SIGNATURES = 16
"""Signatures read of one header; a rotation needs two."""


def whole_body(webhook: Webhook) -> bytes:
    """What most senders sign."""
    return webhook.body


def as_given(secret: bytes) -> bytes:
    """The key of most senders: the secret itself."""
    return secret


class Signature(msgspec.Struct, frozen=True, kw_only=True):
    """How a sender signs: an HMAC in a header, of SHA-256 over the body and in hexadecimal unless said otherwise."""

    header: str
    """As the vendor writes it, ``X-Hub-Signature-256``."""
    prefix: str = ""
    """What stands before the digest; entries that begin otherwise are other versions, and ignored."""
    separator: str = ""
    """Between several signatures of one header; empty where there is only ever one."""
    also: tuple[str, ...] = ()
    """Older headers that show that the sender signs, though nothing is proved by them."""
    sender: str
    """Where the same secret has to be set, for the message."""
    digest: str = "sha256"
    """The hash, as Python's :mod:`hashlib` names it."""
    base64: bool = False
    """Whether the digest is written in Base64 and not in hexadecimal."""
    signed: Callable[[Webhook], bytes] = whole_body
    """The bytes that are signed."""
    key: Callable[[bytes], bytes] = as_given
    """The key that a secret stands for."""
    timestamp: str = ""
    """The header with the time of signing, in seconds since 1970; empty where a sender says none. Deliveries signed
    longer ago than :data:`TOLERANCE`, or further ahead, are refused: somebody may send them again."""
    ident: str = ""
    """The header with the id of the delivery, where that is signed, too."""
    timestamp_required: bool = True
    """Whether a delivery without that header is refused; else its absence is the sender's choice."""

    def sign(self, body: bytes, secret: bytes, at: int) -> dict[str, str]:
        """The headers with which the sender proves a body at a time, in µs: for a test of the address."""
        seconds = str(at // SECOND)
        headers = {self.timestamp.lower(): seconds} if self.timestamp else {}
        headers |= {self.ident.lower(): f"timelined-test-{seconds}"} if self.ident else {}
        sent = Webhook(source="", headers=headers, body=body, received_at=at)
        return headers | {self.header.lower(): self.prefix + _proof(sent, secret, self).decode()}


def standard_webhooks(sender: str, names: str = "webhook") -> Signature:
    """The scheme of Standard Webhooks: https://github.com/standard-webhooks/standard-webhooks

    ``names`` is how its three headers begin; Svix' own begin with ``svix``.
    """
    return Signature(
        header=f"{names}-signature",
        prefix="v1,",
        separator=" ",
        sender=sender,
        base64=True,
        signed=lambda webhook: b".".join((*_header_values(webhook, f"{names}-id", f"{names}-timestamp"), webhook.body)),
        key=_standard_key,
        timestamp=f"{names}-timestamp",
        ident=f"{names}-id",
    )


def _header_values(webhook: Webhook, *names: str) -> tuple[bytes, ...]:
    return tuple(_bytes(webhook.headers.get(name, "")) for name in names)


def _standard_key(secret: bytes) -> bytes:
    """The bytes that ``whsec_…`` writes in Base64; a secret that is not written so is the key itself."""
    if not secret.startswith(_STANDARD):
        return secret
    written = secret.removeprefix(_STANDARD)
    try:
        return base64.b64decode(written + b"=" * (-len(written) % 4), validate=True)
    except (binascii.Error, ValueError):
        return secret


def authenticate(
    webhook: Webhook, credentials: Credentials, signature: Signature | None = None, token_header: str = ""
) -> str:
    """How the sender proved itself: ``signature``, ``header``, ``bearer``, ``basic``, ``path``, or ``none`` if nothing
    is asked. ``token_header`` is the sender's own header for a secret as it is.

    A configured signing secret must verify, whatever else matches; without one,
    any one of the other configured ways is enough. Raises
    :class:`UnverifiedWebhook` otherwise, and for a signature that nobody
    configured a secret for.
    """
    if credentials.open:
        return "none"
    if signature is not None:
        if credentials.signing:
            return _check_signature(webhook, credentials.signing, signature)
        _refuse_unexpected(webhook, signature)
    if credentials.absent:
        return "none"
    proofs = {
        "header": bool(token_header) and _header_matches(webhook, token_header, credentials.header),
        "bearer": _bearer_matches(webhook, credentials.bearer),
        "basic": _basic_matches(webhook, credentials.basic),
        "path": _any_equal([_bytes(webhook.token)], credentials.path),
    }
    for way, proved in proofs.items():
        if proved:
            return way
    raise UnverifiedWebhook(_what_was_wrong(webhook, credentials, signature, token_header))


def signature_of(body: bytes, secret: bytes) -> str:
    """The HMAC-SHA256 of a body, in lower-case hexadecimal."""
    return hmac.digest(secret, body, "sha256").hex()


def _check_signature(webhook: Webhook, secrets: Sequence[bytes], signature: Signature) -> str:
    value = webhook.headers.get(signature.header.lower(), "")
    signatures = _signatures_in(value, signature)
    # Without a signature the digest is computed all the same, so that the two refusals take the same time.
    proofs = [_proof(webhook, secret, signature) for secret in secrets if secret]
    equal = _any_equal(signatures, proofs)
    if stale := _stale(webhook, signature):
        raise UnverifiedWebhook(f"cannot verify delivery from {webhook.source}: {stale}")
    if equal:
        return "signature"
    found = "does not match the body" if signatures else "holds no such signature" if value else "is absent"
    raise UnverifiedWebhook(_refusal(webhook.source, f"{signature.header} {found}", "secret_file", signature.sender))


def _proof(webhook: Webhook, secret: bytes, signature: Signature) -> bytes:
    digest = hmac.digest(signature.key(secret), signature.signed(webhook), signature.digest)
    return base64.b64encode(digest) if signature.base64 else digest.hex().encode()


def _stale(webhook: Webhook, signature: Signature) -> str:
    """What is wrong with the time of signing; empty where nothing is, or where the sender says none."""
    name = signature.timestamp
    if not name or not (signature.timestamp_required or name.lower() in webhook.headers):
        return ""
    seconds = webhook.headers.get(name.lower(), "").strip()
    if not _SECONDS.fullmatch(seconds):
        return f"{name} is {'no number of seconds' if seconds else 'absent'}"
    if abs(webhook.received_at - int(seconds) * SECOND) > TOLERANCE:
        return f"{name} is more than 5 minutes from the time of receipt; set the clocks, if it was sent just now"
    return ""


def _signatures_in(value: str, signature: Signature) -> list[bytes]:
    parts = value.split(signature.separator, _MOST_SIGNATURES) if signature.separator else [value]
    trimmed = [part.strip() for part in parts[:_MOST_SIGNATURES]]
    return [_bytes(part[len(signature.prefix) :]) for part in trimmed if part.startswith(signature.prefix)]


def _refuse_unexpected(webhook: Webhook, signature: Signature) -> None:
    """A sender that signs and a receiver that does not look is a mistake in the configuration, not a proof."""
    for header in (signature.header, *signature.also):
        if header.lower() in webhook.headers:
            found = f"{header} is present but no secret is configured"
            raise UnverifiedWebhook(_refusal(webhook.source, found, "secret_file", signature.sender))


def _header_matches(webhook: Webhook, name: str, secrets: Sequence[bytes]) -> bool:
    return _any_equal([_bytes(webhook.headers.get(name.lower(), ""))], secrets)


def _bearer_matches(webhook: Webhook, secrets: Sequence[bytes]) -> bool:
    scheme, _, token = webhook.headers.get("authorization", "").strip().partition(" ")
    return _any_equal([_bytes(token.strip())] if scheme.lower() == "bearer" else [], secrets)


def _basic_matches(webhook: Webhook, pairs: Sequence[tuple[bytes, bytes]]) -> bool:
    scheme, _, encoded = webhook.headers.get("authorization", "").strip().partition(" ")
    try:
        decoded = base64.b64decode(_bytes(encoded.strip()), validate=True) if scheme.lower() == "basic" else b""
    except (binascii.Error, ValueError):
        decoded = b""
    # A user's name cannot hold a colon (RFC 7617), so the first one divides; without any, nothing was given.
    return _any_equal([decoded], [b":".join(pair) for pair in pairs if pair[1]]) and b":" in decoded


def _any_equal(signatures: Sequence[bytes], expected: Sequence[bytes]) -> bool:
    """Whether one of each is equal, in a time that tells neither which nor how nearly.

    Digests are compared, so that lengths do not show either. An empty secret
    never matches: it is a mistake, not a permission.
    """
    equal = False
    for candidate in signatures or (b"",):
        digest = hashlib.sha256(candidate).digest()
        for other in expected or (b"",):
            same = hmac.compare_digest(digest, hashlib.sha256(other).digest())
            equal |= same and bool(candidate) and bool(other)
    return equal


def _bytes(text: str) -> bytes:
    """A header's text as the bytes that came; never raises."""
    try:
        return text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        return text.encode("utf-8", "surrogatepass")


def _what_was_wrong(webhook: Webhook, credentials: Credentials, signature: Signature | None, token_header: str) -> str:
    sender = signature.sender if signature else "the sender"
    if credentials.header and token_header:
        state = "does not match" if token_header.lower() in webhook.headers else "is absent"
        return _refusal(webhook.source, f"{token_header} {state}", "header_token_file", sender)
    if credentials.bearer or credentials.basic:
        setting = "bearer_token_file" if credentials.bearer else "basic.password_file"
        state = "does not match" if "authorization" in webhook.headers else "is absent"
        return _refusal(webhook.source, f"Authorization {state}", setting, sender)
    if credentials.path:
        state = "is not the one configured" if webhook.token else "is absent"
        return _refusal(webhook.source, f"the secret part of the address {state}", "path_token_file", sender)
    return (
        f"cannot verify delivery from {webhook.source}: this kind of sender signs nothing, and only a signing secret "
        f"is configured; set sources.{webhook.source}.bearer_token_file instead"
    )


def _refusal(source: str, found: str, setting: str, sender: str) -> str:
    return (
        f"cannot verify delivery from {source}: {found}; "
        f"set sources.{source}.{setting}, and the same secret at {sender}"
    )
