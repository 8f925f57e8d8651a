"""Certificates for tests: an authority that is made anew each time, and what it signs."""

from __future__ import annotations

import datetime
import ipaddress
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePrivateKey, generate_private_key
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

_FROM, _UNTIL = datetime.datetime(2020, 1, 1), datetime.datetime(2090, 1, 1)  # noqa: DTZ001 - X.509 has no zones here


class Authority:
    """Signs certificates; its own is ``ca.pem`` in the folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._key = generate_private_key(SECP256R1())
        self._name = _named("an authority of the tests")
        built = _builder(self._name, self._name, self._key)
        built = built.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        self.file = folder / "ca.pem"
        self.file.write_bytes(built.sign(self._key, SHA256()).public_bytes(Encoding.PEM))

    def sign(self, name: str, *, files: str = "") -> int:
        """A certificate for a DNS name and 127.0.0.1, as ``FILES.pem`` and ``FILES.key``; its serial number."""
        key = generate_private_key(SECP256R1())
        names = [x509.DNSName(name), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
        built = _builder(_named(name), self._name, key)
        built = built.add_extension(x509.SubjectAlternativeName(names), critical=False)
        certificate = built.sign(self._key, SHA256())
        private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        # The key first: whoever looks between the two finds a pair that does not fit.
        (self._folder / f"{files or name}.key").write_bytes(private)
        (self._folder / f"{files or name}.pem").write_bytes(certificate.public_bytes(Encoding.PEM))
        return certificate.serial_number


def _named(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


def _builder(subject: x509.Name, issuer: x509.Name, key: EllipticCurvePrivateKey) -> x509.CertificateBuilder:
    built = x509.CertificateBuilder(subject_name=subject, issuer_name=issuer, public_key=key.public_key())
    return built.serial_number(x509.random_serial_number()).not_valid_before(_FROM).not_valid_after(_UNTIL)
