"""Redaction: what rules name is in no file, the rest keeps its bytes, and ids do not move."""

from __future__ import annotations

import gzip
import json
import re
import time
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector import signing
from collector.errors import MalformedWebhook
from collector.intake import Endpoint, Intake
from collector.intake.writer import Writer
from collector.log import Delivery, EventLog, open_log
from collector.redaction import MARK, MOST_MATCHES, Redaction, pattern, pointer, redact, touches
from collector.sources import SOURCES
from collector.webhook import Credentials, Reading, Webhook
from tests import senders

SECRET = "kestrel-7741"
AT = senders.micros("14:05")


def rules(*pointers: str, patterns: tuple[str, ...] = ()) -> Redaction:
    """Rules as a file would give them."""
    return Redaction(pointers=tuple(map(pointer, pointers)), patterns=tuple(map(pattern, patterns)))


def hook(body: bytes, **headers: str) -> Webhook:
    """A delivery."""
    named = {name.replace("_", "-"): text for name, text in headers.items()}
    return Webhook(source="am", headers=named, body=body, received_at=AT)


def clean(how: Redaction, body: str, **headers: str) -> tuple[str, int]:
    """The body that is kept, and the count."""
    kept, count = redact(how, hook(body.encode("utf-8", "surrogateescape"), **headers))
    return kept.body.decode("utf-8", "surrogateescape"), count


# --- pointers ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("at", "body", "kept", "count"),
    [
        ("/a", '{"a": "x", "b" : 1.10}', '{"a": "[redacted]", "b" : 1.10}', 1),
        ("/a", '{ "a":{"b":[1,{}]},"c":null }', '{ "a":"[redacted]","c":null }', 1),
        ("/*/b", '[{"b":1},{"c":2},{"b":true}]', '[{"b":"[redacted]"},{"c":2},{"b":"[redacted]"}]', 2),
        ("/1", '["a", "b", "c"]', '["a", "[redacted]", "c"]', 1),
        ("/a~1b/~0", '{"a/b":{"~":1}}', '{"a/b":{"~":"[redacted]"}}', 1),
        ("/a", '{"a":1,"a":2}', '{"a":"[redacted]","a":"[redacted]"}', 2),
        ("/\u00e4", '{"\\u00e4":1}', '{"\\u00e4":"[redacted]"}', 1),
        ("/z", '{"a":{"z":1}}', '{"a":{"z":1}}', 0),
        ("/a/b", '{"a":"b"}', '{"a":"b"}', 0),
        ("/a", '{"a":' + "9" * 5000 + "}", '{"a":"[redacted]"}', 1),
        ("/", '{"":1,"a":2}', '{"":"[redacted]","a":2}', 1),
    ],
)
def test_a_pointer_replaces_the_value_and_nothing_else(at: str, body: str, kept: str, count: int) -> None:
    """Every other byte stays: blanks, the spelling of numbers and escapes, and what a repeated key says."""
    assert clean(rules(at), body) == (kept, count)


@pytest.mark.parametrize(
    ("body", "kept"),
    [
        ('{"a": "x", "b": ', '{"a": "[redacted]", "b": '),
        ('{"a": "x", "b": "tok', '{"a": "[redacted]", "b": [redacted] 4 bytes that could not be read'),
        ('{"b": nonsense, "a": "x"}', '{"b": [redacted] 19 bytes that could not be read'),
        ('{"a": "x"} {"a": "y"}', '{"a": "[redacted]"} [redacted] 10 bytes that could not be read'),
        ("[" * 70 + '{"a":"x"}', "[[redacted] 78 bytes that could not be read"),
    ],
    ids=["cut", "cut within a text", "nonsense", "two documents", "unclosed"],
)
def test_what_cannot_be_looked_through_is_not_kept(body: str, kept: str) -> None:
    """Up to where reading stops the rules hold; the rest could be anything."""
    assert clean(rules("/a"), body)[0] == kept


def test_a_form_is_looked_into() -> None:
    """GitHub may send its JSON as a field of a form."""
    body = urlencode({"payload": json.dumps({"a": SECRET, "b": "&="})})
    redacted, count = redact(rules("/a"), hook(body.encode(), content_type="application/x-www-form-urlencoded"))
    assert SECRET.encode() not in redacted.body
    assert count == 1
    assert redacted.body.startswith(b"payload=")


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abcd"), inner, max_size=3),
    max_leaves=20,
)


def replaced(value: Any, steps: tuple[str, ...]) -> Any:
    """What a pointer does, said with parsed values."""
    if not steps:
        return MARK
    if isinstance(value, dict):
        return {k: replaced(v, steps[1:]) if steps[0] in ("*", k) else v for k, v in value.items()}
    if isinstance(value, list):
        return [replaced(v, steps[1:]) if steps[0] in ("*", str(i)) else v for i, v in enumerate(value)]
    return value


