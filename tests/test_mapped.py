"""Senders of the user's own: what a mapping finds, what is wrong with one, and what the command shows of it."""

from __future__ import annotations

import base64
import hmac
import json
import re
from pathlib import Path
from textwrap import dedent
from typing import Any

import msgspec
import pytest
from click.testing import CliRunner, Result
from hypothesis import given, settings
from hypothesis import strategies as st

from collector.cli import timelined
from collector.errors import InvalidSettings, UnverifiedWebhook
from collector.event import Event
from collector.intake import Endpoint
from collector.settings import SourceSettings, load_settings
from collector.signing import signature_of
from collector.sources import SOURCES, mapping
from collector.times import parse
from collector.webhook import FieldMap, Reading, Webhook
from tests.face import Connect, running
from tests.lookout import PAGE, block, configured

MAPPED = SOURCES["mapped"]
RECEIVED = parse("2026-03-04T16:00:00Z") or 0
PLAIN = FieldMap(id="id", type="change.succeeded")
SECRET = b"a secret of Lookout"


def events_of(body: Any, field_map: FieldMap, **headers: str) -> tuple[Event, ...]:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    webhook = Webhook(source="own", headers=named, body=json.dumps(body).encode(), received_at=RECEIVED)
    return MAPPED.parse(webhook, Reading(mapping=field_map))


def event_of(body: Any, said: FieldMap, **headers: str) -> Event:
    (event,) = events_of(body, said, **headers)
    return event


def mistakes(folder: Path, source: str) -> tuple[str, ...]:
    path = folder / "timelined.yml"
    path.write_text("sources:\n  own:\n    kind: mapped\n    open: true\n" + dedent(source).replace("\n", "\n    "))
    with pytest.raises(InvalidSettings) as caught:
        load_settings(path)
    return tuple(each.removeprefix(f"cannot read {path}: ") for each in caught.value.mistakes)


def source_of(folder: Path, text: str) -> SourceSettings:
    path = folder / "timelined.yml"
    path.write_text("sources:\n  own:\n    kind: mapped\n" + "".join(f"    {line}\n" for line in text.splitlines()))
    (said,) = load_settings(path).sources.values()
    return said


# --- what a mapping finds ---------------------------------------------------------------------------------------------


def test_every_field_is_found_where_the_mapping_says() -> None:
    """Each key of a mapping fills the field of its name."""
    field_map = FieldMap(
        id="[run, step]", type="kind", types={"deploy.*": "change.started", "deploy.done": "change.succeeded"},
        entity="join('-', ['run', to_string(run)])", time="at", title="what", text="log", service="app",
        environment="stage", severity="grade", status="state", actor="who.name", labels="tags",
        links={"log": "urls[0]"}, refs={"commit": "sha", "pr": "pulls[]"}, data={"ref": "branch"},
    )  # fmt: skip
    body = {
        "run": 12, "step": "b", "kind": "deploy.done", "at": "2026-03-04T14:00:05+01:00", "what": "Pool", "log": "a\nb",
        "app": "checkout", "stage": "production", "grade": "HIGH", "state": "green", "who": {"name": "mara"},
        "tags": ["team:pay", "cell=3", {"name": "zone", "value": "b"}, {"key": "tier", "value": 1}, "plain"],
        "urls": ["https://forge.example/12"], "sha": "3f0c1d9", "pulls": ["p1", "p2"], "branch": "main",
    }  # fmt: skip
    event = event_of(body, field_map)
    assert (event.type, event.entity, event.title, event.service, event.environment, event.severity, event.actor) == (
        "change.succeeded", "run-12", "Pool", "checkout", "production", "high", "mara",
    )  # fmt: skip
    assert (event.time_text, event.occurred_at) == ("2026-03-04T14:00:05+01:00", parse("2026-03-04T13:00:05Z"))
    assert event.labels == {"team": "pay", "cell": "3", "zone": "b", "tier": "1"}
    assert [(link.rel, link.url) for link in event.links] == [("log", "https://forge.example/12")]
    assert event.refs == ("commit:3f0c1d9", "pr:p1", "pr:p2")
    assert event.data == {"ref": "main", "state": "green", "text": "a\nb", "sha": "3f0c1d9"}


