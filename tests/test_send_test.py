"""`timelined sources send-test`: a made-up delivery of each kind, proved as its sender would, and words about it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

import msgspec
import pytest
from click.testing import CliRunner, Result

from collector.cli import timelined
from collector.errors import MalformedWebhook, UnverifiedWebhook
from collector.semantics.severities import opens
from collector.sources import BUILT_IN
from collector.times import parse
from collector.webhook import Credentials, Reading, Webhook
from tests import sns
from tests.processes import Process

NOW = parse("2026-03-04T16:00:00Z") or 0
SAMPLED = [kind for kind, source in BUILT_IN.items() if source.sample is not None]


def made(kind: str, headers: Mapping[str, str] = {}) -> Webhook:
    sample = BUILT_IN[kind].sample
    assert sample is not None
    body = sample.body.replace("$NOW", "2026-03-04T16:00:00Z").encode()
    return Webhook(source=kind, headers={**sample.headers, **headers}, body=body, received_at=NOW)


ENDED = ("alertmanager", "azuremonitor", "googlecloud", "grafana", "pingdom", "zabbix")
OBSERVED = ("cloudevents", "icinga", "pagerdutychange")
"""The kinds whose made-up delivery tells something; what others would send for a test is set aside."""


@pytest.mark.parametrize("kind", SAMPLED)
def test_a_made_up_delivery_is_understood_and_opens_nothing(kind: str) -> None:
    """Whoever tries an address makes no incident: nothing fires, nobody is paged, and no severity is grave."""
    events = BUILT_IN[kind].parse(made(kind), Reading())
    types = ["alert.resolved"] * (kind in ENDED) + ["observation.recorded"] * (kind in OBSERVED)
    assert [event.type for event in events] == types
    assert not any(opens(event.severity) for event in events if event.type == "alert.resolved")


@pytest.mark.parametrize("kind", SAMPLED)
def test_a_made_up_delivery_is_not_taken_for_an_empty_one(kind: str) -> None:
    """What is set aside is set aside for what it says: of a body that says nothing, the kind would say so."""
    empty = msgspec.structs.replace(made(kind), body=b"{}", headers={})
    try:
        types = [event.type for event in BUILT_IN[kind].parse(empty, Reading())]
    except MalformedWebhook:
        types = ["malformed"]
    assert types != []


def test_all_kinds_but_the_users_own_can_be_tried() -> None:
    """Without a made-up delivery a person has to name a file; these send what a person wrote."""
    assert sorted(set(BUILT_IN) - set(SAMPLED)) == ["betterstack", "healthchecks", "mapped"]


@pytest.mark.parametrize("kind", [kind for kind, source in BUILT_IN.items() if source.sign is not None])
def test_what_is_signed_for_a_test_verifies(kind: str) -> None:
    """The headers are those that the sender itself would send; another secret proves nothing."""
    sign = BUILT_IN[kind].sign
    assert sign is not None
    signed = made(kind, sign(made(kind).body, b"s", NOW))
    assert BUILT_IN[kind].verify(signed, Credentials(signing=(b"s",))) == "signature"
    with pytest.raises(UnverifiedWebhook):
        BUILT_IN[kind].verify(signed, Credentials(signing=(b"another",)))


# --- against a daemon -------------------------------------------------------------------------------------------------

SOURCES = """
drafts: {enabled: false}
api: {token: the-api-token}
sources:
  pages: {kind: pagerduty, secret: p}
  code: {kind: github, secret: [g, older]}
  forge: {kind: gitlab, header_token: f}
  talk: {kind: slack, secret: s}
  alerts: {kind: alertmanager, basic: {username: u, password: w}}
  status: {kind: statuspage, path_token: letmein}
  shop: {kind: zabbix, bearer_token: z}
  cloud: {kind: cloudevents, open: true}
  own:
    kind: mapped
    secret: o
    signature: {scheme: standard-webhooks}
    mapping: {id: id, type: note.added, text: text}
  amazon: {kind: aws, path_token: a}
