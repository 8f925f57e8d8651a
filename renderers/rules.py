"""What reviewers complain of in a postmortem, as rules over the finished Markdown file.

Each rule has a name, a severity and a reason. A rule looks at lines: it knows
the headings of the default template, and of another one those that are called
the same. What timelined wrote ends in a citation, so a line without one is
taken for a person's. Nothing is changed, and nothing here sees the clock.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Sequence
from datetime import datetime, timedelta
from itertools import pairwise

from renderers import rules_numbers
from renderers.lint import lint_text
from renderers.lint_lines import (
    CITED,
    Complaint,
    LintLine,
    Rule,
    lines_of,
    rows,
    section_of,
    unquoted,
)

SEVERITIES = ("error", "warning", "info")
SILENCE = timedelta(minutes=20)
"""From how long on a time in which nothing is told asks for a word, while the incident is open."""
_LABEL = re.compile(r"\| \*\*([^*]+?)\.?\*\*")
_TIMES = re.compile(r"\b\d{1,2}:\d\d(?::\d\d)?\b")
_ZONE = re.compile(r"\b(?:UTC|GMT|[A-Z]{2,4}T)\b|[+-]\d\d:?\d\d\b|Z\b|\btimes are\b", re.IGNORECASE)


def complaints(text: str, *, off: Collection[str] = (), now: datetime | None = None) -> tuple[Complaint, ...]:
    """What the rules find in a file, by line; ``off`` names rules not to apply, ``now`` tells which times are ahead."""
    lines = lines_of(text)
    all_complaints = [
        Complaint(rule=rule.name, severity=rule.severity, line=line.number, column=column + 1, section=line.section,
                  text=said)
        for rule in RULES if rule.name not in off
        for line, column, said in rule.find(lines)
    ]  # fmt: skip
    if "uncited" not in off:
        all_complaints += _uncited(lines)
    if now is not None:
        all_complaints += _by_now(lines, now, off)
    return tuple(sorted(all_complaints, key=lambda each: (each.line, each.column, each.rule)))


def _uncited(lines: Sequence[LintLine]) -> list[Complaint]:
    numbers = [int(each.location.removeprefix("line ")) for each in lint_text("\n".join(line.text for line in lines))]
    said = "cites no event; if a person wrote it, that is no fault"
    return [Complaint(rule="uncited", severity=BESIDE["uncited"][0], line=lines[number - 1].number, column=1,
                      section=lines[number - 1].section, text=said) for number in numbers]  # fmt: skip


def _by_now(lines: Sequence[LintLine], now: datetime, off: Collection[str]) -> list[Complaint]:
    return [
        Complaint(rule=name, severity=BESIDE[name][0], line=line.number, column=column + 1, section=line.section,
                  text=said)
        for name, find in _BY_NOW.items() if name not in off
        for line, column, said in find(lines, now)
    ]  # fmt: skip


def _ahead(lines: Sequence[LintLine], now: datetime) -> Iterator[tuple[LintLine, int, str]]:
    return ((line, 2, "this time has not come yet") for line, at in rows(lines, everywhere=True) if at > now)


_BY_NOW = {"time-ahead": _ahead, "overdue": rules_numbers.overdue, "late-review": rules_numbers.late_review}
"""The rules that need to know what time it is."""


# --- words ------------------------------------------------------------------------------------------------------


def _words(pattern: str, sentence: str, *, inside: str = "", people: bool = True) -> Callable[
    [Sequence[LintLine]], Iterator[tuple[LintLine, int, str]]
]:  # fmt: skip
    """A rule that finds words: in what people wrote, or in every line; in the section ``inside``."""
    expression = re.compile(pattern, re.IGNORECASE)

    def find(lines: Sequence[LintLine]) -> Iterator[tuple[LintLine, int, str]]:
        for line in lines:
            if (inside and line.key != inside) or (people and not line.prose):
                continue
            for each in expression.finditer(unquoted(line.text)):
                yield line, each.start(), sentence.format(each[0])

    return find


# --- the timeline -----------------------------------------------------------------------------------------------


def _out_of_order(lines: Sequence[LintLine]) -> Iterator[tuple[LintLine, int, str]]:
    for (_, before), (line, after) in pairwise(rows(lines)):
        if after < before:
            yield line, 2, "this row is earlier than the one above it"


_ORDER = ("First symptom", "Detected", "Acknowledged", "Mitigated", "Resolved")


def _moments_out_of_order(lines: Sequence[LintLine]) -> Iterator[tuple[LintLine, int, str]]:
    times_by_label: dict[str, datetime] = {}
    for line, at in rows(lines):
        named = re.search(r"\*\*([^*]+?)\.?\*\*", line.text)
        for label in named[1].split(", ") if named else ():
            later = [each for each in times_by_label if each in _ORDER and label in _ORDER
                     and _ORDER.index(each) > _ORDER.index(label) and times_by_label[each] < at]  # fmt: skip
            for label_before in later:
                yield line, line.text.index("**"), f"{label} stands after {label_before}"
            times_by_label.setdefault(label, at)


def _silent(lines: Sequence[LintLine]) -> Iterator[tuple[LintLine, int, str]]:
    began = False
    for (before, start), (line, end) in pairwise(rows(lines)):
        began = began or "**" in before.text
        if "**Resolved" in before.text:
            return
        if began and end - start > SILENCE:
            minutes = (end - start) // timedelta(minutes=1)
            yield line, 2, f"nothing is told of the {minutes} min before this row: what happened then?"


def _resolved_early(lines: Sequence[LintLine]) -> Iterator[tuple[LintLine, int, str]]:
    """Alerts that fired or ended after what is called the end, or of which no end is told though it is over."""
    over = False
    for line, _ in rows(lines):
        if over and _ALERT_ROW.search(line.text):
            yield line, 2, "this alert fired or ended after what the timeline calls the end"
        over = over or "Resolved" in (label[1].split(", ") if (label := _LABEL.match(_cell(line.text))) else ())
    row_lines = [line for line, _ in rows(lines)]
    whole = "\n".join(line.text for line in row_lines)
    if not any(re.match(r"\*\*Status:\*\* Resolved\b", line.text) for line in lines) or "more alert" in whole:
        return
    open_alerts = "\n".join(line.text for line in lines if "No end is recorded for" in line.text)
    for line in row_lines:
        for fired in _FIRED.finditer(line.text):
            if not re.search(rf"alert {re.escape(fired[1])}\b[^|;]* resolved\b", whole, re.IGNORECASE) and (
                fired[1] not in open_alerts
            ):
                yield line, 2, f"no end of the alert {fired[1]} is told, though the incident is called resolved"


_ALERT_ROW = re.compile(r"\balert [^|;]+ (?:fired\b|resolved after)", re.IGNORECASE)
_FIRED = re.compile(r"\balert ([^|;]+?) fired\b", re.IGNORECASE)


def _cell(row: str) -> str:
    """A row of the timeline without its time."""
    return "|" + row.partition("|")[2].partition("|")[2]


_TOLD = re.compile(r"\b(impact began|detected|acknowledged|mitigated|resolved) (?:\d{4}-\d\d-\d\d )?(\d\d):(\d\d)")
"""An end of a duration, as the table of measures has it."""
_SAID = {
    "impact began": r"\bimpact (?:began|started)|\b(?:began|started) to fail",
    "detected": r"\b(?:detected|noticed|discovered)",
    "acknowledged": r"\backnowledged",
    "mitigated": r"\bmitigated",
    "resolved": r"\b(?:resolved|fully recovered|was over)",
}
"""How people tell the same moments."""


def _two_times(lines: Sequence[LintLine]) -> Iterator[tuple[LintLine, int, str]]:
    """A moment that a person tells with another time than the evidence, by more than a minute."""
    evidence_times: dict[str, set[int]] = {}
    for line in lines:
        for match in _TOLD.finditer(line.text) if line.cited and not line.stated else ():
            evidence_times.setdefault(match[1], set()).add(int(match[2]) * 60 + int(match[3]))
    for line in lines:
        text = unquoted(line.text) if line.prose else ""
        for moment, words in _SAID.items() if text and evidence_times else ():
            for match in re.finditer(rf"(?:{words})\b[^.;|0-9]{{0,30}}\b(\d{{1,2}}):(\d\d)", text, re.IGNORECASE):
                said = int(match[1]) * 60 + int(match[2])
                # Around midnight a minute is a minute, too.
                apart = [min((said - at) % 1440, (at - said) % 1440) for at in evidence_times.get(moment, ())]
                if apart and min(apart) > 1:
                    at = min(evidence_times[moment])
                    yield line, match.start(), (f"the evidence has {moment} at {at // 60:02}:{at % 60:02}: tell both "
                                                "times, and where each is from")  # fmt: skip


# --- sections ---------------------------------------------------------------------------------------------------


def _no_detection(lines: Sequence[LintLine]) -> Iterator[tuple[LintLine, int, str]]:
    told = [line for line in section_of(lines, "detection") if line.cited or (line.prose and line.text.strip() != "")]
    if lines and not told:
        yield lines[0], 0, "nothing says how it was noticed: by which rule, person or customer"


def _no_size(lines: Sequence[LintLine]) -> Iterator[tuple[LintLine, int, str]]:
    """Numbers of timelined's own are lengths of time; how many were hit is for people to say."""
    impact = section_of(lines, "impact")
    written = [line for line in impact if line.prose]
    if impact and not any(
        re.search(r"\d|\bunknown\b|\bnobody\b|\bnone\b", line.text, re.IGNORECASE) for line in written
    ):
        yield impact[0], 0, "nobody wrote how many were hit: a number and its unit, or that it is unknown"