@pytest.mark.parametrize("kind", ["note.added", "chat.message", "status.updated", "report.received"])
def test_what_somebody_wrote_is_kept_whole_where_it_is_the_title_alone(kind: str) -> None:
    """A headline has its first line; the others are no less theirs."""
    mapped = FieldMap(id="id", type=kind, title="said")
    event = event_of({"id": 7, "said": "Looking.\n- pods\n- disks"}, mapped)
    assert (event.title, event.data["text"]) == ("Looking.", "Looking.\n- pods\n- disks")
    assert "text" not in event_of({"id": 7, "said": "Looking."}, mapped).data
    assert len(event_of({"id": 7, "said": "word " * 400}, mapped).data["text"]) == len("word " * 400) - 1


def test_what_is_not_found_is_left_out() -> None:
    """An expression that finds nothing, or does not fit, costs its field and no more."""
    field_map = msgspec.structs.replace(
        PLAIN, title="join(' ', missing)", service="a.b[3]", time="when", links={"log": "url"}, refs={"commit": "sha"}
    )
    event = event_of({"id": 7, "url": "javascript:alert(1)"}, field_map)
    assert (event.title, event.service, event.links, event.refs) == ("7", None, (), ())
    assert event.data == {"task": "change"}
    assert (event.time_quality, event.occurred_at) == ("absent", RECEIVED)


def test_tags_in_a_text_are_labels() -> None:
    """Blanks or commas stand between them; a word alone names nothing, and what is said by name goes first."""
    body = {"id": 1, "tags": "service:exports env=prod, nightly", "env": "staging"}
    text = event_of(body, FieldMap(id="id", type="note.added", labels="tags"))
    assert (text.labels, text.service, text.environment) == ({"service": "exports", "env": "prod"}, "exports", "prod")
    beside = event_of(body, FieldMap(id="id", type="note.added", labels="{tags: tags, env: env}"))
    assert (beside.service, beside.environment, beside.labels["tags"]) == ("exports", "staging", body["tags"])


@pytest.mark.parametrize(
    ("said", "body", "reason"),
    [
        (PLAIN, {"name": 1}, "mapping.id finds nothing"),
        (PLAIN, {"id": []}, "mapping.id finds nothing"),
        (PLAIN, [], "the body is no JSON object; mapping.items says where a list is"),
        (FieldMap(id="id", type="kind"), {"id": 1}, "mapping.type finds nothing"),
        (FieldMap(id="id", type="kind"), {"id": 1, "kind": "x"}, "mapping.type finds a word that is no type of ours"),
        (FieldMap(id="id", type="kind"), {"id": 1, "kind": "incident.opened"},
         "mapping.type finds a word that is no type of ours"),
        (FieldMap(id="id", type="kind", types={"a": "note.added"}), {"id": 1, "kind": "x"},
         "mapping.type finds a word that mapping.types does not have"),
        (FieldMap(id="id", type="alert.firing", entity="name"), {"id": 1}, "mapping.entity finds nothing"),
        (FieldMap(id="id", type="note.added", items="all"), {"all": {}}, "mapping.items finds no list"),
        (FieldMap(id="id", type="note.added", items="@"), [3],
         "an item that mapping.items finds is no JSON object"),
    ],
)  # fmt: skip
def test_what_lacks_the_necessary_is_not_understood(said: FieldMap, body: Any, reason: str) -> None:
    """The reason says which expression found nothing, and quotes nothing of the body."""
    event = event_of(body, said)
    assert (event.type, event.data["reason"]) == ("source.unrecognised", reason)


