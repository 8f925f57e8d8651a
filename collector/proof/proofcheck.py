"""Checking a proof that timelined exported, without timelined.

    python3 proofcheck.py FILE [--key VERIFIER-KEY] [--checkpoint FILE]

This one file needs nothing but Python's standard library: no database, no
network and no other module of the project, whose code it shares none of. Keep
a copy beside the proofs. It holds every byte of a proof to what was committed
and takes nothing that it does not understand.

What a proof shows: that events stood in the log whose checkpoint it carries.
That the checkpoint is the log's own shows its signature (``--key``), or that
it is the one you kept (``--checkpoint``); without either the file only agrees
with itself, and the answer says so.
"""

from __future__ import annotations

import json
import struct
import sys
from base64 import b64decode, b64encode
from collections.abc import Callable, Sequence
from hashlib import sha256, sha512
from pathlib import Path
from typing import Any, NamedTuple

FORMAT = "timelined-proof/1"
REJECTED = 6
"""How the program ends where a proof does not hold."""


class Rejected(ValueError):
    """A proof that does not hold; the message says what does not."""


class Head(NamedTuple):
    """The tree a checkpoint is of."""

    origin: str
    size: int
    root: bytes


class Checked(NamedTuple):
    """What a proof shows."""

    kind: str
    """``inclusion`` or ``consistency``."""
    head: Head
    events: int
    """How many events were proved."""
    old: Head | None
    trust: str
    """Why the checkpoint is to be believed, in a sentence."""


def check(proof: str, key: str | None = None, checkpoint: str | None = None) -> Checked:
    """What a proof file shows; raises :class:`Rejected` where it does not hold.

    ``key`` is the log's verifier key, ``checkpoint`` the text of one that is believed already.
    """
    document = _read(proof)
    head = _head(document["checkpoint"])
    if document["kind"] == "inclusion":
        trust = _trust(document["checkpoint"], [head], key, checkpoint)
        return Checked("inclusion", head, _events(document["events"], head), None, trust)
    old = _head(document["old"])
    trust = _trust(document["checkpoint"], [head, old], key, checkpoint)
    if key is not None:
        _signed(document["old"], old, key)
    if old.origin != head.origin:
        raise Rejected(f"the checkpoints are of two logs, {old.origin} and {head.origin}")
    _consistent(old, head, [_hex(each, 32) for each in _list(document["path"])])
    return Checked("consistency", head, 0, old, trust)


# --- the file ---------------------------------------------------------------------------------------------------------

_KEYS = {
    "inclusion": ("format", "kind", "subject", "checkpoint", "events", "sha256"),
    "consistency": ("format", "kind", "old", "checkpoint", "path", "sha256"),
}
_EVENT = (
    "position", "id", "revision", "type", "source", "occurred_at", "received_at", "amendment", "delivery", "item",
    "content_number", "content_commitment", "content", "path",
)  # fmt: skip
_CONTENT = ("salt", "delivery_commitment", "text")


def _read(proof: str) -> dict[str, Any]:
    """The file as values. One text for one meaning: a byte that changes nothing is refused as well."""
    try:
        document = json.loads(proof)
    except (ValueError, RecursionError):
        raise Rejected("it is not JSON") from None
    if not isinstance(document, dict) or document.get("format") != FORMAT:
        raise Rejected(f"it is not a proof of the form {FORMAT}")
    if document.get("kind") not in list(_KEYS):
        raise Rejected("it says of no known kind what it proves")
    _only(document, _KEYS[document["kind"]])
    if _canonical(document) != proof:
        raise Rejected("it is not written as proofs are written; was it edited?")
    digest = document.pop("sha256")
    if sha256(_canonical(document).encode()).hexdigest() != digest:
        raise Rejected("its own digest differs: it was changed since it was written")
    return document


def _canonical(told: dict[str, Any]) -> str:
    return json.dumps(told, indent=1) + "\n"


def _only(value: object, keys: Sequence[str]) -> dict[str, Any]:
    if not isinstance(value, dict) or tuple(value) != tuple(keys):
        raise Rejected(f"a part of it does not consist of {', '.join(keys)}")
    return value


def _list(value: object) -> list[Any]:
    if not isinstance(value, list):
        raise Rejected("a part of it is not a list")
    return value


def _text(value: object) -> str:
    if not isinstance(value, str) or any("\ud800" <= character <= "\udfff" for character in value):
        raise Rejected("a part of it is not a text")
    return value


