"""Metrics with their proof: how long incidents took, and on what each number rests."""

from __future__ import annotations

import click

from collector.cli import logs, output
from collector.cli.access import OUTPUT, LogAccess, asking_all
from collector.cli.moments import MOMENT, ZONE
from collector.cli.naming import INCIDENT
from collector.cli.output import Json
from collector.cli.typing import WordChoice
from collector.event import SECOND
from collector.settings import DEFAULT_LOG
from renderers.choices import PROFILES
from renderers.words import duration


@click.command()
@click.argument("number", type=INCIDENT, required=False)
@click.option("--explain", is_flag=True, help="Show the formula, both ends and their events, in every profile's terms.")
@click.option("--since", type=MOMENT, metavar="TIME", help="Only incidents that began then or later, such as -90d.")
@ZONE
@click.option("--until", type=MOMENT, metavar="TIME", help="Only incidents that began before then.")
@click.option("--service", metavar="NAME", help="Only incidents that touched this service.")
@click.option(
    "--profile",
    type=WordChoice(PROFILES),
    default="timelined",
    show_default=True,
    help="The tool whose terms name the durations.",
)
@click.option(
    "--by", type=WordChoice(["service", "severity", "detected_by"]), help="Also show each group of this apart."
)
@OUTPUT
@asking_all
def metrics(access: LogAccess, number: int | None, explain: bool, form: str, **filters: object) -> None:
    """Show how long incidents took, and what each number rests on.

    With NUMBER it shows each duration of this incident. --explain adds its formula, both ends and the events that prove
    them. Without NUMBER it shows, over all incidents, how many of them have the duration, its median and its quartiles.
    It never shows a mean, and no median of fewer than five values. The numbers are those of the drafts. The incidents
    of all logs count, unless --log names one.
    """
    profile = str(filters["profile"])
    if number is None:
        # The daemon's own address speaks of all logs, so that the default one is named.
        log = access.chosen_log if access.chosen_log == DEFAULT_LOG else None
        answer = access.of_every().get("/api/v1/metrics", log=log, **filters).json()
        return output.as_json(answer) if form == "json" else _over(answer)
    logs.only("metrics", incident=number)
    answer = access.get(f"/api/v1/incidents/{number}/metrics").json()
    if form == "json":
        return output.as_json(answer)
    if answer["private"]:
        output.say(f"Incident {answer['incident']} is private to {answer['private']}.")
    shown = answer["profiles"] if explain else {profile: answer["profiles"][profile]}
    for name, durations in shown.items():
        if explain:
            output.result(f"{name}\n{''.join(map(_explained, durations))}")
        else:
            output.table(("MEASURE", "VALUE", "STATUS"), [_row(each) for each in durations])
    return None


def _row(each: Json) -> tuple[str, ...]:
    return each["term"], _length(each["seconds"]) or "unknown", _status(each)


def _status(each: Json) -> str:
    return str(each["known"] or f"{each['status']}: {each['why']}")


def _explained(each: Json) -> str:
    ends = "".join(f"    {side:<5}{_end(each[side])}\n" for side in ("from", "to"))
    return f"  {each['term']} = {each['formula']}: {_length(each['seconds']) or 'unknown'} ({_status(each)})\n{ends}"


def _end(end: Json) -> str:
    if end["at"] is None:
        return str(end["basis"])
    events = ", ".join(output.short(event) for event in end["events"])
    basis = f", {end['basis']}" if end["basis"] and end["basis"] != end["known"] else ""
    return f"{output.time(end['at'])} UTC ({end['known']}{basis}) [{events}]"


def _over(answer: Json) -> None:
    groups = [{"name": "", **answer}, *answer["groups"]]
    heading = ("MEASURE", "KNOWN FOR", "LOWER QUARTILE", "MEDIAN", "UPPER QUARTILE")
    rows = [
        (*((each["name"] or "all",) if answer["by"] else ()), measure["term"], f"{measure['known']} of {measure['of']}",
         *(_length(measure[name]) or "-" for name in ("lower_quartile", "median", "upper_quartile")))
        for each in groups for measure in each["measures"]
    ]  # fmt: skip
    if rows:
        output.table((*((str(answer["by"]).upper().replace("_", " "),) if answer["by"] else ()), *heading), rows)
    else:
        output.say("No incident began then.")
    for name, reason in answer.get("not_counted", {}).items():
        output.say(f"Nothing of the log {name} is counted: {reason}.")


def _length(seconds: float | None) -> str:
    return "" if seconds is None else duration(round(seconds * SECOND))