def test_an_item_that_is_not_understood_spoils_no_other() -> None:
    """A list gives one event for each item, in order."""
    said = FieldMap(id="[_body.round, name]", type="note.added", items="all", text="text")
    events = events_of({"round": 3, "all": [{"name": "a", "text": "A"}, 5, {"name": "b"}]}, said)
    assert [event.type for event in events] == ["note.added", "source.unrecognised", "note.added"]
    assert len({event.id for event in events}) == 3


def test_a_word_of_the_senders_may_be_set_aside() -> None:
    """`none` makes no event; the longest beginning speaks."""
    said = FieldMap(id="id", type="kind", types={"*": "observation.recorded", "ping*": "none"})
    assert events_of({"id": 1, "kind": "ping.weekly"}, said) == ()
    assert event_of({"id": 1, "kind": "pong"}, said).type == "observation.recorded"


def test_a_header_may_say_what_a_body_is() -> None:
    """Headers that the mapping names can be asked for, and those alone."""
    field_map = FieldMap(
        id='_headers."x-forge-delivery"', type='_headers."x-forge-event"', types={"push": "change.pushed"},
        headers=("x-forge-event", "x-forge-delivery"), actor="_headers.cookie",
    )  # fmt: skip
    event = event_of({"ref": "main"}, field_map, x_forge_event="push", x_forge_delivery="17", cookie="c")
    assert (event.type, event.entity, event.actor) == ("change.pushed", "17", None)


def test_times_without_an_offset_are_of_the_zone() -> None:
    """Whoever configures a sender knows in which zone its clock is."""
    event = event_of({"id": 1, "at": "2026-03-04 14:00:00"}, FieldMap(id="id", type="note.added", time="at",
                                                                       zone="Europe/Madrid"))  # fmt: skip
    assert (event.occurred_at, event.time_quality) == (parse("2026-03-04T13:00:00Z"), "assumed_zone")


def test_the_id_alone_says_what_a_repeat_is() -> None:
    """The same id at another time is the same event; a part that is absent keeps its place; another type is another."""
    field_map = FieldMap(id="[a, b]", type="kind", time="sent", entity="a")
    first = event_of({"a": "x", "kind": "alert.firing", "sent": "2026-03-04T14:00:00Z"}, field_map)
    again = event_of({"a": "x", "kind": "alert.firing", "sent": "2026-03-04T14:05:00Z"}, field_map)
    assert first.id == again.id
    assert (
        event_of({"b": "x", "kind": "note.added"}, field_map).id
        != event_of({"a": "x", "kind": "note.added"}, field_map).id
    )
    assert event_of({"a": "x", "kind": "alert.resolved"}, field_map).id != first.id


def test_a_page_is_named_by_what_it_is_about() -> None:
    """Events of a page share its ref, by which other senders' events are tied to it."""
    said = FieldMap(id="[n, s]", type="s", types={"open": "page.triggered"}, entity="n", title="t", status="s")
    event = event_of({"n": 12, "s": "open", "t": "Checkout is down"}, said)
    assert (event.refs, event.data) == (("page:12",), {"kind": "open"})


def test_a_page_has_whom_it_called() -> None:
    """What ``to`` finds of one that opens, also of several people."""
    mapping = FieldMap(id="n", type="page.triggered", data={"to": "called[].name"})
    event = event_of({"n": 12, "called": [{"name": "Ana"}, {"name": "Bo"}]}, mapping)
    assert event.data["assignees"] == ["Ana", "Bo"]


def test_services_beside_the_first_are_kept() -> None:
    """A mapping may find a list of them; the event's own is none of them, and neither is what names nothing."""
    mapping = FieldMap(id="n", type="note.added", service="of[0]", data={"further_services": "of"})
    event = event_of({"n": 12, "of": ["cart", "pay", "N/A", "pay"]}, mapping)
    assert (event.service, event.data["further_services"]) == ("cart", ["pay"])
    assert "further_services" not in event_of({"n": 12, "of": ["cart"]}, mapping).data


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
    max_leaves=12,
)
_EXPRESSIONS = st.sampled_from(
    ["a", "b.c", "a[0]", "a[].b", "*", "@", "[a, b]", "{x: a}", "length(a)", "to_number(b)", "join('', a)",
     "a[?b > `1`]", "max(a)", "sort_by(a, &b)", "_body.a", "_headers", "keys(@)", "merge(a, b)", "avg(a)"]
)  # fmt: skip


