"""Below a path of its own: everything is there and nothing elsewhere, and every link begins with it."""

from __future__ import annotations

import asyncio
import json
import re
import socket
import urllib.error
from pathlib import Path

import msgspec
import pytest

from collector import daemon
from collector.errors import InvalidSettings
from collector.settings import Settings, Storage, Web, load_settings
from collector.web import Front, pages
from tests.conftest import timelined
from tests.face import Face, running
from tests.page_checks import showing
from tests.processes import Process, alert, get, post

BELOW = "/ops/timelined"
FOUND = (200, 303, 400, 405)
"""What an address answers at which something is: forms are sent to some of them, with what is typed."""
_ADDRESS = re.compile(r'(?:href|src|action|formaction)="(/[^"]*)"')


async def all_addresses(face: Face, prefix: str) -> set[str]:
    """Each address of ours in the pages of a daemon with one incident."""
    addresses: set[str] = set()
    for page in ("/incidents", "/incidents/1", "/deliveries", "/login", "/"):
        answer = await face.get(prefix + page, headers={"Accept": "text/html"})
        assert answer.status == 200, (page, answer.body)
        addresses |= set(_ADDRESS.findall(answer.body.decode()))
    return addresses


async def test_every_address_is_below_the_path(tmp_path: Path) -> None:
    """Requests, links of pages, Location, Link, the cookie, the instance of a problem; elsewhere nothing is."""
    async with running(tmp_path, front=Front(prefix=BELOW), api_tokens=(b"t",)) as face:
        assert (await face.deliver(b'[{"name": "x", "loud": true}]', f"{BELOW}/webhooks/bell")).status == 202
        (await face.deliver(b"[]", "/webhooks/bell")).problem(404)
        for path in ("/api/v1/incidents", "/ops/timelinedx/api/v1/incidents", "/ops/timeline", "/-/healthy"):
            (await face.get(path)).problem(404)
        for path in ("", "/", "/-/healthy", "/-/ready", "/login"):
            assert (await face.get(BELOW + path, headers={"Authorization": "Bearer t"})).status == 200, path
        root = await face.get("/")
        assert (root.status, root.headers["Location"]) == (303, f"{BELOW}/")
        token = {"Authorization": "Bearer t"}
        missing = await face.get(f"{BELOW}/api/v1/incidents/9", headers=token)
        assert missing.problem(404)["instance"] == f"{BELOW}/api/v1/incidents/9"
        said = await face.post(f"{BELOW}/api/v1/incidents", {"by": "Ada", "title": "down"}, headers=token)
        assert said.headers["Location"].startswith(f"{BELOW}/api/v1/events/")
        assert (await face.get(said.headers["Location"], headers=token)).status == 200
        listed = await face.get(f"{BELOW}/api/v1/events?limit=1", headers=token)
        assert listed.headers["Link"].startswith(f"<{BELOW}/api/v1/events?")
        sent = await face.get(f"{BELOW}/incidents?zone=UTC", headers={"Accept": "text/html"})
        assert sent.headers["Location"] == f"{BELOW}/login?next=%2Fincidents%3Fzone%3DUTC"
        form = {"Content-Type": "application/x-www-form-urlencoded"}
        signed = await face.ask("POST", f"{BELOW}/login", data="token=t&next=%2Fincidents", headers=form)
        assert signed.headers["Location"] == f"{BELOW}/incidents"
        assert f"Path={BELOW}" in signed.headers["Set-Cookie"]


async def test_a_proxy_may_take_the_path_off(tmp_path: Path) -> None:
    """Links begin as readers need them, and requests come without."""
    async with showing(tmp_path, front=Front(prefix="", root=BELOW)) as face:
        await face.incident()
        addresses = await all_addresses(face, "")
        assert len(addresses) > 15
        assert {each for each in addresses if not each.startswith(f"{BELOW}/")} == set()
        for each in sorted(addresses):
            path = each.removeprefix(BELOW).replace("&amp;", "&")
            answer = await face.get(path)
            assert answer.status in FOUND, path
        text = (await face.get("/")).body.decode()
        assert f"GET  {BELOW}/metrics" in text


