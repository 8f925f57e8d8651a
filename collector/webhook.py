"""One HTTP delivery as it came, and what every source adapter offers.

An adapter is pure: it sees these values, never a socket, a clock, the log or
the settings.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from typing import Any

import msgspec

from collector.event import Event
from collector.names import EXPORTERS


class Webhook(msgspec.Struct, frozen=True, kw_only=True):
    """One delivery: headers, bytes, and when it was received."""

    source: str
    """The configured name of the source it came to."""
    headers: Mapping[str, str]
    """Names in lower case. Several values of one name are joined by ``, ``. Bytes that are not UTF-8 stand as
    surrogate escapes, so a signature header is turned back with ``encode("utf-8", "surrogateescape")``."""
    body: bytes
    """The raw bytes, after at most one complete gzip member was inflated."""
    received_at: int
    """µs UTC by our clock."""
    token: str = ""
    """The path segment after the source's name, where the sender authenticates by a secret address."""


class Scheme(msgspec.Struct, frozen=True, kw_only=True):
    """How a sender of the user's own signs: an HMAC of the body in a header, or as Standard Webhooks has it."""

    header: str = ""
    """The header with the signature; unused by Standard Webhooks, whose three headers have names of their own."""
    prefix: str = ""
    """What stands before the digest: ``sha256=``."""
    digest: str = "sha256"
    """``sha1``, ``sha256`` or ``sha512``."""
    base64: bool = False
    """Whether the digest is written in Base64 and not in hexadecimal."""
    standard: bool = False
    """Whether it is Standard Webhooks' scheme."""


class Credentials(msgspec.Struct, frozen=True, kw_only=True):
    """What a source's senders may prove themselves with. Several of each may be active during a rotation."""

    signing: tuple[bytes, ...] = ()
    header: tuple[bytes, ...] = ()
    """What a sender puts into a header of its own; :attr:`Source.token_header` names it."""
    bearer: tuple[bytes, ...] = ()
    basic: tuple[tuple[bytes, bytes], ...] = ()
    path: tuple[bytes, ...] = ()
    certificates: tuple[bytes, ...] = ()
    """Certificates in PEM, with which the sender signs."""
    topics: tuple[str, ...] = ()
    """Whose deliveries are taken that a certificate proves, where one certificate signs for everybody."""
    address: str = ""
    """The address as it was entered at the sender, where it is part of what is signed."""
    scheme: Scheme | None = None
    """How the sender signs, where its kind leaves that to the user."""
    token_header: str = ""
    """The header with a secret as it is, where the kind leaves its name to the user."""
    open: bool = False
    """Anybody who reaches the address may send, signed or not. Only for loopback and for trying out."""

    @property
    def absent(self) -> bool:
        """Whether nothing was configured."""
        return not (
            self.signing or self.header or self.bearer or self.basic or self.path or self.certificates
        )  # fmt: skip


class TypeMapping(msgspec.Struct, frozen=True, kw_only=True):
    """How one of a sender's own types is to be read: the event type, and fields by JMESPath."""

    type: str = "observation.recorded"
    fields: Mapping[str, str] = {}
    """``service``, ``environment``, ``severity``, ``actor``, ``title``, ``entity`` → a JMESPath expression over the
    event as JSON (CloudEvents: its attributes, and ``data``)."""
    refs: Mapping[str, str] = {}
    """A kind of ref (``deployment``, ``page``, ``commit`` …) → a JMESPath expression that gives its value or values."""


