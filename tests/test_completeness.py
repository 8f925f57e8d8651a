"""Nothing undocumented, nothing unrecorded."""

from __future__ import annotations

import ast
import itertools
import json
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from collector import cli
from collector.event import EVENT_DATA, EVENT_TYPES
from collector.sources import SOURCES
from tests.pages import DOCS, PAGES
from tests.syntax import module_of, nodes_of

ROOT = Path(__file__).parents[1]
RECORDINGS = ROOT / "tests" / "recordings"
TEXTS = sorted(
    path
    for pattern in ("*.md", "Makefile", "*.txt", "*.toml", ".ci/*", "docs/*.md", "config/**/*", "systemd/**/*")
    for path in ROOT.glob(pattern)
    if path.is_file()
)
"""Everything written for people or machines beside the code."""


@pytest.mark.parametrize("kind", SOURCES)
def test_every_source_has_recordings(kind: str) -> None:
    """A sender nobody recorded is a sender nobody tested."""
    cases = [path for path in (RECORDINGS / kind).iterdir() if path.is_dir()]
    assert cases
    assert [case.name for case in cases if not (case / "events.json").exists()] == []


@pytest.mark.parametrize("kind", SOURCES)
def test_every_source_has_a_page_on_its_sender(kind: str) -> None:
    """Whoever connects a sender finds what to enter at the other end, and `timelined sources` says it in a line."""
    assert list((ROOT / "config" / "senders").glob(f"{kind}.*"))
    assert "{address}" in SOURCES[kind].paste


KNOWN_NAMES = {
    ("collector/names/exporters.py", "alertmanager"): "what Prometheus scrapes of an Alertmanager names no service",
    ("collector/semantics/changes.py", "argocd"): "a word in names of workflows that deploy",
    ("collector/semantics/severities.py", "slack"): "a word of severities: to be told in the chat alone",
    ("renderers/choices.py", "datadog"): "whose terms durations are stated in",
    ("renderers/moments.py", "datadog"): "the same",
    ("renderers/moments.py", "pagerduty"): "the same",
    ("renderers/moments.py", "rootly"): "the same",
    ("renderers/choices.py", "pagerduty"): "the same, and whose headings a template has",
    ("renderers/choices.py", "rootly"): "whose terms durations are stated in",
    ("collector/web/openapi.py", "alertmanager"): "an example of a source's name",
    ("collector/cli/linting.py", "github"): "whose workflows read findings",
    ("collector/publishing/targets.py", "github"): "where postmortems are published",
    ("collector/publishing/targets.py", "gitlab"): "the same",
    ("collector/publishing/targets.py", "gitea"): "the same",
    ("collector/settings/publishing.py", "github"): "the same",
    ("collector/settings/publishing.py", "gitlab"): "the same",
    ("collector/settings/publishing.py", "gitea"): "the same",
    ("collector/publishing/forges.py", "github"): "the same",
    ("collector/publishing/forges.py", "gitlab"): "the same",
    ("collector/publishing/forges.py", "gitea"): "the same",
} | {
    ("collector/names/people.py", tool): "a word in names of automations: nobody's name beside the word bot"
    for tool in ("github", "githubactions", "gitlab", "grafana", "jenkins", "pagerduty", "rootly", "slack")
}
"""Texts in the code that name a sender and do not tell one from another, each with what it is."""
DEMO = ("collector/cli/demo.py", "collector/cli/demo_deliveries.py")
"""A recorded evening has senders."""


def test_only_its_adapter_names_a_sender() -> None:
    """What differs between senders stands on their `Source`: a new one needs no change elsewhere in the code."""
    names_of_senders = set()
    for package in ("collector", "renderers"):
        for path in sorted((ROOT / package).rglob("*.py")):
            relative = path.relative_to(ROOT).as_posix()
            if not relative.startswith("collector/sources/") and relative not in DEMO:
                names_of_senders |= {
                    (relative, text) for text in _texts(path) if text.casefold().startswith(tuple(SOURCES))
                }
    assert names_of_senders == set(KNOWN_NAMES)


