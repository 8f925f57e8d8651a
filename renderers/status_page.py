"""Which posts of a status page are on the incident: grouping adds what a page told of its services nearby in time.

A page of another company tells of that company: it announces nothing of the incident, and ends nothing."""

from __future__ import annotations

from collector.event import MAINTENANCE_STATES, RecordedEvent, post_state
from renderers.history import History


def posts_on(history: History) -> list[RecordedEvent]:
    """The posts on the incident, in reading order: without those of something that the page called over before the
    first alert, page or report, which tell of what was before, and without those of other companies."""
    start = _start(history)
    last = {post.entity: post for post in history.statuses}
    former = {name for name, post in last.items() if start is not None and post.occurred_at < start and _is_over(post)}
    return [post for post in history.statuses if post.entity not in former and not vendor_of(post)]


def vendor_of(post: RecordedEvent) -> str:
    """Whose status page a post is of, where it is another company's; else empty."""
    vendor = post.data.get("vendor") if post.type == "status.updated" else None
    return vendor if isinstance(vendor, str) else ""


def is_planned(post: RecordedEvent) -> bool:
    """Whether a post tells of a maintenance: of what is planned, which discovers nothing."""
    return post.entity.startswith("maintenance:") or post_state(_kind(post)) in MAINTENANCE_STATES


def affected_by(event: RecordedEvent) -> list[str]:
    """The services that an event names as affected beside the one that it is of; of a post that is no plan, all."""
    posted, further = event.type == "status.updated", event.data.get("further_services", ())
    if (posted and is_planned(event)) or not isinstance(further, list | tuple):
        return []
    return [each for each in (event.service if posted else None, *further) if isinstance(each, str) and each]


def _start(history: History) -> int | None:
    starts = [alert.start for alert in history.openers[:1]] + [page.start for page in history.pages[:1]]
    return min([*starts, *(report.occurred_at for report in history.reports[:1])], default=None)


_OVER = frozenset({"resolved", "completed", "operational"})
"""What a status page calls an incident, a maintenance and a component that is over."""


def _is_over(post: RecordedEvent) -> bool:
    return (post_state(_kind(post)) or _kind(post).casefold()) in _OVER


def _kind(post: RecordedEvent) -> str:
    kind = post.data.get("kind")
    return kind if isinstance(kind, str) else ""
