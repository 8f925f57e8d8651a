"""What several sections ask of the changes of a History: their order, the actions, and the rollbacks.

Every answer is a value that keeps its events; nothing here is worded.
"""

from __future__ import annotations

import re

import msgspec

from collector import names
from collector.event import Event, RecordedEvent, reading_order
from collector.names import fold_repository
from collector.semantics.closing import is_of_the_response
from renderers import facts
from renderers.episodes import changes
from renderers.history import Alert, Change, History


class ResponseAction(msgspec.Struct, frozen=True, kw_only=True):
    """Something a person or a machine did between detection and recovery."""

    at: int
    event: RecordedEvent
    change: Change | None = None
    """None where it is an observation with an actor."""


def changed_where(history: History, change: Change) -> str | None:
    """The environment of a change as far as a reader has to be told it: in an incident that has several, and where it
    is not production or not the incident's."""
    key = names.environment_key(change.environment or "")
    trial = key.partition("/")[0] in TRIALS
    narrow = "/" in key and key not in map(names.environment_key, history.environments)
    return change.environment if history.divided or trial or narrow or elsewhere(history, change) else None


def event_where(history: History, event: RecordedEvent) -> str | None:
    """The same of a change beside the incident, by one of its events."""
    return changed_where(history, changes([event])[0])


def apart_from_first(history: History, change: Change) -> Alert | None:
    """The first opening alert, if it says that it fired in another environment than a change went to."""
    first = facts.first_alert(history)
    if first is None or not first.opening:
        return None
    there, here = (names.environment_key(each or "") for each in (first.environment, change.environment))
    return first if names.apart(there, here) else None


def owner_key(change: RecordedEvent) -> str:
    """Whose a change is, by :func:`folded`: its service, else what its repository is called like, as grouping has it;
    empty where it names neither."""
    if change.service:
        return facts.folded(change.service)
    return fold_repository(said) if isinstance(said := change.data.get("repository"), str) else ""


def run_title(kind: str, event: Event) -> str:
    """What a run of a workflow ran, in its sender's words; empty where it says no more than the workflow's name, and
    of changes of other kinds."""
    workflow = event.data.get("workflow") if kind == "workflow" else ""
    return event.title if isinstance(workflow, str) and workflow not in ("", event.title) else ""


def before(change: Change, start: int) -> bool:
    """Whether the change could have mattered: it began, or was merged, before the first symptom."""
    return change.ran and change.start <= start


def closeness(change: Change, start: int) -> tuple[int, int, str]:
    """The key that puts the change nearest before ``start`` first."""
    near = change.end if change.end is not None and change.end <= start else change.start
    return (start - near, -change.start, change.entity)


def earlier_changes(history: History) -> list[Change]:
    """The changes begun before the incident was noticed that may have reached what runs: the likeliest kind first (see
    :func:`standing`), of one kind the nearest."""
    start = facts.reference(history)
    if not facts.began(history):
        return []
    found = [c for c in history.changes if before(c, start) and _may_have_reached(c)]
    return sorted(found, key=lambda c: (standing(history, c), *closeness(c, start)))


def _may_have_reached(change: Change) -> bool:
    """Whether a change may have reached what runs; one that was cancelled may, once it had begun."""
    return change.reach != "none" or change.broken_off


def standing(history: History, change: Change) -> int:
    """How near a change was to what failed, the nearest first.

    A deployment of the incident's own service, then one that names no service, that of a repository which is called
    otherwise last, one of another service, one to another environment; then what was merged or pushed; then what does
    not say whether it reached anything.
    """
    if change.reach != "deployed" and not change.broken_off:
        return 5 if change.reach == "merged" else 6
    if elsewhere(history, change):
        return 4
    if change.service is None:
        return 1 if owner_key(change.last) in {"", *facts.hit(history)} else 2
    own = change.service in history.services or change.service == facts.primary_service(history)
    return 0 if own and apart_from_first(history, change) is None else 3


TRIALS = frozenset(names.ENVIRONMENTS.values()) - {names.PRODUCTION}
"""Environments that are not production."""


def elsewhere(history: History, change: Change) -> bool:
    """Whether a change says that it was in another environment than the incident's. An incident that names none is
    taken to be one of production."""
    environment = names.environment_key(change.environment or "")
    if not environment:
        return False
    if history.environments:
        return names.elsewhere(environment, map(names.environment_key, history.environments))
    return environment.partition("/")[0] in TRIALS


