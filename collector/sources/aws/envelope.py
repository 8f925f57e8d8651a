"""Who signed an envelope of SNS: https://docs.aws.amazon.com/sns/latest/dg/sns-verify-signature-of-message.html

The certificate is the one that was configured: nothing is fetched. Amazon
signs for every customer with it, so the topics that may deliver are named too.
Signature version 1 is RSA with SHA-1, version 2 with SHA-256. The library
``cryptography`` (the extra ``sign``) looks at them.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from collector import normalise
from collector.errors import MalformedWebhook, UnverifiedWebhook
from collector.signing import authenticate
from collector.webhook import Credentials, Webhook

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

ADDRESS = re.compile(r"https://sns\.[a-z0-9-]{3,40}\.amazonaws\.com(\.cn)?/[!-~]*")
"""Amazon's own addresses, by the pattern that its validators ask for."""
_NOTIFIED = ("Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type")
_CONFIRMED = ("Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type")


def verify(webhook: Webhook, credentials: Credentials) -> str:
    """How the sender proved itself; raises UnverifiedWebhook. A configured certificate must verify."""
    if credentials.open or not credentials.certificates:
        return authenticate(webhook, credentials)
    told = _envelope(webhook)
    wrong = _wrong(told, credentials)
    if wrong:
        raise UnverifiedWebhook(f"cannot verify delivery from {webhook.source}: {wrong}")
    return "certificate"


def _envelope(webhook: Webhook) -> Mapping[str, Any]:
    try:
        document = normalise.decode_any(webhook.body, webhook.source)
    except MalformedWebhook:
        return {}
    return document if isinstance(document, dict) else {}


def _wrong(envelope: Mapping[str, Any], credentials: Credentials) -> str:
    """What keeps an envelope from being proved; empty where nothing does."""
    version, signature = envelope.get("SignatureVersion"), envelope.get("Signature")
    if not isinstance(signature, str) or version not in ("1", "2"):
        return "it is no signed envelope of Amazon SNS; turn raw message delivery off, or set basic or path_token_file"
    if envelope.get("TopicArn") not in credentials.topics:
        return "its TopicArn is none of those that topics names"
    try:
        signed = base64.b64decode(signature, validate=True)
    except (binascii.Error, ValueError):
        return "its Signature is not Base64"
    body = _signed(envelope)
    if any(_holds(pem, signed, body, version) for pem in credentials.certificates):
        return ""
    address = envelope.get("SigningCertURL")
    known = address if isinstance(address, str) and ADDRESS.fullmatch(address) and address.endswith(".pem") else ""
    which = f"; it names the certificate of {normalise.line(known)}" if known else ""
    return f"its Signature does not match with any certificate of certificate_file{which}"


def _signed(envelope: Mapping[str, Any]) -> bytes:
    """The bytes that are signed: names and values, one a line, absent ones left out."""
    names = _NOTIFIED if envelope.get("Type") == "Notification" else _CONFIRMED
    lines = [f"{name}\n{value}\n" for name in names if isinstance(value := envelope.get(name), str)]
    return "".join(lines).encode("utf-8", "surrogatepass")


def _holds(pem: bytes, signature: bytes, body: bytes, version: str) -> bool:
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
    from cryptography.hazmat.primitives.hashes import SHA1, SHA256

    digest = SHA1() if version == "1" else SHA256()  # noqa: S303 - version 1 is what SNS signs with unless told otherwise
    try:
        _key(pem).verify(signature, body, PKCS1v15(), digest)
    except InvalidSignature:
        return False
    return True


@lru_cache(maxsize=16)
def _key(pem: bytes) -> RSAPublicKey:
    """The key of a certificate. Raises :class:`ValueError` where it is none, or of another kind than RSA."""
    try:
        from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
        from cryptography.x509 import load_pem_x509_certificate
    except ImportError as error:
        raise ValueError("needs the library cryptography; install timelined[sign]") from error
    try:
        key = load_pem_x509_certificate(pem).public_key()
    except ValueError:
        raise ValueError("holds no certificate; write the PEM file of Amazon's into it") from None
    if not isinstance(key, RSAPublicKey):
        raise ValueError("holds a certificate of another kind than RSA; Amazon SNS signs with RSA")
    return key


def check_certificate(pem: bytes) -> None:
    """Raises :class:`ValueError`, with the end of a sentence, where nothing can be verified with it."""
    _key(pem)