def _one_factor(lines: Sequence[LintLine]) -> Iterator[tuple[LintLine, int, str]]:
    causes = section_of(lines, "root_causes")
    label = next((place for place, line in enumerate(causes) if "Contributing Factors" in line.text), None)
    if label is None:
        return
    after = [line for line in causes[label:] if line.prose and re.sub(r"\W|Contributing Factors", "", line.text)]
    if not after:
        yield causes[label], 0, "no contributing factor is named; write that only one is known, if that is so"


def _unnoticed(lines: Sequence[LintLine]) -> Iterator[tuple[LintLine, int, str]]:
    """That a person noticed it first or that it took long, and nothing that is to be done is about noticing it."""
    first = next((line for line in section_of(lines, "detection") if "A person discovered it" in line.text), None)
    slow = rules_numbers.slow_detection(lines)
    items = [line for line in section_of(lines, "actions") if re.match(r"\s*(?:\||[-*+] |\d+[.)] )", line.text)]
    about = r"\b(?:alert|alarm|monitor|detect|probe|notif|page\b|paging|dashboard|health check|synthetic)"
    if any(re.search(about, line.text, re.IGNORECASE) for line in items):
        return
    if first is not None:
        yield first, 0, "a person noticed it first: one action should be about noticing it sooner"
    elif slow is not None:
        yield slow, 0, (f"it took more than {rules_numbers.TARGET // 60} min to be noticed: one action should be about "
                        "noticing it sooner")  # fmt: skip


