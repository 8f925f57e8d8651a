"""``web.config_file``: TLS that is rotated without a restart, clients' certificates, users with passwords, headers."""

from __future__ import annotations

import asyncio
import base64
import json
import ssl
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from collector import daemon
from collector.daemon import fronting
from collector.errors import InvalidSettings
from collector.settings import Settings, load_settings, read_web_file
from collector.web import Front
from tests.certificates import Authority
from tests.conftest import timelined
from tests.face import JSON, running

ADA = "$2b$04$MDx/Jx8pAQBTL3WBmqwNYecQ8EB6sYLAegvLrLmuQzG.vmf7uExyq"
"""What bcrypt makes of ``her password``; written down, since each process that collects tests must name them alike."""
TLS = "tls_server_config:\n  cert_file: server.pem\n  key_file: server.key\n"
WHOLE = """\
tls_server_config:
  cert_file: server.pem
  key_file: server.key
  client_ca_file: ca.pem
  client_auth_type: RequireAndVerifyClientCert
  client_allowed_sans: [prometheus.example]
  min_version: TLS12
  max_version: TLS13
  cipher_suites: [TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, TLS_AES_128_GCM_SHA256]
  prefer_server_cipher_suites: false
  curve_preferences: [CurveP256]
http_server_config:
  http2: true
  headers:
    Strict-Transport-Security: max-age=31536000
    X-Frame-Options: deny
basic_auth_users:
  ada: HASH
""".replace("HASH", ADA)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with an authority of its own, and a server's certificate."""
    Authority(tmp_path).sign("timelined.example", files="server")
    return tmp_path


def configured(folder: Path, text: str, more: str = "") -> Settings:
    """The settings of a daemon whose web.config_file says this."""
    (folder / "web.yml").write_text(text, "utf-8")
    (folder / "t.yml").write_text(
        f"web: {{listen_address: '127.0.0.1:0', config_file: web.yml}}\ndrafts: {{enabled: false}}\n"
        f"storage: {{url: 'sqlite:///{folder}/log.db'}}\n{more}",
        "utf-8",
    )
    return load_settings(folder / "t.yml")


def trust(folder: Path, client: str = "") -> ssl.SSLContext:
    """What a client trusts, and proves itself with."""
    context = ssl.create_default_context(cafile=str(folder / "ca.pem"))
    if client:
        context.load_cert_chain(folder / f"{client}.pem", folder / f"{client}.key")
    return context


async def served(address: str, tls: ssl.SSLContext) -> int:
    """The serial number of the certificate that a new connection is shown."""
    host, port = address.removeprefix("https://").split(":")
    _, writer = await asyncio.open_connection(host, int(port), ssl=tls)
    shown = writer.get_extra_info("peercert")
    writer.close()
    return int(shown["serialNumber"], 16)


async def asked(session: aiohttp.ClientSession, url: str, **more: Any) -> tuple[int, Any]:
    """The status and the JSON of an answer."""
    async with session.get(url, **more) as answer:
        return answer.status, await answer.json(content_type=None)


async def until(condition: Any) -> None:
    """Wait until this holds."""
    async with asyncio.timeout(60):
        while not await condition():  # noqa: ASYNC110 - files have no event
            await asyncio.sleep(0.01)


async def test_a_certificate_is_rotated_without_a_restart(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """New connections are shown the new one, an open one goes on; while its files do not fit, the old one serves."""
    monkeypatch.setattr(fronting, "EVERY", 0.01)
    settings = configured(folder, TLS)
    authority = Authority(folder)
    first = authority.sign("timelined.example", files="server")
    tls = trust(folder)
    async with (
        daemon.running(settings) as running,
        aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=tls, limit=1)) as session,
    ):
        assert running.address.startswith("https://127.0.0.1:")
        ready = f"{running.address}/-/ready"
        assert (await asked(session, ready))[1]["web_config"] == "well"
        assert await served(running.address, tls) == first
        (folder / "server.key").write_text("half of a k", "utf-8")

        async def refused() -> bool:
            return "OpenSSL refuses it" in (await asked(session, ready))[1]["web_config"]

        await until(refused)
        assert await served(running.address, tls) == first
        second = authority.sign("timelined.example", files="server")

        async def rotated() -> bool:
            return await served(running.address, tls) == second

        await until(rotated)
        assert (await asked(session, ready))[1]["web_config"] == "well"
        (folder / "web.yml").write_text("", "utf-8")

        async def says_so() -> bool:
            return "a restart is needed" in (await asked(session, ready))[1]["web_config"]

        await until(says_so)
        assert await served(running.address, tls) == second