@settings(max_examples=150, deadline=None)
@given(body=_JSON, field_map=st.builds(
    FieldMap,
    type=st.sampled_from(["alert.firing", "page.resolved", "change.started"]) | _EXPRESSIONS,
    items=st.just("") | _EXPRESSIONS, zone=st.just("UTC"), headers=st.just(("x-a",)),
    types=st.just({}) | st.just({"*": "note.added"}),
    links=st.dictionaries(st.just("log"), _EXPRESSIONS), refs=st.dictionaries(st.just("commit"), _EXPRESSIONS),
    data=st.dictionaries(st.just("ref"), _EXPRESSIONS),
    **dict.fromkeys(("id", "entity", "time", "started", "title", "text", "service", "environment", "severity", "status",
                     "actor", "labels"), _EXPRESSIONS),
))  # fmt: skip
def test_no_body_and_no_mapping_break_the_reading(body: Any, field_map: FieldMap) -> None:
    """Whatever an expression finds in whatever body, the events can be stored, and come out the same again."""
    events = events_of(body, field_map)
    assert events == events_of(body, field_map)
    for event in events:
        assert msgspec.json.decode(msgspec.json.encode(event), type=Event) == event
        assert event.title
        assert event.entity
        assert event.type in mapping.READABLE or event.type == "source.unrecognised"


# --- what is wrong with a mapping -------------------------------------------------------------------------------------


def test_each_mistake_of_a_mapping_is_told_with_its_path(tmp_path: Path) -> None:
    """All of them at once, before anything is served."""
    sentences = mistakes(
        tmp_path,
        """
        mapping:
          id: "a["
          type: nope(@)
          types: {up: alert.ended}
          time: join(',')
          tittle: name
          zone: Nowhere
          links: {"Bad Rel": url}
          data: {starts_at: at}
          headers: [Authorization, "x y"]
        """,
    )
    starts = [
        ("sources.own.mapping.id", "which is not JMESPath: it ends too early"),
        ("sources.own.mapping.type", "which calls nope, a function that JMESPath does not have"),
        ("sources.own.mapping.types.up", "did you mean"),
        ("sources.own.mapping.time", "which calls join with 1 arguments; it takes 2"),
        ("sources.own.mapping.tittle", "did you mean title?"),
        ("sources.own.mapping.zone", "which is not a time zone"),
        ('sources.own.mapping.links["Bad Rel"]', "write it in small letters"),
        ("sources.own.mapping.data.starts_at", "is not a setting"),
        ("sources.own.mapping.headers[0]", "which looks like a proof"),
        ("sources.own.mapping.headers[1]", "which is no header's name"),
    ]
    assert len(sentences) == len(starts)
    for sentence, (path, what) in zip(sentences, starts, strict=True):
        assert f", {path} " in sentence
        assert what in sentence


@pytest.mark.parametrize(
    ("said", "what"),
    [
        ("refire_after: 6m", "sources.own has no mapping, without which nothing that mapped sends can be read"),
        ("mapping: {type: note.added}", "mapping has no id; say what makes a repeat the same event"),
        ("mapping: {id: a}", "mapping has no type; say which of our types it is"),
        ("mapping: {id: a, type: note.added, types: {b: note.added}}", "has types beside the type note.added"),
        ("mapping: {id: a, type: b, types: {up: alert.resolved}}", "gives alert.resolved and has no entity"),
        ("mapping: {id: a, type: note.added}\nsecret: s", "has no signature, which says how it signs"),
        ("mapping: {id: a, type: note.added}\nsignature: {header: X-A}", "has no secret_file"),
        ("mapping: {id: a, type: note.added}\nheader_token: s", "has no token_header, which names the header"),
        ("mapping: {id: a, type: note.added}\nsecret: s\nsignature: {prefix: v}", "signature has no header"),
        ("mapping: {id: a, type: note.added}\nsecret: s\nsignature: {scheme: standard-webhooks, header: X-A}",
         "Standard Webhooks says all of that"),
        ("mapping: {id: a.key, type: note.added}\nredact: {pointers: [/a/*/key]}", "mapping.id asks for key"),
    ],
)  # fmt: skip
def test_what_would_never_work_stops_the_start(said: str, what: str, tmp_path: Path) -> None:
    """A mapping that could not give an event, and a proof that could not be looked at, are mistakes."""
    assert any(what in sentence for sentence in mistakes(tmp_path, "\n" + said)), mistakes(tmp_path, "\n" + said)


