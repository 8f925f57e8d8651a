"""The commands by what they are for, and what is said of all of them.

A command's module is imported when the command is asked for, so that ``timelined --version`` does not wait for a web
server.
"""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any, NoReturn

import click

from collector import __version__
from collector.cli import sections
from collector.errors import DiskFailed, TimelinedError

GROUPS: Mapping[str, Mapping[str, str]] = {
    "Run it": {
        "serve": "serve:serve", "demo": "demo:demo", "check": "config:check", "config": "config:config",
        "template": "templates:template", "sources": "sources:sources",
        "status": "status:status", "doctor": "status:doctor",
    },
    "Look at incidents": {
        "incidents": "incidents:incidents", "incident": "incidents:incident", "signals": "incidents:signals",
        "draft": "drafts:draft", "metrics": "metrics:metrics",
        "versions": "drafts:versions", "publications": "publishing:publications",
        "diff": "drafts:diff",
        "lint": "linting:lint",
    },
    "Look at the log": {
        "events": "log:events", "why": "log:why", "deliveries": "log:deliveries", "delivery": "log:delivery",
    },
    "Say something": {
        "note": "people:note", "action": "people:action", "mark": "people:mark", "open": "people:open_incident",
        "resolve": "people:resolve", "reopen": "people:reopen", "edit": "people:edit", "review": "people:review",
        "private": "people:private",
        "publish": "publishing:publish", "pull": "publishing:pull",
    },
    "Put right what was recorded": {
        "import": "importing:import_", "join": "people:join", "leave": "people:leave", "merge": "people:merge",
        "split": "amendments:split",
        "correct": "amendments:correct", "retract": "amendments:retract", "replay": "replay:replay",
        "erase": "erase:erase",
    },
    "Prove and keep": {
        "verify": "proof:verify", "proof": "proof:proof", "backup": "backup:backup", "restore": "restore:restore",
        "export": "moving:export",
        "accept-loss": "restore:accept_loss", "db": "db:db",
    },
    "Help": {"help": "manual:show_help", "completion": "manual:completion", "man": "manual:man"},
}  # fmt: skip
"""The commands in the order a person meets them, and where each is: its module in this package, and its name there."""


class Commands(click.Group):
    """The commands by what they are for; our errors become a sentence and an exit code."""

    loaded: Callable[[], None] | None = None
    """What is done after a command's module was imported, and again after what it imports once it runs."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """In the order of the groups."""
        return [name for group in GROUPS.values() for name in group]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of that name, imported now."""
        target = next((group[cmd_name] for group in GROUPS.values() if cmd_name in group), None)
        if target is None:
            return None
        module, _, name = target.partition(":")
        command = getattr(import_module(f"collector.cli.{module}"), name)
        if self.loaded is not None:
            self.loaded()
        if not isinstance(command, click.Command):
            return None
        sections.put_into(command, cmd_name)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:  # fmt: skip
        """The command that was named; one that there is not is told what is called alike."""
        try:
            return super().resolve_command(ctx, args)
        except click.NoSuchCommand as error:
            raise click.NoSuchCommand(error.command_name, possibilities=self.list_commands(ctx), ctx=ctx) from None

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command that was named."""
        try:
            return super().invoke(ctx)
        except TimelinedError as error:
            from collector.cli import output

            output.say(str(error))
            if isinstance(error, DiskFailed):
                _end(output.exit_code(error))
            raise click.exceptions.Exit(output.exit_code(error)) from error

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Each group with the first sentence of its commands, whole."""
        for title, names in GROUPS.items():
            with formatter.section(title):
                found = [(name, self.get_command(ctx, name)) for name in names]
                formatter.write_dl(
                    [(name, sections.first_sentence(command)) for name, command in found if command is not None]
                )

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """How a command may end."""
        from collector.cli import output

        with formatter.section("Exit codes"):
            formatter.write_dl([(str(code), meaning) for code, meaning in output.EXIT_CODES.items()])


def every_command() -> dict[str, click.Command]:
    """All commands, imported."""
    context = click.Context(timelined, info_name="timelined")
    found = {name: timelined.get_command(context, name) for name in timelined.list_commands(context)}
    return {name: command for name, command in found.items() if command is not None}


def _end(code: int) -> NoReturn:
    """End the process without closing anything: closing the database would write what nobody can vouch for."""
    logging.shutdown()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, "-V", "--version", prog_name="timelined")
def timelined() -> None:
    """The flight recorder of an on-call team.

    Webhooks in, one log that nothing is ever removed from, draft postmortems out.
    """