def _number(value: object, low: int, high: int) -> int:
    if type(value) is not int or not low <= value <= high:
        raise Rejected(f"a number in it is not between {low} and {high}")
    return value


def _hex(told: object, size: int) -> bytes:
    text = _text(told)
    try:
        content = bytes.fromhex(text)
    except ValueError:
        content = b""
    if len(content) != size or content.hex() != text:
        raise Rejected(f"a hash or id in it is not {size} bytes in hexadecimal")
    return content


# --- events -----------------------------------------------------------------------------------------------------------


def _events(value: object, head: Head) -> int:
    last = 0
    for each in _list(value):
        event = _only(each, _EVENT)
        position = _number(event["position"], last + 1, head.size)
        path = [_hex(node, 32) for node in _list(event["path"])]
        if _climbed(_leaf(event), position - 1, head.size, path) != head.root:
            raise Rejected(f"the event at position {position} is not in the tree of this checkpoint")
        last = position
    if not last:
        raise Rejected("it proves no event")
    return len(_list(value))


def _leaf(event: dict[str, Any]) -> bytes:
    """The event's leaf, out of everything that is said of it."""
    committed = _hex(event["content_commitment"], 32)
    if event["content"] is not None:
        _content(event, _only(event["content"], _CONTENT), committed)
    source, amendment, kind = (_text(event[name]).encode() for name in ("source", "amendment", "type"))
    occurred_at, received_at = (_number(event[name], -(1 << 63), (1 << 63) - 1) for name in _EVENT[5:7])
    delivery, number = (_number(event[name], 0, (1 << 63) - 1) for name in ("delivery", "content_number"))
    item, revision = _number(event["item"], 0, (1 << 31) - 1), _number(event["revision"], 0, 65_535)
    if max(map(len, (source, amendment, kind))) > 65_535:
        raise Rejected("a text in it is too long")
    row = struct.pack(">qQIQHH", occurred_at, delivery, item, number, len(source), len(amendment))
    commitment = sha256(row + source + amendment + committed).digest()
    fixed = b"\x00" + struct.pack(">Q", event["position"]) + _hex(event["id"], 16)
    fixed += struct.pack(">HqH", revision, received_at, len(kind))
    return sha256(fixed + kind + commitment).digest()


def _content(event: dict[str, Any], content: dict[str, Any], committed: bytes) -> None:
    """The content is the committed one, and says of itself what the row says of it."""
    text = _text(content["text"])
    salted = _hex(content["salt"], 32) + _hex(content["delivery_commitment"], 32) + text.encode()
    where = f"the content at position {event['position']}"
    if sha256(salted).digest() != committed:
        raise Rejected(f"{where} is not the one that was committed")
    try:
        fields = json.loads(text)
    except (ValueError, RecursionError):
        raise Rejected(f"{where} is not JSON") from None
    defaults = {"revision": 0, "amendment": ""}
    for name in ("id", "type", "source", "occurred_at", "revision", "amendment"):
        if not isinstance(fields, dict) or fields.get(name, defaults.get(name)) != event[name]:
            raise Rejected(f"{where} says another {name}")


# --- the tree: RFC 9162, sections 2.1.3.2 and 2.1.4.2 -----------------------------------------------------------------


def _node(left: bytes, right: bytes) -> bytes:
    return sha256(b"\x01" + left + right).digest()


def _climbed(leaf: bytes, index: int, size: int, path: list[bytes]) -> bytes:
    """The root that a leaf and its path lead to."""
    at, last, root = index, size - 1, leaf
    for node in path:
        if not last:
            raise Rejected("a path in it is too long")
        if at & 1 or at == last:
            root = _node(node, root)
            while not at & 1 and at:
                at, last = at >> 1, last >> 1
        else:
            root = _node(root, node)
        at, last = at >> 1, last >> 1
    if last:
        raise Rejected("a path in it is too short")
    return root