class FieldMap(msgspec.Struct, frozen=True, kw_only=True):
    """How a body that no adapter knows is read: what an event needs, each by a JMESPath expression.

    An expression sees the body; with ``items`` it sees one item of that list, and the body as ``_body``. The headers
    that are named stand in ``_headers``. An empty expression finds nothing.
    """

    id: str
    """What makes a repeat the same event: a value, or a list of values."""
    type: str
    """One of our types as it is; or an expression that finds one, or a word of the sender's that ``types`` has."""
    types: Mapping[str, str] = {}
    """The sender's word → one of our types, or ``none`` for what is set aside. A key may end in ``*``; the longest
    match speaks."""
    id_types: Mapping[str, str] = {}
    """One of our types → the one that it was told as at first: ids are made of that for ever."""
    items: str = ""
    """The list of which each item is an event; empty: the body is one event."""
    entity: str = ""
    """The long-lived thing: what a firing and its resolve have in common."""
    time: str = ""
    started: str = ""
    """Of a resolve, when the alert that it ends began to fire."""
    zone: str = "UTC"
    """The IANA zone of times without an offset."""
    title: str = ""
    text: str = ""
    service: str = ""
    service_else: str = ""
    """What the service is called where neither ``service`` nor a label says one: the name of the check that failed."""
    environment: str = ""
    severity: str = ""
    severities: Mapping[str, str] = {}
    """The sender's word for how grave it is → a word that teams use; others stay."""
    status: str = ""
    """The sender's own word for how it stands."""
    actor: str = ""
    labels: str = ""
    """An object; or a list of ``name:value``, ``name=value``, or objects with a name (or key) and a value; or a text of
    such pairs, apart by blanks or commas."""
    links: Mapping[str, str] = {}
    """What a link is (``log``, ``runbook`` …) → an expression that finds its address or addresses."""
    refs: Mapping[str, str] = {}
    """A kind of ref (``commit``, ``repository``, ``page`` …) → an expression that finds its value or values."""
    data: Mapping[str, str] = {}
    """A key of an event's data → an expression that finds its value."""
    headers: tuple[str, ...] = ()
    """Headers that expressions may ask for, in lower case. They are kept with the delivery."""


class ChatChannel(msgspec.Struct, frozen=True, kw_only=True):
    """A channel of a chat, as configured."""

    name: str = ""
    """What people call it; empty where nobody said."""
    service: str | None = None
    """The service that is talked of there, if it is one."""


class Reading(msgspec.Struct, frozen=True, kw_only=True):
    """How a source's fields are to be read, as configured."""

    service_labels: tuple[str, ...] = (
        "service", "app", "application", "app_kubernetes_io_name", "component", "kubernetes_deployment",
        "namespace/deployment", "namespace/statefulset", "job", "instance",
    )  # fmt: skip
    """Labels asked in this order for the service; the first that names one speaks. Of two with a slash between them
    both must be there; of ``instance`` the host counts."""
    environment_labels: tuple[str, ...] = ("environment", "env", "stage", "cluster_environment")
    severity_labels: tuple[str, ...] = ("severity", "priority", "level")
    severities: tuple[str, ...] = ()
    """Words of severities that the team set itself: they are severities, also where such a word is no name."""
    exporters: tuple[str, ...] = EXPORTERS
    """Values that name the exporter and not the service; they are skipped, since an exporter labels everything so."""
    types: Mapping[str, TypeMapping] = {}
    """A sender's own type → how to read it. A key may end in ``*``; the longest match speaks."""
    default: TypeMapping = TypeMapping()
    mapping: FieldMap | None = None
    """How bodies are read, where the kind leaves that to the user."""
    channels: Mapping[str, ChatChannel] = {}
    """A chat's own id of a channel → what it is. If there is any, no other channel is read."""
    reactions: tuple[str, ...] = ("pushpin",)
    """Names of the reactions to a message that are told; all others are set aside."""
    vendor: str = ""
    """Whose status page it is, where that is not the team's own."""


class Sample(msgspec.Struct, frozen=True, kw_only=True):
    """A made-up delivery, by which a person sees that a kind of sender arrives. It opens no incident."""

    body: str
    """``$NOW`` stands for the time at which it is sent."""
    headers: Mapping[str, str] = {}
    """In lower case; ``content-type`` is that of JSON unless it is said."""


DEEPEST = 64
"""Levels of brackets in a body of JSON. Parsers differ in where they give up; here all stop at the same place."""
IMPORT = "timelined-import"
"""The header of a delivery that an import brought: which form its records have. No sender's header of this name is
kept or read."""

