"""What a command imports is what it needs: a start, and a word of help, wait for nothing else."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from collector.cli import output
from collector.cli.commands import GROUPS

_SAY = """
import sys
sys.argv = ["timelined", *{arguments!r}]
from collector.cli import main
try:
    main()
except SystemExit as end:
    assert not end.code, end.code
finally:
    print(*sorted(sys.modules), file=sys.stderr)
"""
DAEMON = ("collector.daemon", "collector.web", "collector.log", "collector.projections", "sqlalchemy", "aiohttp")
"""What takes and answers requests, and keeps the log."""
_OF_EACH = {"collector.cli.commands", "collector.cli.examples", "collector.cli.sections"}
"""What the names of the commands are known by."""
FORMATS = ("renderers.formats", "jinja2", "markdown_it")
"""What writes drafts."""


def imported(*arguments: str) -> set[str]:
    """The modules of a process in which this command ran."""
    program = _SAY.format(arguments=arguments)
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    return set(done.stderr.split())


def beside(module: str) -> set[str]:
    """The modules of a process that imported this one alone."""
    program = f"import sys, {module}; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    return set(done.stdout.split())


def test_the_version_is_said_without_any_command() -> None:
    """Scripts ask for it, and it is known at once."""
    modules = imported("--version")
    assert "click" in modules
    assert {name for name in modules if name.startswith(("collector.cli.", "renderers"))} == _OF_EACH
    assert modules.isdisjoint((*DAEMON, *FORMATS, "collector.settings", "structlog", "rich", "asyncio"))


def test_help_waits_for_no_daemon() -> None:
    """Of a command, help needs its options, and not whom it asks or what it works on."""
    found = imported("note", "--help")
    assert "collector.cli.access" in found
    assert found.isdisjoint((*DAEMON, *FORMATS, "structlog"))


def test_no_command_needs_more_to_be_named() -> None:
    """The daemon, the database and what writes drafts are imported by what a command does, and not by its options."""
    program = """
import sys
import click
from collector.cli.commands import timelined
for name in sys.argv[1:]:
    assert timelined.get_command(click.Context(timelined), name), name
print(*sys.modules)
"""
    names = [name for group in GROUPS.values() for name in group]
    done = subprocess.run([sys.executable, "-c", program, *names], capture_output=True, text=True, check=True)
    assert set(done.stdout.split()).isdisjoint((*DAEMON, *FORMATS, "structlog"))


def test_what_a_command_logs_is_no_result_when_the_daemon_comes_late(tmp_path: Path) -> None:
    """structlog writes to standard output unless it is told otherwise, and it is imported with the daemon."""
    program = """
import sys
sys.argv = ["timelined", "incidents", "--storage.url", "sqlite:///missing.db"]
from collector.cli import main
try:
    main()
finally:
    import structlog
    structlog.get_logger("late").error("said by the daemon")
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, cwd=tmp_path, check=False)
    assert done.returncode == output.UNAVAILABLE, done.stderr
    assert "said by the daemon" in done.stderr
    assert done.stdout == ""


def test_a_daemon_over_a_file_waits_for_no_driver_of_a_server() -> None:
    """An upgrade's tools and a server's driver come when they are needed."""
    modules = beside("collector.daemon")
    assert "collector.web" in modules
    assert modules.isdisjoint(("alembic", "asyncpg", "sqlalchemy.dialects.postgresql", "collector.log.postgres"))
    assert "collector.schema.migrations.running" not in modules


def test_settings_are_read_without_what_publishes() -> None:
    """The configuration names the targets of what is published; a client of HTTP and a database it does not need."""
    found = beside("collector.settings")
    assert "collector.publishing.targets" in found
    assert found.isdisjoint((*DAEMON, *FORMATS, "collector.publishing.publisher"))
