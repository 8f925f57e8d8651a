"""Candidates, never causes: changes before the first signal, what speaks for each and what against."""

from __future__ import annotations

from collections.abc import Iterator

from renderers import absence, change_facts, facts, phrases, reasons, reversals
from renderers.document import Block, Bullets, Claim, Name, Options, Prompt, Quote, Section, Words
from renderers.history import Alert, Change, History
from renderers.phrases import Evidence, Phrase, cites, claim, quoted, say, with_name
from renderers.sections.clock import time_in
from renderers.sections.earlier import acted_before, flag_words, lag, made_by
from renderers.undoings import NEVER, Undoing, redone_after, shipped_by, undoings_of
from renderers.words import counted

CANDIDATES = 5
"""How many changes are named, the likeliest first."""
ACTS = 3
"""How many acts that no sender tells as a change are named, the nearest first."""
PRIMARY = "what broke, and why could it?"
CONTRIBUTING = "what made it possible, worse or longer?"
NO_CAUSES = "Changes that may have to do with it; timelined knows of no causes:"
NO_CHANGES = "Also recorded, though not as a change:"
LINGER = 3 * facts.LATE
"""How long after a rollback alerts may go on before that speaks against the change, µs."""


def section(history: History, options: Options) -> Section:
    """The template's two labels, each with its prompt, and the candidates."""
    stated = next((m for m in history.marks if phrases.text_in(m.data, "mark") == "cause_identified"), None)
    primary: tuple[Block, ...] = (Bullets(items=(_primary(history),)),)
    if stated is None:
        primary = (*primary, Prompt(PRIMARY))
    contributing = Bullets(items=(Claim(parts=(Words("Contributing Factors:", strong=True),), label=True),))
    return Section(key="root_causes", blocks=(*primary, contributing, Prompt(CONTRIBUTING),
                                              *_candidates(history, options)))  # fmt: skip


def _primary(history: History) -> Claim:
    """The label; filled with a person's statement where one named the cause."""
    label = Words("Primary Cause:", strong=True)
    stated = next((m for m in history.marks if phrases.text_in(m.data, "mark") == "cause_identified"), None)
    if stated is None:
        return Claim(parts=(label,), label=True)
    return claim(label, quoted(" ", stated.title, phrases.NOTE), with_name(", as stated by ", stated.actor),
                 proof=cites(stated))  # fmt: skip


def _candidates(history: History, options: Options) -> tuple[Block, ...]:
    """The changes in the order of their evidence; where there is none, what was looked for."""
    if not facts.began(history):
        return ()
    earlier, acts = change_facts.earlier_changes(history), _acts(history, options)
    # What somebody took back is the likeliest, wherever it was.
    earlier.sort(key=lambda change: not reversals.taken_back(history, change))
    later = reversals.taken_back_later(history)
    none = () if earlier else (absence.no_change(history, options),)
    if not earlier and not later:
        return (*none, *acts)
    items = [_candidate(history, options, change) for change in earlier[:CANDIDATES]]
    items += _rest(history, earlier[CANDIDATES:])
    items += [_candidate(history, options, change) for change in later[:CANDIDATES]]
    heading = Claim(parts=(Words(NO_CAUSES),), label=True)
    return (*none, heading, Bullets(items=tuple(items), numbered=True), *acts)


def _acts(history: History, options: Options) -> tuple[Block, ...]:
    """What people did before the first signal and no sender tells as a change, each with its time."""
    acts = change_facts.acts_before(history)
    if not acts:
        return ()
    items = [claim(acted_before(history, options, act), proof=cites(act)) for act in acts[:ACTS]]
    if rest := acts[ACTS:]:
        verb = "was" if len(rest) == 1 else "were"
        furthest = phrases.between(rest[-1].occurred_at, facts.reference(history))
        signal = facts.reference_called(history)
        items.append(claim(counted(len(rest), "more act"), f" {verb} recorded, up to ", furthest, f" before {signal}",
                           proof=cites(rest)))  # fmt: skip
    return (Claim(parts=(Words(NO_CHANGES),), label=True), Bullets(items=tuple(items)))


def _rest(history: History, rest: list[Change]) -> Iterator[Claim]:
    if rest:
        furthest = phrases.between(min(change.start for change in rest), facts.reference(history))
        signal = facts.reference_called(history)
        verb = "was" if len(rest) == 1 else "were"
        yield claim(counted(len(rest), "more change"), f" {verb} recorded, up to ", furthest, f" before {signal}",
                    proof=cites([change.last for change in rest]))  # fmt: skip