Deliveries = Sequence[tuple[Mapping[str, str], Mapping[str, Any]]]
"""Headers, in lower case, and JSON bodies."""


Query = Mapping[str, str] | Sequence[tuple[str, str]]
"""What stands behind the question mark of an address."""
Ask = Callable[[str, Query], Awaitable[tuple[Any, str]]]
"""Asks a sender's API with GET for a path: the JSON that is answered, and the address of the next page or nothing."""


class RecordSpan(msgspec.Struct, frozen=True, kw_only=True):
    """Which records are asked for."""

    since: int
    """Of what happened then or later, µs."""
    until: int
    """Of what happened before then, µs."""
    names: tuple[str, ...] = ()
    """In which places of the sender, where its API wants to know: repositories."""


Pages = AsyncIterator[Sequence[Any]]
"""Records, some at a time."""


class Interface(msgspec.Struct, frozen=True, kw_only=True):
    """How a kind of sender's API is asked."""

    url: str = ""
    """Its address, where that is the same for everybody."""
    headers: Callable[[str], Mapping[str, str]]
    """What is sent along, made of the token; that is empty where there is none."""
    token: bool = True
    """Whether nothing is answered without a token."""
    repositories: bool = False
    """Whether it wants to know which repositories."""
    groups: bool = False
    """Whether a repository may stand in groups within groups."""
    missed: Callable[[Ask, str, RecordSpan], AsyncIterator[tuple[str, Any]]] | None = None
    """Deliveries to a source, named by its name, that the sender could not make and does not try again: what tells
    one from others, and what asks for it whole."""
    whole: Callable[[Ask, Any], Awaitable[tuple[str, Any]]] | None = None
    """Such a delivery whole, as a record, and the form of that."""


class Import(msgspec.Struct, frozen=True, kw_only=True):
    """A form in which a kind of sender gives out afterwards what it delivers, or would have delivered."""

    called: str
    """What the records are, and where they are had: ``alerts of GET /api/v2/alerts``."""
    sent: Callable[[Mapping[str, Any]], Deliveries]
    """What the sender would have delivered of one record; nothing of what it does not deliver. Raises LookupError,
    TypeError or ValueError for a record that is none of these."""
    within: str = ""
    """Under which key a page of them has the records; empty: a page is a list."""
    pages: Callable[[Ask, RecordSpan], Pages] | None = None
    """Asks the sender's API for such records; None where they are only read from a file."""
    near: int = 0
    """Where a record has no identity that its delivery has, too: an event of the same thing, of the same type and by
    the same person within so long of it is the same event, µs."""


