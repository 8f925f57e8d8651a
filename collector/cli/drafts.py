"""Drafts: rendered on asking, and checked."""

from __future__ import annotations

import stat
from pathlib import Path

import click

from collector import files
from collector.cli import logs, output
from collector.cli.access import OUTPUT, LogAccess, asking
from collector.cli.moments import MOMENT, Zone
from collector.cli.naming import INCIDENT
from collector.cli.pdf import printed
from collector.errors import InvalidInput, NotFound, Unavailable
from renderers.choices import CITATIONS, DETAILS, FORMATS, NARROWEST, PEOPLE, PROFILES, TEMPLATES, WIDEST

PDF = "pdf"
"""What the command line makes of the HTML, where Chromium is installed."""


@click.command()
@click.argument("number", type=INCIDENT)
@click.option("--as-of", type=MOMENT, metavar="TIME", help="Render what was known then.")
@click.option(
    "--zone", type=Zone(), is_eager=True, metavar="NAME",
    help="The zone of the times shown, and of --as-of, such as Europe/Berlin.",
)  # fmt: skip
@click.option("--detail", type=click.Choice(DETAILS), help="How much of the timeline to show.")
@click.option("--profile", type=click.Choice(PROFILES), help="The tool whose terms name the durations.")
@click.option("--citations", type=click.Choice(CITATIONS), help="Where citations stand.")
@click.option("--people", type=click.Choice(PEOPLE), help="Show people by their names, or as roles.")
@click.option("--seconds/--no-seconds", default=None, help="Show seconds in the timeline, or leave them out.")
@click.option("--template", type=click.Choice(TEMPLATES), help="The headings, instead of the configured ones.")
@click.option("--width", type=click.IntRange(NARROWEST, WIDEST), metavar="UNITS", help="The width of a picture.")
@click.option("-o", "--output", "--format", "form", type=click.Choice((*FORMATS, PDF)), default="md", show_default=True,
              help="How the draft is written.")  # fmt: skip
@click.option("--to", type=output.TARGET, metavar="FILE", help="Write it to this file, or bring the file up to date.")
@click.option("--overwrite", is_flag=True, help="Replace the file, with all that it says.")
@asking
def draft(access: LogAccess, number: int, form: str, to: Path | None, overwrite: bool, **options: object) -> None:
    """Render the draft postmortem of an incident.

    With --to, a file that exists is brought up to date. Your words in it stay as they are; only timelined's own lines
    change. If the evidence of a line that you changed is different now, timelined's new line stands beneath yours. What
    you removed stays removed. The version before is kept as FILE.~1~, FILE.~2~ and so on. `timelined pull --from` takes
    your words into the log.
    """
    if options["seconds"] is not None:
        options["seconds"] = str(options["seconds"]).lower()
    to = None if to == output.STDOUT else to
    if to is not None and form == "md":
        options["marks"] = "true"
    if to is None and form == PDF:
        raise click.UsageError("a PDF is no text: name the file for it with --to")
    answer = access.get(f"/api/v1/incidents/{number}/postmortem.{'html' if form == PDF else form}", **options)
    if to is None:
        return output.result(answer.text())
    body = printed(answer.body) if form == PDF else answer.body
    output.say(f"Draft of incident {logs.called(number)} {_put(to, body, overwrite=overwrite)}")
    return None


def _put(path: Path, fresh: bytes, *, overwrite: bool) -> str:
    """Write a draft, or bring the file up to date; what was done, in a few words."""
    from renderers import edits

    before = path.read_bytes() if path.is_file() else fresh
    if before == fresh:
        output.write(path, fresh)
        return f"written to {path}"
    update = None if overwrite else edits.merged(before, fresh.decode("utf-8", "replace"))
    if update is None and not overwrite:
        raise InvalidInput(
            f"cannot write {path}: it is there and says something else, which a person may have written; "
            "name another file, or say --overwrite"
        )
    after, personal = update if update is not None else (fresh, True)
    if after == before:
        return f"in {path} is up to date"
    kept = _replaced(path.resolve(), after, keeping=personal)
    verb = "written to" if update is None else "brought up to date in"
    return f"{verb} {path}{f'; the version before is kept as {kept}' if kept else ''}"


