"""Amazon SNS as a sender: envelopes, signed by a made-up key whose certificate the tests configure."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from typing import Any

from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.hashes import SHA1, SHA256
from cryptography.hazmat.primitives.serialization import load_pem_private_key

TOPIC = "arn:aws:sns:eu-west-1:111122223333:alarms"
CERTIFICATE = b"""\
-----BEGIN CERTIFICATE-----
MIICujCCAaKgAwIBAgICEmcwDQYJKoZIhvcNAQELBQAwIDEeMBwGA1UEAwwVc25z
LmFtYXpvbmF3cy5leGFtcGxlMB4XDTI2MDEwMTAwMDAwMFoXDTQ2MDEwMTAwMDAw
MFowIDEeMBwGA1UEAwwVc25zLmFtYXpvbmF3cy5leGFtcGxlMIIBIjANBgkqhkiG
9w0BAQEFAAOCAQ8AMIIBCgKCAQEAlLtq++2E534gPm4qf2KHUKBd8LSjwP7dhDCR
XEYNF1DZx3bc8TO3Lh2reLj8SJqg4FJVVSTsWgIdk8P1h3kBBnOrb8pM0Mr2D/Hw
K6nPA65fBJGWJ7w8FKqs63weWFkyyjGZDRv9uftImgTthMdKFstKvcfRZWt/T+Ha
E4vQEPrknOqiCbJcYpyYxuKe9jCjON0O1Yk6aDlgnq3jQwrU6Q3w4JcwR6LJcZtw
Nve6Nb0uCd9u2vsKbvRHtMmKiZwhElsZ+RNE5lcJtvOdBTmiQIxBz9FNjItxhN0F
B8x6C/2b7N2Im9V5Nqh2h2Nrh1tJK5n+FBYRZWcvrWdoI9VM/QIDAQABMA0GCSqG
SIb3DQEBCwUAA4IBAQAFy1Iu58Oe6LtdVkrojlyjk34nxPe9odIsjhYcxNoLSNsF
ZPDlWpyH2Dcq2oTDA24ymzB8YGVEpHCwY5CQUMj3hx/uSL2celDGxlvls8H004BN
//CkBUwlWAXSHNK08q7XUDmnnXQ6JPFfFweze1MVP2JeemG9DYXQrjnpfBmujvgn
9RxauzMJ0tPkENZ37RjmCpE54fXVMyPVpbgfb6pX+zC6fVjfV5dxXemn3DOcIIBA
bQzSdTy1u/JlKWhmrlVoQv016Pyt29wQQhX70zROc9oYvmsRCZcPL2bY6OnOjfAx
VWWM4GDd09VZgLnhV5qZLR/wlLXOsyLKp3hE7tiq
-----END CERTIFICATE-----
"""
"""Made up for these tests, like the key."""
_KEY = b"""\
-----BEGIN PRIVATE KEY-----
MIIEvgIBADANBgkqhkiG9w0BAQEFAASCBKgwggSkAgEAAoIBAQCUu2r77YTnfiA+
bip/YodQoF3wtKPA/t2EMJFcRg0XUNnHdtzxM7cuHat4uPxImqDgUlVVJOxaAh2T
w/WHeQEGc6tvykzQyvYP8fArqc8Drl8EkZYnvDwUqqzrfB5YWTLKMZkNG/25+0ia
BO2Ex0oWy0q9x9Fla39P4doTi9AQ+uSc6qIJslxinJjG4p72MKM43Q7ViTpoOWCe
reNDCtTpDfDglzBHoslxm3A297o1vS4J327a+wpu9Ee0yYqJnCESWxn5E0TmVwm2
850FOaJAjEHP0U2Mi3GE3QUHzHoL/Zvs3Yib1Xk2qHaHY2uHW0krmf4UFhFlZy+t
Z2gj1Uz9AgMBAAECggEAOGLtZmFf95t7ge+mMPEbt9d0heMWCf8V4B3Bnif4opRG
XDaWAOPIWLVq4rPPAX+N6j2MmGENMfqHWBP8q8WWO+nyXsllYerwao8grI0OLKkY
4NSJBrt4U6V5NTWzE2+Nr9Yp3ix0fuPjXHDt017ymb2sslJk8nxUoeZQFQT2dtjz
g5vcET7gYl76XCj5rHtX2l/5KaURs9T2U9g9IpEVwfSqiyrzo6JhJwkGoLJmSUJP
fHjzj2IqoI5Gv/bh71UrPDNYNyh2sTmQL6AChNaQyDeiefocFdtEzbmCu5QJM+Pg
JVAwHeiEUr+29UcwK2aQGDmdfhR/FZS7YIdvGZbviQKBgQDG6bSDiczyQDrvZaSS
i1RI4/HNiZ8p4kE6hrKFOAa8mMUWa16Li+7IBkdPQORSu5lQTCs1091R9oQOzvZU
UvGaZ9FgnytDxz7L7uHJ5Pj3WBrl/ekJBSfo2dit2SSo2/SUu5gXQYPiXxJTP/uA
VYpBhauIa7cSS3J7ipsFuKMi2wKBgQC/auMzPUjooKBMmH8V8YRBNvqXZXGk8iDY
ipzKwcbTw6NKxHXL6+xWOQu9dAPLbJ2lP9UR5EsORTNA5Ak5PZQkHBOEsf5yZqjz
ByU8JpvmACg3revqGyBpBrGpKoFwYIMk+lRox4IjBKICqyRasVMgbiGBgoQozx0F
hTVxRArbBwKBgQDG1YDbaBkVI32GJr1+u4XyIuFoCySuMnvvrAuxvVKGndONWKC2
r5duHVCU+ZIC3YIg0TL0aKc4skpJnzp/CjZ2mUaj5hfSdc3g/xZ2wcrZPRoOQ2T5
3kyJp5HAHmpV3SE8t9UNkjDqTQy9aRzXqSo92wefo8Tppb93nRLfgjSYtwKBgQCk
woIRZpzM7wVLKK+q2Zm28HW9vqmVCnxPJvBSbXyQZgK1pmimP8nLZYq/ZY6mmDUR
OeJSZihcfh/hqOZviJtsgWYjf3m+SrL9jJb2MV1bGaOEWYWImhTJkeN18oo7ijcX
qwjgr2lKbwBsP5cpIRyl+2WHrinHXo5iZAheF+0oHQKBgGidFsGhffPYeepE8Uy0
rDTCJRZQVq/YvPKi1dVswXdwviS6t7KLXKwop0Zp8UcXjSeZ5GQNLOa+nLF5j3Pv
5Y6Lj7Eaf915mmmobvq+HR2ne3fZQOvzvqMCvpSMYpXu8+aPE+CGbihpS9ugwCcc
uJ7EucIRzkOCUQRrw2GnopZk
-----END PRIVATE KEY-----
"""
_SIGNED = ("Message", "MessageId", "SubscribeURL", "Subject", "Timestamp", "Token", "TopicArn", "Type")
"""In byte order; a notification has no SubscribeURL and no Token, and the others have no subject."""


def envelope(message: object, *, at: str, ident: str = "m-1", version: str = "1", **more: str) -> dict[str, Any]:
    """A notification with this message, or what ``more`` makes of it; signed."""
    fields = {
        "Type": "Notification",
        "MessageId": ident,
        "TopicArn": TOPIC,
        "Message": message if isinstance(message, str) else json.dumps(message),
        "Timestamp": at,
        "SignatureVersion": version,
        "SigningCertURL": "https://sns.eu-west-1.amazonaws.com/SimpleNotificationService-0123456789abcdef.pem",
        "UnsubscribeURL": f"https://sns.eu-west-1.amazonaws.com/?Action=Unsubscribe&SubscriptionArn={TOPIC}:17",
        **more,
    }
    return fields | {"Signature": signature(fields, version)}


def signature(told: Mapping[str, Any], version: str = "1") -> str:
    """What SNS writes under an envelope."""
    lines = "".join(f"{name}\n{told[name]}\n" for name in _SIGNED if name in told)
    key = load_pem_private_key(_KEY, None)
    assert isinstance(key, RSAPrivateKey)
    digest = SHA1() if version == "1" else SHA256()  # noqa: S303 - what version 1 is
    return base64.b64encode(key.sign(lines.encode(), PKCS1v15(), digest)).decode()
