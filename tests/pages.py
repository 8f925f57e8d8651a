"""The pages of the documentation that are made out of the code.

``python -m tests.pages`` writes them; ``test_completeness.py`` holds the
stored ones to what would be written now.
"""

from __future__ import annotations

import ast
import inspect
import json
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import click

from collector import cli
from collector.cli import output
from collector.event import EVENT_DATA, EVENT_TYPES
from renderers.json_shape import schema
from renderers.rules import BESIDE, RULES
from renderers.sheet import Sheet, ShownMeasure, TemplateFacts

DOCS = Path(__file__).parents[1] / "docs"

CLI_HEAD = """\
# The command line

`timelined COMMAND --help` says the same as this page, which is made from it.

Standard output gets the result of a command and nothing else. Messages about it go to standard error. On a terminal,
tables fit its width. On a pipe they fit the width that `COLUMNS` says, as under `watch timelined incidents`;
without it they are plain columns that always have the same form. `-o json` gives what the HTTP API gives. Text that
senders wrote is made harmless before it is shown: control characters, escape sequences and characters that turn the
direction of writing come out as `\ufffd`.

## Where a command asks

Every command that reads or writes uses the HTTP API ([api.md](api.md)):

- With `--server URL` it asks that daemon. `--token-file` names the file with its token.
- Otherwise a command that reads opens the database itself, read-only. It does not matter if a daemon runs.
- Otherwise a command that writes asks the daemon that holds the database. If there is none, it opens the database
  itself.

`verify` and `proof` always read the database itself ([proof.md](proof.md)), since that is what they check.

Each option can also be given by a variable: `--config.file` for `TIMELINED_CONFIG_FILE`, `--storage.url` for
`TIMELINED_STORAGE_URL`, `--server` for `TIMELINED_SERVER`, `--token-file` for `TIMELINED_TOKEN_FILE`, `--by` for
`TIMELINED_BY`, and so on for `serve`.

## Times and names

A TIME has one of these forms:

| form | example |
|---|---|
| as lists print it | `2026-03-04 14:02`, also with seconds |
| a clock's time: the last one that was | `14:02` |
| a date: its beginning | `2026-03-04`, `today`, `yesterday` |
| so long ago | `15m`, `1h30m`, `2d`, `5 min`, `2 days ago`; `-15m` is the same |
| now | `now` |
| RFC 3339 with an offset | `2026-03-04T14:02:10Z` |
| seconds since 1970 | `@1772632930` |
| with a zone of its own | `14:02 Europe/Berlin`; `CET` only where clocks of that zone show it then |

A time without an offset is UTC, or of the zone that `--zone` (`TIMELINED_ZONE`) names. A time that the clocks of this
zone showed twice or never is refused. Lists show UTC.

An EVENT is named by its id, by the end of the id as drafts and lists show it, with brackets or without (`[b61d0]`), by
a link to it, or by its position in the log. If several ids end so, `1/b61d0` is the one in incident 1. An INCIDENT is
`1`, `#1`, `INC-1` or the link of its page.

A statement (`note`, `mark`, `join` …) is recorded under your login name, unless `--by` gives another. The same
statement with the same `--key` is recorded once.
"""

EVENTS_HEAD = """\
# Events

An event is one immutable fact that a sender or a person told: when it happened by the teller's own clock, what it is
about (`entity`), and what was said. Its `type` is a dotted string, noun then state. A correction is a further revision
of the same `id`; nothing is ever changed.

This page is made out of `collector/event.py`.

## Types
"""

DATA_HEAD = """\

## What stands in `data`

Beyond the fields all events share (`title`, `actor`, `service`, `environment`, `severity`, `links`, `refs`, `labels`),
`data` holds what one family of types has to say. Every key may be absent. Times within `data` are µs since 1970, UTC.
"""


def cli_page() -> str:
    """Every command with its options, and how a command may end."""
    parts = [CLI_HEAD, "\n## Exit codes\n\n| code | meaning |\n|---|---|\n"]
    parts += [f"| {code} | {meaning} |\n" for code, meaning in output.EXIT_CODES.items()]
    parts.append("\n## Commands\n")
    parts += [text for name, command in cli.every_command().items() for text in _command(name, command)]
    return "".join(parts)


def _command(name: str, command: click.Command) -> Iterator[str]:
    # click keeps the help option of the first context it sees; it has to be the one a person gets.
    parent = click.Context(cli.timelined, info_name="timelined", **cli.timelined.context_settings)
    yield from _help(name, command, parent)


def _help(name: str, command: click.Command, parent: click.Context) -> Iterator[str]:
    """A command, and what a group of commands holds."""
    context = click.Context(command, info_name=name.split()[-1], parent=parent, terminal_width=100)
    yield f"\n### {name}\n\n```text\n{command.get_help(context)}\n```\n"
    if isinstance(command, click.Group):
        for below, one in command.commands.items():
            yield from _help(f"{name} {below}", one, context)


