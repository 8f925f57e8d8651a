"""What targets can be published to, and what is cut where one of them has a bound."""

from __future__ import annotations

from pathlib import Path

import pytest

from collector.publishing.values import fitted
from collector.settings import Settings, load_settings
from tests.forge import MOST


def test_what_does_not_fit_is_cut_and_says_so() -> None:
    """First the marks go, then the end; whole lines stay, and the last one says how much more there is."""
    text = "".join(f"line {n} <!-- m -->\n" for n in range(10_000))
    plain = text.replace(" <!-- m -->", "")
    assert fitted("short", MOST, "short", "") == ("short", 0)
    assert fitted(text, len(plain), plain, "") == (plain, 0)
    shortened, cut = fitted(text, MOST, plain, "https://timelined.example/incidents/1")
    assert len(shortened) <= MOST
    note = (
        f"goes on for {cut:,} characters, which is more than fits here. The whole of it is at https://timelined.example"
    )
    assert note in shortened
    assert plain.startswith(shortened[: shortened.index("\n\n_The postmortem")])
    assert len(plain) - cut == len(shortened[: shortened.index("\n\n_The postmortem")]) + 1


@pytest.mark.parametrize(
    ("lines", "sentence"),
    [
        ("{kind: git}", "has no repository, which git needs"),
        ("{kind: git, repository: 'https://ana:secret@git.example.com/x.git'}", "no address of a repository"),
        ("{kind: git, repository: 'http://git.example.com/x.git'}", "no address of a repository"),
        ("{kind: git, repository: /srv/x.git, folder: ../up}", "no folder within a repository"),
        ("{kind: git, repository: /srv/x.git, branch: --force}", "no name of a branch"),
        ("{kind: git, repository: /srv/x.git, forge: github, token_file: t}", "has no project"),
        ("{kind: comment, project: a/b, forge: gitlab}", "no token to ask it with"),
        (
            "{kind: comment, project: a/b, forge: gitea, api_url: 'http://git.example.com', token_file: t}",
            "no address of",
        ),
        ("{kind: wiki}", "kind"),
        ("{kind: confluence, api_url: 'https://w.example'}", "has no space, which confluence needs"),
    ],
)
def test_a_target_that_cannot_be_published_to_is_a_mistake(lines: str, sentence: str, tmp_path: Path) -> None:
    """With its line, before anything is published; a password never stands in it."""
    path = tmp_path / "timelined.yml"
    path.write_text(f"publishing:\n  targets:\n    one: {lines}\n", "utf-8")
    with pytest.raises(Exception, match="line 3") as caught:
        load_settings(path)
    assert sentence in str(caught.value)
    assert "secret" not in str(caught.value)


def test_without_a_target_nothing_is_called() -> None:
    """A daemon without configuration publishes nowhere."""
    assert Settings().publishing.targets == {}
