"""Did my webhook arrive: the last deliveries of each source, what became of them, and how to mend what failed."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence

import msgspec
from aiohttp import web

from collector.errors import NotFound, Unavailable
from collector.log import Delivery
from collector.log.arrivals import SourceArrivals
from collector.telemetry.refusals import NO_SOURCE, RefusedRow
from collector.web import marks, refused
from collector.web.arrived import ArrivedSources, arrived
from collector.web.keys import INTAKE, LOG, PROJECTIONS, REFUSALS
from collector.web.pages.clocks import Clock
from collector.web.pages.rendering import page
from collector.web.pages.trials import Trial, trials, webhooks_of
from collector.web.requests import Query
from collector.webhook import Source

routes = web.RouteTableDef()

LOOKED_AT = 200
"""How many deliveries, whosever, the page of all sources looks at."""
EACH = 5
"""How many of them it shows of each source."""
SHOWN = 50
"""How many the page of one source has."""
HINTS: Mapping[int, str] = {
    400: "The sender broke off, or sends what is no HTTP of ours. Try again; a proxy in between may cut bodies.",
    401: "Give the sender the secret that sources.{source} has, or sources.{source} the sender's; the page of the "
    "sender in config/senders says where. The daemon's log says what was missing.",
    403: "The database does not let the daemon write; the log says what to grant.",
    405: "Have the sender POST to this address.",
    413: "Raise sources.{source}.max_body, or have the sender send smaller groups.",
    415: "Have the sender send bodies as they are, or with gzip.",
    417: "Have the sender leave out its Expect header.",
    503: "Nothing could be stored then: /-/ready says whether that is over. A sender that comes again lost nothing.",
}
"""Status that a refused delivery was answered with → what to do about it."""
UNREAD: Mapping[str, str] = {
    "unrecognised": "It is kept as it came. Nothing is to be done if its sender is not meant to tell this; else see "
    "the sender's page in config/senders.",
    "malformed": "It is kept as it came. Have the sender send what its page in config/senders shows.",
}
"""Status of a delivery that was kept and not understood → what to do about it."""


class ShownSource(msgspec.Struct, frozen=True, kw_only=True):
    """One source on the page."""

    name: str
    called: str
    """The kind of sender; empty where the source is not configured (any longer)."""
    address: str
    paste: str
    """What to enter at the sender."""
    trials: Sequence[Trial]
    """How to try it from a shell."""
    deliveries: Sequence[Delivery]
    private: Mapping[str, str]
    """The groups that alone may read of a delivery, by its id."""
    refused: Sequence[RefusedRow]
    counts: SourceArrivals
    """What became of the last deliveries, of which ``deliveries`` shows a few."""
    turned_away: int
    """How many were refused in the same time."""

    @property
    def received(self) -> int:
        """How many came in, whatever became of them."""
        return self.counts.stored + self.turned_away

    @property
    def is_well(self) -> bool:
        """Whether nothing has to be mended, as far as the last deliveries show it."""
        return not self.refused and all(one.status not in UNREAD for one in self.deliveries)

    @property
    def proofs(self) -> Collection[str]:
        """By what those shown proved themselves."""
        return {one.authentication for one in self.deliveries}


@routes.get("/deliveries")
async def deliveries(request: web.Request) -> web.Response:
    """What arrived of each source, or of one."""
    query = Query(request, "source", "before", "zone")
    clock, source, before = Clock(query.text("zone") or "UTC"), query.text("source"), query.text("before")
    sources = request.app[INTAKE].sources
    limit = LOOKED_AT if source is None else SHOWN
    stored = await request.app[LOG].deliveries(source=source, before=before, limit=limit + 1)
    refusals, away = await _refused(request, source)
    arrivals = await arrived(request.app)
    if source is not None and source not in sources and not stored and not refusals:
        raise NotFound("cannot show deliveries: there is no source of this name; see /deliveries", "source")
    names = [source] if source is not None else _names(sources, stored, refusals)
    each = EACH if source is None else SHOWN
    private = await marks.of_deliveries(request.app, stored[:limit])
    rows = [_shown_source(request, name, stored[:limit], refusals, arrivals, each, private) for name in names]
    return page(
        request,
        "deliveries.html",
        clock,
        source=source,
        before=before,
        sources=rows,
        silent=[] if source else [one for one in rows if not (one.deliveries or one.refused)],
        names=sorted(sources),
        arrivals=arrivals,
        strangers=[one for one in refusals if one.source == NO_SOURCE] if source is None else [],
        following=stored[limit - 1].id if source is not None and len(stored) > limit else None,
        looked_at=LOOKED_AT if source is None and len(stored) > limit else None,
        hint=_hint,
        unread=UNREAD,
        away=away,
    )


async def _refused(request: web.Request, source: str | None) -> tuple[list[RefusedRow], str]:
    """What was refused last, or why that cannot be read now: what arrived is shown whatever becomes of the lists."""
    app = request.app
    try:
        rows = await refused.refused(app[REFUSALS], app[PROJECTIONS], source=source)
    except Unavailable as error:
        return [], str(error)
    return _summed(row for row, _ in rows), ""


def _summed(rows: Iterable[RefusedRow]) -> list[RefusedRow]:
    """Refusals of one kind as one row, those that were refused last first."""
    kinds: dict[tuple[str, int, str], RefusedRow] = {}
    for row in rows:
        key = (row.source, row.status, row.reason)
        total = kinds.get(key, row)
        kinds[key] = msgspec.structs.replace(
            total,
            count=total.count + (row.count if key in kinds else 0),
            first_at=min(total.first_at, row.first_at),
            last_at=max(total.last_at, row.last_at),
        )
    return sorted(kinds.values(), key=lambda row: row.last_at, reverse=True)


def _names(sources: Mapping[str, Source], stored: Sequence[Delivery], refusals: Sequence[RefusedRow]) -> list[str]:
    """Sources that something came of lately, the latest first, then those that are configured and silent."""
    latest: dict[str, int] = {}
    for name, at in [(one.source, one.received_at) for one in stored] + [(one.source, one.last_at) for one in refusals]:
        latest[name] = max(at, latest.get(name, at))
    latest.pop(NO_SOURCE, None)
    heard = sorted(latest, key=lambda name: (-latest[name], name))
    return heard + [name for name in sources if name not in latest]


def _shown_source(
    request: web.Request, name: str, stored: Sequence[Delivery], refusals: Sequence[RefusedRow],
    arrivals: ArrivedSources, most: int, private: Mapping[str, str],
) -> ShownSource:  # fmt: skip
    endpoint = request.app[INTAKE].verifier.endpoints.get(name)
    address = f"{webhooks_of(request)}/{name}"
    return ShownSource(
        name=name,
        called=endpoint.source.called if endpoint else "",
        address=address,
        paste=request.app[INTAKE].entry(name, address),
        trials=trials(name, endpoint, address),
        deliveries=[one for one in stored if one.source == name][:most],
        private=private,
        refused=[one for one in refusals if one.source == name],
        counts=arrivals.sources.get(name, SourceArrivals()),
        turned_away=arrivals.refused.get(name, 0),
    )


def _hint(one: RefusedRow) -> str:
    return HINTS.get(one.status, "The daemon's log says more.").format(source=one.source)