async def test_clients_certificates_decide_who_is_let_in(folder: Path) -> None:
    """One of ours with a name that is let in; one of ours with another name is a 403, and none no connection at all."""
    authority = Authority(folder)
    authority.sign("timelined.example", files="server")
    authority.sign("prometheus.example")
    authority.sign("stranger.example")
    async with daemon.running(configured(folder, WHOLE)) as running:
        url = f"{running.address}/-/healthy"
        for name, status in (("prometheus.example", 200), ("stranger.example", 403)):
            connector = aiohttp.TCPConnector(ssl=trust(folder, name))
            async with aiohttp.ClientSession(connector=connector) as session, session.get(url) as answer:
                assert answer.status == status, await answer.text()
                assert answer.headers["Strict-Transport-Security"] == "max-age=31536000"
        connector = aiohttp.TCPConnector(ssl=trust(folder))
        async with aiohttp.ClientSession(connector=connector) as session:
            with pytest.raises(aiohttp.ClientError):
                await asked(session, url)


async def test_a_command_trusts_the_daemon_of_its_machine_by_its_certificate(folder: Path) -> None:
    """It asks for 127.0.0.1, which the certificate need not name, and needs no authority of this machine."""
    async with daemon.running(configured(folder, TLS)):
        arguments = ("open", "the checkout is down", "--by", "Ada", "--config.file", str(folder / "t.yml"))
        ran = await asyncio.to_thread(timelined, *arguments, cwd=folder)
        assert ran.returncode == 0, ran.stderr
        looked = await asyncio.to_thread(timelined, "doctor", "--config.file", str(folder / "t.yml"), cwd=folder)
        assert "answers at https://127.0.0.1" in looked.stdout + looked.stderr


# --- users and headers ------------------------------------------------------------------------------------------------


def basic(name: str, password: str) -> dict[str, str]:
    """The header of a name and a password."""
    return {"Authorization": "Basic " + base64.b64encode(f"{name}:{password}".encode()).decode()}


def front() -> Front:
    """One user, and a header."""
    made = Front()
    made.take(users={"ada": ADA.encode()}, headers={"X-Frame-Options": "deny", "Content-Security-Policy": "x"})
    return made


async def test_a_user_with_a_password_is_let_in_where_a_token_would_be(tmp_path: Path) -> None:
    """Wrong, unknown and too long are the same 401, which asks for a password; webhooks prove themselves."""
    async with running(tmp_path, front=front()) as face:
        for headers in (
            {}, basic("ada", "his password"), basic("eve", "her password"), basic("ada", ""), basic("ada", "x" * 73),
            {"Authorization": "Basic ?"}, {"Authorization": "Basic YWRh"}, {"Authorization": "Bearer her password"},
        ):  # fmt: skip
            for path in ("/api/v1/incidents", "/metrics", "/incidents"):
                answer = await face.get(path, headers=headers)
                answer.problem(401)
                assert 'Basic realm="timelined"' in answer.headers["WWW-Authenticate"]
        for _ in range(2):
            assert (await face.get("/api/v1/incidents", headers=basic("ada", "her password"))).status == 200
        assert (await face.deliver(b"[]")).status == 202
        assert (await face.get("/-/healthy")).status == 200
        browser = await face.get("/incidents", headers={"Accept": "text/html"})
        assert (browser.status, browser.headers["Content-Type"]) == (401, "text/html; charset=utf-8")
        assert "Basic" in browser.headers["WWW-Authenticate"]


async def test_no_page_of_another_site_writes_with_a_password_that_a_browser_knows(tmp_path: Path) -> None:
    """Browsers send a password by themselves, whoever asks."""
    body = json.dumps({"by": "Ada", "title": "down"}).encode()
    async with running(tmp_path, front=front(), api_tokens=(b"token",)) as face:
        ours = {**JSON, **basic("ada", "her password")}
        foreign = ours | {"Origin": "http://evil.example"}
        (await face.ask("POST", "/api/v1/incidents", data=body, headers=foreign)).problem(403)
        assert (await face.ask("POST", "/api/v1/incidents", data=body, headers=ours)).status == 201
        bearer = {"Authorization": "Bearer token"}
        assert (await face.get("/api/v1/incidents", headers=bearer)).status == 200


async def test_headers_are_added_and_none_of_ours_is_replaced(tmp_path: Path) -> None:
    """Also on what is no HTTP, and on an answer that is an error."""
    async with running(tmp_path, front=front()) as face:
        for answer in (await face.get("/-/healthy"), await face.get("/nowhere")):
            assert answer.headers["X-Frame-Options"] == "deny"
            assert answer.headers["Content-Security-Policy"].startswith("default-src 'none'")
        assert b"X-Frame-Options: deny" in await face.raw(b"nonsense\r\n\r\n")