def hit_beyond(history: History, change: Change) -> dict[str, Alert]:
    """The environments in which alerts fired that are apart from the one a change went to, though others are not."""
    here = names.environment_key(change.environment or "")
    by_environment: dict[str, Alert] = {}
    for alert in history.measured if here and history.divided else ():
        if alert.environment and names.apart(here, names.environment_key(alert.environment)):
            by_environment.setdefault(alert.environment, alert)
    return by_environment


def other_region(history: History, change: Change) -> dict[str, Alert]:
    """The regions that alerts name by a label, each with its first alert, if all name one and a change went to an
    environment of another."""
    here = names.fold_environment(change.environment or "")[1:]
    if not here or not history.measured:
        return {}
    by_region: dict[str, Alert] = {}
    for alert in history.measured:
        labels = alert.fired.labels
        region_label = next((labels[label] for label in sorted(labels) if label.rpartition("_")[2] == "region"), "")
        place = names.fold_environment(region_label)
        if not place or not names.apart("/".join(("x", *here)), "/".join(("x", *place))):
            return {}
        by_region.setdefault(region_label, alert)
    return by_region


def response_actions(history: History) -> list[ResponseAction]:
    """Changes that may have reached what runs, and observations with an actor, between detection and recovery, oldest
    first.

    A change that was under way when the incident was detected was no answer to it.
    """
    return [action for action in _answers(history) if action.at <= answering(history)[1]]


def acted_later(history: History) -> bool:
    """Whether somebody acted in the incident after its recovery, too."""
    return any(action.at > answering(history)[1] for action in _answers(history))


def _answers(history: History) -> list[ResponseAction]:
    if not facts.began(history):
        return []
    low, _ = answering(history)
    actions = [
        ResponseAction(at=done, event=c.last, change=c)
        for c in history.changes
        if c.reach != "none" and (done := finished(c)) is not None and c.start >= low and not known_before(c, low)
        and not elsewhere(history, c)
    ]  # fmt: skip
    # To break off what was under way is an answer, too.
    actions += [ResponseAction(at=c.last.occurred_at, event=c.last, change=c) for c in history.changes if c.broken_off
                and not elsewhere(history, c)]  # fmt: skip
    actions += [ResponseAction(at=o.occurred_at, event=o) for o in history.observations if _is_act(o)]
    return sorted((action for action in actions if low < action.at), key=lambda action: (action.at, action.event.id))


def acted_between(history: History, back: Change, span: tuple[int, int]) -> ResponseAction | None:
    """The first other action within a span that may have changed what runs: what only was merged or failed has not, and
    another deployment of the commit that ``back`` puts there is the same action."""
    for doing in response_actions(history):
        other = doing.change
        same = other is not None and (other is back or is_same_commit(commit(other), commit(back)))
        idle = other is not None and (other.reach != "deployed" or other.outcome == "failed")
        if span[0] < doing.at < span[1] and not same and not idle:
            return doing
    return None


def _is_act(observation: RecordedEvent) -> bool:
    """Whether somebody did something to what runs: who silences an alert does nothing to what failed, nor who declares
    an incident."""
    return bool(observation.actor) and not observation.data.get("operation") and not is_of_the_response(observation)


def acts_before(history: History) -> list[RecordedEvent]:
    """What somebody did before the first signal that is told as no change, the nearest first."""
    if not facts.began(history):
        return []
    start = facts.reference(history)
    acts = [each for each in history.observations if _is_act(each) and each.occurred_at < start]
    return sorted(acts, key=lambda each: (-each.occurred_at, each.id))


def answering(history: History) -> tuple[int, int]:
    """From the detection to the recovery, or to the last that is known."""
    start, better = facts.instant(history, "detected"), facts.recovery(history)
    low = facts.anchor(history) if start is None else start
    return low, facts.latest(history) if better is None or better.at is None else better.at


def overtaken(history: History) -> list[Change]:
    """Changes of what runs that were asked for or begun between detection and recovery and came to an end after it."""
    if not facts.began(history):
        return []
    low, high = answering(history)
    return [
        c for c in history.changes
        if c.reach != "none" and c.ran and low <= c.start <= high and not known_before(c, low)
        and c.end is not None and c.end > high
    ]  # fmt: skip


