"""What handlers are given, as typed keys of the application.

The web room opens nothing itself and reads no settings: whoever builds the
application (:func:`collector.web.build_app`) puts real things under these.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from typing import Any

import msgspec
from aiohttp import web
from prometheus_client import Metric

from collector.drafting.versions import Changed
from collector.erasure import Erasure, Redraw, RequestedErasure
from collector.intake import Intake
from collector.intake.importing import Brought
from collector.projections import Projections
from collector.publishing.publisher import Publisher
from collector.reparsing import ReparseResult, Selection
from collector.telemetry.metrics import Metrics
from collector.telemetry.refusals import Refusals
from collector.tokens import ProxyLogin, Token
from collector.web.front import Front
from collector.web.seen import SeenLog

Postmortem = Callable[[int, int | None, Mapping[str, str]], Awaitable[str | None]]
"""Renders an incident by its number, as known at a time (µs, None: now), with options by name (``zone``, ``detail``,
``profile``); None where there is no such incident. A bad option is :class:`collector.errors.InvalidInput`."""


Changes = Callable[[int, int | None, int | None, Mapping[str, str]], Awaitable[Sequence[Changed] | None]]
"""An incident's number, two moments (µs, None: now) and options → what changed of its postmortem from one to the other;
None where nothing was known of it by the later one."""


class Readiness(msgspec.Struct, frozen=True, kw_only=True):
    """Whether this daemon can do its work now."""

    ready: bool
    reason: str = ""
    """One sentence, where it is not."""
    facts: Mapping[str, Any] = {}
    """What was looked at: ``lag`` in events, ``queue``, ``writer`` …"""


class RequestLimits(msgspec.Struct, frozen=True, kw_only=True):
    """How much a client may ask for. Sizes in bytes, times in seconds."""

    command: int = 65_536
    """The largest JSON body of a write."""
    draft: int = 4_194_304
    """The same of one that has a draft that people edited."""
    read_timeout: float = 10.0
    """How long a client may take to send such a body."""
    patience: float = 2.0
    """How long a write waits for the lists to take it in before it answers all the same."""
    retry_after: int = 5
    """What a client is told to wait when nothing can be done now."""


class OneLog(msgspec.Struct, frozen=True, kw_only=True):
    """One of the logs that the daemon serves."""

    name: str = "default"
    path: str = ""
    """What its addresses begin with."""
    app: web.Application
    """What answers for it. Where the log is away, that has no :data:`PROJECTIONS`."""

    def called(self, number: int) -> str:
        """An incident's number as it is written where there are several logs: ``12`` of the default one, ``eu/12``."""
        return f"{self.name}/{number}" if self.path else str(number)


LOGS: web.AppKey[Callable[[], Sequence[OneLog]]] = web.AppKey("logs")
"""The logs that the daemon serves now, the default one first."""
NAMED: web.AppKey[str] = web.AppKey("named")
"""What the log of this application is called, where there are several; empty where there is one."""
INTAKE: web.AppKey[Intake] = web.AppKey("intake")
REFUSALS: web.AppKey[Refusals] = web.AppKey("refusals")
LOG: web.AppKey[SeenLog] = web.AppKey("log")
"""The log, without what is hidden from whoever reads."""
PROJECTIONS: web.AppKey[Projections] = web.AppKey("projections")
POSTMORTEMS: web.AppKey[Mapping[str, Postmortem]] = web.AppKey("postmortems")
INLAID: web.AppKey[Postmortem] = web.AppKey("inlaid")
"""Renders what a page shows of a draft, as JSON: ``draft`` and ``pictures``."""
STANDING: web.AppKey[Postmortem] = web.AppKey("standing")
"""How an incident stands, as JSON: ``row``, ``evidence`` and ``known``."""
MEASURES: web.AppKey[Postmortem] = web.AppKey("measures")
"""The durations of an incident in each profile's terms, as JSON."""
CHANGES: web.AppKey[Changes] = web.AppKey("changes")
"""What changed of an incident's postmortem between two moments."""
PUBLISHING: web.AppKey[Publisher] = web.AppKey("publishing")
REMARKS: web.AppKey[Postmortem] = web.AppKey("remarks")
"""Renders what a reviewer would remark on a draft, as JSON."""
STYLES: web.AppKey[Mapping[str, str]] = web.AppKey("styles")
"""Name → a style sheet that pages need for what others draw."""
POLICIES: web.AppKey[Mapping[str, str]] = web.AppKey("policies")
"""Format → the Content-Security-Policy it is served with, where it is not that of every answer."""
READINESS: web.AppKey[Callable[[], Awaitable[Readiness]]] = web.AppKey("readiness")
METRICS: web.AppKey[Metrics] = web.AppKey("metrics")
"""What is counted as it happens."""
GAUGES: web.AppKey[Callable[[], Awaitable[Sequence[Metric]]]] = web.AppKey("gauges")
"""What is looked up for a scrape."""
ERASE: web.AppKey[Callable[[RequestedErasure], Awaitable[Erasure]]] = web.AppKey("erase")
REPARSE: web.AppKey[Callable[[Selection, bool], Awaitable[ReparseResult]]] = web.AppKey("reparse")
"""Reads stored deliveries again; the second says that nothing is to be written."""
BRING_IN: web.AppKey[Callable[[str, str, bytes, int], Awaitable[Brought]]] = web.AppKey("bring_in")
"""Brings records in: of which source, in which form, a list in JSON, and when it was fetched, µs."""
REDRAW: web.AppKey[Redraw] = web.AppKey("redraw")
"""Writes the drafts again that cite certain events."""
RELOAD: web.AppKey[Callable[[], Awaitable[None]] | None] = web.AppKey("reload")
WHO: web.RequestKey[Token] = web.RequestKey("who", Token)
"""Who asks, where that is asked: by a token, a password or a session; whoever it is while the API stands open."""
API_TOKENS: web.AppKey[Sequence[Token]] = web.AppKey("api_tokens")
"""Any one of them opens ``/api``; none: it stands open."""
PROXIES: web.AppKey[Sequence[ProxyLogin]] = web.AppKey("proxies")
"""Who signs people in before us, and is believed."""
PEOPLE: web.AppKey[Mapping[str, tuple[str, str]]] = web.AppKey("people")
"""A name as it is compared → what the person is called, and their zone; empty where that is not told."""
ZONE: web.AppKey[str] = web.AppKey("zone")
"""The zone of drafts, which pages offer beside UTC."""
FRONT: web.AppKey[Front] = web.AppKey("front")
ROOT: web.AppKey[str] = web.AppKey("root")
"""What the addresses in the links of this application begin with."""
LOCAL_ONLY: web.AppKey[bool] = web.AppKey("local_only")
"""Whether the daemon is bound to loopback, where only local names and :data:`HOSTS` may be asked for."""
HOSTS: web.AppKey[Collection[str]] = web.AppKey("hosts")
"""Other names of this daemon, in lower case and without ports."""
ENDING: web.AppKey[list[Callable[[], None]]] = web.AppKey("ending")
"""What is called once the daemon stops, before open answers are waited for: it ends those that would never end."""
FOLLOWED: web.AppKey[Callable[[int, float], Awaitable[bool]]] = web.AppKey("followed")
"""Waits until lists have taken a position in, or so many seconds; whether they have."""
WRITING: web.AppKey[asyncio.Lock] = web.AppKey("writing")
"""Held while a section of a postmortem is written over what was read."""
CLOCK: web.AppKey[Callable[[], int]] = web.AppKey("clock")
"""Now, µs UTC."""
LIMITS: web.AppKey[RequestLimits] = web.AppKey("limits")
