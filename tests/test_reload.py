"""Reloading: all of a changed configuration or nothing of it, said wherever somebody looks, and never a stop."""

from __future__ import annotations

import asyncio
import json
import signal
import socket
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from collector.daemon import process as process_module
from collector.daemon.reloading import differing, fingerprint
from collector.errors import InvalidSettings
from collector.proof import proofcheck
from collector.proof.checkpoint import Signer
from collector.settings import load_settings
from tests.exposition import value
from tests.processes import PATIENCE, Process, alert, eventually, get, post

CONFIGURATION = """\
storage:
  url: sqlite:///{folder}/log.db
api:
  token_file: api-token
sources:
  {name}:
    kind: alertmanager
    bearer_token_file: secret
"""
API = {"Authorization": "Bearer reads-and-writes"}


class Rig:
    """A daemon with a configuration that can be changed."""

    def __init__(self, folder: Path, process: Process, **settings: str) -> None:
        self.folder, self.process = folder, process
        self.write("am", "first", **settings)
        (folder / "api-token").write_text("reads-and-writes", "utf-8")
        self.address = process.start("--config.file", str(folder / "t.yml"), *self.flags)

    flags: tuple[str, ...] = ()

    def write(self, name: str, secret: str, **settings: str) -> None:
        """Change the configuration, and the secret of its one source."""
        (self.folder / "secret").write_text(secret, "utf-8")
        more = "".join(f"{section}:\n  {line}\n" for section, line in settings.items())
        (self.folder / "t.yml").write_text(CONFIGURATION.format(folder=self.folder, name=name) + more, "utf-8")

    def deliver(self, secret: str, name: str = "am") -> str:
        """Whether a delivery with this secret is taken, new or known, or the status that it is refused with."""
        headers = {"Authorization": f"Bearer {secret}"}
        code = status(lambda: post(f"{self.address}/webhooks/{name}", alert("firing"), headers)[0])
        return "taken" if code in (200, 202) else str(code)

    def ready(self) -> dict[str, Any]:
        """What /-/ready says."""
        found: dict[str, Any] = get(f"{self.address}/-/ready")
        return found

    def asked(self, path: str, method: str = "GET", token: dict[str, str] = API) -> Any:
        """What the API answers, read as JSON where it is."""
        request = urllib.request.Request(self.address + path, headers=token, method=method)  # noqa: S310
        with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310
            text = answer.read().decode()
        return text if path == "/metrics" else json.loads(text)

    def hang_up(self) -> None:
        """SIGHUP."""
        self.process.process.send_signal(signal.SIGHUP)


def status(ask: Any) -> Any:
    """What was answered, also where that is a refusal."""
    try:
        return ask()
    except urllib.error.HTTPError as refused:
        with refused:
            return refused.code


@pytest.fixture
def rig(tmp_path: Path, process: Process) -> Rig:
    """A daemon whose source has the secret "first"."""
    return Rig(tmp_path, process)


def test_a_hangup_takes_a_changed_configuration_in_or_nothing_of_it(rig: Rig) -> None:
    """A new secret and a new name are in force at once; with a mistake the old ones stay, and everybody hears why."""
    assert rig.ready()["reload"] is None
    assert (rig.deliver("first"), rig.deliver("second")) == ("taken", "401")
    rig.write("pager", "second")
    rig.hang_up()
    assert eventually(lambda: rig.ready()["reload"]) == "well"
    assert (rig.deliver("first", "am"), rig.deliver("second", "pager")) == ("401", "taken")
    assert value(rig.asked("/metrics"), "timelined_config_last_reload_successful") == 1
    rig.write("other", "third", nonsense="x: 1")
    rig.hang_up()
    refused = eventually(lambda: rig.ready()["reload"] != "well" and rig.ready()["reload"])
    assert "nonsense" in refused
    assert rig.ready()["ready"]
    assert (rig.deliver("second", "pager"), rig.deliver("third", "other")) == ("taken", "401")
    assert value(rig.asked("/metrics"), "timelined_config_last_reload_successful") == 0
    assert "cannot reload the configuration" in rig.process.said.read_text()
    events = eventually(
        lambda: len(found := rig.asked("/api/v1/events?type=collector.reloaded")["events"]) == 2 and found
    )
    assert [sorted(event["data"]) for event in events] == [["configuration"], ["configuration", "failure"]]
    assert "third" not in json.dumps(events)
    assert rig.process.end(signal.SIGTERM) == 0


