"""Tokens with roles and names: who may do what, and who is recorded as having said it."""

from __future__ import annotations

import json
from pathlib import Path
from urllib.parse import urlencode

import msgspec
import pytest

from collector.errors import InvalidSettings
from collector.settings import Web, load_settings
from collector.tokens import Token
from tests.face import JSON, Face, running
from tests.page_checks import HTML, showing
from tests.token_forms import FORM, OPENING, bearer, wrote

TOKENS = (
    b"everything",
    Token(secret=b"reads", name="grafana", role="read"),
    Token(secret=b"writes", name="Ana Lima", role="write"),
    Token(secret=b"rules", name="oncall-bot", role="admin"),
)


async def test_a_role_bounds_what_a_token_may_do(tmp_path: Path) -> None:
    """Each role may do what stands before it; what it may not is a 403 that names the role, and does nothing."""
    may = {"reads": (200, 403, 403), "writes": (200, 201, 403), "rules": (200, 201, 200), "everything": (200, 201, 200)}
    erasing = {"by": "A", "reason": "r", "deliveries": ["d1"], "dry_run": True}
    async with running(tmp_path, api_tokens=TOKENS) as face:
        assert (await face.deliver(b"[]")).status == 202
        for token, expected in may.items():
            head = bearer(token)
            answers = (
                await face.get("/api/v1/incidents", headers=head),
                await face.post("/api/v1/incidents", OPENING, headers=head),
                await face.post("/api/v1/erasures", erasing, headers=head),
            )
            # Nothing erases here, and who may ask hears that.
            given = tuple(200 if answer.status == 503 else answer.status for answer in answers)
            assert given == expected, (token, [answer.body for answer in answers])
            for answer, status in zip(answers, expected, strict=True):
                if status == 403:
                    assert "has the role" in answer.problem(403)["detail"]
                    assert answer.json["type"].endswith(":not-allowed")
            for path in ("/metrics", "/incidents"):
                assert (await face.get(path, headers=head)).status == 200
        allowed = await face.ask("POST", "/-/reload", headers=bearer("rules"))
        assert "web.enable_lifecycle" in allowed.problem(403)["detail"]
        refused = await face.ask("POST", "/-/reload", headers=bearer("writes"))
        assert "needs admin" in refused.problem(403)["detail"]


async def test_a_tokens_name_is_the_actor_of_what_is_written_with_it(tmp_path: Path) -> None:
    """Whatever ``by`` says, and where it says nothing; one without a name leaves that to the writer."""
    async with running(tmp_path, api_tokens=TOKENS) as face:
        for token, fields, actor in (
            ("writes", OPENING, "Ana Lima"),
            ("rules", {"title": "the cart is down"}, "oncall-bot"),
            ("everything", {"by": "Somebody", "title": "the search is down"}, "Somebody"),
        ):
            assert await wrote(face, await face.post("/api/v1/incidents", fields, headers=bearer(token))) == actor
        (await face.post("/api/v1/incidents", {"title": "x"}, headers=bearer("everything"))).problem(422)
        for body in (b"[]", b"{", b'"x"'):
            answer = await face.ask("POST", "/api/v1/incidents", data=body, headers=JSON | bearer("writes"))
            answer.problem(400 if body == b"{" else 422)


async def session(face: Face, token: str) -> dict[str, str]:
    """The cookie of a browser that gave this token."""
    answer = await face.ask("POST", "/login", data=urlencode({"token": token}), headers=FORM)
    assert answer.status == 303, answer.body
    return {"Cookie": answer.headers["Set-Cookie"].partition(";")[0]}


