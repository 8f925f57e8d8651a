"""People who signed in at a proxy: who is believed, what their groups let them do, and whose name is on record."""

from __future__ import annotations

import ipaddress
from pathlib import Path
from urllib.parse import urlencode

import msgspec
import pytest

from collector.errors import InvalidSettings
from collector.settings import Web, load_settings
from collector.tokens import ProxyLogin, Token
from tests.face import running
from tests.page_checks import HTML, showing
from tests.token_forms import FORM, OPENING, bearer, wrote

ROLES = {"leads": "admin", "sre": "write", "*": "read"}
HERE = ProxyLogin(networks=(ipaddress.ip_network("127.0.0.1"),), roles=ROLES)
AWAY = ProxyLogin(networks=(ipaddress.ip_network("10.1.0.0/16"),), roles=ROLES)
AUTHELIA = ProxyLogin(networks=HERE.networks, user_header="Remote-User", groups_header="Remote-Groups", roles=ROLES)


def who(user: str, groups: str = "") -> dict[str, str]:
    """What oauth2-proxy hands on."""
    return {"X-Forwarded-User": user, "X-Forwarded-Groups": groups}


async def test_a_person_does_what_their_groups_may(tmp_path: Path) -> None:
    """Reading, stating and reloading, each by the group that may most; the name is the actor of what is stated."""
    async with running(tmp_path, proxies=[HERE]) as face:
        assert (await face.get("/incidents", headers=HTML | who("ada"))).status == 200
        assert (await face.get("/api/v1/incidents", headers=who("ada", "other"))).status == 200
        refused = (await face.post("/api/v1/incidents", OPENING, headers=who("ada", "other"))).problem(403)
        assert "ada has the role read, and this needs write" in refused["detail"]
        told = await face.post("/api/v1/incidents", OPENING, headers=who("ada", "other, sre"))
        assert await wrote(face, told) == "ada"
        reload = [await face.post("/-/reload", headers=who("ada", groups)) for groups in ("sre", "sre,leads")]
        assert ["needs admin" in answer.problem(403)["detail"] for answer in reload] == [True, False]


async def test_who_is_in_no_group_that_may_anything_is_refused(tmp_path: Path) -> None:
    """The proxy let them in, and nothing lets them read."""
    known = msgspec.structs.replace(HERE, roles={"sre": "write"})
    async with running(tmp_path, proxies=[known]) as face:
        assert "ada has no role" in (await face.get("/api/v1/incidents", headers=who("ada", "*")))\
            .problem(403)["detail"]  # fmt: skip
        assert (await face.get("/api/v1/incidents", headers=who("ada", "sre"))).status == 200


async def test_a_header_is_believed_of_the_proxy_alone(tmp_path: Path) -> None:
    """From elsewhere it is as if it were not there, for pages, the API and writes; nobody is sent to a login."""
    async with running(tmp_path, proxies=[AWAY]) as face:
        for headers in (who("ada", "leads"), who("ada", "leads") | {"X-Forwarded-For": "10.1.0.7"}):
            (await face.get("/api/v1/incidents", headers=headers)).problem(401)
            (await face.post("/api/v1/incidents", OPENING, headers=headers)).problem(401)
            (await face.get("/metrics", headers=headers)).problem(401)
            answer = await face.get("/incidents", headers=HTML | headers)
            assert answer.status == 401
            assert b"ask through the proxy that api.proxy names" in answer.body
        assert (await face.deliver(b"[]")).status == 202


@pytest.mark.parametrize(
    "headers",
    [
        [], [("X-Forwarded-User", "")], [("X-Forwarded-User", "ada"), ("X-Forwarded-User", "eve")],
        [("X-Forwarded-User", "ada"), ("X-Forwarded-Groups", "sre"), ("X-Forwarded-Groups", "leads")],
        [("X-Forwarded-User", "x" * 101)], [("X-Forwarded-User", "a\u202eda")], [("X_Forwarded_User", "ada")],
        [("Remote-User", "ada")],
    ],
)  # fmt: skip
async def test_a_header_that_could_be_anybodys_names_nobody(tmp_path: Path, headers: list[tuple[str, str]]) -> None:
    """None, an empty one, one that stands twice, a name that cannot be shown, a header of another proxy."""
    async with running(tmp_path, proxies=[HERE]) as face:
        (await face.get("/api/v1/incidents", headers=headers)).problem(401)


async def test_a_token_goes_on_to_do_beside_a_proxy(tmp_path: Path) -> None:
    """Programs have tokens; people of Authelia are known by its own headers."""
    token = Token(secret=b"reads", name="grafana", role="read")
    async with running(tmp_path, proxies=[AUTHELIA], api_tokens=[token]) as face:
        assert (await face.get("/api/v1/incidents", headers=bearer("reads"))).status == 200
        people = {"Remote-User": "ada", "Remote-Groups": "sre"}
        assert (await face.get("/incidents", headers=HTML | people)).status == 200
        (await face.get("/api/v1/incidents", headers=who("ada", "sre"))).problem(401)
        # The token that is given says more than whoever sits behind the proxy.
        (await face.post("/api/v1/incidents", OPENING, headers=bearer("reads") | people)).problem(403)


