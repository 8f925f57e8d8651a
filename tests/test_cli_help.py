"""Help in all its forms is made from the commands: groups, examples, manual pages, completion."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from collector import cli
from collector.cli import manual, output
from collector.cli.examples import EXAMPLES
from tests.conftest import Played, require, timelined

PROJECT = Path(__file__).parents[1]
COMMANDS = cli.every_command()


def shown(*arguments: str) -> str:
    """What a command that succeeds prints."""
    result = CliRunner().invoke(cli.timelined, list(arguments))
    assert result.exit_code == 0, result.output
    return result.stdout


def below(words: tuple[str, ...] = (), command: click.Command = cli.timelined) -> list[tuple[str, ...]]:
    """The words of every command, those within groups included."""
    commands = [words]
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in command.list_commands(context):
            one = command.get_command(context, name)
            assert one is not None
            commands += below((*words, name), one)
    return commands


def test_the_help_shows_every_command_in_its_group_with_its_whole_sentence() -> None:
    """Nothing is cut, and no command of the package is missing."""
    text = " ".join(shown("--help").split())
    for title, names in cli.GROUPS.items():
        assert f"{title}:" in text
        for name in names:
            assert f"{name} {cli.first_sentence(COMMANDS[name])}" in text
    assert "..." not in text.partition("Run it:")[2]
    assert list(COMMANDS) == [name for group in cli.GROUPS.values() for name in group]
    assert all(name == command.name for name, command in COMMANDS.items())


def test_help_and_version_have_their_short_forms() -> None:
    """`timelined help draft` and `timelined -V`."""
    assert shown("help", "draft") == shown("draft", "--help")
    assert shown("help") == shown("--help")
    assert shown("-V") == shown("--version")
    missing = CliRunner().invoke(cli.timelined, ["help", "nonsense"])
    assert (missing.exit_code, "timelined help" in missing.stderr) == (output.NOT_FOUND, True)


@pytest.mark.parametrize("name", EXAMPLES)
def test_examples_are_commands_and_stand_in_the_help(name: str) -> None:
    """Each is taken apart as the command line would, and shown as it is, once, and with the group of the command."""
    path = name.split()
    for example in EXAMPLES[name]:
        assert [shown(*path[:depth], "--help").count(f"  {example}\n") for depth in range(1, len(path) + 1)] == [
            1
        ] * len(path)
        words = shlex.split(example.split(" | ")[-1] if name != "man" else example.split(" | ")[0])
        words = words[: words.index(">")] if ">" in words else words
        # `timelined backup TARGET` stands for `backup make TARGET`.
        own = path[:1] if name == "backup make" else path
        assert words[: len(own) + 1] == ["timelined", *own]
        text = "a note" if "-" in words else None
        with CliRunner().isolation(input=text):
            command_named(path).make_context(name, words[len(own) + 1 :], parent=click.Context(cli.timelined))


def command_named(words: Sequence[str]) -> click.Command:
    """A command by its name, or by those of its group and its own."""
    command: click.Command | None = cli.timelined
    for word in words:
        assert isinstance(command, click.Group)
        command = command.get_command(click.Context(command), word)
    assert command is not None
    return command


def test_every_command_has_an_example_and_its_options_by_what_they_are_for() -> None:
    """Each option stands in one section; where a command asks is the last one; a group shows whole sentences."""
    for words in below()[1:]:
        command = command_named(words)
        help_text = shown(*words, "--help")
        if isinstance(command, click.Group):
            within = [cli.first_sentence(one) for one in command.commands.values()]
            assert all(sentence in " ".join(help_text.split()) for sentence in within), words
        else:
            assert " ".join(words) in EXAMPLES, words
        titles = re.findall(r"^(\w[\w ]+):$", help_text, re.MULTILINE)
        assert titles == sorted(titles, key=lambda title: title == "Where to ask"), words
        assert len(titles) == len(set(titles))
        options = re.findall(r"^  (-[\w.-]+)", help_text, re.MULTILINE)
        assert len(options) == len(set(options)), words


def test_a_manual_page_shows_the_examples_of_its_own_command() -> None:
    """`backup verify` has the name of another command, and not its examples."""
    page = manual.page(("backup", "verify")).replace("\\-", "-")
    assert "timelined backup verify" in page
    assert "verify --lists" not in page


@pytest.mark.parametrize("words", below(), ids=lambda words: "-".join(words) or "timelined")
def test_a_manual_page_has_every_option_of_its_command(words: tuple[str, ...]) -> None:
    """What the command takes stands in its page, and the page has the parts a manual page has."""
    page = manual.page(words)
    flat = page.replace("\\-", "-")
    for part in (".TH", ".SH NAME", ".SH SYNOPSIS", ".SH DESCRIPTION", ".SH OPTIONS", ".SH SEE ALSO"):
        assert f"\n{part}" in f"\n{page}"
    for option in command_named(words).params:
        hidden = isinstance(option, click.Option) and option.hidden
        assert hidden or isinstance(option, click.Argument) or option.opts[0] in flat
    assert shown("man", *words) == page


def test_manual_pages_are_read_without_a_warning(tmp_path: Path) -> None:
    """groff takes each of them as it is."""
    groff = require("groff")
    for words in below():
        ran = subprocess.run(
            [groff, "-man", "-Tutf8", "-ww", "-z"],
            input=manual.page(words),
            capture_output=True,
            text=True,
            check=False,
        )
        assert (ran.returncode, ran.stderr) == (0, ""), words


def complete(*words: str) -> list[str]:
    """What bash would offer for the last word."""
    asked = {"_TIMELINED_COMPLETE": "bash_complete", "COMP_WORDS": shlex.join(words)}
    ran = timelined(cwd=PROJECT, COMP_CWORD=str(len(words) - 1), **asked)
    assert ran.returncode == 0, ran.stderr
    return [line.split(",", 1)[1] for line in ran.stdout.splitlines()]


def test_completion_offers_commands_options_and_choices() -> None:
    """All that there is by that beginning, and nothing else."""
    assert complete("timelined", "de") == ["demo", "deliveries", "delivery"]
    assert complete("timelined", "draft", "--pro") == ["--profile"]
    assert "impact_started" in complete("timelined", "mark", "1", "im")


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_a_shell_takes_the_completion(shell: str, tmp_path: Path) -> None:
    """The script asks timelined itself, and is in the shell's own language."""
    script = shown("completion", shell)
    assert "_TIMELINED_COMPLETE" in script
    file = tmp_path / "script"
    file.write_text(script, "utf-8")
    subprocess.run([require(shell), "-n", str(file)], check=True)


