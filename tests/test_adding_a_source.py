"""docs/adding-a-source.md does what it says: its adapter is served, and its delivery becomes an event."""

from __future__ import annotations

import ast
import importlib
import json
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from collector.intake import Endpoint
from collector.settings import SourceSettings, load_settings
from collector.signing import signature_of
from collector.sources import SOURCES
from collector.webhook import Source
from tests.face import Connect, running
from tests.layers import ADAPTER_MAY_IMPORT
from tests.walkthrough import PAGE, block

SECRET = b"the secret of the page"


@pytest.fixture
def planted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Source]:
    """The page's adapter, imported from a package of its own and entered in SOURCES by its line."""
    package = tmp_path / "planted"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "forge.py").write_text(block("python"), "utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))
    source = importlib.import_module("planted.forge").SOURCE
    assert isinstance(source, Source)
    monkeypatch.setitem(SOURCES, source.kind, source)
    yield source
    for name in ("planted.forge", "planted"):
        sys.modules.pop(name, None)


def configured(folder: Path) -> SourceSettings:
    """The source by the page's own settings."""
    (folder / "secrets").mkdir()
    (folder / "secrets" / "forge").write_bytes(SECRET + b"\n")
    (folder / "timelined.yml").write_text(block("yaml"), "utf-8")
    (said,) = load_settings(folder / "timelined.yml").sources.values()
    return said


async def test_the_pages_adapter_takes_its_delivery(
    planted: Source, tmp_path: Path, aiohttp_client: Connect
) -> None:  # fmt: skip
    """Verified, parsed, stored; the same again is known; a wrong signature and a changed byte are refused."""
    said = configured(tmp_path)
    assert said.kind == planted.kind
    endpoint = Endpoint(source=planted, credentials=said.credentials, reading=said.reading)
    body = block("json").encode()
    signed = {"X-Forge-Signature": f"sha256={signature_of(body, SECRET)}", "X-Forge-Event": "Deployment"}
    async with running(tmp_path, connect=aiohttp_client, endpoints={"forge": endpoint}) as face:
        stored = await face.ask("POST", "/webhooks/forge", data=body, headers=signed)
        assert (stored.status, (await face.ask("POST", "/webhooks/forge", data=body, headers=signed)).status) == (
            202,
            200,
        )
        for sent, headers in ((body, {}), (body + b" ", signed), (body, signed | {"X-Forge-Signature": "sha256=00"})):
            (await face.ask("POST", "/webhooks/forge", data=sent, headers=headers)).problem(401)
        (event,) = await face.log.read()
        delivery = await face.log.delivery(stored.json["delivery"])
    assert (event.type, event.entity, event.actor, event.time_text) == (
        "change.succeeded", "deployment:4711", "mara", "2026-03-04T14:00:05Z",
    )  # fmt: skip
    assert delivery is not None
    assert (delivery.authentication, dict(delivery.headers)["x-forge-event"]) == ("signature", "Deployment")


async def test_what_the_pages_adapter_does_not_understand_is_kept(
    planted: Source, tmp_path: Path, aiohttp_client: Connect
) -> None:
    """A kind that is set aside is no event, an unknown state is kept as not understood, a cut body is malformed."""
    endpoint = Endpoint(source=planted, credentials=configured(tmp_path).credentials)
    sent = json.loads(block("json"))
    cases = {
        json.dumps(sent | {"status": "paused"}): ("Deployment", 202, "unrecognised"),
        json.dumps({"note": "hello"}): ("Comment", 202, "read"),
        json.dumps(sent)[:40]: ("Deployment", 400, "malformed"),
    }
    async with running(tmp_path, connect=aiohttp_client, endpoints={"forge": endpoint}) as face:
        for text, (kind, status, expected_status) in cases.items():
            headers = {"X-Forge-Signature": f"sha256={signature_of(text.encode(), SECRET)}", "X-Forge-Event": kind}
            answer = await face.ask("POST", "/webhooks/forge", data=text.encode(), headers=headers)
            assert answer.status == status
            (delivery,) = await face.log.deliveries(limit=1)
            assert delivery.status == expected_status


def test_the_pages_adapter_keeps_the_rules_of_adapters(planted: Source) -> None:
    """It imports what an adapter may, and its line in SOURCES is its own."""
    assert f'"{planted.kind}": {planted.kind}.SOURCE,' in PAGE
    imported = {
        f"{node.module}.{name.name}" if node.module == "collector" else str(node.module)
        for node in ast.walk(ast.parse(block("python")))
        if isinstance(node, ast.ImportFrom) and str(node.module).startswith("collector")
        for name in node.names
    }
    assert imported <= ADAPTER_MAY_IMPORT