"""


class Served(NamedTuple):
    """A daemon, and the file that it was started with."""

    config: Path
    address: str

    def test(self, *arguments: str, sent: str = "", config: Path | None = None) -> Result:
        """The command against it."""
        where = ("--config.file", str(config or self.config), "--server", self.address)
        return CliRunner().invoke(timelined, ["sources", "send-test", *arguments, *where], input=sent)


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """One daemon for all tests of this file."""
    folder = tmp_path_factory.mktemp("served")
    config = folder / "timelined.yml"
    config.write_text(SOURCES, "utf-8")
    process = Process(folder)
    try:
        yield Served(config, process.start("--config.file", str(config)))
    finally:
        process.kill()


ASIDE = "It becomes no event: it is set aside."


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("pages", ASIDE),
        ("code", ASIDE),
        ("forge", ASIDE),
        ("talk", "The daemon answered 'a test of timelined', as the sender asks for."),
        ("alerts", "alert.resolved [0-9a-f]{8} is new: TimelinedTest"),
        ("status", ASIDE),
        ("shop", "alert.resolved [0-9a-f]{8} is new: A test of timelined"),
        ("cloud", "observation.recorded [0-9a-f]{8} is new: A test of timelined"),
        ("amazon", ASIDE),
    ],
)
def test_a_made_up_delivery_is_taken(name: str, sentence: str, served: Served) -> None:
    """Each way to prove it: signature, token in a header, basic, bearer, in the address, none."""
    shown = served.test(name)
    assert shown.exit_code == 0, shown.stderr
    assert re.fullmatch(sentence.replace("+", "[+]"), shown.stdout.splitlines()[-1])


def test_a_file_of_ones_own_is_sent(served: Served, tmp_path: Path) -> None:
    """Where there is nothing made up, a file says what is sent; the second time it is known, and nonsense is said."""
    assert served.test("own").exit_code == 1
    assert "what it sends is yours; name a file with its body" in served.test("own").stderr
    body = tmp_path / "body.json"
    body.write_text(json.dumps({"id": 7, "text": "Hello"}), "utf-8")
    first, again = served.test("own", str(body)), served.test("own", str(body))
    assert (first.exit_code, again.exit_code) == (0, 0), first.stderr
    assert re.search(r"^note.added [0-9a-f]{8} is new: Hello$", first.stdout, re.MULTILINE)
    assert re.search(r"^note.added [0-9a-f]{8} is known already: Hello$", again.stdout, re.MULTILINE)
    unread = served.test("own", "-", sent='{"name": 1}')
    assert (unread.exit_code, "Not understood: mapping.id finds nothing" in unread.stdout) == (1, True)
    broken = served.test("own", "-", sent="{")
    assert (broken.exit_code, "cannot read delivery from own" in broken.stderr) == (1, True)


def test_a_refusal_is_said_in_the_daemons_words(served: Served, tmp_path: Path) -> None:
    """Another secret than the daemon's is refused; the API's token, which proves no delivery, is not spoken of."""
    other = tmp_path / "other.yml"
    other.write_text(SOURCES.replace("secret: p}", "secret: q}"), "utf-8")
    result = served.test("pages", config=other)
    assert result.exit_code == 1
    assert "cannot send to pages: the daemon refused it" in result.stderr
    assert "--token-file" not in result.stderr
    assert "q" not in result.stderr.split()


def test_without_a_daemon_nothing_is_sent(tmp_path: Path) -> None:
    """Nothing is stored by the command itself."""
    config = tmp_path / "timelined.yml"
    config.write_text(f"storage: {{url: 'sqlite:///{tmp_path / 'timelined.db'}'}}\n{SOURCES}", "utf-8")
    shown = CliRunner().invoke(timelined, ["sources", "send-test", "pages", "--config.file", str(config)])
    assert shown.exit_code == 4
    assert "no daemon serves this log" in shown.stderr
    assert not (tmp_path / "timelined.db").exists()


def test_what_nobody_else_can_sign_is_said(tmp_path: Path) -> None:
    """Amazon's key is Amazon's."""
    (tmp_path / "sns.pem").write_bytes(sns.CERTIFICATE)
    config = tmp_path / "timelined.yml"
    config.write_text(f"sources: {{aws: {{certificate_file: sns.pem, topics: ['{sns.TOPIC}']}}}}\n", "utf-8")
    command = ["sources", "send-test", "aws", "--config.file", str(config), "--server", "http://127.0.0.1:1"]
    shown = CliRunner().invoke(timelined, command)
    assert shown.exit_code == 1
    assert "AWS signs with a key that nobody else has" in shown.stderr