async def test_a_browser_has_the_role_of_the_token_that_it_gave(tmp_path: Path) -> None:
    """A reader's page says so and its forms are refused; what a writer's form states is said by its name."""
    async with showing(tmp_path, api_tokens=TOKENS) as face:
        await face.incident()
        for token, status in (("reads", 403), ("writes", 303)):
            head = HTML | await session(face, token)
            page = (await face.get("/incidents/1", headers=head)).body.decode()
            assert ("grafana (may read only)" in page) == (token == "reads")
            assert ('<body class="reads">' in page) == (token == "reads")
            key = page.split('name="form_key" value="')[1].split('"')[0] if 'name="form_key"' in page else ""
            fields = {"by": "Somebody", "text": "seen", "key": f"one-{token}", "form_key": key}
            answer = await face.ask("POST", "/incidents/1/note", data=urlencode(fields), headers=FORM | head)
            assert answer.status == status, answer.body
        notes = [event for event in await face.log.read() if event.type == "note.added"]
        assert [note.actor for note in notes] == ["Ana Lima"]


# --- the configuration ------------------------------------------------------------------------------------------------

SOURCES = """
sources:
  us-alerts: {kind: alertmanager, bearer_token: first}
  open-alerts: {kind: alertmanager, open: true}
  github: {secret: s}
  pages: {kind: statuspage, path_token: p}
"""


def configured(folder: Path, tokens: str) -> Path:
    """A file with these tokens."""
    path = folder / "t.yml"
    path.write_text(f"api:\n  tokens:\n    {tokens}\n{SOURCES}", "utf-8")
    return path


def test_a_senders_token_proves_deliveries_of_its_source(tmp_path: Path) -> None:
    """Beside what the source has of its own; a source that was open asks for it from then on."""
    tokens = (
        "eu: {role: sender, source: us-alerts, token: [a, b]}\n    us: {role: sender, source: open-alerts, token: c}"
    )
    settings = load_settings(configured(tmp_path, tokens))
    assert settings.sources["us-alerts"].credentials.bearer == (b"first", b"a", b"b")
    proof = settings.sources["open-alerts"].credentials
    assert (proof.open, proof.bearer) == (False, (b"c",))
    assert settings.api.all == ()


def test_a_named_token_closes_the_api(tmp_path: Path) -> None:
    """It is enough for an address that others reach, and a sender's is not; nothing that is printed shows one."""
    sender = "x: {role: sender, source: open-alerts, token: s3nt}"
    settings = load_settings(configured(tmp_path, f"Ana Lima: {{role: write, token: s3cret}}\n    {sender}"))
    assert [(token.name, token.role, token.secret) for token in settings.api.all] == [("Ana Lima", "write", b"s3cret")]
    assert "s3cret" not in repr(settings)
    assert "s3nt" not in repr(settings)
    reached = msgspec.structs.replace(settings, web=Web(listen_address=(":9720",)))
    assert list(reached.unprotected) == []
    alone = msgspec.structs.replace(load_settings(configured(tmp_path, sender)), web=Web(listen_address=(":9720",)))
    assert list(alone.unprotected) == [("api",)]


@pytest.mark.parametrize(
    ("text", "sentence_part"),
    [
        ("x: {role: reader, token: t}", "did you mean read?"),
        ("x: {token: t}", "has no role; say what it may do"),
        ("x: {role: read}", "has no token; set token_file"),
        ("x: {role: read, source: github, token: t}", "has role read and a source"),
        ("x: {role: sender, token: t}", "has role sender and no source"),
        ("x: {role: sender, source: none, token: t}", "names the source 'none', which is not configured"),
        ("x: {role: sender, source: pages, token: t}", "statuspage sends no token"),
        ("x: {role: sender, source: github, token: t}", "github"),
        (f"{'x' * 101}: {{role: read, token: t}}", "cannot stand as who wrote something"),
    ],
)
def test_a_token_that_would_do_nothing_or_too_much_is_a_mistake(tmp_path: Path, text: str, sentence_part: str) -> None:
    """One sentence, with the line of the token."""
    with pytest.raises(InvalidSettings) as caught:
        load_settings(configured(tmp_path, text))
    (sentence,) = caught.value.mistakes
    assert "line 3, api.tokens" in sentence
    assert sentence_part in sentence, json.dumps(sentence)
