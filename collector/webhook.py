"""One HTTP delivery as it came, and what every source adapter offers.

An adapter is pure: it sees these values, never a socket, a clock, the log or
the settings.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

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


class Credentials(msgspec.Struct, frozen=True, kw_only=True):
    """What a source's senders may prove themselves with. Several of each may be active during a rotation."""

    signing: tuple[bytes, ...] = ()
    header: tuple[bytes, ...] = ()
    """What a sender puts into a header of its own; :attr:`Source.token_header` names it."""
    bearer: tuple[bytes, ...] = ()
    basic: tuple[tuple[bytes, bytes], ...] = ()
    path: tuple[bytes, ...] = ()
    open: bool = False
    """Anybody who reaches the address may send, signed or not. Only for loopback and for trying out."""

    @property
    def absent(self) -> bool:
        """Whether nothing was configured."""
        return not (self.signing or self.header or self.bearer or self.basic or self.path)


class Mapped(msgspec.Struct, frozen=True, kw_only=True):
    """How one of a sender's own types is to be read: the event type, and fields by JMESPath."""

    type: str = "observation.recorded"
    fields: Mapping[str, str] = {}
    """``service``, ``environment``, ``severity``, ``actor``, ``title``, ``entity`` → a JMESPath expression over the
    event as JSON (CloudEvents: its attributes, and ``data``)."""
    refs: Mapping[str, str] = {}
    """A kind of ref (``deployment``, ``page``, ``commit`` …) → a JMESPath expression that gives its value or values."""


class Channel(msgspec.Struct, frozen=True, kw_only=True):
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
    exporters: tuple[str, ...] = EXPORTERS
    """Values that name the exporter and not the service; they are skipped, since an exporter labels everything so."""
    types: Mapping[str, Mapped] = {}
    """A sender's own type → how to read it. A key may end in ``*``; the longest match speaks."""
    default: Mapped = Mapped()
    channels: Mapping[str, Channel] = {}
    """A chat's own id of a channel → what it is. If there is any, no other channel is read."""
    reactions: tuple[str, ...] = ("pushpin",)
    """Names of the reactions to a message that are told; all others are set aside."""


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
    tells: tuple[str, ...] = ()
    """The families of events that a team connects it for: ``alert``, ``page``, ``change``, ``chat``, ``status``."""
    paste: str
    """What to enter at the sender, in a line; ``{address}`` stands for where it is to deliver."""
    trial: str = ""
    """A body to try it with from a shell, which puts the time into it."""
    proofs: tuple[str, ...] = ("bearer", "basic", "path")
    """The ways in which it can prove itself, the best first: ``signature``, ``header``, ``bearer``, ``basic``,
    ``path``."""
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
    """JSON pointers (``*`` is any item) to what ids and entities are made of: what may not be redacted by place."""
    challenge: Callable[[Webhook], str] | None = None
    """What an authentic delivery asks to be answered with, where the sender tries an address so; else empty."""
    retries: bool = True
    """Whether the sender comes again after a 503."""
    settings: tuple[str, ...] = ()
    """Those fields of :class:`Reading` that not every kind of sender has, and this one reads: ``types`` …"""