def _replaced(path: Path, content: bytes, *, keeping: bool) -> str:
    """Put this in place of a file; the name under which that is kept, where it is to be."""
    try:
        backup_name = files.keep(path).name if keeping else ""
        files.replace(path, content, stat.S_IMODE(path.stat().st_mode))
    except OSError as error:
        raise Unavailable(f"cannot write {path}: {error.strerror}") from error
    return backup_name


@click.command()
@click.argument("number", type=INCIDENT)
@click.option("--as-of", "moments", type=MOMENT, metavar="TIME", multiple=True,
              help="Compare what was known then with now. Given twice, compare these two times.")  # fmt: skip
@click.option("--version", "versions", type=click.IntRange(min=1), metavar="N", multiple=True,
              help="Compare this version (`timelined versions`) with now. Given twice, compare these two.")  # fmt: skip
@OUTPUT
@asking
def diff(access: LogAccess, number: int, moments: tuple[str, ...], versions: tuple[int, ...], form: str) -> None:
    """List the changes of an incident's draft between two times or versions.

    It compares the statements of the two drafts. A line with - is in the first one, a line with + is in the second.
    What people wrote, also in a published copy, stands first, then what other evidence changed.
    """
    if bool(moments) == bool(versions) or len(moments) + len(versions) > 2:
        raise click.UsageError("name one moment or two with --as-of, or one version or two with --version")
    times = [*moments, *(_version_time(access, number, version) for version in versions)]
    ends = dict(zip(("from", "to"), times, strict=False))
    difference = access.get(f"/api/v1/incidents/{number}/diff", **ends).json()
    if form == "json":
        return output.as_json(difference)
    answer = difference["differences"]
    for by, heading in (("people", "What people changed:"), ("evidence", "What evidence changed:")):
        said = [_lines(each) for each in answer if each["by"] == by]
        if said:
            output.result(f"{heading}\n{''.join(said)}")
    if not answer:
        output.say("Nothing changed between the two.")
    return None


def _version_time(access: LogAccess, number: int, version: int) -> str:
    """Up to when what was known makes a version."""
    versions = access.get(f"/api/v1/incidents/{number}/versions").json()["versions"]
    if version > len(versions):
        last = f"its last is {len(versions)}" if versions else "it has none"
        raise NotFound(
            f"cannot find version {version} of incident {logs.called(number)}: {last}; list them by timelined versions "
            f"{number}"
        )
    return str(versions[version - 1]["as_of"])


def _lines(difference: output.Json) -> str:
    """The difference in a line or two, each with its section."""
    said = (("-", difference["before"]), ("+", difference["after"]))
    return "".join(f"{sign} {difference['section']}: {text}\n" for sign, text in said if text)


@click.command()
@click.argument("number", type=INCIDENT)
@OUTPUT
@asking
def versions(access: LogAccess, number: int, form: str) -> None:
    """List the versions of a postmortem, one for each time that somebody stated its review.

    CHANGED is yes if the draft is made from other events now. `timelined diff NUMBER --version N` shows the changes
    since, and `timelined draft NUMBER --as-of` renders an earlier draft.
    """
    answer = access.get(f"/api/v1/incidents/{number}/versions").json()
    if form == "json":
        return output.as_json(answer)
    rows = [
        (str(version["version"]), version["status"].replace("_", " "), output.time(version["at"]), version["by"] or "",
         "yes" if version["changed"] else "no", version["text"] or "")
        for version in answer["versions"]
    ]  # fmt: skip
    if rows:
        output.table(("VERSION", "STATUS", "SINCE (UTC)", "SAID BY", "CHANGED", "TEXT"), rows)
    else:
        output.say(
            f"Nobody said how far the review of incident {logs.called(number)} is; "
            f"timelined review {logs.called(number)} in_review does."
        )
    return None