Argument = tuple[Phrase, tuple[Evidence, ...]]
"""What speaks for or against a candidate, and what proves that."""


def _candidate(history: History, options: Options, change: Change) -> Claim:
    pro, con = [*_for(history, options, change)], _against(history, options, change)
    where = with_name(" in " if change.kind == "flag" else " to ", change.environment)
    sentence = say(phrases.capital(phrases.change_called(change)), where, made_by(change), ", ",
               lag(history, options, change), flag_words(change), ". ",
               _argued("It speaks for it that ", pro, "Nothing recorded speaks for it but the time"), ". ",
               _argued("It speaks against it that ", con, "Nothing recorded speaks against it"))  # fmt: skip
    return claim(sentence, proof=_proof(change_facts.ends_of(history, change), pro, con))


def _argued(lead: str, points: list[Argument], nothing: str) -> Phrase:
    if not points:
        return say(nothing)
    first, *others = [words for words, _ in points]
    ends = [", that "] * (len(others) - 1) + [", and that "]
    return say(lead, first, *(say(end, words) for end, words in zip(ends, others, strict=False)))


def _proof(ends: tuple[Evidence, ...], *points: list[Argument]) -> tuple[str, ...]:
    return cites(*ends, [each for some in points for _, proof in some for each in proof])


def _for(history: History, options: Options, change: Change) -> Iterator[Argument]:
    """That it was rolled back and alerts ended after that; that it is of the service that was hit, or of one near."""
    start = facts.reference(history)
    undoings = [each for each in undoings_of(history, change) if each.done >= start]
    yield from [_taken_back(history, options, change, each) for each in undoings
                if each.again is None or _end_after(history, change, each)]  # fmt: skip
    revert = reversals.reverted_by(history, change)
    if not undoings and revert is not None and revert.start >= start:
        yield _reverted(history, options, change, revert)
    if not undoings:
        yield from _replaced(history, options, change)
    yield from _broken_off(history, options, change)
    shipped = shipped_by(history, change)
    if shipped is not None and (ran := change_facts.finished(shipped) or start) <= start:
        yield say("its commit was deployed at ", time_in(history, options, ran)), (shipped.last,)
    tie = _tie(history, change)
    if tie:
        yield tie, ()


def _taken_back(history: History, options: Options, change: Change, undoing: Undoing) -> Argument:
    """``it was rolled back at 21:35:10 and the last alert ended 3 min later``."""
    back, done, again = undoing.back, undoing.done, undoing.again
    rolled = say(f"{undone(change, back)} at ", time_in(history, options, done))
    if again is not None:
        flag = say("it had been set to ", Name(change_facts.state_of(again)), " again")
        redone = flag if change.kind == "flag" else say("its commit had been deployed again")
        since = change_facts.finished(again) or again.start
        rolled = say(rolled, ", after ", redone, " at ", time_in(history, options, since), ",")
    end = _end_after(history, change, undoing)
    if end is not None:
        rolled = say(rolled, _ended_later(history, end, done))
    return rolled, (*((again.last,) if again else ()), back.last, *((facts.end_event(end),) if end else ()))


def _ended_later(history: History, end: Alert, since: int) -> Phrase:
    """`` and the last alert ended 3 min later``."""
    own = history.last_measured is None or end.fired.id != history.last_measured.fired.id
    called = say("the alert ", phrases.alert_on(history, end)) if own else say(facts.last_called(history, end))
    return say(" and ", called, " ended ", phrases.between(since, end.end or since), " later")


def _broken_off(history: History, options: Options, change: Change) -> Iterator[Argument]:
    """That it was cancelled in the incident, and what ended after that."""
    done = change_facts.finished(change) if change.broken_off else None
    if done is None or done < facts.reference(history):
        return
    end = _end_after(history, change, Undoing(change, done, NEVER))
    ended = _ended_later(history, end, done) if end else ()
    proof = (change.last, *((facts.end_event(end),) if end else ()))
    by = with_name(" by ", change.stopped_by)
    yield say(f"it was {change.ending}", by, " at ", time_in(history, options, done), ended), proof