# --- the file ---------------------------------------------------------------------------------------------------------


def test_a_whole_file_of_prometheus_is_read(folder: Path) -> None:
    """Every key that can be meant here, and no secret in what is printed."""
    web_file = read_web_file(str(Path(configured(folder, WHOLE).web.config_file)))
    assert web_file.tls is not None
    assert (web_file.tls.suites, web_file.tls.curve) == (("ECDHE-ECDSA-AES128-GCM-SHA256",), "prime256v1")
    assert web_file.files == tuple(str(folder / name) for name in ("web.yml", "server.pem", "server.key", "ca.pem"))
    assert ADA not in repr(configured(folder, WHOLE))


def test_an_inline_certificate_is_taken(folder: Path) -> None:
    """As the newer versions of the format have it."""
    lines = {name: (folder / f"server.{end}").read_text().strip() for name, end in (("cert", "pem"), ("key", "key"))}
    text = "tls_server_config:\n" + "".join(
        f"  {name}: |\n" + "".join(f"    {line}\n" for line in content.splitlines()) for name, content in lines.items()
    )
    assert read_web_file(str(Path(configured(folder, text).web.config_file))).files == (str(folder / "web.yml"),)


MISTAKES = [
    ("nonsense: x", "nonsense is not a setting"),
    ("basic_auth_users: {ada: secret}", "basic_auth_users.ada is no bcrypt hash"),
    ("basic_auth_users: {'a:b': " + ADA + "}", "has a colon"),
    ("rate_limit: {interval: 1s}", "rate_limit is not offered"),
    ("http_server_config: {headers: {X-Own: x}}", "X-Own is not a setting"),
    ("tls_server_config: {cert_file: server.pem}", "has no key_file"),
    ("tls_server_config: {key_file: server.key}", "has no cert_file"),
    ("tls_server_config: {cert_file: none.pem, key_file: server.key}", "none.pem, which cannot be read"),
    ("tls_server_config: {cert_file: server.pem, key_file: server.pem}", "OpenSSL refuses it"),
    (TLS + "  key: x", "key is not PEM"),
    (TLS + "  min_version: TLS10", "is TLS10, which is not safe any more"),
    (TLS + "  min_version: TLS13\n  max_version: TLS12", "above max_version"),
    (TLS + "  client_auth_type: RequireAnyClientCert", "unverified"),
    (TLS + "  client_auth_type: VerifyClientCertIfGiven", "no client_ca_file"),
    (TLS + "  client_ca_file: ca.pem", "set client_auth_type"),
    (TLS + "  client_allowed_sans: [x]", "need client_auth_type"),
    (TLS + "  cipher_suites: [NONE]", "use one of TLS_ECDHE"),
    (TLS + "  curve_preferences: [X25519, CurveP256]", "several curve_preferences"),
    (TLS + "  curve_preferences: [CurveP1]", "use one of CurveP256"),
]


@pytest.mark.parametrize(("text", "message"), MISTAKES)
def test_a_mistake_in_the_file_is_said_with_its_line(folder: Path, text: str, message: str) -> None:
    """One sentence about the file that it stands in; what is no hash may be the password, and is not repeated."""
    with pytest.raises(InvalidSettings) as caught:
        configured(folder, text)
    (sentence,) = caught.value.mistakes
    assert sentence.startswith(f"cannot read {folder}/web.yml: line ")
    assert message in sentence
    assert "secret" not in sentence


def test_users_close_the_api_on_an_address_that_others_reach(folder: Path) -> None:
    """Passwords are enough, and a file without users is not."""
    more = "sources: {am: {kind: alertmanager, bearer_token: b}}\n"
    configured(folder, f"basic_auth_users: {{ada: {ADA}}}\n", more)
    reached = {"web.listen_address": ":9720"}
    assert load_settings(folder / "t.yml", {}, reached).web.guarded
    (folder / "web.yml").write_text(TLS, "utf-8")
    with pytest.raises(InvalidSettings, match="would be open to anybody"):
        load_settings(folder / "t.yml", {}, reached)


def test_the_file_is_named_by_a_flag_or_a_variable_too(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Then it counts from the working directory, and one that is not there is said."""
    (folder / "web.yml").write_text(TLS, "utf-8")
    monkeypatch.chdir(folder)
    for how in ({"overrides": {"web.config_file": "web.yml"}}, {"environ": {"TIMELINED_WEB_CONFIG_FILE": "web.yml"}}):
        file = load_settings(None, **how).web.file  # type: ignore[arg-type]
        assert file is not None
        assert file.tls is not None
    with pytest.raises(InvalidSettings, match=r"cannot read none\.yml: No such file"):
        load_settings(None, {}, {"web.config_file": "none.yml"})
