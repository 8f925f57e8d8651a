"""A sender of the user's own: any JSON over HTTP, read by the mapping of its source (docs/mapping.md).

The user says how it proves itself, too: the header and the form of its HMAC,
or the header that carries a token.
"""

from __future__ import annotations

from collector import normalise
from collector.event import Event
from collector.signing import Signature, authenticate, standard_webhooks
from collector.sources import mapping
from collector.webhook import Credentials, Reading, Scheme, Source, Webhook

KIND = "mapped"
RECIPE = "mapped.1"


def signature_of(scheme: Scheme | None) -> Signature | None:
    """How a source's sender signs, as its settings say; None where it does not."""
    if scheme is None:
        return None
    if scheme.standard:
        return standard_webhooks("the sender (its webhook's secret)")
    return Signature(
        header=scheme.header,
        prefix=scheme.prefix,
        digest=scheme.digest,
        base64=scheme.base64,
        sender="the sender (its webhook's secret)",
    )


def verify(webhook: Webhook, credentials: Credentials) -> str:
    """How the sender proved itself; raises UnverifiedWebhook."""
    return authenticate(webhook, credentials, signature_of(credentials.scheme), credentials.token_header)


def parse(webhook: Webhook, reading: Reading) -> tuple[Event, ...]:
    """The events that the source's mapping finds."""
    if reading.mapping is None:
        normalise.check_syntax(webhook.body, webhook.source)
        return (normalise.unrecognised(webhook, "no mapping says how it is read", KIND),)
    return mapping.read(webhook, reading, reading.mapping, RECIPE, KIND)


SOURCE = Source(
    kind=KIND,
    called="a sender of your own",
    families=("alert", "change"),
    paste="HTTP POST of its JSON to {address}",
    proofs=("signature", "header", "bearer", "basic", "path"),
    headers=("webhook-id", "webhook-timestamp"),
    verify=verify,
    parse=parse,
    settings=("mapping",),
    needs=("mapping",),
    own_scheme=True,
)