def _reverted(history: History, options: Options, change: Change, revert: Change) -> Argument:
    """``a revert of it was merged at 21:35:10``: that it ran by then is more than a merge shows, and told where its
    deployment is recorded. A run or a deployment has the title of what it runs, and that is what a revert is of."""
    done = _REVERTS.get(revert.kind, "finished")
    of = say("it") if change.kind in ("merge", "push") else say(Quote(change.title))
    ran = change_facts.finished(revert) or revert.start
    words, proof = say("a revert of ", of, f" {done} at ", time_in(history, options, ran)), [revert.last]
    shipped = shipped_by(history, revert)
    if shipped is not None and (deployed := change_facts.finished(shipped)) is not None:
        words, ran = say(words, " and deployed at ", time_in(history, options, deployed), ","), deployed
        proof.append(shipped.last)
    running = shipped is not None or done == "finished"
    end = _end_after(history, change, Undoing(shipped or revert, ran, NEVER)) if running else None
    if end is not None:
        words = say(words, _ended_later(history, end, ran))
        proof.append(facts.end_event(end))
    return words, tuple(proof)


def _replaced(history: History, options: Options, change: Change) -> Iterator[Argument]:
    """``the deploy "v43" of cart replaced it at 21:35:10 and the last alert ended 3 min later``; nothing where no alert
    ended after that, or where that deployment is of its revert and told with it."""
    revert = reversals.reverted_by(history, change)
    other = None if revert and shipped_by(history, revert) else reversals.replaced_after(history, change)
    done = change_facts.finished(other) if other else None
    end = _end_after(history, change, Undoing(other, done, NEVER)) if other and done is not None else None
    if other is None or other is revert or done is None or end is None:
        return
    in_vain = reversals.rollback_in_vain(history, change, done)
    after: Phrase = ()
    if in_vain is not None:
        at = change_facts.finished(in_vain) or in_vain.start
        had = "had failed" if in_vain.outcome == "failed" else "had been cancelled"
        after = say(f", after a rollback {had} at ", time_in(history, options, at), ",")
    words = say("the ", phrases.change_called(other), " replaced it at ", time_in(history, options, done), after)
    proof = [each.last for each in (in_vain, other) if each is not None]
    yield say(words, _ended_later(history, end, done)), (*proof, facts.end_event(end))


_REVERTS = {"merge": "was merged", "push": "was pushed", "release": "was published"}
"""What became of a revert, by its kind; a deployment or a run of one finished."""


def _own_end(history: History, change: Change, undoing: Undoing) -> Alert | None:
    """The alert of the changed service that ended last, of those that ended after the change was taken back: what ended
    elsewhere, later, says less of it. None where one of that service fires on, or fired again before the change was
    done again."""
    done = undoing.done
    service = facts.folded(change.service) if change.service else ""
    own = [a for a in history.measured if service and a.service and facts.folded(a.service) == service]
    end = facts.last_ended(a for a in own if a.start <= done and (a.end is None or a.end >= done))
    again = end is not None and any(a.name == end.name and done < a.start < undoing.until for a in own)
    return end if end is not None and not again and (end.end or done) - done <= LINGER else None


def _end_after(history: History, change: Change, undoing: Undoing) -> Alert | None:
    """The end of an alert that speaks for a change that was taken back: of its own service, else the last of all where
    none went on for long. One that came when the change had been done again says nothing."""
    last, done, until = history.last_measured, undoing.done, undoing.until
    own = _own_end(history, change, undoing)
    if own is not None and (last is None or own.fired.id != last.fired.id):
        return own if (own.end or done) <= until else None
    ended = last is not None and last.end is not None and last.start <= done <= last.end <= until
    return last if ended and not _went_on(history, undoing) else None


def _went_on(history: History, undoing: Undoing) -> list[Alert]:
    """The alerts that fired when a change was taken back, and long after, while it was not done again."""
    done, until = undoing.done, undoing.until
    return [a for a in history.measured
            if a.start <= done and (until if a.end is None else min(a.end, until)) - done > LINGER]  # fmt: skip


def undone(change: Change, back: Change) -> str:
    """How a change was taken back: as a flag, by a rollback, or by deploying what had been there before it."""
    if change.kind == "flag":
        return "it was set back"
    return "it was rolled back" if back.kind == "rollback" else "the commit deployed before it was deployed again"