def _actions(lines: Sequence[LintLine]) -> Iterator[tuple[LintLine, int, str]]:
    for line in section_of(lines, "actions"):
        cells = [cell.strip() for cell in re.split(r"(?<!\\)\|", line.text.strip().strip("|"))]
        if not line.text.startswith("|") or len(cells) < 3 or cells[0].startswith(("**", "--", "Action")):
            continue
        for place, missing in ((1, "an owner"), (2, "a date")):
            if not cells[place] or cells[place] == "_not recorded_":
                yield line, 2, f"this action has no {missing.split()[1]}"


def _untracked(lines: Sequence[LintLine]) -> Iterator[tuple[LintLine, int, str]]:
    """Actions that name neither an address nor the number of a ticket."""
    for line in section_of(lines, "actions"):
        cells = [cell.strip() for cell in re.split(r"(?<!\\)\|", line.text.strip().strip("|"))]
        if not line.text.startswith("|") or len(cells) < 3 or cells[0].startswith(("**", "--", "Action")):
            continue
        if not re.search(r"https?://|\b[A-Z][A-Z0-9]+-\d+\b|#\d+", cells[0]):
            yield line, 2, "this action has no link to where it is tracked"


# --- numbers and citations --------------------------------------------------------------------------------------


def _unknown_citations(lines: Sequence[LintLine]) -> Iterator[tuple[LintLine, int, str]]:
    rows = [re.match(r"\| ([0-9a-f]{5,32}) \|", line.text) for line in section_of(lines, "appendix")]
    citations = {row[1] for row in rows if row}
    for line in lines if citations else ():
        for match in CITED.finditer(line.text):
            gone = [each for each in re.findall(r"[0-9a-f]{5,32}", match[0]) if each not in citations]
            for each in gone:
                yield line, match.start(), f"{each} is no event of the index in the appendix"


def _no_zone(lines: Sequence[LintLine]) -> Iterator[tuple[LintLine, int, str]]:
    timed = [(line, match) for line in lines if (match := _TIMES.search(unquoted(line.text)))]
    if timed and not any(_ZONE.search(unquoted(line.text)) for line in lines):
        line, match = timed[0]
        yield line, match.start(), "no zone is named anywhere: say which clock the times are of"