def test_a_mapping_belongs_to_a_kind_that_has_none_of_its_own(tmp_path: Path) -> None:
    """It would be set and never asked."""
    path = tmp_path / "timelined.yml"
    path.write_text("sources:\n  github: {open: true, mapping: {id: a, type: note.added}, token_header: X-A}\n")
    with pytest.raises(InvalidSettings) as caught:
        load_settings(path)
    assert len(caught.value.mistakes) == 2
    assert "set mapping of a source of kind mapped" in caught.value.mistakes[0]
    assert "github has its own way" in caught.value.mistakes[1]


# --- how it proves itself ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("lines", "headers", "way"),
    [
        ("secret: k\nsignature: {header: X-Sig, digest: sha512, encoding: base64, prefix: 'v1:'}",
         {"x-sig": "v1:" + base64.b64encode(hmac.digest(b"k", b"{}", "sha512")).decode()}, "signature"),
        ("secret: k\nsignature: {header: X-Sig}", {"x-sig": signature_of(b"{}", b"k")}, "signature"),
        ("secret: k\nsignature: {scheme: standard-webhooks}",
         {"webhook-id": "m", "webhook-timestamp": "1772640000", "webhook-signature":
          "v1," + base64.b64encode(hmac.digest(b"k", b"m.1772640000.{}", "sha256")).decode()}, "signature"),
        ("header_token: k\ntoken_header: X-Tok", {"x-tok": "k"}, "header"),
        ("bearer_token: k", {"authorization": "Bearer k"}, "bearer"),
        ("basic: {username: u, password: k}", {"authorization": "Basic " + base64.b64encode(b"u:k").decode()}, "basic"),
        ("path_token: k", {}, "path"),
    ],
)  # fmt: skip
def test_it_proves_itself_as_it_was_told(lines: str, headers: dict[str, str], way: str, tmp_path: Path) -> None:
    """Every proof that there is; without it, and with another secret, nothing is taken."""
    proof = source_of(tmp_path, lines + "\nmapping: {id: a, type: note.added}").credentials
    token = "k" if way == "path" else ""
    sent = Webhook(source="own", headers=headers, body=b"{}", received_at=RECEIVED, token=token)
    assert MAPPED.verify(sent, proof) == way
    bare = msgspec.structs.replace(sent, headers={}, token="")
    other = source_of(tmp_path, lines.replace(": k", ": j") + "\nmapping: {id: a, type: note.added}").credentials
    for webhook, credentials in ((bare, proof), (sent, other)):
        with pytest.raises(UnverifiedWebhook):
            MAPPED.verify(webhook, credentials)


# --- the page's example -----------------------------------------------------------------------------------------------


def run(*arguments: str, sent: bytes = b"") -> Result:
    return CliRunner().invoke(timelined, list(arguments), input=sent)


