"""From an incident's number to its postmortem as text: where the log meets the renderers.

Reads one consistent view, translates it into the renderers' own values and
renders in a thread, so that a large incident does not hold up deliveries.
Nothing is decided here and nothing is written.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import cast
from zoneinfo import ZoneInfo

import msgspec

from collector.drafting.cache import LaidDocument, TextCache
from collector.errors import InvalidInput, InvalidSettings
from collector.projections import Case, Projections
from collector.sources import SOURCES
from renderers import inlaid, markdown, sandbox
from renderers.choices import CITATIONS, DETAILS, NARROWEST, PEOPLE, PROFILES, ROLES, TEMPLATES, WIDEST
from renderers.document import Document, Options, View
from renderers.draft import draft
from renderers.formats import INLAID, RENDERERS
from renderers.history import Context, Grouped, Nearby, Sender
from renderers.replay import replay
from renderers.roles import told_by_roles

MARKED = "marked"
"""Markdown for a file that people edit; it is asked for beside the formats, and nobody reads it as it is."""
PAGE = "page"
"""What a page shows of a draft; it is asked for beside the formats, too."""
_WRITERS = {**RENDERERS, **INLAID}
SENDERS = {
    kind: Sender(
        called="" if source.needs else source.called, page=source.page, carries=source.carries, families=source.families
    )
    for kind, source in SOURCES.items()
}
"""How drafts speak of each kind of sender. One that users describe themselves is called as they call their source."""
PLAIN = Options()
"""What a reader gets who asks for nothing."""


def options_of(texts: Mapping[str, str], defaults: Options = PLAIN) -> Options:
    """The options a reader asked for by name; what is absent or empty stays as in ``defaults``.

    Raises :class:`collector.errors.InvalidInput` for a name, zone, detail or profile that there is not.
    """
    readers: Mapping[str, Callable[[str], str | bool | int | View]] = {
        "zone": _zone, "detail": _detail, "profile": _profile, "citations": _citations, "seconds": _seconds,
        "people": _people, "width": _width, "template": _template, "view": _view,
    }  # fmt: skip
    for name in texts:
        if name not in readers:
            offered = ", ".join(known for known in readers if known != "view")
            raise InvalidInput(f"cannot render: {name} is not an option; use {offered}", name)
    return msgspec.structs.replace(defaults, **{name: readers[name](text) for name, text in texts.items() if text})


def _zone(text: str) -> str:
    try:
        ZoneInfo(text)
    # Names that look like paths are ValueErrors, and folders of zones such as "Europe" are OSErrors.
    except (KeyError, ValueError, OSError):
        raise InvalidInput(
            f"cannot render: zone is {text!r}, which is not a time zone; write it like Europe/Madrid", "zone"
        ) from None
    return text


def _detail(text: str) -> str:
    return _one_of(text, DETAILS, "detail")


def _profile(text: str) -> str:
    return _one_of(text, PROFILES, "profile")


def _citations(text: str) -> str:
    return _one_of(text, CITATIONS, "citations")


def _seconds(text: str) -> bool:
    return _one_of(text, ("true", "false"), "seconds") == "true"


def _people(text: str) -> str:
    return _one_of(text, PEOPLE, "people")


def _template(text: str) -> str:
    return _one_of(text, TEMPLATES, "template")


def template_of(template: str) -> str:
    """The template that a configuration names: of ours the name, of a file its text.

    Raises :class:`collector.errors.InvalidSettings` for a file that cannot be read or is no template.
    """
    if template in TEMPLATES:
        return template
    try:
        text = Path(template).read_text("utf-8")
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or str(error)
        raise InvalidSettings(
            (f"drafts.template: cannot read {template}: {why}; name a file or one of {', '.join(TEMPLATES)}",)
        ) from error
    flaws = [flaw for flaw in sandbox.check(text) if flaw.severity == "error"]
    if flaws:
        raise InvalidSettings(tuple(f"drafts.template: {template}, line {flaw.line}: {flaw.text}" for flaw in flaws))
    return text


def _width(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= 5 and WIDEST >= int(text) >= NARROWEST):
        raise InvalidInput(
            f"cannot render: width is {text!r}; use a whole number from {NARROWEST} to {WIDEST}", "width"
        )
    return int(text)


def _view(text: str) -> View:
    try:
        return msgspec.json.decode(text, type=View)
    except msgspec.DecodeError as error:
        raise InvalidInput(f"cannot render: view is {text[:100]!r}, which is none ({error})", "view") from error


def _one_of(text: str, allowed: tuple[str, ...], name: str) -> str:
    if text not in allowed:
        raise InvalidInput(f"cannot render: {name} is {text!r}; use one of {', '.join(allowed)}", name)
    return text


def context_of(case: Case, external_url: str = "", log: str = "") -> Context:
    """What the renderers need to know of an incident besides its events."""
    return Context(
        key=case.row.key,
        number=case.row.number,
        private=case.row.private or "",
        log=log,
        external_url=external_url,
        senders=SENDERS,
        grouped={event: Grouped(rule=m.rule, reason=m.reason) for event, m in case.memberships.items()},
        nearby=tuple(Nearby(event=near.event, reason=near.reason, end=near.end) for near in case.nearby),
        unlisted=case.unlisted,
        followed=tuple(Nearby(event=near.event, reason=near.reason) for near in case.followed),
        lasting=tuple(Nearby(event=near.event, reason=near.reason, end=near.end) for near in case.lasting),
        reported=case.reported,
        reported_before=case.reported_before,
        reported_after=case.reported_after,
        reported_within=case.reported_within,
        last_told=case.last_told,
        collector=case.collector,
        people=case.people,
        lookback=case.lookback,
        spelt=True,
        opening_severities=case.opening_severities,
        silent_severities=case.silent_severities,
    )


def document_of(
    case: Case, *, as_of: int | None = None, options: Options = PLAIN, external_url: str = "", log: str = ""
) -> Document:
    """The postmortem of a case as a value; pure."""
    events, context = case.events, context_of(case, external_url, log)
    if options.people == ROLES:
        return told_by_roles(events, as_of, context, options)
    return draft(replay(events, as_of, context), options)


async def postmortem(
    projections: Projections,
    number: int,
    *,
    format: str = "md",  # noqa: A002 - the word that the API and the command line use
    as_of: int | None = None,
    options: Options | Mapping[str, str] = PLAIN,
    external_url: str = "",
    log: str = "",
    cache: TextCache | None = None,
) -> str | None:
    """The postmortem of an incident in one of the formats of :data:`FORMATS`; None where there is no such incident.

    ``external_url`` is where readers reach the daemon: citations lead there. ``log`` is the log's name where it
    has one, with which commands in the text name the incident. With ``cache``, what is rendered from the
    same values again is not rendered again.

    ``as_of`` (µs) renders what had been received by then. Raises
    :class:`collector.errors.InvalidInput` for a format or an option that there is not.
    """
    render = markdown.marked if format == MARKED else _WRITERS.get(format)
    if render is None:
        raise InvalidInput(f"cannot render: the format is {format!r}; use one of {', '.join(RENDERERS)}", "format")
    chosen = options if isinstance(options, Options) else options_of(options)
    source = DraftSource(number=number, as_of=as_of, options=chosen, external_url=external_url, log=log)
    if cache is not None:
        return await _cached_text(projections, source, format, render, cache)
    case = await projections.case(number, as_of)
    return None if case is None else await asyncio.to_thread(lambda: render(source.document(case)))


class DraftSource(msgspec.Struct, frozen=True, kw_only=True):
    """What a document is made of beside its case."""

    number: int
    as_of: int | None
    options: Options
    external_url: str
    log: str

    def document(self, case: Case) -> Document:
        """The document; pure."""
        return document_of(
            case, as_of=self.as_of, options=self.options, external_url=self.external_url, log=self.log
        )  # fmt: skip


async def _cached_text(
    projections: Projections, source: DraftSource, form: str, render: Callable[[Document], str], cache: TextCache
) -> str | None:
    """The text of a draft, with as little work as what was kept leaves to be done.

    Nothing is read where nothing was committed since, and the document of a page is made once for all its views.
    """
    options = source.options
    source = msgspec.structs.replace(source, options=msgspec.structs.replace(options, view=None))

    async def read() -> tuple[bytes, Case] | None:
        case = await projections.case(source.number, source.as_of)
        return None if case is None else (await asyncio.to_thread(_digest, case, source), case)

    version = await projections.version()
    digest, case = cache.digest((version, source)) if version is not None else None, None
    if digest is None or not ((digest, form, options.view) in cache or cache.last.of(digest)):
        case_read = await (cache.learned((version, source), read) if version is not None else read())
        if case_read is None:
            return None
        digest, case = case_read
    laid, fresh = cache.last.of(digest), list[LaidDocument]()

    def rendered() -> str:
        # Where no case was read, either the text is kept or its document.
        document = laid.document if laid is not None else source.document(cast("Case", case))
        variant = msgspec.structs.replace(document, options=options)
        if form != PAGE:
            return render(variant)
        fresh.append(laid or LaidDocument(document, inlaid.unviewed(document)))
        return inlaid.joined(fresh[0].unviewed, inlaid.viewed(variant))

    text = await cache.text((digest, form, options.view), rendered)
    for each in fresh:
        cache.last.keep(digest, each)
    return text


def _digest(*values: object) -> bytes:
    """What differs wherever any value does that a text is rendered from."""
    return hashlib.sha256(msgspec.msgpack.encode(values)).digest()
