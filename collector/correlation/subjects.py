"""What one event is about, by which others are found that are about the same: a repository, a flag, an image, a thing.

Facts of a single event, and how a reason calls them. Nothing here knows of
incidents.
"""

from __future__ import annotations

from collections.abc import Iterable

from collector.correlation.mentions import flag_name
from collector.event import MINUTE, RecordedEvent, cloud_subject

_UNDOING = ("revert", "rollback", "roll back", "rolled back", "rolling back", "undo", "back out")


def conversation_of(event: RecordedEvent) -> tuple[str, str] | None:
    """The thread of a chat or the notice of a status page that a post is of; None of any other event."""
    if event.type == "status.updated":
        return (event.source, event.entity)
    if event.type != "chat.message":
        return None
    channel, _, own = event.entity.rpartition(":")
    thread = event.data.get("thread")
    return (event.source, f"{channel}:{thread if isinstance(thread, str) and thread else own}")


def subjects_of(events: Iterable[RecordedEvent]) -> set[str]:
    """What these changes are changes of: repository, flag, image and the application or service that they name."""
    return {subject for event in events for subject in _subjects(event)}


def _subjects(event: RecordedEvent) -> list[str]:
    if not event.type.startswith(("change.", "observation.")):
        return []
    if event.type == "change.flag_toggled":
        # A switch undoes a switch; what else changed of the same service stays as it was.
        return [f"flag:{event.entity}"]
    subjects = [ref for ref in event.refs if ref.startswith("repository:")]
    if isinstance(image := event.data.get("image"), str) and image:
        subjects.append(f"image:{image.partition('@')[0].rpartition(':')[0] or image}")
    if event.service and event.type.startswith("change."):
        subjects.append(f"service:{event.service.casefold()}")
    return subjects


def thing_of(event: RecordedEvent) -> str:
    """The one thing that a CloudEvent is about, told from all others: its subject within its source; else empty."""
    subject = cloud_subject(event) if event.type.startswith(("change.", "observation.")) else ""
    return f"{event.data['source']}#{subject}" if subject else ""


def _subject_text(subjects: set[str]) -> str:
    kind, _, name = min(subjects).partition(":")
    name = flag_name(name) if kind == "flag" else name
    return f"{kind} {name.removeprefix(f'{kind}/')[:80]}"


def undone_before(subjects: set[str]) -> str:
    """What something that undoes did. Which of the earlier changes it undid, nothing shows."""
    if min(subjects).startswith("flag:"):
        return f"it switched {_subject_text(subjects)}, which had been switched before the incident"
    return f"it undid a change of {_subject_text(subjects)}, which had changed before the incident"


def acted_upon(event: RecordedEvent, subjects: set[str]) -> str:
    """What a change in the incident did to what had changed before."""
    if event.type == "change.flag_toggled":
        return f"{_subject_text(subjects)} was switched"
    shown = _subject_text(subjects)
    return f"a change of {shown} was undone" if is_undoing(event) else f"{shown} was changed again"


def is_undoing(event: RecordedEvent) -> bool:
    """Whether a change puts something back: a rollback, a revert, a flag or switch that was set."""
    if event.type in {"change.rolled_back", "change.flag_toggled"} or event.data.get("task") == "rollback":
        return True
    title = event.title.casefold().lstrip("\"'[( ")
    return event.type.startswith("change.") and title.startswith(_UNDOING)


def clock(at: int) -> str:
    """A time of day for a reason, in UTC."""
    minutes = at // MINUTE % (24 * 60)
    return f"{minutes // 60:02}:{minutes % 60:02} UTC"