def _tie(history: History, change: Change) -> Phrase:
    """What ties the change to the incident: its service, else the rule that put it there."""
    if change.service and facts.folded(change.service) in facts.hit(history):
        return say("it is of ", Name(change.service), ", which was hit")
    repository = phrases.owner_of(change)
    if not change.service and repository and facts.folded(repository) in facts.hit(history):
        return say("it is of the repository ", Name(repository), ", which is called like what was hit")
    why = next((g for each in change.events if (g := history.context.grouped.get(each))), None)
    if why is not None and why.rule == "dependency":
        return with_name("", reasons.spelt(history, why.reason.rstrip(". ")))
    return say(TIES[why.rule]) if why is not None and why.rule in TIES else ()


TIES = {
    "ref": "it has a reference in common with the incident",
    "repository": "it is of the repository of what was hit",
    "person": "a person added it to the incident",
}
"""How the rule that put a change into the incident reads; that of a dependency says which."""


def _against(history: History, options: Options, change: Change) -> list[Argument]:
    """What does not fit: the order of things, another service, a rollback that changed nothing, a failed change."""
    points: list[Argument] = []
    symptom = facts.moment(history, "first_symptom")
    if symptom and symptom.at is not None and symptom.at < change.start:
        ahead = phrases.between(symptom.at, change.start)
        points.append((say("the first symptom came ", ahead, " before it began"), (symptom,)))
    elif symptom and symptom.at is not None and change.end is not None and change.end > symptom.at:
        ended = f"was {change.ending}" if change.broken_off else "finished"
        points.append((say(f"the first symptom came before it {ended}"), (symptom,)))
    if change.outcome == "failed":
        points.append((say("it failed"), (change.last,)))
    if change.broken_off:
        points.append((say(f"how far it had come when it was {change.ending} is not recorded"), (change.last,)))
    if change.reach == "merged":
        points += _not_running(history, options, change)
    if others := change_facts.neighbours(history, change):
        names = phrases.listed([Name(each) for each in others], 3)
        points.append((say("changes of its repository are of ", names, ", too"), tuple(others.values())))
    if change_facts.elsewhere(history, change):
        points.append((say("it went to another environment"), (change.last,)))
    elif change_facts.apart_from_first(history, change) is None and (wide := change_facts.hit_beyond(history, change)):
        where = phrases.listed([Name(each) for each in wide], 3)
        points.append((say("alerts fired in ", where, ", too"), tuple([each.fired for each in wide.values()])))
    if region := change_facts.other_region(history, change):
        points.append((say("it went to ", Name(change.environment or ""), ", while the alerts are of the region ",
                          phrases.listed([Name(each) for each in region], 3)),
                      tuple([each.fired for each in region.values()])))  # fmt: skip
    other = reversals.replaced_by(history, change)
    if other is not None and reversals.undone_by(history, change) is not other:
        ahead = phrases.between((change_facts.finished(other) or 0), facts.reference(history))
        points.append((say("another commit was deployed over it ", ahead, f" before {facts.reference_called(history)}"),
                      (other.last,)))  # fmt: skip
    return [*points, *_other_service(history, change), *_after_rollback(history, options, change),
            *_between(history, options, change), *_done_again(history, options, change)]  # fmt: skip


def _not_running(history: History, options: Options, change: Change) -> Iterator[Argument]:
    """That nothing shows that what was merged was running when it began, or that it was deployed only after that."""
    shipped = shipped_by(history, change)
    if shipped is None:
        yield say("it is not recorded whether what was merged was running by then"), (change.last,)
    elif (ran := change_facts.finished(shipped) or 0) > facts.reference(history):
        after = facts.reference_called(history)
        yield say("its commit was deployed at ", time_in(history, options, ran), f", after {after}"), (shipped.last,)


def _other_service(history: History, change: Change) -> Iterator[Argument]:
    """That what fired first was on another service, or in another environment."""
    first = change_facts.apart_from_first(history, change)
    if first is not None and not change_facts.elsewhere(history, change):
        yield say(f"{facts.first_called(history, first.start)} was in ", Name(first.environment or "")), (first.fired,)
    alert = facts.first_alert(history)
    if alert and alert.service and change.service and facts.folded(alert.service) != facts.folded(change.service):
        yield say(f"{facts.first_called(history, alert.start)} was on ", Name(alert.service)), (alert.fired,)


_THE_BACK = {"rollback": "the rollback", "deploy": "that deploy", "flag": "it was set back"}
"""What took a change back, where a sentence speaks of it again."""