def _texts(path: Path) -> Iterator[str]:
    """Every text that a module holds but its docstrings."""
    tree = module_of(path.read_text("utf-8"))
    prose = {id(node.value) for node in nodes_of(tree) if isinstance(node, ast.Expr)}
    for node in nodes_of(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in prose:
            yield node.value


@pytest.mark.parametrize("kind", SOURCES)
def test_every_source_stands_in_the_pages_for_all_of_them(kind: str) -> None:
    """The README names the sender, and docs/configuration.md how it proves itself: the best way first."""
    source = SOURCES[kind]
    assert source.called in (ROOT / "README.md").read_text("utf-8"), f"name {source.called} in README.md"
    rows = re.findall(r"^\| (`[a-z_`, -]+) \| (.*) \|$", (DOCS / "configuration.md").read_text("utf-8"), re.MULTILINE)
    cells = [rest for kinds, rest in rows if f"`{kind}`" in kinds]
    assert len(cells) == 1, f"name {kind} once in docs/configuration.md, under An address that others reach"
    settings = {"signature": "secret_file", "header": "header_token_file", "bearer": "bearer_token_file"}
    settings |= {"path": "path_token_file", "certificate": "certificate_file"}
    best = settings.get(source.proofs[0], source.proofs[0])
    assert cells[0].startswith(f"`{best}`"), f"docs/configuration.md: {kind} proves itself best by {best}"


def test_no_page_and_no_recording_is_of_a_source_that_is_gone() -> None:
    """What is documented exists."""
    assert {path.name for path in RECORDINGS.iterdir() if path.is_dir()} == set(SOURCES)
    assert {path.stem for path in (ROOT / "config" / "senders").iterdir()} == set(SOURCES)


@pytest.mark.parametrize("page", PAGES)
def test_pages_made_from_the_code_are_up_to_date(page: str) -> None:
    """What lies in docs says what the code says; `python -m tests.pages` writes it."""
    assert (DOCS / page).read_text("utf-8") == PAGES[page]()


def test_every_event_type_is_a_noun_and_a_state_with_a_sentence() -> None:
    """Types are dotted strings in lower case, and each has one sentence."""
    for name, sentence in EVENT_TYPES.items():
        assert re.fullmatch(r"[a-z]+\.[a-z_]+", name), name
        assert re.fullmatch(r"[A-Z].*\.", sentence), name


def test_every_key_that_an_adapter_writes_is_documented() -> None:
    """No recording holds a key of `data` that docs/events.md does not explain."""
    unknown = set()
    for path in RECORDINGS.glob("*/*/events.json"):
        for event in json.loads(path.read_text("utf-8")):
            family = event["type"].partition(".")[0]
            documented = EVENT_DATA.get(family, {}) | EVENT_DATA["*"]
            unknown |= {(family, key) for key in event.get("data", {}) if key not in documented}
    assert unknown == set()


def test_every_type_that_a_recording_holds_is_known() -> None:
    """Adapters use the words of the table."""
    told = {e["type"] for path in RECORDINGS.glob("*/*/events.json") for e in json.loads(path.read_text("utf-8"))}
    assert told <= set(EVENT_TYPES)


@pytest.mark.parametrize("command", cli.every_command().values(), ids=lambda command: str(command.name))
def test_every_command_says_what_it_does_in_one_sentence(command: object) -> None:
    """The first line of a help text is the sentence you would say aloud."""
    first = (getattr(command, "help", "") or "").split("\n")[0]
    assert re.fullmatch(r"[A-Z][^\n]*[.?]", first)
    assert len(first) <= 90


_INVOKED = re.compile(r"(?:\S*/)?timelined\s")


def _commands(text: str) -> list[list[str]]:
    """Every `timelined …` line in the code of a page: its `sh` blocks, and what is indented as code."""
    blocks = re.findall(r"^```(\w*)\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    lines = [line.strip() for language, block in blocks if language == "sh" for line in block.splitlines()]
    # Beside an indented command a page may say what it is for, a column further.
    lines += [re.split(r"\s{3,}", line)[0] for line in re.findall(r"^ {4}(\S.*)$", text, re.MULTILINE)]
    # An ampersand is the shell's.
    return [shlex.split(line.removesuffix(" &"), comments=True) for line in lines if _INVOKED.match(line)]


def _mentions(text: str) -> list[list[str]]:
    """Every `timelined …` within a sentence, up to where it stands for something else."""
    found = [mention.split() for mention in re.findall(r"`timelined ([^`\n]+)`", text)]
    return [[*itertools.takewhile(lambda word: re.fullmatch(r"[a-z-]+", word), words)] for words in found]


WITH_COMMANDS = [path for path in TEXTS if path.suffix == ".md" and _commands(path.read_text("utf-8"))]
WITH_MENTIONS = [path for path in TEXTS if path.suffix in (".md", ".yml") and _mentions(path.read_text("utf-8"))]


def test_the_pages_that_show_commands_are_found() -> None:
    """The two tests below look at something."""
    shown = {str(path.relative_to(ROOT)) for path in WITH_COMMANDS}
    assert {"README.md", "docs/backup.md", "docs/configuration.md", "docs/erasure.md", "docs/proof.md"} <= shown
    mentioned = {str(path.relative_to(ROOT)) for path in WITH_MENTIONS}
    assert {"README.md", "docs/architecture.md", "docs/backup.md", "config/timelined.yml"} <= mentioned


@pytest.mark.parametrize("path", WITH_COMMANDS, ids=lambda path: path.stem)
def test_every_command_that_a_page_shows_exists(path: Path) -> None:
    """What a stranger types after reading a page is a command with such options."""
    for _, *words in _commands(path.read_text("utf-8")):
        context = cli.timelined.make_context("timelined", list(words))
        name, command, rest = cli.timelined.resolve_command(context, words)
        assert command is not None
        command.make_context(name, list(rest), parent=context)


@pytest.mark.parametrize("path", WITH_MENTIONS, ids=lambda path: path.stem)
def test_every_command_that_a_sentence_names_exists(path: Path) -> None:
    """A page names no command that there is not."""
    for words in _mentions(path.read_text("utf-8")):
        command: click.Command | None = cli.timelined
        for word in words:
            if isinstance(command, click.Group):
                command = command.get_command(click.Context(command), word)
            assert command is not None, f"timelined {' '.join(words)}"


def test_what_the_readme_has_make_do_exists() -> None:
    """Every `make` target the README names stands in the Makefile."""
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))
    assert set(re.findall(r"\bmake ([a-z]+)", (ROOT / "README.md").read_text("utf-8"))) <= targets