class Source(msgspec.Struct, frozen=True, kw_only=True):
    """A kind of sender: how to authenticate its webhooks, how to read them, and what is to be known of it elsewhere.

    No other code names a sender: what differs between them stands here.
    """

    kind: str
    called: str
    """As its maker writes it: ``PagerDuty``."""
    page: str = ""
    """What drafts call a page of it: ``PagerDuty incident``; empty where it pages nobody."""
    carries: bool = False
    """Whether it only carries what another system says, which an event's ``data`` names as ``source``."""
    families: tuple[str, ...] = ()
    """The families of events that a team connects it for: ``alert``, ``page``, ``change``, ``chat``, ``status``."""
    paste: str
    """What to enter at the sender, in a line; ``{address}`` stands for where it is to deliver, and ``{proof}`` for what
    :attr:`proof_entries` says."""
    proof_entries: Mapping[str, str] = {}
    """A way of ``proofs`` → what is entered for it at ``{proof}``, where that is a part of the sender's own file."""
    trial: str = ""
    """A body to try it with from a shell, which puts the time into it."""
    sample: Sample | None = None
    """What a test sends; of a kind that the user describes there is none."""
    sign: Callable[[bytes, bytes, int], Mapping[str, str]] | None = None
    """The headers by which the sender proves a body: made of the body, a secret, and the time in µs."""
    proofs: tuple[str, ...] = ("bearer", "basic", "path")
    """The ways in which it can prove itself, the best first: ``signature``, ``header``, ``bearer``, ``basic``,
    ``path``, ``certificate``."""
    token_header: str = ""
    """The header of its own that carries a secret as it is, where it has one."""
    headers: tuple[str, ...] = ()
    """Headers kept with its deliveries, since they are read or name the delivery; in lower case, ``ce-*`` is all that
    begin so. Never a credential or a signature."""
    verify: Callable[[Webhook, Credentials], str]
    """Says how the sender proved itself (one of ``proofs``, or ``none``), or raises
    :class:`collector.errors.UnverifiedWebhook`."""
    parse: Callable[[Webhook, Reading], tuple[Event, ...]]
    """Total over authentic bodies: none, one or many events; what it does not understand becomes
    ``source.unrecognised``. Raises only :class:`collector.errors.MalformedWebhook`, for broken syntax."""
    identity: tuple[str, ...] = ()
    """JSON pointers (``*`` is any member or item) to what ids and entities are made of, and by what a body is known:
    what may not be redacted by place. ``0`` at the top stands for the items of a list, where ``*`` would forbid any
    member. What may have to be redacted is left out where an id keeps it beside others or for want of a better one: a
    text for people, a person's name, labels. The id then goes on being a hash of it."""
    challenge: Callable[[Webhook], str] | None = None
    """What an authentic delivery asks to be answered with, where the sender tries an address so; else empty."""
    interface: Interface | None = None
    """How its API is asked; None where it is not."""
    imports: Mapping[str, Import] = {}
    """Name of a form → how what it gives out afterwards is read."""
    retries: bool = True
    """Whether the sender comes again after a 503."""
    settings: tuple[str, ...] = ()
    """Those fields of :class:`Reading` that not every kind of sender has, and this one reads: ``types`` …"""
    needs: tuple[str, ...] = ()
    """Those of ``settings`` without which nothing can be read: such a kind is served only where it is configured."""
    mapping: FieldMap | None = None
    """How its bodies are read, where a mapping reads them."""
    check_certificate: Callable[[bytes], None] | None = None
    """Raises :class:`ValueError`, with the end of a sentence, for a certificate that nothing can be verified with."""
    signs_address: bool = False
    """Whether what is signed begins with the address as it was entered at the sender, so that it has to be known."""
    own_scheme: bool = False
    """Whether the user says how the sender signs, and which header carries a token."""

    def entry(self, address: str, credentials: Credentials) -> str:
        """What to enter at a sender that is to prove itself so, in a line. No secret stands there: its setting does."""
        proof = next((proof for proof in self.proofs if getattr(credentials, _FIELDS[proof])), "")
        pasted = self.paste.format(
            address=f"{address}/TOKEN" if proof == "path" else address, proof=self.proof_entries.get(proof, "")
        )
        words = _FILES if proof in self.proof_entries else _WORDS
        header = credentials.token_header or self.token_header
        # What follows a line of a file is a comment there.
        mark = "  # " if self.proof_entries else "; "
        return f"{pasted}{mark}{words[proof].format(header=header)}" if proof in words else pasted


_FIELDS = {"signature": "signing", "certificate": "certificates"} | {
    way: way for way in ("header", "bearer", "basic", "path")
}
"""A way of proof → the field of :class:`Credentials` with what is looked at."""
_WORDS = {
    "signature": "its secret is the secret of this source",
    "header": "with the header {header}: TOKEN, which is the header_token of this source",
    "bearer": "with the header Authorization: Bearer TOKEN, which is the bearer_token of this source",
    "basic": "with the user and the password of this source's basic",
    "path": "TOKEN is the path_token of this source",
}
"""A way of proof → how to enter it. The names are those of settings."""
_FILES = {
    "bearer": "the file holds the bearer_token of this source",
    "basic": "USER and what the file holds are the user and the password of this source's basic",
}
"""The same where the sender's own file names another with the secret."""