def events_page() -> str:
    """Every known type and its sentence, and the keys of ``data``."""
    rows = [f"| `{name}` | {sentence} |\n" for name, sentence in EVENT_TYPES.items()]
    parts = [EVENTS_HEAD, "\n| type | what it says |\n|---|---|\n", *rows, DATA_HEAD]
    for family, keys in EVENT_DATA.items():
        heading = "Any type, out of a CloudEvent or a type of the sender's own" if family == "*" else f"{family}.*"
        parts.append(f"\n### {heading}\n\n| key | meaning |\n|---|---|\n")
        parts += [f"| `{key}` | {meaning} |\n" for key, meaning in keys.items()]
    return "".join(parts)


TEMPLATES_PAGE = """\
# Templates of your own

A template decides the headings of a draft, their order, and what stands beside what timelined found. It is
a [Jinja2](https://jinja.palletsprojects.com/) text. `drafts.template` in the configuration names the file, or one of
those that timelined has: `default`, `google-sre`, `pagerduty`, `atlassian` (the headings that those three publish, in
words of ours). HTML and Confluence take its
headings, its order and its words, too; its head they write themselves.

    timelined template show default > postmortem.md.j2
    timelined template check postmortem.md.j2

A section may be renamed, moved, left out, or added: what you write in the template stands in every draft. A question in
the form of timelined's own is found by `timelined lint` until somebody answers it:

    > **Fill in:** who told the customers, and when?

The template runs in a sandbox. It sees two values, reads no file and reaches no network. A name that is not below is an
error and never an empty place. `sheet` holds finished Markdown, without headings; whatever else a template shows is
escaped, so a sender's text never becomes structure.

## sheet

| name | what it holds |
|---|---|
{{SHEET}}
## facts

| name | what it holds |
|---|---|
{{FACTS}}
Each of `facts.durations` has these:

| name | what it holds |
|---|---|
{{MEASURE}}
For example:

    {% for each in facts.durations %}- {{ each.term }}: {{ each.value }} ({{ each.known }})
    {% endfor %}
"""


def templates_page() -> str:
    """What a template may show, by the docstrings of the values it is given."""
    made = {"{{SHEET}}": Sheet, "{{FACTS}}": TemplateFacts, "{{MEASURE}}": ShownMeasure}
    page = TEMPLATES_PAGE
    for mark, kind in made.items():
        prefix = {"Sheet": "sheet.", "TemplateFacts": "facts."}.get(kind.__name__, "")
        told = [f"| `{prefix}{name}` | {text.replace('``', '`')} |\n" for name, text in _field_docs(kind)]
        page = page.replace(mark + "\n", "".join(told) + "\n")
    return page


def _field_docs(kind: type) -> Iterator[tuple[str, str]]:
    """Each field of a dataclass with the string that stands below it."""
    (tree,) = ast.parse(inspect.getsource(kind)).body
    assert isinstance(tree, ast.ClassDef)
    for field, doc in pairwise(tree.body):
        if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name):
            assert isinstance(doc, ast.Expr)
            assert isinstance(doc.value, ast.Constant)
            yield field.target.id, " ".join(str(doc.value.value).split())


LINT_HEAD = """\
# What lint looks for

`timelined lint FILE...` looks at a finished draft as a reviewer does. What timelined wrote ends in a citation, so a
line without one is taken for a person's. Quotes and code are others' words and are left alone. `--off NAME` switches a
rule off; a file may come over standard input, as `-`. The command ends with 1 where an error is found, with `--strict`
also for a warning:

    timelined lint --strict -o github postmortems/*.md

| rule | severity | why |
|---|---|---|
"""


LINT_TAIL = """
`number` compares lengths of time, times of day and counts (of alerts, pages, deployments, rollbacks, responders) in
people's prose with those in lines that cite evidence. `detection-action` asks for an action about noticing it where a
person noticed it first, or where the measures tell that it took more than 15 minutes to be noticed. `late-review` is
of three days after the end of an incident of the gravest severities, and of seven of any other. `overdue` goes by the
day in the table of actions, unless the action is called done or dropped. That sources which disagree on a start or an
end are both told is no rule: the timeline has the row of each, and `two-times` looks at what people write.
"""


def lint_page() -> str:
    """Every rule over a finished file, with its reason."""
    told = [(rule.name, rule.severity, rule.why) for rule in RULES]
    told += [(name, *BESIDE[name]) for name in BESIDE]
    return LINT_HEAD + "".join(f"| `{name}` | {severity} | {why} |\n" for name, severity, why in told) + LINT_TAIL


def schema_page() -> str:
    """The JSON Schema of a draft."""
    return json.dumps(schema(), indent=2, ensure_ascii=False) + "\n"


PAGES = {
    "cli.md": cli_page,
    "events.md": events_page,
    "draft.schema.json": schema_page,
    "templates.md": templates_page,
    "lint.md": lint_page,
}
"""File in ``docs`` → what makes it."""


if __name__ == "__main__":
    for file, make in PAGES.items():
        (DOCS / file).write_text(make(), "utf-8")
