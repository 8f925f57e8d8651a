"""Secrets in addresses: no line that is logged and no answer repeats them, however they are spelt."""

from __future__ import annotations

import io
import logging
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st

from collector.telemetry import log_output
from collector.telemetry.masking import masked, names_webhooks
from tests.face import running
from tests.fuzz.exchange import exchange

SECRET = "s3cretT0ken"
SPELLINGS = (
    f"/webhooks/{SECRET}", f"/webhooks/pa%2F{SECRET}", f"/webhooks/pa%2f{SECRET}", f"/webhooks/pa%252F{SECRET}",
    f"/webhooks/secret/{SECRET}", f"/webhooks/secret/x/{SECRET}", f"/webhooks%2Fsecret%2F{SECRET}",
    f"/WebHooks/secret/{SECRET}", f"/%77ebhooks/secret/{SECRET}", f"//webhooks/secret/{SECRET}",
    f"/api/v1/webhooks/secret/{SECRET}", f"/api/v1/%2577ebhooks%252Fsecret/{SECRET}", f"/webhooks/secret/{SECRET}?x=1",
    f"/webhooks/secret?token={SECRET}", f"/webhooks/secret//{SECRET}", f"http://localhost/webhooks/pa%2F{SECRET}",
)  # fmt: skip


@pytest.fixture
def lines() -> Iterator[io.StringIO]:
    """What the daemon's log says from now on, in its own shape."""
    root = logging.getLogger()
    before, level, configured = list(root.handlers), root.level, structlog.get_config()
    stream = io.StringIO()
    log_output.set_up("debug", stream=stream)
    try:
        yield stream
    finally:
        root.handlers[:] = before
        root.setLevel(level)
        structlog.configure(**configured)


@pytest.mark.parametrize("target", SPELLINGS)
@pytest.mark.parametrize("method", ["POST", "GET", "PUT"])
async def test_no_line_and_no_answer_repeats_a_secret_address(
    tmp_path: Path, lines: io.StringIO, target: str, method: str
) -> None:
    """A mistyped secret address is refused without its secret, in the answer and in the log, at every level."""
    sent = f"{method} {target} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\r\n[]".encode()
    async with running(tmp_path) as face:
        answer = await exchange(face, [sent, b"\x16"], pause=1)
    assert answer.startswith(b"HTTP/1.1 4")
    assert SECRET.lower() not in answer.decode("latin-1").lower()
    assert SECRET.lower() not in lines.getvalue().lower()


def test_a_line_of_anybody_else_is_masked_as_well(lines: io.StringIO) -> None:
    """What a library logs, an error's text and a traceback go the same way."""
    for target in SPELLINGS[:-1]:
        logging.getLogger("a.library").warning("cannot take %s from %s", target, "10.0.0.1")
        structlog.get_logger("ours").error("cannot take it", address=target)
        try:
            raise ValueError(f"bad address {target}")
        except ValueError:
            logging.getLogger("a.library").exception("odd")
    assert SECRET not in lines.getvalue().replace(f"token={SECRET}", "")
    assert "from 10.0.0.1" in lines.getvalue()
    assert "Traceback" in lines.getvalue()


def test_other_texts_stay() -> None:
    """Paths of code, percent signs and words about webhooks are no addresses."""
    for text in ("collector/web/webhooks.py, line 3", "100% of webhooks", "/api/v1/incidents/1", "webhooks: 3", "%zz"):
        assert masked(text) == text


@given(st.text(st.characters(codec="ascii", categories=["L", "N"]), min_size=5), st.integers(0, 6), st.data())
def test_an_address_is_known_however_often_it_was_encoded(token: str, times: int, data: st.DataObject) -> None:
    """Each letter may be encoded or not, again and again, in either case."""
    text = f"/webhooks/{token}"
    for _ in range(times):
        chosen = data.draw(st.lists(st.booleans(), min_size=len(text), max_size=len(text)))
        text = "".join(f"%{ord(c):02x}" if on else c for c, on in zip(text, chosen, strict=True))
    assert names_webhooks(text)
    assert masked(f"a {quote(text)} b") == "a /webhooks/… b"