def test_an_exchanged_secret_is_in_force_without_a_reload(rig: Rig) -> None:
    """Of a source and of the API. A file that is empty or gone changes nothing, nor does one beside an edited
    configuration, which waits for its reload."""
    (rig.folder / "new").write_text("second\n", "utf-8")
    (rig.folder / "new").rename(rig.folder / "secret")
    eventually(lambda: rig.deliver("second") == "taken")
    assert rig.deliver("first") == "401"
    (rig.folder / "api-token").write_text("another", "utf-8")
    eventually(lambda: status(lambda: rig.asked("/api/v1/incidents", token={"Authorization": "Bearer another"})) != 401)
    assert status(lambda: rig.asked("/api/v1/incidents")) == 401
    (rig.folder / "secret").write_text("", "utf-8")
    eventually(lambda: "which is empty" in rig.process.said.read_text())
    assert rig.deliver("second") == "taken"
    rig.write("am", "third", web="max_body: 1MiB")
    eventually(lambda: "waits for a reload" in rig.process.said.read_text())
    assert (rig.deliver("second"), rig.deliver("third")) == ("taken", "401")
    rig.write("am", "third")
    eventually(lambda: rig.deliver("third") == "taken")
    assert rig.ready()["reload"] is None
    assert not {"second", "third", "another"} & set(rig.process.said.read_text().split())


def test_what_needs_a_restart_is_named_and_nothing_is_taken_in(rig: Rig) -> None:
    """A changed database or limit beside a new secret: the secret stays the old one, too."""
    rig.write("am", "second", web="max_body: 1MiB")
    rig.hang_up()
    assert "a restart is needed for web.max_body" in eventually(lambda: rig.ready()["reload"])
    assert (rig.deliver("first"), rig.deliver("second")) == ("taken", "401")


def test_a_reload_over_http_is_off_unless_enabled(rig: Rig) -> None:
    """It needs the API token in any case; where it is off the answer says what to do."""
    assert status(lambda: rig.asked("/-/reload", "POST", {})) == 401
    assert status(lambda: rig.asked("/-/reload", "POST")) == 403


class TestEnabled:
    """With --web.enable-lifecycle."""

    @pytest.fixture
    def rig(self, tmp_path: Path, process: Process) -> Rig:
        """A daemon that reloads for whoever has the token."""
        return type("Enabled", (Rig,), {"flags": ("--web.enable-lifecycle",)})(tmp_path, process)  # type: ignore[no-any-return]

    def test_a_post_reloads_or_says_why_not(self, rig: Rig) -> None:
        """200 where it was taken in; 422 with every mistake otherwise."""
        rig.write("am", "second")
        assert rig.asked("/-/reload", "POST") == {"reloaded": True}
        assert rig.deliver("second") == "taken"
        rig.write("am", "third", nonsense="x: 1")
        assert status(lambda: rig.asked("/-/reload", "POST")) == 422
        assert rig.deliver("second") == "taken"
        assert status(lambda: rig.asked("/-/reload", "POST", {})) == 401


def key(folder: Path) -> str:
    """Another key lies in the file; what its signatures are verified with."""
    cryptography = pytest.importorskip("cryptography.hazmat.primitives.asymmetric.ed25519")
    serialization = pytest.importorskip("cryptography.hazmat.primitives.serialization")
    made = cryptography.Ed25519PrivateKey.generate()
    pem: bytes = made.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    (folder / "new.pem").write_bytes(pem)
    (folder / "new.pem").rename(folder / "key.pem")
    return Signer.load("timelined", pem).verifier_key


