"""The rows of changes: a short one is one row at its end, a longer one has a row for its start and one for its end."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

from collector.event import HOUR, MINUTE, RecordedEvent
from renderers import phrases
from renderers.document import Name
from renderers.history import Change
from renderers.phrases import Phrase, quoted, say, with_name
from renderers.rows.plan import Plan, RowContext
from renderers.times import minute

CHANGE_SPAN = 10 * MINUTE
"""A change that took no longer than this is one row, at its end."""


def plans(change: Change, event: RecordedEvent) -> Iterator[Plan]:
    """The rows that stand where this event of the change does: its end, a failure before it, and the request and the
    beginning where they were long before; none for a state in between. What only waits has one, at its request."""
    if change.last.type == "change.requested":
        if event.id == change.first.id:
            yield plan(change, event, change.events)
    elif event.id == change.last.id:
        short = change.first.id != change.last.id and (change.end or 0) - change.first.occurred_at <= CHANGE_SPAN
        yield plan(change, event, change.events if short or change.last.id == change.first.id else (event.id,))
    elif event.type == "change.failed" or (_is_turn(change, event) and _is_long(change, event)):
        yield plan(change, event)


def _is_turn(change: Change, event: RecordedEvent) -> bool:
    """Whether it is the first word on the change, or says when it began."""
    begins = event.type == "change.started" and event.occurred_at == change.start
    return event.id == change.first.id or (begins and change.first.type == "change.requested")


def _is_long(change: Change, event: RecordedEvent) -> bool:
    return change.end is None or change.end - event.occurred_at > CHANGE_SPAN


def plan(change: Change, event: RecordedEvent, ids: tuple[str, ...] = ()) -> Plan:
    """The row of one event of a change, citing ``ids`` or the event alone."""
    whole = set(change.events) <= {event.id, *ids}
    return Plan(at=event.occurred_at, type=event.type, cites=ids or (event.id,),
                wording=partial(_worded, change, event, whole),
                led_by=(event,), idle=change.idle)  # fmt: skip


def _worded(change: Change, event: RecordedEvent, whole: bool, table: RowContext) -> Phrase:
    """``whole`` says that the row stands for all of the change: else its beginning has a row of its own."""
    return say(change_words(change, event, _begun(change, event, table) if whole else ()), _committed(change, table))


def _begun(change: Change, event: RecordedEvent, table: RowContext) -> Phrase:
    """When it began, where its row stands in another minute and it has no row for that."""
    alone = event.id != change.last.id or not change.ran or not change.measured or change.end is None
    if alone or _is_long(change, change.first) or change.start // MINUTE == event.occurred_at // MINUTE:
        return ()
    return say(", begun at ", phrases.minute(change.start, table.zone, event.occurred_at))


def _committed(change: Change, table: RowContext) -> str:
    """When the pushed commit was made, where that was long before it was pushed."""
    at = change.last.data.get("committed_at")
    if change.kind != "push" or type(at) is not int or change.start - at < HOUR:
        return ""
    return f" (a commit of {minute(at, table.zone)})"


def change_words(change: Change, event: RecordedEvent, begun: Phrase = ()) -> Phrase:
    """A change as its event left it: started, or what came of it."""
    ended = event.id == change.last.id
    outcome = change.outcome if ended else event.type.removeprefix("change.")
    words = _KINDS.get(change.kind, _deploy_told)
    by = with_name(" by ", change.stopped_by if ended else None)
    return words(change, _outcome_words(change, outcome),
                 say(by, _never_began(change, outcome), _took(change, ended), begun))  # fmt: skip


OUTCOMES = {"rolled_back": "succeeded", "toggled": "changed", "requested": "was requested"}
"""How an outcome reads where its own word does not."""


def _outcome_words(change: Change, outcome: str) -> str:
    if outcome == "cancelled":
        state = phrases.text_in(change.last.data, "state")
        return f"was {state if state in ('skipped', 'stale') else 'cancelled'}"
    if outcome == "rolled_back" and change.took_itself_back:
        return "was rolled back"
    return OUTCOMES.get(outcome, outcome)


def _never_began(change: Change, outcome: str) -> str:
    """That a change never began that was given up, where it was heard of before: its beginning would have been, too."""
    heard = outcome == "cancelled" and change.first.type == "change.requested"
    skipped = phrases.text_in(change.last.data, "state") == "skipped"
    return ", it never began" if heard and not change.ran and not skipped else ""


def _took(change: Change, ended: bool) -> Phrase:
    given_up = change.outcome == "cancelled" or change.took_itself_back
    if not ended or given_up or change.end is None or change.end <= change.start:
        return ()
    length = phrases.between(change.start, change.end)
    return say(" in ", length) if change.measured else say(" ", length, " after it was requested")


def _details(change: Change) -> Phrase:
    """`` (main, by ana)``, without what the title says already."""
    ref = phrases.text_in(change.last.data, "ref") or phrases.text_in(change.last.data, "sha")[:7]
    details = [say(Name(ref))] if ref and ref not in f"{change.title} {phrases.change_title(change)}" else []
    if change.actor:
        details.append(say("by ", Name(change.actor)))
    return say(" (", phrases.listed(details, end=", "), ")") if details else ()


def _titled(change: Change) -> Phrase:
    """``: "v42: pool per request"``."""
    text = phrases.text_in(change.last.data, "text")
    title = phrases.change_title(change)
    more = text if text and text != title and change.kind in ("deploy", "rollback", "change") else ""
    return say(quoted(": ", title), quoted("; " if title else ": ", more))


def _owned(change: Change, before: str = " to ") -> Phrase:
    return say(with_name(" of ", phrases.owner_of(change)), with_name(before, change.environment))


def _deploy_told(change: Change, outcome: str, took: Phrase) -> Phrase:
    noun = "Deploy" if change.kind == "deploy" else "Change"
    return say(noun, _owned(change), f" {outcome}", took, _titled(change), _details(change))


def _rollback_told(change: Change, outcome: str, took: Phrase) -> Phrase:
    return say("Rollback", _owned(change, " in "), f" {outcome}", took, _titled(change),
               _details(change))  # fmt: skip


def _merge_told(change: Change, outcome: str, took: Phrase) -> Phrase:
    """``Pull request #2204 "Tune rules" of web merged by ben``."""
    return say(phrases.noun_of(change).capitalize(), phrases.merge_number(change.last), quoted(" ", change.title),
               with_name(" of ", phrases.owner_of(change)), " merged", with_name(" by ", change.actor))  # fmt: skip


