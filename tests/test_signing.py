"""Who may send: signatures, tokens and passwords, and what a refusal says."""

from __future__ import annotations

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.errors import UnverifiedWebhook
from collector.signing import Signature, authenticate, signature_of
from collector.webhook import Credentials, Webhook

NEW, OLD = b"\xffnew-secret", b"old-secret"
SIGNATURE = Signature(header="X-Signed", prefix="v1=", separator=",", also=("X-Old-Signed",), sender="the sender")
BODY = b'{"caf\xc3\xa9": 1}'


def webhook(token: str = "", **headers: str) -> Webhook:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Webhook(source="pages", headers=named, body=BODY, received_at=0, token=token)


def signed(*secrets: bytes, body: bytes = BODY) -> str:
    return ", ".join("v1=" + signature_of(body, secret) for secret in secrets)


def basic(user: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


def refusal(hook: Webhook, credentials: Credentials, signature: Signature | None = SIGNATURE) -> str:
    with pytest.raises(UnverifiedWebhook) as caught:
        authenticate(hook, credentials, signature)
    return str(caught.value)


STAMPED = Signature(
    header="X-Signed", prefix="v0=", sender="the sender", timestamp="X-Stamp",
    signed=lambda hook: b":".join((hook.headers.get("x-stamp", "").encode(), hook.body)),
)  # fmt: skip
SIGNED_AT = 1_772_640_000


@pytest.mark.parametrize(
    ("stamp", "late", "refused"),
    [
        (str(SIGNED_AT), 0, ""), (str(SIGNED_AT), 300, ""), (str(SIGNED_AT), -300, ""),
        (str(SIGNED_AT), 301, "more than 5 minutes"), (str(SIGNED_AT), -301, "more than 5 minutes"),
        ("", 0, "is absent"), ("soon", 0, "is no number of seconds"), ("9" * 40, 0, "is no number of seconds"),
        ("\u0661" * 10, 0, "is no number of seconds"),
    ],
)  # fmt: skip
def test_a_delivery_signed_long_ago_is_refused(stamp: str, late: int, refused: str) -> None:
    """Who recorded a delivery cannot send it again later, nor take the time out of it."""
    digest = signature_of(stamp.encode() + b":" + BODY, NEW)
    hook = Webhook(
        source="pages",
        headers={"x-signed": f"v0={digest}", "x-stamp": stamp},
        body=BODY,
        received_at=(SIGNED_AT + late) * 1_000_000,
    )
    if refused:
        assert refused in refusal(hook, Credentials(signing=(NEW,)), STAMPED)
    else:
        assert authenticate(hook, Credentials(signing=(NEW,)), STAMPED) == "signature"


def test_the_time_is_part_of_what_is_signed() -> None:
    """Another time in the header than the signed one is refused."""
    headers = {"x-signed": "v0=" + signature_of(f"{SIGNED_AT}:".encode() + BODY, NEW), "x-stamp": str(SIGNED_AT + 9)}
    hook = Webhook(source="pages", headers=headers, body=BODY, received_at=SIGNED_AT * 1_000_000)
    assert "does not match" in refusal(hook, Credentials(signing=(NEW,)), STAMPED)


@pytest.mark.parametrize("header_value", ["", "another", "let me i", "\udcff"])
def test_a_secret_in_a_header_of_the_senders_own(header_value: str) -> None:
    """Such a token proves its sender, whole and alone; the refusal names the header and the setting."""
    secrets = Credentials(header=(b"let me in", b"earlier"))
    for token in ("let me in", "earlier"):
        assert authenticate(webhook(x_token=token), secrets, token_header="X-Token") == "header"
    with pytest.raises(UnverifiedWebhook, match=r"X-Token does not match; set sources\.pages\.header_token_file"):
        authenticate(webhook(x_token=header_value), secrets, token_header="X-Token")
    with pytest.raises(UnverifiedWebhook):
        authenticate(webhook(x_token="let me in"), secrets)


def test_a_published_vector() -> None:
    """The HMAC is the one of RFC 4231, test case 2."""
    expected = "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
    assert signature_of(b"what do ya want for nothing?", b"Jefe") == expected


@pytest.mark.parametrize("given", [signed(NEW), signed(OLD), signed(b"unknown", OLD), "v0=00," + signed(NEW)])
def test_any_active_secret_and_any_signature_of_the_header_is_enough(given: str) -> None:
    """During a rotation both ends may hold two secrets; other versions of a signature are passed over."""
    assert authenticate(webhook(x_signed=given), Credentials(signing=(NEW, OLD)), SIGNATURE) == "signature"


@pytest.mark.parametrize(
    "given",
    [
        signed(b"unknown"), signed(NEW, body=BODY + b" "), signed(NEW)[:-1], signed(NEW).upper(), "v1=", "", "v2=x",
        "\udcff", "v1=\udcff\udc80", "v1=é", "v1=" + "0" * 64, signature_of(BODY, NEW),
    ],
)  # fmt: skip
def test_a_wrong_signature_is_refused(given: str) -> None:
    """Nothing but the exact digest of the exact bytes passes, and no odd header raises anything else."""
    told = refusal(webhook(x_signed=given), Credentials(signing=(NEW, OLD)))
    assert "X-Signed" in told


def test_a_great_many_signatures_are_not_all_looked_at() -> None:
    """A header cannot make us compute without end."""
    refusal(webhook(x_signed=",".join(["v1=00"] * 5000 + [signed(NEW)])), Credentials(signing=(NEW,)))


def test_an_absent_signature_says_what_to_do() -> None:
    """The message names the header, the setting and where the same secret belongs."""
    told = refusal(webhook(), Credentials(signing=(NEW,)))
    assert told == (
        "cannot verify delivery from pages: X-Signed is absent; "
        "set sources.pages.secret_file, and the same secret at the sender"
    )


@pytest.mark.parametrize("header", ["x_signed", "x_old_signed"])
def test_a_signature_nobody_checks_is_refused(header: str) -> None:
    """A sender that signs and no secret here is a mistake in the configuration."""
    hook = webhook(authorization="Bearer t", **{header: signed(NEW)})
    assert "secret_file" in refusal(hook, Credentials())
    assert "secret_file" in refusal(hook, Credentials(bearer=(b"t",)))
    assert authenticate(hook, Credentials(open=True), SIGNATURE) == "none"


def test_a_token_does_not_stand_in_for_a_configured_signature() -> None:
    """Where a signing secret is set, the signature has to verify, whatever else matches."""
    credentials = Credentials(signing=(NEW,), bearer=(b"t",))
    refusal(webhook(authorization="Bearer t"), credentials)
    assert authenticate(webhook(x_signed=signed(NEW)), credentials, SIGNATURE) == "signature"


@pytest.mark.parametrize(
    ("hook", "way"),
    [
        (webhook(authorization="Bearer tok-1"), "bearer"),
        (webhook(authorization="bearer   tok-2 "), "bearer"),
        (webhook(authorization=basic("alert", "p:w:é")), "basic"),
        (webhook(authorization=basic("alert", "older").replace("Basic", "BASIC")), "basic"),
        (webhook(token="far-away"), "path"),
        (webhook(token="far-away", authorization="Bearer wrong"), "path"),
    ],
)
def test_any_one_of_the_configured_ways_is_enough(hook: Webhook, way: str) -> None:
    """A token, a user with a password, or a secret address: one that matches will do."""
    credentials = Credentials(
        bearer=(b"tok-1", b"tok-2"),
        basic=((b"alert", "p:w:é".encode()), (b"alert", b"older")),
        path=(b"far-away",),
    )
    assert authenticate(hook, credentials) == way


@pytest.mark.parametrize(
    "authorization",
    [
        "", "Bearer", "Bearer ", "Bearer wrong", "Basic", "Basic !!!", "Basic YQ", "Basic YWxlcnQ=", "Basic Og==",
        "Digest x", basic("alert", ""), basic("", "pw"), basic("alert", "pw") + "x", "Basic \udcff", "Basic é",
        "Bearer tok, Bearer tok", "tok", "\x00", "\ud800 \ud800",
    ],
)  # fmt: skip
def test_a_wrong_or_malformed_authorization_is_refused(authorization: str) -> None:
    """However broken the header is, the answer is one and the same refusal."""
    credentials = Credentials(bearer=(b"tok",), basic=((b"alert", b"pw"),), path=(b"far",))
    assert "Authorization" in refusal(webhook(authorization=authorization), credentials, None)


def test_an_empty_secret_matches_nothing() -> None:
    """A secret that is empty by mistake opens no door."""
    credentials = Credentials(bearer=(b"",), basic=((b"", b""),), path=(b"",), signing=(b"",))
    refusal(webhook(authorization="Bearer "), credentials, None)
    refusal(webhook(authorization="Basic Og=="), credentials, None)
    refusal(webhook(x_signed=signed(b"")), credentials)


def test_nothing_configured_asks_for_nothing() -> None:
    """Whether that is allowed is for the settings to decide; here it passes as unproved."""
    assert authenticate(webhook(), Credentials(), SIGNATURE) == "none"
    assert authenticate(webhook(), Credentials()) == "none"


def test_a_signing_secret_for_a_sender_that_does_not_sign_lets_nobody_in() -> None:
    """A secret that cannot prove anything must not turn into an open door."""
    assert "bearer_token_file" in refusal(webhook(), Credentials(signing=(NEW,)), None)


def test_each_way_has_its_own_advice() -> None:
    """A refusal names the setting of the way that is configured."""
    assert "path_token_file" in refusal(webhook(), Credentials(path=(b"far",)), None)
    assert "basic.password_file" in refusal(webhook(), Credentials(basic=((b"u", b"p"),)), None)


@given(st.text(), st.text(), st.text())
def test_no_header_raises_anything_else_and_no_secret_is_told(first: str, second: str, token: str) -> None:
    """Any text in any header is refused, and the message repeats neither it nor a secret."""
    credentials = Credentials(bearer=(b"tok-secret",), basic=((b"alert", b"pw-secret"),), path=(b"far-secret",))
    hook = webhook(token=token, authorization=f"{first} {second}")
    assert "-secret" not in refusal(hook, credentials, None)
    assert "-secret" not in refusal(webhook(x_signed=first + second), Credentials(signing=(NEW, OLD)))