def unplaced(history: History) -> list[RecordedEvent]:
    """The first events of the changes between detection and recovery that are not known to belong, nor not to."""
    low, high = answering(history)
    actions: dict[tuple[str, str], RecordedEvent] = {}
    for near in sorted(history.context.nearby, key=lambda near: (near.event.occurred_at, near.event.id)):
        event = near.event
        if event.type.startswith("change.") and low < event.occurred_at <= high and not facts.unrelated(history, near):
            actions.setdefault((event.source, event.entity), event)
    return sorted(actions.values(), key=reading_order)


def known_before(change: Change, moment: int) -> bool:
    """Whether a change was received before this moment though its sender's clock puts it after: it had happened."""
    return change.last.time_quality == "exact" and change.last.received_at < moment <= change.start


def ends_of(history: History, change: Change) -> tuple[RecordedEvent, ...]:
    """What proves when a change was done, if that was before the first signal; else when it began, and its end."""
    if change.end is not None and change.end <= facts.reference(history):
        return (change.last,)
    return (begun_by(history, change), change.last)


def begun_by(history: History, change: Change) -> RecordedEvent:
    """The event that tells when a change began."""
    events = [history.by_id[each] for each in change.events if each in history.by_id]
    return next((event for event in events if event.occurred_at == change.start), change.first)


def same_place(change_a: Change, other: Change) -> bool:
    """Whether two changes say that they are of one service (or repository, if neither names a service) in one
    environment."""
    here, there = (names.environment_key(each.environment or "") for each in (change_a, other))
    if not here or here != there:
        return False
    if change_a.service or other.service:
        return change_a.service == other.service
    return repository(change_a) is not None and repository(change_a) == repository(other)


def repository(change: Change) -> str | None:
    """The repository that a change is of, as its sender names it."""
    return _text_of(change, "repository") or None


def neighbours(history: History, change: Change) -> dict[str, RecordedEvent]:
    """The services that were not hit and that changes of the same repository name, each with the first such change;
    none for a change that names its service itself."""
    own = repository(change)
    if change.service or own is None:
        return {}
    by_service: dict[str, RecordedEvent] = {}
    beside = [near.event for near in history.context.nearby]
    for event in sorted((*history.events, *beside), key=reading_order):
        of = event.service if event.type.startswith("change.") else None
        if of and event.data.get("repository") == own and facts.folded(of) not in facts.hit(history):
            by_service.setdefault(of, event)
    return by_service


def commit(change: Change) -> str:
    """The commit that a change is of; empty where it names none, or a name that is another commit's tomorrow."""
    name = _text_of(change, "sha")
    return "" if name.casefold() in _MOVING or name == _text_of(change, "branch") else name


_MOVING = {"head", "latest"}
"""What builds call the commit that they fetch before they know it."""


_SHORT = re.compile(r"(?=.*[a-f])[0-9a-f]{7,63}")
"""How a commit begins, as senders shorten it: Bitbucket to twelve digits. Digits alone may be a version."""


def is_same_commit(one: str, other: str) -> bool:
    """Whether two names are of one commit, or one version; empty ones are of none."""
    short, long = sorted((one.casefold(), other.casefold()), key=len)
    return short != "" and (short == long or (_SHORT.fullmatch(short) is not None and long.startswith(short)))


def content(change: Change) -> str:
    """What a change put there: its commit, else its version; empty where it names neither."""
    return commit(change) or version(change)


def version(change: Change) -> str:
    """What was deployed, where that is no commit: a version; a branch says nothing."""
    ref = _text_of(change, "ref")
    return ref if any(map(str.isdigit, ref)) else ""


def state_of(change: Change) -> str:
    """What a flag was set to; empty where its sender does not say, or tells in words what was done with it."""
    return state if " " not in (state := _text_of(change, "state")) else ""


def _text_of(change: Change, key: str) -> str:
    values = (event.data.get(key) for event in (change.last, change.first))
    return next((value for value in values if isinstance(value, str) and value), "")


def finished(change: Change) -> int | None:
    """When the change was done; None while it runs."""
    if change.end is not None:
        return change.end
    return None if change.outcome in ("requested", "started") else change.last.occurred_at
