"""Candidates, never causes: changes before the first symptom, what speaks for each and what against."""

from __future__ import annotations

from collections.abc import Iterator

from renderers import facts, moments, phrases
from renderers.document import Block, Bullets, Claim, Name, Options, Prompt, Section, Words
from renderers.history import Change, History
from renderers.phrases import Evidence, Phrase, Said, cites, claim, named, quoted, say
from renderers.sections.summary import lag
from renderers.words import counted

CANDIDATES = 5
"""How many changes are named, the nearest first."""


def section(history: History, options: Options) -> Section:
    """The template's two labels, the prompt, and the candidates."""
    stated = next((m for m in history.marks if phrases.text_in(m.data, "mark") == "cause_identified"), None)
    labels = Bullets(items=(_primary(history), Claim(parts=(Words("Contributing Factors:", strong=True),), label=True)))
    question = "contributing factors." if stated else "both; candidates are not causes."
    blocks: tuple[Block, ...] = (labels, Prompt(question), Bullets(items=tuple(_candidates(history, options))))
    return Section(key="root_causes", blocks=blocks)


def _primary(history: History) -> Claim:
    """The label; filled with a person's statement where one named the cause."""
    label = Words("Primary Cause:", strong=True)
    stated = next((m for m in history.marks if phrases.text_in(m.data, "mark") == "cause_identified"), None)
    if stated is None or not stated.title:
        return Claim(parts=(label,), label=True)
    return claim(label, quoted(" ", stated.title), named(", stated by ", stated.actor), proof=cites(stated))


def _candidates(history: History, options: Options) -> Iterator[Claim]:
    earlier = facts.earlier_changes(history)
    if not earlier:
        yield phrases.no_change(history, options, "Candidates", "; no source of changes reported then")
        return
    for change in earlier[:CANDIDATES]:
        yield _candidate(history, change)
    rest = earlier[CANDIDATES:]
    if rest:
        furthest = phrases.lasted(facts.reference(history) - min(change.start for change in rest))
        yield claim(counted(len(rest), "earlier change"), f", up to {furthest} before",
                    proof=cites([change.last for change in rest]))  # fmt: skip


def _candidate(history: History, change: Change) -> Claim:
    start = facts.reference(history)
    tie = _tie(history, change)
    pro, con = _for(history, change), _against(history, change)
    said = say("Candidate: ", phrases.change_called(change), ", ", lag(change, start), f"; {tie}" if tie else "",
               ". For: ", _argued(pro), ". Against: ", _argued(con))  # fmt: skip
    return claim(said, proof=_proof(change, pro, con))


Argument = tuple[Phrase, tuple[Evidence, ...]]
"""What speaks for or against a candidate, and what proves that."""


def _argued(arguments: list[Argument]) -> Phrase:
    parts: list[Said] = []
    for words, _ in arguments:
        parts += ["; " if parts else "", words]
    return say(*parts) if parts else say("none recorded")


def _proof(change: Change, *arguments: list[Argument]) -> tuple[str, ...]:
    evidence = [each for some in arguments for _, proof in some for each in proof]
    return cites(change.last, evidence)


def _tie(history: History, change: Change) -> str:
    """What ties the change to the incident: its service, else the rule that put it there."""
    if change.service and change.service in {alert.service for alert in history.alerts}:
        return "same service"
    if change.service and change.service == facts.primary_service(history):
        return "same service"
    rule = next((g.rule for each in change.events if (g := history.context.grouped.get(each))), "")
    return TIES.get(rule, "")


TIES = {
    "service": "same service",
    "dependency": "dependency",
    "ref": "same reference",
    "repository": "same repository",
    "person": "added by a person",
}
"""How the rule that put a change into the incident reads."""


def _for(history: History, change: Change) -> list[Argument]:
    """Reverting it was followed by an end of alerts."""
    back = facts.undone_by(history, change)
    if back is None:
        return []
    done = facts.finished(back)
    last = history.last_measured
    if done is None or last is None or last.end is None or not done <= last.end <= done + LINGER:
        return []
    if done < facts.reference(history):
        return []
    called = "last alert" if moments.last_of_all(last, history.alerts) else "last alert above warning"
    ended = f"{called} ended {phrases.lasted(last.end - done)} later"
    return [(say("rolled back, ", ended), (back.last, facts.end_event(last)))]


def _against(history: History, change: Change) -> list[Argument]:
    """What does not fit: the order of things, another service, a rollback that changed nothing, a failed change."""
    found: list[Argument] = []
    symptom, alert = facts.moment(history, "first_symptom"), facts.first_alert(history)
    if symptom and symptom.at is not None and symptom.at < change.start:
        ahead = phrases.lasted(change.start - symptom.at)
        found.append((say(f"the first symptom came {ahead} before it began"), (symptom,)))
    elif symptom and symptom.at is not None and change.end is not None and change.end > symptom.at:
        found.append((say("the first symptom came before it finished"), (symptom,)))
    if change.outcome == "failed":
        found.append((say("it failed"), (change.last,)))
    if alert and alert.service and change.service and alert.service != change.service:
        found.append((say("the first alert was on ", Name(alert.service)), (alert.fired,)))
    return [*found, *_after_rollback(history, change)]


def _after_rollback(history: History, change: Change) -> list[Argument]:
    """That it was rolled back before the first symptom; alerts that went on after that, or had ended before."""
    back = facts.undone_by(history, change)
    done = facts.finished(back) if back else None
    if back is None or done is None:
        return []
    start = facts.reference(history)
    if done < start:
        return [(say(f"rolled back {phrases.lasted(start - done)} before the incident"), (back.last,))]
    alerts = history.measured
    ended = history.last_measured
    if ended and ended.end is not None and ended.end < done:
        return [(say("alerts had ended before the rollback"), (facts.end_event(ended), back.last))]
    still = [a for a in alerts if a.start <= done and (a.end is None or a.end - done > LINGER)]
    again = [a for a in alerts if a.start > done]
    found: list[Argument] = []
    if still:
        longest = max(still, key=lambda a: (a.end is None, a.end or 0, a.entity))
        kept = "with no end recorded" if longest.end is None else f"for {phrases.lasted(longest.end - done)}"
        found.append((say("alerts went on ", kept, " after the rollback"), (back.last, facts.end_event(longest))))
    if again:
        noun = counted(len(again), "alert")
        found.append((say(f"{noun} fired after the rollback"), (back.last, again[0].fired)))
    return found


LINGER = 3 * facts.LATE
"""How long after a rollback alerts may go on before that speaks against the change, µs."""