def test_every_link_between_pages_leads_somewhere() -> None:
    """A relative link in a page names a file that is there."""
    links = re.compile(r"\]\((?!https?:|#|mailto:)([^)#\s]+)")
    pages = [path for path in TEXTS if path.suffix == ".md"]
    told = [(page, target) for page in pages for target in links.findall(page.read_text("utf-8"))]
    dead = [f"{page.relative_to(ROOT)} → {target}" for page, target in told if not (page.parent / target).exists()]
    assert dead == []


def test_no_page_names_a_machine_or_a_package_host() -> None:
    """The project works wherever it is put, and packages come from wherever you get yours."""
    banned = re.compile(r"/home/\w|/Users/\w|/root/\w|file://|index.url|/simple/")
    sources = [path for package in ("collector", "renderers", "tests") for path in (ROOT / package).rglob("*.py")]
    found = [str(p.relative_to(ROOT)) for p in [*TEXTS, *sources] if banned.search(p.read_text("utf-8", "replace"))]
    assert [name for name in found if name != "tests/test_completeness.py"] == []


def test_constraints_hold_names_and_versions_only() -> None:
    """Every line of constraints.txt is a comment or name==version."""
    lines = (ROOT / "constraints.txt").read_text("utf-8").splitlines()
    assert [line for line in lines if not re.fullmatch(r"#.*|[A-Za-z0-9._-]+==[0-9A-Za-z.]+", line)] == []
