"""The command line: how it writes what strangers wrote, and times."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest

from collector.cli import output
from collector.cli.moments import MOMENT
from tests.commands import EVIL

# --- text that strangers wrote ----------------------------------------------------------------------------------------


def test_a_senders_text_cannot_command_a_terminal() -> None:
    """Escapes, controls, direction marks and unseen characters come out as a visible mark, on one line."""
    shown = output.harmless(EVIL)
    assert shown == "\ufffd[31mred\ufffd]0;title\ufffd \ufffdgnp.exe\ufffd [bold]x[/bold] a b\ufffd"


@pytest.mark.parametrize(
    "unseen",
    ["\u2065", "\u115f", "\u3164", "\uffa0", "\ufff0", "\ufe00", "\u180f", "\U000e0fff", "\U0001bca0", "\u034f"],
)
def test_what_no_terminal_shows_is_seen_all_the_same(unseen: str) -> None:
    """Characters that Unicode wants ignored, those that it has not assigned included, do not hide in a name."""
    assert output.harmless(f"a{unseen}b") == "a\ufffdb"
    assert output.harmless_lines(f"a\n{unseen}") == "a\n\ufffd"


def test_letters_of_every_language_stay_as_they_are() -> None:
    """Only what cannot be seen is replaced."""
    assert output.harmless("café 東京 Ωmega – “ok” 🚒") == "café 東京 Ωmega – “ok” 🚒"


def test_a_table_on_a_pipe_is_plain_columns(capsys: pytest.CaptureFixture[str]) -> None:
    """No colour, no box, no cutting, no blanks at the end; wide characters are counted as two."""
    output.table(("NO", "TITLE"), [("1", "東京"), ("12", "[red]" + "x" * 200)])
    assert capsys.readouterr().out == f"NO  TITLE\n1   東京\n12  [red]{'x' * 200}\n"


def test_json_is_exact_and_ascii(capsys: pytest.CaptureFixture[str]) -> None:
    """JSON keeps every character, escaped, so that it is exact on a pipe and harmless on a terminal."""
    output.as_json({"title": EVIL})
    printed = capsys.readouterr().out
    assert printed.isascii()
    assert "\x1b" not in printed
    assert json.loads(printed) == {"title": EVIL}


# --- times ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("text", "ago"), [("now", 0), ("-15m", 900), ("-1h30m", 5400), ("-2d", 172_800), ("-45s", 45)])
def test_a_time_may_be_so_long_ago(text: str, ago: int) -> None:
    """`now` and `-15m` count from the clock of whoever asks."""
    at = datetime.fromisoformat(MOMENT.convert(text, None, None))
    assert abs(datetime.now(UTC) - timedelta(seconds=ago) - at) < timedelta(seconds=5)
