"""What an application is built with, in groups: each has what is done without it as its default."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence

import msgspec

from collector.drafting.versions import Changed
from collector.erasure import Erasure, Redraw, Redrawn, RequestedErasure
from collector.errors import Unavailable
from collector.publishing.publisher import Publisher
from collector.reparsing import ReparseResult, Selection
from collector.tokens import ProxyLogin, Token
from collector.web.keys import Changes, Postmortem, RequestLimits
from collector.web.reads import ReadLimits
from collector.web.streams import StreamLimits


async def _no_draft(number: int, as_of: int | None, asked: Mapping[str, str]) -> str | None:
    raise Unavailable("cannot show the incident here: this process renders no drafts")


async def _no_changes(
    number: int, since: int | None, until: int | None, asked: Mapping[str, str]
) -> Sequence[Changed] | None:
    raise Unavailable("cannot compare drafts here: this process renders none")


async def _cannot_erase(asked: RequestedErasure) -> Erasure:
    raise Unavailable(
        "cannot erase here: this process has nothing to erase with; ask the daemon that writes to the log"
    )


async def _cannot_reparse(asked: Selection, dry_run: bool) -> ReparseResult:
    raise Unavailable("cannot read deliveries again here: this process knows no sources; ask the daemon that does")


async def _no_drafts(events: Collection[str]) -> Redrawn:
    return Redrawn()


class Renderings(msgspec.Struct, frozen=True, kw_only=True):
    """What makes texts of incidents."""

    postmortems: Mapping[str, Postmortem] = {}
    """Format (``md``, ``json``) → what renders it."""
    inlaid: Postmortem = _no_draft
    """What a page shows of a draft; it needs :attr:`styles`."""
    standing: Postmortem = _no_draft
    """How an incident stands."""
    measures: Postmortem = _no_draft
    """An incident's durations."""
    remarks: Postmortem = _no_draft
    """What a reviewer would remark on a draft."""
    changes: Changes = _no_changes
    """What changed of a draft."""
    zone: str = "UTC"
    """The zone of drafts."""
    people: Mapping[str, tuple[str, str]] = {}
    """A name as it is compared → what the person is called, and their zone; empty where that is not told."""
    styles: Mapping[str, str] = {}
    """Name → a style sheet."""
    policies: Mapping[str, str] = {}
    """Format → the Content-Security-Policy with which a browser is shown it."""


class ApiAccess(msgspec.Struct, frozen=True, kw_only=True):
    """Who may ask. A reload changes the lists and the set in place."""

    api_tokens: Sequence[Token] = ()
    """Any one of them opens the API; none: it stands open."""
    proxies: Sequence[ProxyLogin] = ()
    """Who signs people in before us."""
    local_only: bool = True
    """Bound to loopback: all but ``/-/healthy`` answers only under local names and :attr:`hosts`."""
    hosts: Collection[str] = ()


class Operations(msgspec.Struct, frozen=True, kw_only=True):
    """What is done on request, beyond appending a fact."""

    publisher: Publisher | None = None
    """Publishes postmortems; without it there is nowhere to."""
    erase: Callable[[RequestedErasure], Awaitable[Erasure]] = _cannot_erase
    redraw: Redraw = _no_drafts
    """Writes drafts again that cite amended events."""
    reparse: Callable[[Selection, bool], Awaitable[ReparseResult]] = _cannot_reparse
    """Reads stored deliveries again."""
    reload: Callable[[], Awaitable[None]] | None = None
    """Takes a changed configuration in, where that may be asked for."""
    followed: Callable[[int, float], Awaitable[bool]] | None = None
    """Waits until lists have taken a position in, for so many seconds; without it they are looked at."""


class WebLimits(msgspec.Struct, frozen=True, kw_only=True):
    """How much may be asked for."""

    limits: RequestLimits = RequestLimits()
    reads: ReadLimits = ReadLimits()
    streaming: StreamLimits = StreamLimits()