def _after_rollback(history: History, options: Options, change: Change) -> list[Argument]:
    """That it was rolled back before the first signal; alerts that went on after that, or had ended before."""
    undoings = undoings_of(history, change)
    if not undoings:
        return _after_revert(history, change)
    points: list[Argument] = []
    for undoing in undoings:
        # Of several a time says which.
        which = say(" at ", time_in(history, options, undoing.done)) if len(undoings) > 1 else ()
        points += _after_undoing(history, change, undoing, say(_THE_BACK[undoing.back.kind], which))
    return points


def _after_undoing(history: History, change: Change, undoing: Undoing, the_back: Phrase) -> list[Argument]:
    """The same of one of the times that it was taken back, until it was done again."""
    back, done, start = undoing.back, undoing.done, facts.reference(history)
    if done < start:
        signal = facts.reference_called(history)
        return [(say(f"{undone(change, back)} ", phrases.between(done, start), f" before {signal}"), (back.last,))]
    alerts = history.measured
    ended = history.last_measured
    if ended and ended.end is not None and ended.end < done:
        if undoing.again is not None:
            return []
        under_way = " was finished" if back.start <= ended.end else ""
        every = facts.THE_ALERT if facts.alone(history) else "all alerts"
        said = say(f"{every} had ended before ", the_back, under_way)
        return [(said, (facts.end_event(ended), back.last))]
    still = _went_on(history, undoing)
    again = [a for a in alerts if done < a.start < undoing.until]
    points: list[Argument] = []
    if still:
        longest = max(still, key=lambda a: (a.end is None, a.end or 0, a.entity))
        # One without an end may have stopped long before, or be of a kind that never says when.
        words = say("the alert ", phrases.alert_named(longest.name), " has no recorded end")
        if longest.end is not None:
            who = facts.THE_ALERT if facts.alone(history) else "alerts"
            words = say(f"{who} went on for ", phrases.between(done, longest.end), " after ", the_back)
        points.append((words, (back.last, facts.end_event(longest))))
    if again:
        points.append((say(f"{counted(len(again), 'alert')} fired after ", the_back), (back.last, again[0].fired)))
    return points


def _replacing(history: History, change: Change) -> list[Undoing]:
    """What took the place of a change that nothing took back: the deployment of its revert, or of another commit."""
    revert = reversals.reverted_by(history, change)
    other = (shipped_by(history, revert) if revert else None) or reversals.replaced_after(history, change)
    done = change_facts.finished(other) if other else None
    return [Undoing(other, done, NEVER)] if other is not None and done is not None else []


def _between(history: History, options: Options, change: Change) -> Iterator[Argument]:
    """That something else was done after a change was taken back and before the end that is told to speak for it."""
    for undoing in undoings_of(history, change) or _replacing(history, change):
        done = undoing.done
        end = _end_after(history, change, undoing) if done >= facts.reference(history) else None
        other = change_facts.acted_between(history, undoing.back, (done, end.end or done)) if end else None
        if other is not None:
            yield say("another action came before that end, at ", time_in(history, options, other.at)), (other.event,)


def _done_again(history: History, options: Options, change: Change) -> Iterator[Argument]:
    """That what was taken back was there once more when all alerts had ended, and none fired after that."""
    end = history.last_measured
    again = redone_after(history, change, end.end) if end is not None and end.end is not None else None
    if end is None or again is None or any(alert.start >= again.occurred_at for alert in history.measured):
        return
    setting = say("it was set to ", Name(change_facts.state_of(change)), " again")
    repetition = setting if change.kind == "flag" else say("its commit was deployed again")
    after = f" after {facts.last_called(history, end)} had ended"
    yield say(repetition, " at ", time_in(history, options, again.occurred_at), ", ",
              phrases.between(end.end or 0, again.occurred_at), after), (facts.end_event(end), again)  # fmt: skip


def _after_revert(history: History, change: Change) -> list[Argument]:
    """That alerts fired after a change that nothing took back was reverted: the same is told of a rollback."""
    revert = reversals.reverted_by(history, change)
    done = (change_facts.finished(revert) or revert.start) if revert else None
    again = [alert for alert in history.measured if done is not None and alert.start > done]
    if revert is None or not again:
        return []
    return [(say(f"{counted(len(again), 'alert')} fired after that revert"), (revert.last, again[0].fired))]
