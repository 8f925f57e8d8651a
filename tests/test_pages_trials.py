"""What pages say to try a source with: lines that a shell takes as they stand, proved as the source wants it."""

from __future__ import annotations

import base64
import itertools
import json
import subprocess
import sys
from pathlib import Path

import pytest

from collector.intake import Endpoint
from collector.sources import SOURCES
from collector.web.front import Front
from collector.web.pages.trials import first_alert, made_up, trials
from collector.webhook import Credentials, Webhook
from tests.face import NOW, running
from tests.page_checks import seen, text

ADDRESS = "http://127.0.0.1:9720/webhooks/alertmanager"
SECRET = "s3cr't $x"
PROOFS = {
    "open": (Credentials(open=True), "none"),
    "bearer": (Credentials(bearer=(SECRET.encode(),)), "bearer"),
    "basic": (Credentials(basic=((b"an a", SECRET.encode()),)), "basic"),
    "path": (Credentials(path=(b"p4th",)), "path"),
}
VARIABLES = {
    "open": {}, "bearer": {"TOKEN": SECRET}, "basic": {"NAME": "an a", "PASSWORD": SECRET}, "path": {"TOKEN": "p4th"},
}  # fmt: skip


def arguments(command: str, folder: Path, variables: dict[str, str]) -> list[str]:
    """What ``curl`` is given by a shell that has these variables."""
    (folder / "curl").write_text(f"#!{sys.executable}\nimport json, sys\nprint(json.dumps(sys.argv[1:]))\n")
    (folder / "curl").chmod(0o700)
    environment = {"PATH": f"{folder}:/usr/bin:/bin", **variables}
    done = subprocess.run(["sh", "-uc", command], capture_output=True, text=True, check=True, env=environment)
    told: list[str] = json.loads(done.stdout)
    return told


def webhook(parts: list[str]) -> Webhook:
    """The delivery that ``curl`` would make of its arguments."""
    assert parts[0] == "-i"
    headers = {}
    for option, value in itertools.pairwise(parts):
        if option == "-H":
            name, _, content = value.partition(": ")
            headers[name.lower()] = content
        elif option == "-u":
            headers["authorization"] = f"Basic {base64.b64encode(value.encode()).decode()}"
    body = parts[parts.index("--data-binary") + 1].encode()
    token = parts[1].removeprefix(ADDRESS).removeprefix("/")
    return Webhook(source="alertmanager", headers=headers, body=body, received_at=NOW, token=token)


@pytest.mark.parametrize("way", PROOFS)
def test_a_first_alert_is_proved_as_its_source_wants_it(way: str, tmp_path: Path) -> None:
    """Variables stand for secrets, and the page names the settings that have them; the shell makes them a proof."""
    credentials, proof = PROOFS[way]
    endpoint = Endpoint(source=SOURCES["alertmanager"], credentials=credentials)
    tried = first_alert(endpoint, ADDRESS)
    assert tried is not None
    delivery = webhook(arguments(tried.command, tmp_path, VARIABLES[way]))
    assert endpoint.source.verify(delivery, credentials) == proof
    (event,) = endpoint.source.parse(delivery, endpoint.reading)
    assert (event.type, event.title) == ("alert.firing", "TryMe")
    for name, value in VARIABLES[way].items():
        assert name in tried.words
        assert value not in tried.words + tried.command


def test_where_no_line_can_be_a_proof_the_daemons_own_command_is_named() -> None:
    """It signs with the secret of the configuration. What only a sender can sign is said not to be typed."""
    signed = Endpoint(source=SOURCES["pagerduty"], credentials=Credentials(signing=(b"k",)))
    [tried] = trials("pages", signed, ADDRESS)
    assert tried.command == "timelined sources send-test pages"
    assert "incident" in tried.words
    mapped = Endpoint(source=SOURCES["mapped"], credentials=Credentials(open=True))
    assert [each.command for each in trials("own", mapped, ADDRESS)] == ["timelined sources send-test own BODY"]
    certified = Endpoint(source=SOURCES["aws"], credentials=Credentials(certificates=(b"-",)))
    told = made_up("aws", certified)
    assert told is not None
    assert (told.command, "only AWS" in told.words) == ("", True)
    assert trials("gone", None, ADDRESS) == []


@pytest.mark.parametrize("path", ["/incidents", "/deliveries", "/deliveries?source=bell"])
async def test_addresses_for_senders_have_the_path_that_all_addresses_have(path: str, tmp_path: Path) -> None:
    """Deliveries left it out, so that what was pasted led to nothing."""
    async with running(tmp_path, front=Front(prefix="/below")) as face:
        words = text((await seen(face, f"/below{path}")).find(".//main"))
        assert f"http://127.0.0.1:{face.address[1]}/below/webhooks/bell" in words
        assert "/webhooks" not in words.replace("/below/webhooks", "")


async def test_deliveries_of_a_log_that_has_none_say_what_to_do(tmp_path: Path) -> None:
    """That all that were ever stored are counted says nothing of none; what to enter stands open."""
    async with running(tmp_path) as face:
        tree = await seen(face, "/deliveries")
        assert "Nothing arrived yet" in text(tree.find(".//main"))
        assert "open" in next(each for each in tree.iter("details") if each.get("class") == "quiet").attrib