def test_a_key_is_taken_in_by_a_reload_which_systemd_hears_of(tmp_path: Path) -> None:
    """What was exchanged in its file alone signs nothing; what is no key is refused; systemd hears the end of each."""
    key(tmp_path)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notices:
        notices.bind(str(tmp_path / "notify"))
        notices.settimeout(60)

        def heard(*wanted: str) -> list[str]:
            while not (said := notices.recv(4096).decode().split("\n"))[0].startswith(wanted):
                pass
            return said

        process = Process(tmp_path, NOTIFY_SOCKET=str(tmp_path / "notify"))
        rig = Rig(tmp_path, process, proof="signing_key_file: key.pem")
        assert heard("READY=1")
        new = key(tmp_path)
        eventually(lambda: "the former one signs on until a reload" in process.said.read_text())
        rig.hang_up()
        reloading, since, _ = heard("RELOADING=1", "READY=1")
        assert (reloading, since.partition("=")[0]) == ("RELOADING=1", "MONOTONIC_USEC")
        assert 0 <= time.clock_gettime(time.CLOCK_MONOTONIC) - int(since.partition("=")[2]) / 1e6 < PATIENCE
        assert heard("READY=1")[1] == f"STATUS=serving {rig.address}"
        (tmp_path / "key.pem").write_text("no key")
        rig.hang_up()
        assert "the reload was refused: proof.signing_key is not a private" in heard("READY=1")[1]
        assert rig.deliver("first") == "taken"
        assert process.end(signal.SIGTERM) == 0
    [latest] = tmp_path.rglob("event-latest")
    note = latest.read_text("utf-8")
    assert proofcheck.holds(note, new)


# --- what differs, and where values come from -------------------------------------------------------------------------


def test_sources_tokens_and_hosts_need_no_restart(tmp_path: Path) -> None:
    """Everything else that differs is named; equal configurations differ in nothing."""
    old = load_settings(None, {}, {})
    (tmp_path / "t.yml").write_text("web:\n  hosts: [x.example]\nsources:\n  a:\n    kind: github\n    open: true\n")
    new = load_settings(tmp_path / "t.yml", {}, {})
    assert differing(old, new) == []
    assert fingerprint(old) != fingerprint(new)
    (tmp_path / "t.yml").write_text("log:\n  level: debug\ndrafts:\n  zone: Europe/Madrid\n")
    assert differing(old, load_settings(tmp_path / "t.yml", {}, {})) == ["drafts.zone", "log.level"]


def test_a_variable_has_a_twin_that_names_a_file(tmp_path: Path) -> None:
    """What the file says is what the variable would; both at once, or a file that is not there, is a mistake."""
    file = tmp_path / "url"
    file.write_text("sqlite:///elsewhere.db\n", "utf-8")
    assert load_settings(None, {"TIMELINED_STORAGE_URL_FILE": str(file)}).storage.url == "sqlite:///elsewhere.db"
    both = {"TIMELINED_STORAGE_URL_FILE": str(file), "TIMELINED_STORAGE_URL": "sqlite:///x.db"}
    with pytest.raises(InvalidSettings, match="both set"):
        load_settings(None, both)
    with pytest.raises(InvalidSettings, match="No such file"):
        load_settings(None, {"TIMELINED_LOG_LEVEL_FILE": str(tmp_path / "none")})


@pytest.mark.parametrize(("written", "means"), [("true", True), ("false", False)])
def test_the_variable_of_a_switch_is_true_or_false(written: str, means: bool) -> None:
    """And nothing else."""
    assert load_settings(None, {"TIMELINED_WEB_ENABLE_LIFECYCLE": written}).web.enable_lifecycle is means
    with pytest.raises(InvalidSettings, match="write true or false"):
        load_settings(None, {"TIMELINED_WEB_ENABLE_LIFECYCLE": "maybe"})


async def test_a_reload_that_ends_otherwise_is_told_to_systemd_and_the_next_one_is_heard() -> None:
    """No error of one ends those that come after it, and the unit does not stay "reloading"."""
    hangup, status_event, words = asyncio.Event(), asyncio.Event(), list[str]()
    ends: list[Exception | str] = [ValueError("embedded null byte"), ""]

    class Reloaded:
        address = "http://here"

        async def reload(self) -> str:
            end = ends.pop(0)
            if isinstance(end, Exception):
                raise end
            return end

    class Notices:
        def reloading(self) -> None:
            words.append("reloading")

        def ready(self, status: str) -> None:
            words.append(status)
            status_event.set()

    async with process_module._reloading(hangup, Reloaded(), Notices()):  # type: ignore[arg-type]
        for _ in range(2):
            hangup.set()
            await asyncio.wait_for(status_event.wait(), PATIENCE)
            status_event.clear()
    refused = "serving http://here; the reload was refused: ValueError, see the log"
    assert words == ["reloading", refused, "reloading", "serving http://here"]