@given(json_values, st.lists(st.sampled_from(["*", "a", "b", "0", "1"]), min_size=1, max_size=4), st.booleans())
def test_spans_agree_with_parsed_values(value: Any, steps: list[str], ascii_only: bool) -> None:
    """For any document the redacted text is JSON, and says what replacing in the parsed value says."""
    root = {"a": value, "b": [value]}
    kept, _ = clean(rules("/" + "/".join(steps)), json.dumps(root, ensure_ascii=ascii_only))
    assert json.loads(kept) == replaced(root, tuple(steps))


@given(st.text() | json_values.map(json.dumps), st.integers(0, 60))
def test_nothing_breaks_it(text: str, cut: int) -> None:
    """Whatever a body holds, cut anywhere."""
    body = text.encode("utf-8", "surrogatepass")[:cut] + b"\xff"
    redact(rules("/a", "/*/b", patterns=("a", "[0-9]{2,}")), hook(body))


# --- patterns ---------------------------------------------------------------------------------------------------------


def test_a_pattern_is_found_in_every_text() -> None:
    """Keys, values, numbers and escapes; a match never reaches over the end of its text."""
    how = rules(patterns=("ghp_[A-Za-z0-9]{4}", "4111[0-9]{4}", "x.{1,50}y"))
    body = '{"ghp_abcd": "a ghp_0000 b", "n": 41110000, "e": "gh\\u0070_zzzz", "x": "y"}'
    kept, count = clean(how, body)
    assert kept == '{"[redacted]": "a [redacted] b", "n": "[redacted]", "e": "[redacted]", "x": "y"}'
    assert count == 4


def test_a_pattern_is_found_in_headers_and_plain_text() -> None:
    """A CloudEvent's attributes may come as headers, its data as text; broken JSON is text."""
    kept, count = redact(rules(patterns=(SECRET,)), hook(b"a " + SECRET.encode(), ce_subject=SECRET))
    assert (kept.body, kept.headers["ce-subject"], count) == (b"a [redacted]", MARK, 2)
    assert clean(rules(patterns=(SECRET,)), '{"a": ' + SECRET)[0] == '{"a": [redacted]'


@pytest.mark.parametrize(
    "text",
    [
        r"ghp_[A-Za-z0-9]{36}", r"Bearer \S+", r"(?i)authorization: .*", r"\b\d{4}[ -]?\d{4}[ -]?\d{4}[ -]?\d{4}\b",
        r"[\w.+-]{1,64}@[\w-]{1,60}\.[a-z]{2,3}", r"(?:ghp|gho)_\w{36,255}", r"eyJ[\w-]{10,}", r"(a|bc)d{3}", "(ab)?c",
        r"-----BEGIN [A-Z ]+-----[^-]*-----END [A-Z ]+-----", r"\S+@\S+\.[a-z]+", "(a+)+b", "(?P<card>[0-9 ]+)x",
    ],
)  # fmt: skip
def test_common_patterns_are_taken(text: str) -> None:
    """Tokens, card numbers, addresses, keys."""
    pattern(text)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("(?!a)b", "looks around"), ("a(?=b)", "looks around"), ("(?<=a)b", "looks around"),
        ("(?<!a)b", "looks around"),
        (r"(a)\1", "refers back"), ("(?P<n>a)(?P=n)", "refers back"), ("(?>a)b", "write (?: in its place"),
        ("(?(1)a|b)", "write each case"), (r"a\Z", r"write \z"), ("a++", "write one of them"),
        ("", "matches where nothing stands"), ("a?", "matches where nothing stands"), ("[", "not a regular expression"),
        ("(a", "not a regular expression"), ("a{1,99999999999}b", "not a regular expression"), ("\ud800", "half"),
    ],
)  # fmt: skip
def test_a_pattern_that_re2_does_not_take_is_refused(text: str, says: str) -> None:
    """At the start, with the reason and what to write instead."""
    with pytest.raises(ValueError, match=re.escape(says)):
        pattern(text)


