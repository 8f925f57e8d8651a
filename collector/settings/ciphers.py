"""The names of cipher suites and curves as Go has them, and as OpenSSL does."""

from __future__ import annotations

from collections.abc import Mapping

_GO = (
    ("ECDHE_ECDSA", "AES_128_GCM_SHA256", "ECDHE-ECDSA-AES128-GCM-SHA256"),
    ("ECDHE_ECDSA", "AES_256_GCM_SHA384", "ECDHE-ECDSA-AES256-GCM-SHA384"),
    ("ECDHE_RSA", "AES_128_GCM_SHA256", "ECDHE-RSA-AES128-GCM-SHA256"),
    ("ECDHE_RSA", "AES_256_GCM_SHA384", "ECDHE-RSA-AES256-GCM-SHA384"),
    ("ECDHE_ECDSA", "CHACHA20_POLY1305_SHA256", "ECDHE-ECDSA-CHACHA20-POLY1305"),
    ("ECDHE_RSA", "CHACHA20_POLY1305_SHA256", "ECDHE-RSA-CHACHA20-POLY1305"),
    ("ECDHE_ECDSA", "AES_128_CBC_SHA", "ECDHE-ECDSA-AES128-SHA"),
    ("ECDHE_ECDSA", "AES_256_CBC_SHA", "ECDHE-ECDSA-AES256-SHA"),
    ("ECDHE_RSA", "AES_128_CBC_SHA", "ECDHE-RSA-AES128-SHA"),
    ("ECDHE_RSA", "AES_256_CBC_SHA", "ECDHE-RSA-AES256-SHA"),
    ("ECDHE_ECDSA", "AES_128_CBC_SHA256", "ECDHE-ECDSA-AES128-SHA256"),
    ("ECDHE_RSA", "AES_128_CBC_SHA256", "ECDHE-RSA-AES128-SHA256"),
    ("RSA", "AES_128_GCM_SHA256", "AES128-GCM-SHA256"),
    ("RSA", "AES_256_GCM_SHA384", "AES256-GCM-SHA384"),
    ("RSA", "AES_128_CBC_SHA256", "AES128-SHA256"),
    ("RSA", "AES_128_CBC_SHA", "AES128-SHA"),
    ("RSA", "AES_256_CBC_SHA", "AES256-SHA"),
)
SUITES: Mapping[str, str] = {f"TLS_{exchange}_WITH_{rest}": name for exchange, rest, name in _GO} | {
    # Go's older names for the two.
    f"TLS_ECDHE_{signed}_WITH_CHACHA20_POLY1305": f"ECDHE-{signed}-CHACHA20-POLY1305"
    for signed in ("ECDSA", "RSA")
}
"""A suite of TLS 1.2 by its name in Go → its name in OpenSSL."""
CURVES: Mapping[str, str] = {
    "CurveP256": "prime256v1", "CurveP384": "secp384r1", "CurveP521": "secp521r1", "X25519": "X25519",
}  # fmt: skip
"""The same of curves."""
