"""Templates into answers: everything that is put into one is made harmless here, once.

Promises: what a sender wrote never becomes markup, and no character that turns
the writing direction or that HTML forbids reaches a page; a page says what it
may do (no script but ours, no style but ours, no frame) in its headers.
"""

from __future__ import annotations

import hashlib
import re
import secrets
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cache
from itertools import chain, takewhile
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from aiohttp import web
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape

from collector.semantics.lengths import apart, duration
from collector.semantics.severities import opens, rank
from collector.tokens import Token
from collector.web import sessions
from collector.web.access import in_session
from collector.web.keys import CLOCK, FRONT, LOGS, PROJECTIONS, ROOT, STYLES, WHO, ZONE, OneLog
from collector.web.pages.clocks import Clock
from collector.web.pages.marked import marked_texts
from collector.web.reads import BegunBody

FOLDER = Path(__file__).parent
ENOUGH = Markup("<!--enough-->")
"""What a template writes where its reader has something to look at; it reaches no page."""
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'"
)
"""What a page may load: files of ours. Nothing within it is a script or a style."""

_NO_CHARACTERS = "".join(chr(plane << 16 | low) for plane in range(17) for low in (0xFFFE, 0xFFFF))
_CONTROLS = "\x00-\x08\x0b\x0c\x0e-\x1f\x7f"
_LOW = (
    f"{_CONTROLS}\x80-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u206f\ufdd0-\ufdef\ufeff\ufff9-\ufffb\ud800-\udfff"
    "\ufffe\uffff"
)
_UNSEEN = re.compile(f"[{_LOW}\U000e0000-\U000e007f{_NO_CHARACTERS}]")
"""Characters that HTML forbids, that turn the direction of writing, or that nobody sees."""
_UNSEEN_LOW = re.compile(f"[{_LOW}]")
_UNSEEN_ASCII = re.compile(f"[{_CONTROLS}]")
"""The same among the first 65,536 characters, and among the first 128: a look for these costs a tenth of one for all,
and a large page has a million characters, nested texts of which are looked at more than once."""
_HIGH = re.compile("[\U00010000-\U0010ffff]")

_NUMBER_OF = re.compile(r"(?<=\d) ")


_FORBIDDEN = re.compile(f"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ufdd0-\ufdef\ud800-\udfff{_NO_CHARACTERS}]")
"""Those of them that HTML forbids."""


class Typed(str):
    """A text that a person goes on writing: what nobody sees of it is kept, or it would be lost when it is sent."""

    __slots__ = ()


_PARTS = ("only", "phone")
"""What a script asks parts of a page by; no link has them."""


class Address:
    """Where a reader is: the address and what of its parameters is kept in links."""

    def __init__(self, request: web.Request, clock: Clock) -> None:
        self.path = request.path
        self.root = request.app[ROOT]
        """What our addresses begin with."""
        self.whole = request.app[FRONT].root
        """What those of the whole daemon do, of whatever log."""
        self.query = {name: value for name, value in request.query.items() if value and name not in _PARTS}
        self._zone = {} if clock.zone == "UTC" else {"zone": clock.zone}

    def to(self, path: str, **query: object) -> str:
        """An address of ours, in the reader's zone."""
        given = {name: str(value) for name, value in query.items() if value not in (None, "")}
        return self.root + path + (f"?{urlencode(all_)}" if (all_ := {**given, **self._zone}) else "")

    def of(self, log: OneLog, path: str) -> str:
        """An address of a log, in the reader's zone."""
        return self.whole + log.path + path + (f"?{urlencode(self._zone)}" if self._zone else "")

    def here(self, **query: object) -> str:
        """This address with some parameters changed; None or nothing leaves one out."""
        changed = {**self.query, **{name: str(value) if value else "" for name, value in query.items()}}
        kept = {name: value for name, value in changed.items() if value}
        return self.root + self.path + (f"?{urlencode(kept)}" if kept else "")


def page(
    request: web.Request, template: str, clock: Clock | None = None, *, status: int = 200, **values: object
) -> web.Response:
    """A page out of a template."""
    clock = clock or Clock()
    token, logs = in_session(request), request.app[LOGS]()
    chunks = _parts(
        _environment()
        .get_template(template)
        .generate(
            clock=clock,
            address=Address(request, clock),
            now=request.app[CLOCK](),
            # The address of a file changes with its content.
            static=lambda name: f"{request.app[ROOT]}/static/{name}?v={files(request.app)[name][1]}",
            signed_in=token is not None,
            own_zone=request.app[ZONE],
            opens=_opens(request.app, logs),
            several=len(logs) > 1,
            log_name=next((log.name for log in logs if log.app is request.app), ""),
            called=next((log.called for log in logs if log.app is request.app), str),
            who=request.get(WHO) or Token(),
            # Names what a form states: sent twice, it is stated once.
            form_name=secrets.token_hex(16),
            form_key=sessions.form_key(token.secret) if token is not None else "",
            **values,
        )
    )
    first, more = next(chunks)
    response = web.Response(status=status, headers={"Vary": "Accept, Cookie"})
    response.body = BegunBody(first, lambda: b"".join(part for part, _ in chunks)) if more else first
    response.content_type = "text/html"
    response.charset = "utf-8"
    response.headers["Content-Security-Policy"] = POLICY
    # Without a referrer at all browsers send forms of our own as if they came from nowhere.
    response.headers["Referrer-Policy"] = "same-origin"
    response.headers["Cross-Origin-Opener-Policy"] = "same-origin"
    # Nobody can have a page repeat his own text beside a secret: the cookie is not sent for other sites.
    response.enable_compression()
    return response