def _push_told(change: Change, outcome: str, took: Phrase) -> Phrase:
    state = phrases.text_in(change.last.data, "state")
    if state == "deleted":
        return _deleted_told(change)
    ref = phrases.text_in(change.last.data, "ref")
    return say("Forced push" if state == "forced" else "Push", with_name(" to ", ref),
               with_name(" of ", phrases.owner_of(change)), with_name(" by ", change.actor),
               quoted(": ", phrases.text_in(change.last.data, "text") or change.title))  # fmt: skip


def _deleted_told(change: Change) -> Phrase:
    what = "Tag" if change.kind == "tag" else "Branch"
    return say(what, with_name(" ", phrases.text_in(change.last.data, "ref")),
               with_name(" of ", phrases.owner_of(change)), " deleted", with_name(" by ", change.actor))  # fmt: skip


def _tag_told(change: Change, outcome: str, took: Phrase) -> Phrase:
    state = phrases.text_in(change.last.data, "state")
    if state == "deleted":
        return _deleted_told(change)
    return say("Tag", with_name(" ", phrases.text_in(change.last.data, "ref")),
               with_name(" of ", phrases.owner_of(change)), " moved" if state == "forced" else " set",
               with_name(" by ", change.actor),
               quoted(": ", phrases.text_in(change.last.data, "text")))  # fmt: skip


def _image_told(change: Change, outcome: str, took: Phrase) -> Phrase:
    title, owner = phrases.change_title(change), phrases.owner_of(change)
    return say("Image", quoted(" ", title), with_name(" of ", owner), " published", with_name(" by ", change.actor))


def _release_told(change: Change, outcome: str, took: Phrase) -> Phrase:
    return say("Release", quoted(" ", phrases.change_title(change)), _owned(change), " published",
               with_name(" by ", change.actor))  # fmt: skip


def _flag_told(change: Change, outcome: str, took: Phrase) -> Phrase:
    set_to = with_name(" set to ", phrases.flag_state(change.last)) or " changed"
    title, text = phrases.change_title(change), phrases.text_in(change.last.data, "text")
    if not phrases.flag_state(change.last):
        text = text or phrases.text_in(change.last.data, "state")
    return say("Flag", quoted(" ", title), _owned(change, " in "), set_to, with_name(" by ", change.actor),
               quoted(": ", text if text != title else ""))  # fmt: skip


def _workflow_told(change: Change, outcome: str, took: Phrase) -> Phrase:
    """``Workflow run "Deploy" of web failed after 5 min: "commit" (main, by ana)``."""
    name = phrases.text_in(change.last.data, "workflow") or change.title
    title = change.title if change.title != name else None
    text = phrases.text_in(change.last.data, "text")
    return say("Workflow run", quoted(" ", name), _owned(change), f" {outcome}", took, quoted(": ", title),
               quoted("; " if title else ": ", text if text != title else ""), _details(change))  # fmt: skip


_KINDS: dict[str, Callable[[Change, str, Phrase], Phrase]] = {
    "deploy": _deploy_told,
    "rollback": _rollback_told,
    "merge": _merge_told,
    "push": _push_told,
    "tag": _tag_told,
    "image": _image_told,
    "release": _release_told,
    "flag": _flag_told,
    "workflow": _workflow_told,
}


def told_alone(table: RowContext, event: RecordedEvent) -> Phrase:
    """A change's event that belongs to no change that replay knows."""
    state = event.type.removeprefix("change.").replace("_", " ")
    return say("Change", with_name(" of ", event.service), f" {state}", with_name(" by ", event.actor),
               quoted(": ", event.title))  # fmt: skip