def _consistent(old: Head, new: Head, path: list[bytes]) -> None:
    if not 0 < old.size <= new.size:
        raise Rejected(f"a log of {new.size} did not grow out of one of {old.size}")
    if old.size == new.size:
        if path or old.root != new.root:
            raise Rejected(f"there are two logs of {new.size} under one name")
        return
    if not old.size & (old.size - 1):
        path = [old.root, *path]
    if not path:
        raise Rejected("the path in it is too short")
    at, last = old.size - 1, new.size - 1
    while at & 1:
        at, last = at >> 1, last >> 1
    first = second = path[0]
    for node in path[1:]:
        if not last:
            raise Rejected("the path in it is too long")
        if at & 1 or at == last:
            first, second = _node(node, first), _node(node, second)
            while not at & 1 and at:
                at, last = at >> 1, last >> 1
        else:
            second = _node(second, node)
        at, last = at >> 1, last >> 1
    if (first, second, last) != (old.root, new.root, 0):
        raise Rejected(f"the log of {new.size} does not begin with the one of {old.size}")


# --- checkpoints: c2sp.org/tlog-checkpoint and c2sp.org/signed-note ---------------------------------------------------


def _parts(note: object) -> tuple[str, list[str]]:
    """The text of a note, and its signature lines."""
    text, separator, signatures = _text(note).rpartition("\n\n")
    if not separator or (signatures and not signatures.endswith("\n")):
        raise Rejected("a checkpoint in it is no note")
    return text + "\n", signatures.split("\n")[:-1]


def _head(note: object) -> Head:
    text, signatures = _parts(note)
    lines = text.split("\n")[:-1]
    if len(lines) != 3 or not all(lines) or not all(each.startswith("\u2014 ") for each in signatures):
        raise Rejected("a checkpoint in it does not consist of origin, size and root")
    origin, size, root = lines
    if not (size.isascii() and size.isdigit() and len(size) < 20 and size == str(int(size))):
        raise Rejected("the size of a checkpoint in it is no number")
    root_hash = _decoded(root)
    if len(root_hash) != 32:
        raise Rejected("the root of a checkpoint in it is no hash")
    return Head(origin, int(size), root_hash)


def _decoded(text: str) -> bytes:
    """Base64 of exactly one writing; empty where it is none."""
    try:
        decoded = b64decode(text, validate=True)
    except ValueError:
        return b""
    return decoded if b64encode(decoded).decode() == text else b""


def _trust(note: str, heads: list[Head], key: str | None, trusted_checkpoint: str | None) -> str:
    """Why the checkpoints are to be believed; ``heads`` has the note's own first."""
    reasons = []
    if key is not None:
        reasons.append(f"signed by {_signed(note, heads[0], key)}")
    if trusted_checkpoint is not None:
        own_head = _head(trusted_checkpoint if "\n\n" in trusted_checkpoint else f"{trusted_checkpoint}\n")
        if own_head not in heads:
            raise Rejected(f"it has no checkpoint of {own_head.origin} at {own_head.size} as you keep it")
        reasons.append(f"the checkpoint at {own_head.size} is the one you keep")
    if reasons:
        return " and ".join(reasons)
    if _parts(note)[1]:
        return "signed, but the signature was not checked: give the log's verifier key with --key"
    return "not signed: compare the checkpoint with one you keep, or give that with --checkpoint"


def _signed(note: str, head: Head, key: str) -> str:
    """The name of the key; every signature of a known key has to hold."""
    signed, name = holds(note, key), key.partition("+")[0]
    if signed is None:
        raise Rejected(f"the checkpoint of {head.origin} is not signed by {name}")
    if not signed:
        raise Rejected(f"the signature of {name} does not hold")
    return name


def holds(note: str, key: str) -> bool | None:
    """Whether the signatures of a verifier key under a note hold; None where it has none of that key."""
    name, identity, public = _verifier(key)
    text, signatures = _parts(note)
    signed: bool | None = None
    for line in signatures:
        words = line.split(" ")
        mark, who, encoded = (*words, "", "", "")[:3]
        signature = _decoded(encoded)
        if (mark, who) == ("\u2014", name) and signature[:4] == identity:
            signed = len(words) == 3 and ed25519_verified(public, signature[4:], text.encode()) and signed is not False
    return signed


def _verifier(key: str) -> tuple[str, bytes, bytes]:
    name, _, rest = key.strip().partition("+")
    identity, _, encoded = rest.partition("+")
    public = _decoded(encoded)
    if not name or len(public) != 33 or public[0] != 1:
        raise Rejected("the verifier key is not of the form name+id+key with an Ed25519 key")
    if sha256(name.encode() + b"\n" + public).digest()[:4].hex() != identity:
        raise Rejected("the verifier key contradicts itself: its id is of another key")
    return name, bytes.fromhex(identity), public[1:]


