"""How long alerts fired, which have no recorded end, and which ended after all that are counted."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import partial

from collector.event import RecordedEvent
from renderers import facts, phrases
from renderers.document import Claim, Options
from renderers.history import Alert, History
from renderers.phrases import Phrase, cites, claim, if_any, say, text_in, with_name
from renderers.retold import begun_anew
from renderers.sections.clock import time_in
from renderers.sections.graded import alert_graded
from renderers.words import counted

NAMED = 3
"""How many are named; the rest is a count."""


def alerts_lasted(history: History, options: Options) -> Iterator[Claim]:
    """How long they fired, which have no recorded end, and which ended later than all of these."""
    yield _fired_for(history, options)
    yield from _still_firing(history)
    yield from _ended_later(history, options)


def ended_before_it_fired(history: History, alert: Alert) -> Phrase:
    """``by its sender's clock SlowCart on cart ended 2 min before it fired``; nothing where it did not."""
    ahead = alert.dated_back
    called, length = phrases.alert_on(history, alert), phrases.lasted(ahead)
    return if_any(ahead, "by its sender's clock ", called, " ended ", length, " before it fired")


def _still_firing(history: History) -> Iterator[Claim]:
    """The alerts that have no recorded end though those that durations are told of ended."""
    waiting = [each for each in history.alerts if each.firing] if history.last_measured is not None else []
    names = {(each.name, each.service, facts.where(history, each.environment)): each for each in waiting}
    if names:
        called = partial(phrases.alert_on, history, severity=True)
        listing = phrases.worded(list(names.values()), called, NAMED, ("more alert", "more alerts"))
        yield claim("No end is recorded for ", listing, proof=cites([each.fired for each in waiting]))


def _called_waiting(history: History, waiting: Iterable[Alert]) -> list[Phrase]:
    """Alerts without an end by their names; of one that ended elsewhere with where it did not."""
    places = {(each.name, _where(history, each)) for each in waiting}
    elsewhere = {each.name for each in history.alerts if (each.name, _where(history, each)) not in places}
    called = [say(phrases.alert_named(each.name), _where(history, each) if each.name in elsewhere else "")
              for each in waiting]  # fmt: skip
    return list(dict.fromkeys(called))


def _where(history: History, alert: Alert) -> Phrase:
    return phrases.on_service(phrases.beyond(alert.name, alert.service), facts.where(history, alert.environment))


def _unless(history: History, options: Options) -> tuple[Phrase, list[RecordedEvent]]:
    """``, unless X on S had ended before it fired again at 14:20:00``: what of the length is not known."""
    alerts = begun_anew(history)
    starts = [(history.by_id[each], alert) for each, alert in alerts.items() if alert in history.measured]
    several = facts.several(history.measured)
    words = [say(phrases.alert_on(history, alert) if several else "it", " had ended before it fired again at ",
                 time_in(history, options, event.occurred_at)) for event, alert in starts]  # fmt: skip
    told = phrases.listed(words, NAMED, ("more time", "more times")) if words else ()
    return if_any(told, ", unless ", told), [event for event, _ in starts]


def _fired_for(history: History, options: Options) -> Claim:
    """``Alerts were firing for 21 min 25 s``, or which have no recorded end."""
    alerts, last = history.measured, history.last_measured
    if last is None:
        waiting = [each for each in alerts if each.firing] or list(alerts)
        listing = phrases.listed(_called_waiting(history, waiting), NAMED, ("more alert", "more alerts"))
        return claim("No end is recorded for ", listing, "; the last event came at ",
                     time_in(history, options, facts.latest(history)),
                     proof=cites([each.fired for each in waiting], history.events[-1]))  # fmt: skip
    first = alerts[0]
    pauses = facts.pauses(alerts)
    low = len(alerts) < len(history.alerts)
    above, name = (" above warning", alert_graded(history, first)) if low else ("", ())
    whole = phrases.between(first.start, (last.end or 0))
    proof = cites(first.fired, facts.end_event(last))
    several = facts.several(alerts)
    one = say("The alert ", name, " was firing for ") if name else say("The alert was firing for ")
    were = say(f"Alerts{above} were firing for ") if several else one
    if not pauses:
        anew, starts = _unless(history, options)
        back = ended_before_it_fired(history, last)
        return claim(
            were, whole, anew, if_any(back, "; ", back), proof=cites(first.fired, facts.end_event(last), starts)
        )
    span = "the start of the first to the end of the last one" if several else "its first start to its last end"
    return claim(were, phrases.lasted(facts.firing_for(alerts)),
                 f", with {counted(pauses, 'pause')}; from {span} it took ", whole, proof=proof)  # fmt: skip


def _ended_later(history: History, options: Options) -> Iterator[Claim]:
    """``An alert of which no firing is recorded ended later: SlowCart on cart at 14:12:00``: after all of which lengths
    are told, since a reader takes the end of the last of these for the end of all."""
    last = history.last_measured
    if last is None:
        return
    # What its sender tells of is an alert only where it fired.
    alerts = [each for each in history.unbegun if not text_in(each.data, "called")]
    later = [each for each in alerts if each.occurred_at > (last.end or 0)]
    if later:
        words = [say(_called(history, each), " at ", time_in(history, options, each.occurred_at)) for each in later]
        count = "An alert" if len(later) == 1 else f"{len(later):,} alerts"
        yield claim(f"{count} of which no firing is recorded ended later: ",
                    phrases.listed(words, NAMED, ("more alert", "more alerts")), proof=cites(later))  # fmt: skip


def _called(history: History, event: RecordedEvent) -> Phrase:
    where = with_name(" in ", facts.where(history, event.environment))
    return say(phrases.alert_named(event.title), with_name(" on ", phrases.beyond(event.title, event.service)), where)