def _parts(pieces: Iterator[str]) -> Iterator[tuple[bytes, bool]]:
    """What a template writes up to where it says that a reader has enough for now, and then the rest; each with
    whether more comes."""
    while True:
        part = [*takewhile(lambda piece: piece != ENOUGH, pieces)]
        following = next(pieces, None)
        yield "".join(part).encode("utf-8", "replace"), following is not None
        if following is None:
            return
        pieces = chain((following,), pieces)


def _opens(app: web.Application, logs: Sequence[OneLog]) -> Callable[[str], bool]:
    """Whether a severity opens an incident: by the configuration, which is the same for all logs."""
    lists = next((each[PROJECTIONS] for each in (app, *(log.app for log in logs)) if PROJECTIONS in each), None)
    return lists.opens if lists is not None else opens


def files(app: web.Application) -> Mapping[str, tuple[bytes, str]]:
    """Name of a file of ours → its bytes, and a digest of them."""
    return _files(tuple(app[STYLES].items()))


@cache
def _files(styles: tuple[tuple[str, str], ...]) -> Mapping[str, tuple[bytes, str]]:
    found = {path.name: path.read_bytes() for path in sorted((FOLDER / "static").iterdir()) if path.is_file()}
    found |= {name: text.encode() for name, text in styles}
    return {name: (body, hashlib.sha256(body).hexdigest()[:12]) for name, body in found.items()}


def harmless(value: Any) -> Any:
    """What a template shows, without characters that a reader cannot see or that HTML forbids."""
    if isinstance(value, Typed):
        return _FORBIDDEN.sub("\ufffd", value)
    if isinstance(value, Markup):
        return Markup(visible(value))  # noqa: S704 - it was markup of ours before
    return visible(value) if isinstance(value, str) else value


def visible(text: str) -> str:
    """A text with U+FFFD for each character that :data:`_UNSEEN` has."""
    kind = _UNSEEN_ASCII if text.isascii() else _UNSEEN if _HIGH.search(text) else _UNSEEN_LOW
    return kind.sub("\ufffd", text)


def prepare() -> None:
    """Compile every template, which takes a fifth of a second of a processor once for a process: in a thread, at its
    start, nobody waits for it."""
    for name in _environment().list_templates():
        _environment().get_template(name)


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(FOLDER / "templates"),
        # What a running daemon has compiled fits its code; an upgrade writes other files beneath it.
        auto_reload=False,
        autoescape=True,
        undefined=StrictUndefined,
        finalize=harmless,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["length_of"] = len
    environment.filters["length"] = duration
    environment.filters["unbroken"] = unbroken
    environment.globals["apart"] = apart
    environment.globals["field_label"] = field_label
    environment.globals["enough"] = ENOUGH
    environment.filters["web_link"] = web_link
    environment.filters["short_of"] = short_of
    environment.filters["grade"] = grade
    environment.filters["sentence"] = sentence
    environment.filters["typed"] = Typed
    environment.filters["marked"] = marked_texts
    return environment


_LABELS = {
    "at": "When; empty is now", "by": "Said by", "other": "The other incident", "day": "Day of the first line",
    "value": "Is",
}  # fmt: skip


def field_label(name: str) -> str:
    """What a person is told a field of a form is."""
    return _LABELS.get(name) or name.replace("_", " ").capitalize()


def unbroken(length: str) -> str:
    """How long something took, no number of it on another line than its unit."""
    return _NUMBER_OF.sub("\u00a0", length)


def sentence(inlines: Iterable[Mapping[str, Any]], clock: Clock) -> Markup:
    """The parts of a sentence of a draft one behind the other; a stranger's words are told apart from ours.

    A large page has thousands of parts, and a template takes four times as long for them.
    """
    return Markup("".join(_inline(inline, clock) for inline in inlines))  # noqa: S704 - each part is escaped


def _inline(inline: Mapping[str, Any], clock: Clock) -> str:
    text = escape(visible(inline["text"]))
    match inline["kind"]:
        case "quote":
            return f"<q><bdi>{text}</bdi></q>"
        case "name":
            return f'<bdi class="name">{text}</bdi>'
        case "code":
            return f"<code><bdi>{text}</bdi></code>"
        case "link" if web_link(inline["url"]):
            return (
                f'<a href="{escape(visible(inline["url"]))}" rel="noopener noreferrer external"><bdi>{text}</bdi></a>'
            )
        case "link":
            return f"<bdi>{text}</bdi>"
        case "time":
            exact = escape(clock.exact(clock.read(inline["at"])))
            return f'<time datetime="{escape(inline["at"])}" title="{exact}">{text}</time>'
        case _:
            return f"<b>{text}</b>" if "strong" in inline else text


def short_of(event: str, short: Mapping[str, str]) -> str:
    """An event's id as a draft cites it."""
    return short.get(event, event[-5:])


def grade(word: str, opens: Callable[[str], bool]) -> str:
    """How grave a severity is, for its colour, within what the team lets open an incident; its shape says the same."""
    if not opens(word):
        return "lesser"
    return "grave" if rank(word)[0] < rank("high")[0] else "opening"


def web_link(url: str) -> str:
    """A sender's address if a browser may be led there; else nothing."""
    return url if re.match(r"https?://", url, re.IGNORECASE) else ""


def is_asked_for(request: web.Request) -> bool:
    """Whether a browser asks: programs take anything, and browsers name pages first."""
    return "text/html" in request.headers.get("Accept", "").lower()
