"""What a sealed tree is published as: a checkpoint, in the text of a note that may be signed.

The formats are C2SP's (https://c2sp.org/tlog-checkpoint and
https://c2sp.org/signed-note, Ed25519), so that tools of others can read, keep
and countersign them. The two trees are two logs: that of the deliveries has
``/deliveries`` behind its origin. An unsigned checkpoint is the same text
without a signature line: it shows a change of the log to whoever kept a copy.

Signing needs the library ``cryptography`` (the extra ``sign``).
"""

from __future__ import annotations

from base64 import b64decode, b64encode
from collections.abc import Callable
from hashlib import sha256

import msgspec

from collector.errors import InvalidSettings

EVENTS, DELIVERIES = "event", "delivery"
TREES = (EVENTS, DELIVERIES)
"""The tables whose leaves are sealed; each name stands for its tree."""

_ED25519 = b"\x01"


class Checkpoint(msgspec.Struct, frozen=True):
    """A tree at one size."""

    origin: str
    size: int
    root: bytes

    def text(self) -> str:
        """The text that is signed, its last line ended."""
        return f"{self.origin}\n{self.size}\n{b64encode(self.root).decode()}\n"


def parse(note: str) -> Checkpoint:
    """The checkpoint in a note, whoever signed it; raises ValueError where it is not exactly one."""
    text, separator, _ = note.rpartition("\n\n")
    lines = text.split("\n")
    if not separator or len(lines) != 3 or not lines[0]:
        raise ValueError("it is not a checkpoint of three lines")
    origin, size, root = lines
    if not (size.isascii() and size.isdigit()) or str(int(size)) != size:
        raise ValueError("its size is not a number")
    checkpoint = Checkpoint(origin, int(size), b64decode(root, validate=True))
    if len(checkpoint.root) != 32 or checkpoint.text() != f"{text}\n":
        raise ValueError("its root is not a hash")
    return checkpoint


def origin_of(tree: str, origin: str) -> str:
    """Under which origin a tree is published."""
    return origin if tree == EVENTS else f"{origin}/deliveries"


class Signer:
    """An Ed25519 key with the name it signs under."""

    def __init__(self, name: str, public: bytes, sign: Callable[[bytes], bytes]) -> None:
        self.name = name
        self._public = public
        self._sign = sign

    @classmethod
    def load(cls, name: str, pem: bytes) -> Signer:
        """The private key in a PEM file, as ``openssl genpkey -algorithm ed25519`` writes it.

        Raises :class:`collector.errors.InvalidSettings` where it is none, or the library is missing.
        """
        try:
            from cryptography.exceptions import UnsupportedAlgorithm
            from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
            from cryptography.hazmat.primitives.serialization import load_pem_private_key
        except ImportError as error:
            reason = "cannot sign checkpoints: the library cryptography is missing; install timelined[sign]"
            raise InvalidSettings((reason,)) from error
        try:
            key = load_pem_private_key(pem, None)
        except (ValueError, TypeError, UnsupportedAlgorithm):
            key = None
        if not isinstance(key, Ed25519PrivateKey):
            reason = "proof.signing_key is not a private Ed25519 key; make one: openssl genpkey -algorithm ed25519"
            raise InvalidSettings((reason,))
        return cls(name, key.public_key().public_bytes_raw(), key.sign)

    def under(self, name: str) -> Signer:
        """The same key under another name."""
        return Signer(name, self._public, self._sign)

    def verifier_keys(self) -> list[str]:
        """Those of both trees."""
        return [self.under(origin_of(tree, self.name)).verifier_key for tree in TREES]

    @property
    def verifier_key(self) -> str:
        """What others verify with, as one line of text."""
        encoded = b64encode(_ED25519 + self._public).decode()
        return f"{self.name}+{self._id.hex()}+{encoded}"

    @property
    def _id(self) -> bytes:
        return sha256(self.name.encode() + b"\n" + _ED25519 + self._public).digest()[:4]

    def line(self, text: str) -> str:
        """The signature line under a text."""
        signature = b64encode(self._id + self._sign(text.encode())).decode()
        return f"\u2014 {self.name} {signature}\n"


def published(checkpoint: Checkpoint, signer: Signer | None) -> str:
    """The whole note: the text, a blank line, and the signature if there is a signer."""
    text = checkpoint.text()
    return f"{text}\n{signer.under(checkpoint.origin).line(text) if signer else ''}"