def test_the_pages_example_is_shown_by_try(tmp_path: Path) -> None:
    """The command that docs/mapping.md shows gives two events out of three results, and says what was found."""
    config, body = configured(tmp_path), tmp_path / "round.json"
    body.write_text(block("json"), "utf-8")
    assert "timelined sources try lookout round.json --config.file timelined.yml" in PAGE
    result = run("sources", "try", "lookout", str(body), "--config.file", str(config))
    assert (result.exit_code, result.stderr) == (0, "2 events; nothing was stored.\n")
    assert [line.split(None, 1)[1] for line in result.stdout.splitlines() if line.startswith("Type:")] == [
        "alert.firing", "alert.resolved",
    ]  # fmt: skip
    assert re.search(r"^environment +_body\.stage +production$", result.stdout, re.MULTILINE)
    assert "Item 3 (set aside):\n" in result.stdout
    printed = json.loads(
        run("sources", "try", "lookout", "-", "--config.file", str(config), "-o", "json", sent=body.read_bytes()).stdout
    )
    assert (printed["status"], [event["entity"] for event in printed["events"]]) == (
        "read",
        ["checkout-home", "cart-api"],
    )
    assert printed["events"][0]["occurred_at"] == "2026-03-04T14:01:10Z"
    assert printed["found"][2]["type"] == ["paused"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["round.json", "secrets", "timelined.yml"]


def test_try_says_what_is_wrong(tmp_path: Path) -> None:
    """What is not understood and what is no JSON end with 1 and a reason; a source that there is not ends with 3."""
    config = ("--config.file", str(configured(tmp_path)))
    unread = run("sources", "try", "lookout", "-", *config, sent=b'{"results": [{"state": "down"}]}')
    assert unread.exit_code == 1
    assert "Not understood: mapping.entity finds nothing" in unread.stdout
    broken = run("sources", "try", "lookout", "-", *config, sent=b'{"results": [')
    assert (broken.exit_code, broken.stdout) == (1, "")
    assert "cannot read delivery from lookout" in broken.stderr
    aside = run("sources", "try", "lookout", "-", *config, sent=b'{"results": []}')
    assert (aside.exit_code, aside.stderr) == (0, "Set aside: it becomes no event.\n")
    assert run("sources", "try", "lookup", "-", *config, sent=b"{}").exit_code == 3
    assert run("sources", "try", "lookout", "-", "--header", "nothing", *config, sent=b"{}").exit_code == 1


def test_try_shows_a_kind_with_an_adapter_too(tmp_path: Path) -> None:
    """Headers that say what a body is come with it."""
    body = json.dumps({"ref": "refs/tags/v1", "after": "a" * 40, "repository": {"full_name": "l/checkout"}}).encode()
    shown = run("sources", "try", "github", "-", "--header", "X-GitHub-Event: push", sent=body)
    assert (shown.exit_code, shown.stderr) == (0, "1 event; nothing was stored.\n")
    assert re.search(r"^Type: +change\.tagged$", shown.stdout, re.MULTILINE)


async def test_the_pages_example_is_served(tmp_path: Path, aiohttp_client: Connect) -> None:
    """Signed it is stored once; unsigned it is refused; the delivery keeps the headers that its mapping names."""
    (source,) = load_settings(configured(tmp_path, SECRET)).sources.values()
    mapping_ = msgspec.structs.replace(source.reading.mapping or PLAIN, headers=("x-lookout-round",))
    reading = msgspec.structs.replace(source.reading, mapping=mapping_)
    endpoint = Endpoint(source=MAPPED, credentials=source.credentials, reading=reading)
    body = block("json").encode()
    signed = {"X-Lookout-Signature": f"sha256={signature_of(body, SECRET)}", "X-Lookout-Round": "9"}
    async with running(tmp_path, connect=aiohttp_client, endpoints={"lookout": endpoint}) as face:
        first = await face.ask("POST", "/webhooks/lookout", data=body, headers=signed)
        again = await face.ask("POST", "/webhooks/lookout", data=body, headers=signed)
        (await face.ask("POST", "/webhooks/lookout", data=body)).problem(401)
        delivery = await face.log.delivery(first.json["delivery"])
        events = [event for event in await face.log.read() if event.source == "lookout"]
    assert (first.status, again.status, len(events)) == (202, 200, 2)
    assert delivery is not None
    assert dict(delivery.headers)["x-lookout-round"] == "9"
    assert not [name for name, _ in delivery.headers if "signature" in name]