async def test_links_of_the_pages_lead_where_something_is(tmp_path: Path) -> None:
    """The same without a proxy: what a page names is below the path, and answers."""
    async with showing(tmp_path, front=Front(prefix=BELOW)) as face:
        body = json.dumps([{"name": "one", "loud": True}]).encode()
        assert (await face.deliver(body, f"{BELOW}/webhooks/bell")).status == 202
        await face.followed()
        for each in sorted(await all_addresses(face, BELOW)):
            assert (await face.get(each.replace("&amp;", "&"))).status in FOUND, each


def test_no_template_has_an_address_that_does_not_follow() -> None:
    """Each begins with what our addresses begin with; a page that nobody opened in a test, too."""
    templates = sorted((Path(pages.__file__).parent / "templates").iterdir())
    assert len(templates) > 5
    for path in templates:
        assert _ADDRESS.findall(path.read_text("utf-8")) == [], path.name


def test_the_path_is_that_of_the_external_url_unless_it_is_said() -> None:
    """As Prometheus and Alertmanager have it."""
    outside = "https://ops.example.com/timelined"
    for url, configured, prefix, root in (
        ("", "", "", ""),
        (outside, "", "/timelined", "/timelined"),
        (outside, "/", "", "/timelined"),
        ("https://t.example", "", "", ""),
        ("", "/t", "/t", "/t"),
        (outside, "/t", "/t", "/timelined"),
    ):
        web = Web(external_url=url, route_prefix=configured)
        assert (web.prefix, web.root) == (prefix, root), (url, configured)


@pytest.mark.parametrize("text", ["timelined", "/a b", "//", "/a//b", "/../a", "/a?b", "/ä"])
def test_a_path_that_is_none_is_a_mistake(text: str) -> None:
    """What a browser or a proxy would read otherwise is not taken."""
    with pytest.raises(InvalidSettings, match="which is no path of plain characters"):
        load_settings(None, {}, {"web.route_prefix": text})


# --- several addresses ------------------------------------------------------------------------------------------------


def test_one_address_that_others_reach_is_enough_to_ask_for_tokens(tmp_path: Path) -> None:
    """A list in the file, several in a variable; each has to be an address."""
    path = tmp_path / "t.yml"
    path.write_text("web: {listen_address: ['127.0.0.1:1', '[::1]:2']}", "utf-8")
    web = load_settings(path).web
    assert (web.loopback, web.addresses) == (True, (("127.0.0.1", 1), ("::1", 2)))
    assert {"127.0.0.1", "[::1]"} <= set(web.names)
    with pytest.raises(InvalidSettings) as caught:
        load_settings(None, {"TIMELINED_WEB_LISTEN_ADDRESS": "127.0.0.1:1, :2"})
    assert all(sentence.startswith("cannot serve on :2, which others") for sentence in caught.value.mistakes)
    for text, says in (("web: {listen_address: [x]}", "not HOST:PORT"), ("web: {listen_address: []}", "no address")):
        path.write_text(text, "utf-8")
        with pytest.raises(InvalidSettings, match=says):
            load_settings(path)


async def test_a_daemon_listens_on_each_address(database: str) -> None:
    """Whichever a sender comes to."""
    with socket.socket() as first, socket.socket() as two:
        for probe in (first, two):
            probe.bind(("127.0.0.1", 0))
        ports = [probe.getsockname()[1] for probe in (first, two)]
    addresses = tuple(f"127.0.0.1:{port}" for port in ports)
    settings = msgspec.structs.replace(Settings(), web=Web(listen_address=addresses), storage=Storage(url=database))
    async with daemon.running(settings) as running:
        assert running.address == f"http://{addresses[0]}"
        for each in addresses:
            _, writer = await asyncio.open_connection(*each.split(":"))
            writer.close()


def test_commands_find_a_daemon_below_a_path(process: Process) -> None:
    """Its address has the path in it: for commands, and for whoever reads its log."""
    address = process.start("--web.external-url", f"https://ops.example.com{BELOW}")
    assert address.endswith(BELOW)
    assert post(f"{address}/webhooks/alertmanager", alert("firing"))[0] == 202
    with pytest.raises(urllib.error.HTTPError):
        get(address.removesuffix(BELOW) + "/-/healthy")
    ran = timelined("open", "the checkout is down", "--by", "Ada", cwd=process.folder)
    assert ran.returncode == 0, ran.stderr
    asked = timelined("incidents", "--server", address, cwd=process.folder)
    assert "checkout" in asked.stdout
