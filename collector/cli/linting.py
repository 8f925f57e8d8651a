"""Drafts checked: the evidence of one that timelined has, and what reviewers complain of in files."""

from __future__ import annotations

import codecs
import json
import sys
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click
import msgspec

import collector
from collector.cli import naming, output
from collector.cli.access import LogAccess, asking
from collector.errors import NotFound
from renderers.lint import lint_text
from renderers.lint_lines import Complaint
from renderers.rules import BESIDE, NAMES, RULES, complaints

Finding = tuple[str, Complaint]
"""The file or the incident, and what was found in it."""


@click.command()
@click.argument("drafts", metavar="DRAFT...", nargs=-1, required=True)
@click.option("--strict", is_flag=True, help="Treat warnings as errors.")
@click.option("--off", type=click.Choice(NAMES), multiple=True, help="Leave out this rule. May be given several times.")
@click.option("-o", "--output", "form", type=click.Choice(["table", "json", "sarif", "github"]), default="table",
              show_default=True, help="How the result is written.")  # fmt: skip
@asking
def lint(access: LogAccess, drafts: tuple[str, ...], strict: bool, off: tuple[str, ...], form: str) -> None:
    """Say what a reviewer would complain of in drafts.

    DRAFT is an incident's number (eu/12 in a log with a name), a file, or - for standard input. For an incident it
    lists the sentences that cite nothing. In a file it also checks what people wrote: open questions, times that say
    nothing, silences, blame, actions without an owner. It exits with 1 if there is an error, and with --strict also for
    a warning.
    """
    found = [(each, one) for each in drafts for one in _complaints(access, each, off)]
    _FORMS[form](found)
    if any(one.severity == "error" or (strict and one.severity == "warning") for _, one in found):
        raise click.exceptions.Exit(output.FAILED)


def _complaints(access: LogAccess, draft: str, off: Sequence[str]) -> Sequence[Complaint]:
    log, name = naming.split_log(draft, incident=True)
    if name.isascii() and name.isdigit() and not (log and Path(draft).exists()):
        text = (access.of(log) if log else access).get(f"/api/v1/incidents/{name}/postmortem.md").text()
        lines = [(int(each.location.removeprefix("line ")), each.text) for each in lint_text(text)]
        return [Complaint(rule="uncited", severity="error", line=line, column=1, section="", text=said)
                for line, said in lines if "uncited" not in off]  # fmt: skip
    try:
        content = sys.stdin.buffer.read() if draft == "-" else Path(draft).read_bytes()
        text = _decoded(content)
    except OSError as error:
        raise NotFound(
            f"cannot read the draft {draft}: {error.strerror}; name an incident's number, a file, or - for standard "
            "input"
        ) from error
    return complaints(text, off=off, now=datetime.now(UTC))


def _decoded(content: bytes) -> str:
    """A file as text, by the mark that it begins with; UTF-8 without one."""
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return content.decode("utf-16", "replace")
    return content.decode("utf-8-sig", "replace")


def _table(findings: Sequence[Finding]) -> None:
    if not findings:
        return output.say("Nothing was found.")
    rows = [(f"{draft}:{one.line}:{one.column}", one.severity, one.rule, one.text) for draft, one in findings]
    return output.table(("PLACE", "SEVERITY", "RULE", "TITLE"), rows)


def _json(found: Sequence[Finding]) -> None:
    output.as_json({"findings": [{"draft": draft, **msgspec.to_builtins(one)} for draft, one in found]})


def _sarif(findings: Sequence[Finding]) -> None:
    """SARIF 2.1.0, which code hosts show beside the lines."""
    levels = {"error": "error", "warning": "warning", "info": "note"}
    every = [
        *((rule.name, rule.severity, rule.why) for rule in RULES),
        *((name, *each) for name, each in BESIDE.items()),
    ]
    rules = [{"id": name, "shortDescription": {"text": why},
              "defaultConfiguration": {"level": levels[severity]}} for name, severity, why in every]  # fmt: skip
    results = [
        {
            "ruleId": finding.rule,
            "level": levels[finding.severity],
            "message": {"text": finding.text},
            "locations": [
                {
                    "physicalLocation": {
                        "artifactLocation": {"uri": Path(draft).as_posix()},
                        "region": {"startLine": finding.line, "startColumn": finding.column},
                    }
                }
            ],
        }
        for draft, finding in findings
    ]
    driver = {"name": "timelined", "version": collector.__version__, "rules": rules}
    run = {"tool": {"driver": driver}, "columnKind": "unicodeCodePoints", "results": results}
    whole: Mapping[str, Any] = {
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json", "version": "2.1.0", "runs": [run],
    }  # fmt: skip
    output.result(json.dumps(whole, indent=2))


def _github(findings: Sequence[Finding]) -> None:
    """Commands of a workflow's log, which GitHub shows beside the lines of a change."""
    levels = {"error": "error", "warning": "warning", "info": "notice"}
    output.result("\n".join(
        f"::{levels[finding.severity]} file={_property(draft)},line={finding.line},col={finding.column},"
        f"title={_property(finding.rule)}::{_message(finding.text)}"
        for draft, finding in findings
    ))  # fmt: skip


def _message(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _message(text).replace(":", "%3A").replace(",", "%2C")


_FORMS: Mapping[str, Callable[[Sequence[Finding]], None]] = {
    "table": _table, "json": _json, "sarif": _sarif, "github": _github,
}  # fmt: skip
