"""One stored row against what was committed.

A row is judged by itself: its leaf and its commitments are computed again from
its columns, its salt and its content, and its columns are compared with what
the content says too. A value that cannot be is a row that does not hold, never
an error: what is read here may be damaged.
"""

from __future__ import annotations

from hashlib import sha256
from operator import itemgetter
from struct import Struct
from struct import error as StructError  # noqa: N812 - it has no name of its own
from typing import Any

import msgspec

from collector.event import DERIVED
from collector.log.appending import ITEMS
from collector.proof.merkle import NO_DELIVERY
from collector.verification.statements import IN_DELIVERY, IN_EVENT

_body_of = itemgetter(*(IN_DELIVERY[name] for name in ("size", "commitment", "salt", "bytes")))
# Spelled out here and not taken from ``merkle``: the inner loop of ``verify`` spends its time on calls.
_ROW, _LEAF, _DELIVERY = Struct(">qQIQHH"), Struct(">BQ16sHqH"), Struct(">BQqQQHHHIII")
_WRONG = (StructError, TypeError, ValueError, AttributeError, IndexError, msgspec.DecodeError)
"""What computing with a damaged value raises."""


class _ContentFields(msgspec.Struct, gc=False):
    """What content says that stands in columns as well."""

    id: str
    type: str
    source: str
    occurred_at: int
    revision: int = 0
    amendment: str = ""


_said = msgspec.json.Decoder(_ContentFields).decode


# --- one event --------------------------------------------------------------------------------------------------------


def event_holds(row: Any) -> bool:
    """Whether every column of an event follows from what was committed. One function: this is the inner loop."""
    (
        position, identity, revision, amendment, kind, source, received_at, occurred_at, delivery, item, number,
        committed, commitment, leaf, salt, content, delivery_commitment, items,
    ) = row  # fmt: skip
    try:
        if content is None or sha256(salt + (delivery_commitment or NO_DELIVERY) + content).digest() != committed:
            return False
        name, who, why = kind.encode(), source.encode(), amendment.encode()
        fixed = _ROW.pack(occurred_at, delivery, item, number, len(who), len(why))
        if sha256(fixed + who + why + committed).digest() != commitment:
            return False
        fixed = _LEAF.pack(0, position, identity, revision, received_at, len(name))
        if sha256(fixed + name + commitment).digest() != leaf:
            return False
        content_fields = _said(content)
        return (
            content_fields.type == kind
            and content_fields.occurred_at == occurred_at
            and content_fields.source == source
            and content_fields.revision == revision
            and content_fields.amendment == amendment
            and bytes.fromhex(content_fields.id) == identity
            # What a delivery tells at this item: the event's id, its position, whether it was known.
            # What the log derived from deliveries is listed by none of them.
            and (
                delivery_commitment is None
                if not delivery
                else item == DERIVED or (items[:16] == identity and (items[24] == 1 or items[16:24] == fixed[1:9]))
            )
        )
    except _WRONG:
        return False


def _same_row(row: Any) -> bool:
    """Whether commitment and leaf follow from the row."""
    (
        position, identity, revision, amendment, kind, source, received_at, occurred_at, delivery, item, number,
        committed, commitment, leaf, _, _, _, _,
    ) = row  # fmt: skip
    name, who, why = kind.encode(), source.encode(), amendment.encode()
    fixed = _ROW.pack(occurred_at, delivery, item, number, len(who), len(why))
    digest: bytes = sha256(fixed + who + why + committed).digest()
    if digest != commitment:
        return False
    fixed = _LEAF.pack(0, position, identity, revision, received_at, len(name))
    return sha256(fixed + name + digest).digest() == leaf  # type: ignore[no-any-return]


def _item_holds(row: Any) -> bool:
    """Whether the delivery says at this item that it told this event: here, or again."""
    identity, at, known = ITEMS.unpack(row[IN_EVENT["told"]])
    return bool(identity == row[IN_EVENT["id"]] and (known or at == row[IN_EVENT["position"]]))


def event_row_holds(row: Any) -> bool:
    """The same without content."""
    try:
        if not row[IN_EVENT["delivery"]]:
            return _same_row(row) and row[IN_EVENT["telling"]] is None
        return _same_row(row) and (row[IN_EVENT["item"]] == DERIVED or _item_holds(row))
    except _WRONG:
        return False


def event_explained(row: Any, *, erased: bool) -> str:
    """What differs, as exactly as can be told; ``erased`` says whether the log explains that its content is missing."""
    delivery, committed, salt, content, delivery_commitment = (
        row[IN_EVENT[name]] for name in ("delivery", "content_commitment", "salt", "bytes", "telling")
    )
    if content is None and erased:
        return "its row" + (_row_explained(row) or " is not as it was")
    if content is None:
        more = "" if event_row_holds(row) else ", and its row" + _row_explained(row)
        return "its content is missing and no erasure of it is recorded" + more
    if delivery and delivery_commitment is None:
        return f"its delivery d{delivery} is missing"
    try:
        whole = sha256(salt + (delivery_commitment or NO_DELIVERY) + content).digest() == committed
    except _WRONG:
        whole = False
    if not whole:
        return f"its salt, its content, delivery d{delivery}'s commitment or its own is not as it was"
    return _columns_explained(row) or "its row" + (_row_explained(row) or " is not as it was")


def _columns_explained(row: Any) -> str:
    """The columns that say something else than the content, which is as it was."""
    try:
        stated = _said(row[IN_EVENT["bytes"]])
        identity = bytes.fromhex(stated.id)
    except _WRONG:
        return "its content cannot be read"
    meant = msgspec.structs.asdict(stated) | {"id": identity}
    wrong = [name for name, place in IN_EVENT.items() if name in meant and row[place] != meant[name]]
    return f"its {', '.join(wrong)} is not what its content says" if wrong else ""


def _row_explained(row: Any) -> str:
    try:
        if _same_row(row):
            return f" and delivery d{row[IN_EVENT['delivery']]} do not tell of each other"
    except _WRONG:
        return " holds a value that cannot be"
    return " is not what its leaf was computed from"


# --- one delivery -----------------------------------------------------------------------------------------------------


def delivery_holds(row: Any) -> bool:
    """Whether every column of a delivery is in its leaf, and its body is the committed one."""
    size, commitment, salt, body = _body_of(row)
    try:
        return (
            body is not None
            and size == len(body)
            and sha256(salt + body).digest() == commitment
            and delivery_row_holds(row)
        )
    except _WRONG:
        return False


def delivery_row_holds(row: Any) -> bool:
    """The same without the body."""
    (
        number, source, received_at, size, authentication, status, reason, headers, items, content,
        commitment, leaf, _, _,
    ) = row  # fmt: skip
    try:
        sender, proof, state, why = source.encode(), authentication.encode(), status.encode(), reason.encode()
        lengths = (len(sender), len(proof), len(state), len(why), len(headers), len(items))
        fixed = _DELIVERY.pack(0, number, received_at, size, content, *lengths)
        return bool(sha256(fixed + sender + proof + state + why + headers + items + commitment).digest() == leaf)
    except _WRONG:
        return False


def delivery_explained(row: Any) -> str:
    body = row[IN_DELIVERY["bytes"]]
    if not delivery_row_holds(row):
        return "its row is not what its leaf was computed from"
    if body is None:
        return "its body is missing and no removal of it is recorded"
    return "its salt or its body is not what was committed"