# --- Ed25519: RFC 8032, section 5.1 -----------------------------------------------------------------------------------

_P = 2**255 - 19
_L = 2**252 + 27742317777372353535851937790883648493
_D = -121665 * pow(121666, -1, _P) % _P
_ROOT = pow(2, (_P - 1) // 4, _P)

_Point = tuple[int, int, int, int]
"""Extended coordinates: X, Y, Z, T with x = X/Z, y = Y/Z, xy = T/Z."""


def _added(p: _Point, q: _Point) -> _Point:
    a = (p[1] - p[0]) * (q[1] - q[0]) % _P
    b = (p[1] + p[0]) * (q[1] + q[0]) % _P
    c = 2 * p[3] * q[3] * _D % _P
    d = 2 * p[2] * q[2] % _P
    e, f, g, h = b - a, d - c, d + c, b + a
    return (e * f % _P, g * h % _P, f * g % _P, e * h % _P)


def _times(scalar: int, point: _Point) -> _Point:
    product: _Point = (0, 1, 1, 0)
    while scalar:
        if scalar & 1:
            product = _added(product, point)
        point, scalar = _added(point, point), scalar >> 1
    return product


def _point(encoded: bytes) -> _Point | None:
    """The point that 32 bytes encode; None where they encode none."""
    number = int.from_bytes(encoded, "little")
    sign, y = number >> 255, number & ((1 << 255) - 1)
    if y >= _P:
        return None
    square = (y * y - 1) * pow(_D * y * y + 1, -1, _P) % _P
    x = pow(square, (_P + 3) // 8, _P)
    if (x * x - square) % _P:
        x = x * _ROOT % _P
    if (x * x - square) % _P or (not x and sign):
        return None
    x = _P - x if x & 1 != sign else x
    return (x, y, 1, x * y % _P)


def _encoded(point: _Point) -> bytes:
    inverse = pow(point[2], -1, _P)
    x, y = point[0] * inverse % _P, point[1] * inverse % _P
    return (y | (x & 1) << 255).to_bytes(32, "little")


_BASE = _point((4 * pow(5, -1, _P) % _P).to_bytes(32, "little"))


def ed25519_verified(public: bytes, signature: bytes, message: bytes) -> bool:
    """Whether a signature of 64 bytes is this key's for this message."""
    if len(signature) != 64 or len(public) != 32:
        return False
    key, s = _point(public), int.from_bytes(signature[32:], "little")
    if key is None or _BASE is None or s >= _L:
        return False
    k = int.from_bytes(sha512(signature[:32] + public + message).digest(), "little") % _L
    negative: _Point = (_P - key[0], key[1], key[2], _P - key[3])
    return _encoded(_added(_times(s, _BASE), _times(k, negative))) == signature[:32]


# --- the program ------------------------------------------------------------------------------------------------------


def sentence(checked: Checked) -> str:
    """What a proof shows, as one would say it."""
    root = b64encode(checked.head.root).decode()
    if checked.old is not None:
        claim = f"the log {checked.head.origin} of {checked.head.size} begins with the one of {checked.old.size}"
    else:
        events = "1 event was" if checked.events == 1 else f"{checked.events} events were"
        claim = f"{events} in the log {checked.head.origin} of {checked.head.size}"
    return f"{claim}; root {root}; {checked.trust}"


def main(arguments: Sequence[str], say: Callable[[str], object]) -> int:
    """Check the file that the arguments name; the answer is the exit code."""
    paths, options, rest = [], {"--key": "", "--checkpoint": ""}, list(arguments)
    while rest:
        word = rest.pop(0)
        if word in options and rest:
            options[word] = rest.pop(0)
        else:
            paths.append(word)
    if len(paths) != 1 or paths[0].startswith("-"):
        say("usage: proofcheck.py FILE [--key VERIFIER-KEY] [--checkpoint FILE]\n")
        return 2
    try:
        proof = Path(paths[0]).read_bytes().decode("utf-8")
        kept = Path(options["--checkpoint"]).read_bytes().decode("utf-8") if options["--checkpoint"] else None
        say(f"OK: {sentence(check(proof, options['--key'] or None, kept))}\n")
    except Rejected as error:
        say(f"REJECTED: {error}\n")
        return REJECTED
    except (OSError, UnicodeDecodeError) as error:
        say(f"cannot read the proof: {error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], sys.stdout.write))