async def test_a_page_of_another_site_does_nothing_in_a_persons_name(tmp_path: Path) -> None:
    """The proxy knows a browser by its cookie, which it might send for any page."""
    async with running(tmp_path, proxies=[HERE]) as face:
        await face.incident()
        foreign = {"Origin": "https://evil.example"} | who("ada", "leads")
        (await face.post("/api/v1/incidents", OPENING, headers=foreign)).problem(403)
        form = urlencode({"text": "seen", "key": "one"})
        (await face.ask("POST", "/incidents/1/note", data=form, headers=FORM | foreign)).problem(403)


@pytest.mark.parametrize("path", ["/incidents/1", "/undo?events={event}", "/incidents/1/merge?other=2"])
async def test_forms_do_not_ask_who_somebody_is_that_is_known(tmp_path: Path, path: str) -> None:
    """They say it instead, and record it; where nobody is known they ask."""
    async with showing(tmp_path, proxies=[HERE], api_tokens=(b"everything",)) as face:
        await face.incident(1)
        await face.incident(2)
        [event, *_] = await face.log.read()
        address = path.format(event=event.id)
        known = (await face.get(address, headers=HTML | who("ada <b>", "sre"))).body.decode()
        assert 'name="by"' not in known
        assert "Said by <bdi>ada &lt;b&gt;</bdi>" in known
        assert 'name="by"' in (await face.get(address, headers=HTML | bearer("everything"))).body.decode()


async def test_a_form_of_a_person_behind_a_proxy_is_taken(tmp_path: Path) -> None:
    """Whoever it says to be said by."""
    async with showing(tmp_path, proxies=[HERE]) as face:
        await face.incident()
        form = urlencode({"text": "seen", "key": "one", "by": "Somebody"})
        answer = await face.ask("POST", "/incidents/1/note", data=form, headers=FORM | HTML | who("ada", "sre"))
        assert answer.status == 303, answer.body
        assert [each.actor for each in await face.log.read() if each.type == "note.added"] == ["ada"]


def test_a_proxy_is_where_it_is_said_to_be() -> None:
    """By its address, also as IPv6 writes one of IPv4, and with a zone; what is no address is nobody's."""
    both = ProxyLogin(networks=(*AWAY.networks, ipaddress.ip_network("fe80::/64")), roles=ROLES)
    assert all(map(both.is_at, ("10.1.0.7", "::ffff:10.1.200.1", "fe80::1%eth0")))
    assert not any(map(both.is_at, ("10.2.0.7", "::ffff:10.2.0.1", "127.0.0.1", "", "unix", "10.1.0.7.evil.example")))


# --- the configuration ------------------------------------------------------------------------------------------------


def configured(folder: Path, proxy: str) -> Path:
    """A file with this proxy."""
    path = folder / "t.yml"
    path.write_text(f"api:\n  proxy: {proxy}\nsources:\n  a: {{kind: alertmanager, bearer_token: x}}\n", "utf-8")
    return path


def test_a_proxy_closes_the_api(tmp_path: Path) -> None:
    """It is enough for an address that others reach."""
    settings = load_settings(configured(tmp_path, '{addresses: 10.1.0.7, roles: {sre: write, "*": read}}'))
    assert settings.api.proxies[0].user_header == "X-Forwarded-User"
    reached = msgspec.structs.replace(settings, web=Web(listen_address=(":9720",)))
    assert list(reached.unprotected) == []


@pytest.mark.parametrize(
    ("proxy", "sentence"),
    [
        ("{roles: {sre: write}}", "has no addresses; say from where the proxy connects"),
        ("{addresses: 10.1.0.7}", "has no roles; say what people may do"),
        ("{addresses: 0.0.0.0/0, roles: {a: read}}", "which is every address"),
        ("{addresses: proxy.example, roles: {a: read}}", "is 'proxy.example', which is no address"),
        ("{addresses: 10.1.0.7, roles: {a: sender}}", "use one of read, write, admin"),
        ("{addresses: 10.1.0.7, roles: {a: read}, user_header: 'X User'}", "'X User', which cannot say who asks"),
        ("{addresses: 10.1.0.7, roles: {a: read}, user_header: Cookie}", "'Cookie', which cannot say who asks"),
        ("{addresses: 10.1.0.7, roles: {a: read}, user: x}", "api.proxy.user is not a setting"),
    ],
)
def test_a_proxy_that_would_let_anybody_in_is_a_mistake(tmp_path: Path, proxy: str, sentence: str) -> None:
    """Each is said with its line."""
    with pytest.raises(InvalidSettings) as refused:
        load_settings(configured(tmp_path, proxy))
    assert sentence in str(refused.value)