def test_the_version_is_said_without_what_only_the_daemon_needs() -> None:
    """No web server, no database and no drawing of tables is imported for it."""
    code = (
        "import sys; sys.argv[1:] = ['--version']\nfrom collector.cli import main\n"
        "try: main()\nexcept SystemExit as end: print(end.code, *sorted(sys.modules))"
    )
    ran = subprocess.run([sys.executable, "-c", code], cwd=PROJECT, capture_output=True, text=True, check=True)
    version, rest = ran.stdout.split("\n", 1)
    assert re.fullmatch(r"timelined, version \d+\.\d+\.\d+", version)
    loaded = set(rest.split())
    assert "0" in loaded
    assert not {"aiohttp", "sqlalchemy", "rich", "msgspec", "alembic", "jinja2", "asyncio"} & loaded


def readme_commands(chapter: str) -> list[list[str]]:
    """The words of each command in the one block of a chapter of README."""
    text = (PROJECT / "README.md").read_text("utf-8").partition(f"\n## {chapter}\n")[2].partition("\n## ")[0]
    [block] = re.findall(r"```sh\n(.*?)```", text, re.DOTALL)
    commands = [shlex.split(line, comments=True)[1:] for line in block.splitlines()]
    assert len(commands) > 5
    return commands


def test_the_readmes_questions_are_answered_by_a_kept_demo(
    played: Played, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each command that it shows under Ask ends with 0 on what the demo leaves."""
    monkeypatch.chdir(tmp_path)
    for words in readme_commands("Ask"):
        result = CliRunner(env={"TIMELINED_STORAGE_URL": played.url}).invoke(cli.timelined, words)
        # A draft that nobody filled in yet has remarks.
        expected = output.FAILED if words[0] == "lint" else 0
        assert result.exit_code == expected, (words, result.output)


def test_a_demo_keeps_its_database_where_it_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With --keep beside the drafts; played again it refuses to write into it. What README has people say is taken."""
    ran = timelined("demo", "--keep", cwd=tmp_path)
    assert ran.returncode == 0, ran.stderr
    assert "TIMELINED_STORAGE_URL=sqlite:///out/demo.db" in ran.stderr
    why = timelined("why", "c8524", cwd=tmp_path, TIMELINED_STORAGE_URL="sqlite:///out/demo.db")
    assert (why.returncode, "Incident: 1" in " ".join(why.stdout.split())) == (0, True)
    assert timelined("demo", "--keep", cwd=tmp_path).returncode == output.UNAVAILABLE
    monkeypatch.chdir(tmp_path)
    for words in readme_commands("Say what machines cannot know"):
        environment = {"TIMELINED_STORAGE_URL": "sqlite:///out/demo.db", "TIMELINED_BY": "Ana"}
        result = CliRunner(env=environment).invoke(cli.timelined, words)
        assert result.exit_code == 0, (words, result.output)