@given(st.text("ab(){}[]|*+?.,0123\\w\\d^$", max_size=12), st.sampled_from(["a", "ab", "0", "a0 "]))
def test_whatever_is_taken_is_fast(text: str, unit: str) -> None:
    """No pattern that passes needs more than a moment for many hostile characters."""
    try:
        expression = pattern(text)
    except ValueError:
        return
    body = unit * (20_000 // len(unit)) + "!"
    began = time.process_time()
    redact(Redaction(patterns=(expression,)), hook(body.encode()))
    assert time.process_time() - began < 5


def test_a_text_of_very_many_matches_is_left_out_from_some_point_on() -> None:
    """Each match may take reading all the rest, so there is an end to them; what comes after is not kept."""
    kept, count = clean(rules(patterns=("a(?:.*b)?",)), "ax" * (MOST_MATCHES + 5) + "tail")
    assert (count, kept) == (MOST_MATCHES + 1, f"{MARK}x" * MOST_MATCHES + MARK)


def test_nothing_is_put_where_nothing_is_taken_away() -> None:
    """A pattern that finds places between characters replaces none."""
    assert clean(rules(patterns=(r"\b",)), "one two") == ("one two", 0)


@given(st.text(st.characters(codec=None, categories=None), max_size=30))
def test_what_stands_around_a_match_is_kept(text: str) -> None:
    """Characters of any width, and halves of some, move nothing."""
    body = json.dumps({"a": f"{text}4111-9{text}"})
    kept, _ = clean(rules(patterns=("4111-9",)), body)
    assert json.loads(kept)["a"] == f"{text}4111-9{text}".replace("4111-9", MARK)


def test_a_half_character_hides_nothing() -> None:
    """What is no text to RE2 is a character to it all the same."""
    for half in ('"\\ud800"', '"\\udc80"'):
        secret = f"x{json.loads(half)}y"
        assert clean(rules(patterns=("x.y",)), json.dumps({"a": secret})) == ('{"a": "[redacted]"}', 1)
    kept, count = redact(rules(patterns=("x.y",)), hook(b'{"a": "x\xffy"}'))
    assert (kept.body, count) == (b'{"a": "[redacted]"}', 1)


def test_a_pointer_touches_what_it_leads_to_and_through() -> None:
    """Redacting a whole object redacts what stands in it."""
    fingerprint = pointer("/alerts/*/fingerprint")
    for text in ("/alerts", "/alerts/0", "/*/*/fingerprint", "/alerts/*/fingerprint", "/alerts/0/fingerprint/x"):
        assert touches(pointer(text), fingerprint)
    for text in ("/alerts/*/labels", "/commonLabels", "/status"):
        assert not touches(pointer(text), fingerprint)


# --- the whole way ----------------------------------------------------------------------------------------------------


class Rig:
    """Intake over a log, with rules for one source."""

    def __init__(self, log: EventLog, path: Path, kind: str, how: Redaction, **proof: Any) -> None:
        self.path = path
        self.kind = kind
        self.log = log
        credentials = Credentials(**(proof or {"open": True}))
        endpoint = Endpoint(source=SOURCES[kind], credentials=credentials, redaction=how)
        plain = Endpoint(source=SOURCES[kind], credentials=credentials)
        self.intake = Intake(Writer(self.log), {kind: endpoint, "plain": plain})

    async def receive(self, sent: senders.Sent, **headers: str) -> Delivery:
        """Deliver; what is stored."""
        named = sent.headers | {name.replace("_", "-"): text for name, text in headers.items()}
        receipt = await self.intake.receive(self.kind, named, sent.body, "", AT)
        stored = await self.log.delivery(receipt.delivery)
        assert stored is not None
        return stored

    def holds(self, secret: str = SECRET) -> bool:
        """Whether any file of the database holds it."""
        files = [path for path in self.path.parent.iterdir() if path.name.startswith("t.db")]
        return any(secret.encode() in path.read_bytes() for path in files)


async def placed(folder: Path, kind: str, how: Redaction, **proof: Any) -> Rig:
    """Intake over a log in a folder."""
    path = folder / "t.db"
    return Rig(await open_log(f"sqlite:///{path}"), path, kind, how, **proof)


ANNOTATION = rules("/alerts/*/annotations/summary", "/commonAnnotations", patterns=("kestrel-[0-9]{4}",))


def leaky(**labels: str) -> senders.Sent:
    """An alert with a secret in an annotation and in a label."""
    return senders.alertmanager(senders.alert("Errors", since="14:02", summary=f"leaked {SECRET}", **labels))


async def test_what_is_redacted_is_in_no_file(tmp_path: Path) -> None:
    """Not in the body, not in what was read out of it; the count is on the delivery and on each event."""
    rig = await placed(tmp_path, "alertmanager", ANNOTATION)
    stored = await rig.receive(leaky(pod=SECRET))
    (event,) = await rig.log.read()
    assert (event.data["redacted"], stored.redacted) == (stored.redacted, stored.redacted)
    assert stored.redacted >= 3
    assert (event.data["summary"], event.labels["pod"]) == (MARK, MARK)
    assert stored.headers == tuple(pair for pair in stored.headers if not pair[0].startswith("timelined"))
    await rig.log.close()
    assert not rig.holds()


async def test_without_rules_it_would_be_there(tmp_path: Path) -> None:
    """The search of the files finds what is not redacted."""
    rig = await placed(tmp_path, "alertmanager", Redaction())
    await rig.receive(leaky())
    await rig.log.close()
    assert rig.holds()


async def test_ids_do_not_move(tmp_path: Path) -> None:
    """Redacted or not, a fact has one id: also where a pattern matches in what the id is made of."""
    sent = leaky()
    fingerprint = json.loads(sent.body)["alerts"][0]["fingerprint"]
    webhook = Webhook(source="alertmanager", headers={}, body=sent.body, received_at=AT)
    there = SOURCES["alertmanager"].parse(webhook, Reading())
    rig = await placed(tmp_path, "alertmanager", rules(patterns=(fingerprint, "kestrel-[0-9]{4}")))
    await rig.receive(sent)
    (event,) = await rig.log.read()
    assert event.id == there[0].id
    assert event.entity == MARK
    await rig.log.close()


async def test_a_digest_of_redacted_labels_stays_what_it_was(tmp_path: Path) -> None:
    """Where the sender gives no fingerprint we make one: of the labels as they came, so that series stay apart."""
    rig = await placed(tmp_path, "alertmanager", rules("/alerts/*/labels/pod"))
    for pod in ("a", "b"):
        body = json.loads(leaky(pod=pod).body)
        del body["alerts"][0]["fingerprint"]
        await rig.receive(senders.Sent("alertmanager", json.dumps(body).encode()))
    assert len({event.entity for event in await rig.log.read()}) == 2
    await rig.log.close()


async def test_what_an_entity_is_put_together_of_is_redacted_in_it(tmp_path: Path) -> None:
    """A branch is told by its repository and its name: where a pattern matches in the name, no file has it."""
    rig = await placed(tmp_path, "gitea", rules(patterns=("kestrel-[0-9]{4}",)))
    zeros, commit = "0" * 40, "3f0c1d9ab27e4f5566778899aabbccddeeff0011"
    body = {"ref": f"refs/heads/{SECRET}", "before": zeros, "after": commit, "repository": {"full_name": "a/b"}}
    await rig.receive(senders.Sent("gitea", json.dumps(body).encode(), {"x-gitea-event": "push"}))
    (event,) = await rig.log.read()
    assert event.entity == f"branch:a/b:{MARK}"
    await rig.log.close()
    assert not rig.holds()


async def test_a_signature_is_of_the_bytes_as_they_came(tmp_path: Path) -> None:
    """Proof first, on everything that was signed; then the rules."""
    rig = await placed(tmp_path, "pagerduty", rules("/event/data/title"), signing=(b"s3cret",))
    sent = senders.page(311, f"Errors {SECRET}", at="14:03").triggered()
    stored = await rig.receive(sent, x_pagerduty_signature="v1=" + signing.signature_of(sent.body, b"s3cret"))
    assert (stored.authentication, stored.redacted) == ("signature", 1)
    await rig.log.close()
    assert not rig.holds(f"Errors {SECRET}")


async def test_an_unreadable_body_is_kept_redacted(tmp_path: Path) -> None:
    """A cut delivery is answered 400 as ever, and what is kept of it obeys the rules."""
    rig = await placed(tmp_path, "alertmanager", ANNOTATION)
    with pytest.raises(MalformedWebhook):
        await rig.receive(senders.Sent("alertmanager", leaky().body[:-40]))
    (stored,) = await rig.log.deliveries()
    assert (stored.status, stored.redacted > 0) == ("malformed", True)
    await rig.log.close()
    assert not rig.holds()


async def test_a_damaged_gzip_is_not_kept_where_there_are_rules(tmp_path: Path) -> None:
    """Nobody can say what is in it; that it came is on record."""
    rig = await placed(tmp_path, "alertmanager", ANNOTATION)
    with pytest.raises(MalformedWebhook):
        await rig.intake.take(
            "alertmanager", {"content-encoding": "gzip"}, gzip.compress(leaky().body)[:-9], "", lambda: AT
        )
    (stored,) = await rig.log.deliveries()
    assert (stored.status, stored.size) == ("malformed", 0)
    await rig.log.close()


async def test_a_rule_that_fails_keeps_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Redaction never fails open: a mistake of ours costs the body, and the sender is not asked to come again."""

    def mistaken(*_: object) -> None:
        raise RuntimeError("ours")

    monkeypatch.setattr("collector.intake.intake.redact", mistaken)
    rig = await placed(tmp_path, "alertmanager", ANNOTATION)
    stored = await rig.receive(leaky())
    assert (stored.status, stored.size, re.search("redaction failed", stored.reason) is not None) == (
        "unrecognised", 0, True,
    )  # fmt: skip
    await rig.log.close()
    assert not rig.holds()