RULES = (
    Rule("unknown-citation", "error", "every citation leads to an event", _unknown_citations),
    Rule("row-order", "error", "the timeline stands in the order of time", _out_of_order),
    Rule("moment-order", "error", "what is detected, acknowledged and resolved comes in that order",
         _moments_out_of_order),
    Rule("zone", "error", "a reader elsewhere must know which clock it is", _no_zone),
    Rule("detection", "error", "how it was noticed is what is learnt from most", _no_detection),
    Rule("prompt", "warning", "a question that nobody answered", _words(
        r"\*\*Fill in:\*\*.*", "a question is left: answer it, or say that nobody knows", people=False)),
    Rule("stale-review", "warning", "a reader takes what was reviewed for what stands here", _words(
        r"\*\*Status:\*\* .*\), changed since", "the draft changed since that was said: have it reviewed again",
        people=False)),
    Rule("newer-evidence", "warning", "what a person wrote may not hold any more", _words(
        r"\*\*Changed since the words above were edited:\*\*",
        "evidence changed since the words above were written: bring them up to date, and remove this line",
        people=False)),
    Rule("apart", "warning", "two people wrote at one place, and a reader needs one text", _words(
        r"\*\*Two people edited this apart\.", "make one text of the two, and remove this line", people=False)),
    Rule("conflict", "error", "two sides of a merge stand there, and a reader needs one text", _words(
        r"\A(?:<{7}|>{7}) .*", "what Git could not merge is left: make one text of the two sides, and remove this line",
        people=False)),
    Rule("placeholder", "warning", "what a template left behind", _words(
        r"\b(?:TODO|TBD|FIXME|XXX)\b|<(?:Name|Date|Incident Title|Resolved/Unresolved)>|YYYY-MM-DD|\blorem ipsum\b",
        "{!r} is a placeholder")),
    Rule("resolved-early", "warning", "an incident is over when its last alert is, or says which one fires still",
         _resolved_early),
    Rule("two-times", "warning", "where sources disagree, a reader needs both", _two_times),
    Rule("silence", "info", "a reader asks what happened then", _silent),
    Rule("impact-size", "warning", "an impact is a number of somebody or something", _no_size),
    Rule("vague-time", "warning", "others cannot guess when that was", _words(
        r"\b(?:a few|several|some|a couple of) (?:seconds|minutes|hours|days|weeks)\b|\bshortly (?:after|before)\b"
        r"|\brecently\b|\bsome time (?:ago|later)\b|\bfor a while\b|\bat some point\b|\byesterday\b"
        r"|\blast (?:night|week)\b"
        r"|\bover (?:easter|christmas|the weekend)\b", "{!r} is no time: write when, or how long")),
    Rule("outage", "warning", "it is one only if everything failed, for everybody", _words(
        r"\boutages?\b|\b(?:completely|totally|entirely) (?:down|unavailable)\b"
        r"|\ball (?:users|customers)\b|\beveryone\b",
        "{!r} says that everything was hit: say which part was, if not all of it")),
    Rule("blame", "warning", "a review asks how it could happen, and not who did it", _words(
        r"\bhuman error\b|\bshould(?: not|n't)? have\b|\bfailed to\b|\bcareless(?:ly|ness)?\b|\bneglig\w+\b|\bforgot\b"
        r"|\bto blame\b|\bfault of\b|\bincompeten\w+\b|\bmistake (?:of|by)\b",
        "{!r} blames; say what made it possible")),
    Rule("cause-count", "info", "a single cause is seldom all of it", _one_factor),
    Rule("detection-action", "warning", "what a person had to notice, nothing else would notice the next time",
         _unnoticed),
    Rule("action", "warning", "what has no owner and no date is not done", _actions),
    Rule("action-verb", "warning", "nobody can say when that is done", _words(
        r"\b(?:improve|better|increase|strengthen) (?:the )?(?:monitoring|alerting|testing|communication|process\w*)\b"
        r"|\bbe (?:more )?careful\b|\bpay (?:more )?attention\b|\blook into\b|\bthink about\b|\braise awareness\b",
        "{!r} has no end: say what is there when it is done", inside="actions", people=False)),
    Rule("action-link", "info", "what is tracked somewhere is found there", _untracked),
    Rule("number", "info", "it may be right, and is shown by nothing here", rules_numbers.unknown),
    Rule("undated-time", "warning", "where an incident goes over midnight, a time without its day is two times",
         rules_numbers.undated),
)  # fmt: skip
"""Every rule that looks at the text alone; ``uncited`` and ``time-ahead`` are beside them."""
BESIDE = {
    "uncited": ("info", "it cites no event, and is a person's"),
    "time-ahead": ("error", "nothing has happened yet that is told of then"),
    "overdue": ("info", "what was due and is open is what happens again"),
    "late-review": ("info", "what is not written down within days is forgotten"),
}
"""The rules that need more than the text's lines: their severities and reasons."""
NAMES = (*(rule.name for rule in RULES), *BESIDE)
"""The name of every rule."""
