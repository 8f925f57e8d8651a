"""Recordings of senders, and what every adapter is held to."""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import msgspec
import pytest

from collector.errors import MalformedWebhook, UnverifiedWebhook
from collector.event import EVENT_TYPES, Event
from collector.sources import SOURCES
from collector.times import parse, rfc3339
from collector.webhook import ChatChannel, Credentials, Reading, TypeMapping, Webhook
from tests import sns
from tests.lookout import LOOKOUT, LOOKOUT_SIGNS

ROOT = Path(__file__).parent
RECORDINGS = ROOT / "recordings"
PAYLOADS = Path(os.environ.get("TIMELINED_PAYLOADS") or ROOT.parent.parent / "shared" / "payloads")
"""Bodies copied from public documentation; they may be absent, and are not part of the project."""
CASES = sorted(path.parent for path in RECORDINGS.glob("*/*/body"))
for _kind in sorted({case.parent.name for case in CASES} - set(SOURCES)):
    raise LookupError(f"{_kind} has recordings and is no source; name it in BUILT_IN of collector/sources/__init__.py")
RECEIVED = parse("2026-03-04T16:00:00Z") or 0
SECRET, EARLIER = b"larkfield-made-up-secret", b"larkfield-earlier-secret"
SIGNED = Credentials(signing=(SECRET, EARLIER))
TOKEN = Credentials(bearer=(b"larkfield-made-up-token",))
BASIC = Credentials(basic=((b"larkfield", b"larkfield-made-up-token"),))
PATH = Credentials(path=(b"larkfield-made-up-token",))
HEADER = Credentials(header=(b"larkfield-made-up-token",))
PROOFS = {
    "signature": SIGNED,
    "header": HEADER,
    "bearer": TOKEN,
    "basic": BASIC,
    "path": PATH,
    "certificate": Credentials(),
}
CREDENTIALS = {kind: PROOFS[source.proofs[0]] for kind, source in SOURCES.items()}
CREDENTIALS["aws"] = Credentials(certificates=(sns.CERTIFICATE,), topics=(sns.TOPIC,))
CREDENTIALS["mapped"] = msgspec.structs.replace(SIGNED, scheme=LOOKOUT_SIGNS)
READING = Reading(
    types={
        "com.larkfield.deploy.*": TypeMapping(
            type="change.succeeded",
            fields={
                "service": "data.service",
                "environment": "data.environment",
                "actor": "data.author",
                "title": "data.summary",
                "entity": "data.id",
            },
            refs={"deployment": "data.id", "commit": "data.sha"},
        ),
        "com.larkfield.flag.toggled": TypeMapping(type="change.flag_toggled", fields={"actor": "data.by"}),
        "com.larkfield.*": TypeMapping(),
    },
    mapping=LOOKOUT,
    channels={
        "C0INC000001": ChatChannel(name="incidents"),
        "C0PAY000002": ChatChannel(name="payments", service="checkout"),
    },
)


def webhook_of(
    kind: str, body: bytes, headers: Mapping[str, str] | None = None, received_at: int = RECEIVED, token: str = ""
) -> Webhook:
    lowered = {name.lower(): value for name, value in (headers or {}).items()}
    return Webhook(source=kind, headers=lowered, body=body, received_at=received_at, token=token)


def recorded(case: Path, received_at: int = RECEIVED) -> Webhook:
    headers = json.loads((case / "headers.json").read_text("utf-8"))
    kind = case.parent.name
    token = PATH.path[0].decode() if CREDENTIALS[kind] is PATH else ""
    return webhook_of(kind, (case / "body").read_bytes(), headers, received_at, token)


def body_of(kind: str, case: str, **changed: Any) -> Any:
    """The body of a recording, with some of its fields changed."""
    body: dict[str, Any] = json.loads((RECORDINGS / kind / case / "body").read_text("utf-8"))
    for path, value in changed.items():
        *above, last = path.split("__")
        target = body
        for key in above:
            target = target[key]
        target[last] = value
    return body


def parsed(case: Path) -> tuple[Event, ...]:
    return SOURCES[case.parent.name].parse(recorded(case), READING)


def parse_json(kind: str, body: Any, headers: Mapping[str, str] | None = None) -> tuple[Event, ...]:
    encoded = body if isinstance(body, bytes) else json.dumps(body).encode()
    return SOURCES[kind].parse(webhook_of(kind, encoded, headers), READING)


_NUL = re.compile(rb"(?<!\\)(?:\\\\)*\\u0000")
"""NUL as JSON writes it; the same letters behind another backslash are letters."""


def assert_storable(event: Event) -> None:
    encoded = msgspec.json.encode(event)
    assert event.type in EVENT_TYPES
    assert len(event.id) == 32
    assert int(event.id, 16) >= 0
    assert _NUL.search(encoded) is None
    assert all(
        len(part.encode()) <= 1100 for part in (event.title, event.entity, event.actor or "", event.service or "")
    )
    assert event.title, f"{event.type} of {event.entity} has no title; say one for where the sender's is missing"
    assert event.entity, f"{event.type} without an entity"
    assert rfc3339(event.occurred_at)
    assert msgspec.json.decode(encoded, type=Event) == event


def assert_read_or_malformed_by(parse: Callable[[], tuple[Event, ...]]) -> tuple[Event, ...]:
    """The events, each of which can be stored; none where the body is malformed, which names its place."""
    try:
        events = parse()
    except MalformedWebhook as malformed:
        events, places = (), [malformed.position, str(malformed)]
    else:
        places = []
    assert all(0 < len(place) < 400 for place in places)
    for event in events:
        assert_storable(event)
    return events


def assert_taken_alike(webhook: Webhook) -> None:
    """Read or malformed; the same when it comes a day later, but for times of receipt; and refused as unsigned."""
    source, later = SOURCES[webhook.source], webhook.received_at + 86_400_000_000
    first = assert_read_or_malformed_by(lambda: source.parse(webhook, READING))
    again = msgspec.structs.replace(webhook, received_at=later)
    second = assert_read_or_malformed_by(lambda: source.parse(again, READING))
    assert [event.id for event in first] == [event.id for event in second]
    with pytest.raises(UnverifiedWebhook):
        source.verify(webhook, Credentials(signing=(b"another",), path=(b"another",)))


def proof(case: Path) -> dict[str, str]:
    """The headers by which its sender would prove a recording's body."""
    sign = SOURCES[case.parent.name].sign
    if sign is None:
        raise LookupError(f"{case.parent.name} has no Source.sign; write by hand into headers.json what proves it")
    return dict(sign((case / "body").read_bytes(), SECRET, RECEIVED))


def main() -> None:
    """``python -m tests.recorded KIND/CASE``: what its adapter reads a recording as, for its ``events.json``. With
    ``--proof`` before it: the headers that prove its body, for its ``headers.json``."""
    *options, name = sys.argv[1:]
    case = RECORDINGS / name
    shown = proof(case) if options == ["--proof"] else msgspec.to_builtins(parsed(case))
    sys.stdout.write(json.dumps(shown, indent=2, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
