"""Every setting, its default and its meaning.

The defaults stand here and nowhere else; ``config/timelined.yml`` shows them
with the reason to change each, and a test holds the two together. Values are
ready to be handed on: secrets are read, durations are µs, sizes are bytes.
Printing a value of this module never prints a secret.
"""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlsplit

import msgspec

from collector.correlation import Rules
from collector.event import HOUR, MINUTE, SECOND
from collector.fetching.values import Fetch
from collector.publishing.targets import Target
from collector.redaction import Redaction
from collector.settings.values import address, loopback
from collector.settings.webfile import WebFile
from collector.sources import BUILT_IN
from collector.tokens import ProxyLogin, Token
from collector.webhook import Credentials, Reading

MEBIBYTE = 1 << 20
DEFAULT_LOG = "default"
"""What the log of ``storage.url`` is called where there are others."""


class Web(msgspec.Struct, frozen=True, kw_only=True):
    """Where deliveries are taken, and how much of them at once."""

    listen_address: tuple[str, ...] = ("127.0.0.1:9720",)
    """Each ``HOST:PORT``; port 0 takes any free one."""
    hosts: tuple[str, ...] = ()
    """Names under which senders and readers ask a daemon on loopback, beside ``localhost`` and its own address."""
    max_body: int = 4 * MEBIBYTE
    """The largest body, after inflating, in bytes."""
    read_timeout: int = 10 * SECOND
    """How long a sender may take to send its body, µs."""
    queue_bytes: int = 64 * MEBIBYTE
    """Bodies that may wait for the writer, in bytes; beyond it senders are asked to come again."""
    queue_events: int = 10_000
    """Events that may wait for the writer."""
    retry_after: int = 5 * SECOND
    """What a sender is told to wait when nothing can be stored now, µs."""
    drain: int = 0
    """How long a daemon that is told to stop says that it is not ready and serves on all the same, µs."""
    enable_lifecycle: bool = False
    """Whether ``POST /-/reload`` reloads the configuration, for whoever has the API token."""
    external_url: str = ""
    """Where readers of drafts reach this daemon, without a slash at the end; empty: citations are no links."""
    route_prefix: str = ""
    """What the addresses of requests begin with, as ``/timelined``; ``/``: nothing; empty: the path of external_url."""
    config_file: str = ""
    """A file in exporter-toolkit's format that says how HTTP is spoken; empty: in the clear, without users."""
    file: WebFile | None = None
    """What is in it; None where it was not read."""

    @property
    def guarded(self) -> bool:
        """Whether users with passwords are known: then the API is not open."""
        return bool(self.config_file) if self.file is None else bool(self.file.users)

    @property
    def prefix(self) -> str:
        """What the addresses of requests begin with: nothing, or as ``/timelined``."""
        return self.route_prefix.rstrip("/") if self.route_prefix else urlsplit(self.external_url).path

    @property
    def root(self) -> str:
        """What the addresses in links begin with, likewise; a proxy may take it off before it asks us."""
        return urlsplit(self.external_url).path if self.external_url else self.prefix

    @property
    def addresses(self) -> tuple[tuple[str, int], ...]:
        """The hosts and ports to bind; an empty host for every interface, 0 for any free port."""
        return tuple(address(each) for each in self.listen_address)

    @property
    def names(self) -> tuple[str, ...]:
        """The hosts that may be asked for on loopback: those configured, and the addresses as ``Host`` has them."""
        bound = (host for host, _ in self.addresses)
        return (*self.hosts, *(f"[{host}]" if ":" in host else host for host in bound))

    @property
    def loopback(self) -> bool:
        """Whether only this machine reaches the addresses."""
        return not self.reached

    @property
    def reached(self) -> tuple[str, ...]:
        """The addresses that others reach."""
        return tuple(each for each in self.listen_address if not loopback(address(each)[0]))


class Storage(msgspec.Struct, frozen=True, kw_only=True):
    """Where the log is kept, or several."""

    url: str = "sqlite:///data/timelined.db"
    """An SQLAlchemy address; a relative path counts from where the daemon was started."""
    logs: Mapping[str, str] = {}
    """Further logs of the same daemon: the name of each → its address."""


class Proof(msgspec.Struct, frozen=True, kw_only=True):
    """How the log proves itself."""

    origin: str = "timelined"
    """Under which name checkpoints are published, and the key's name."""
    every: int = HOUR
    """How often the trees are sealed, µs; and at each start and stop."""
    dir: str = ""
    """Where what is kept beside the database goes; empty: beside it, under its name and ``.proof``."""
    signing_key: bytes = b""
    """A private Ed25519 key in PEM; empty: checkpoints are not signed."""

    def __repr__(self) -> str:
        return f"Proof(origin={self.origin!r}, signed={bool(self.signing_key)})"


class SenderToken(msgspec.Struct, frozen=True, kw_only=True):
    """A token of one source's sender."""

    source: str
    secret: bytes
    line: int = 0
    """Where it stands in the file."""

    def __repr__(self) -> str:
        return f"Sender(source={self.source!r})"


class Api(msgspec.Struct, frozen=True, kw_only=True):
    """Who may read and write through ``/api``."""

    tokens: tuple[bytes, ...] = ()
    """Those without a name, which may do everything."""
    named_tokens: tuple[Token, ...] = ()
    """Those with a name and a role."""
    senders: tuple[SenderToken, ...] = ()
    """Those of senders, which stand in what their sources are proved with as well, and open nothing of the API."""
    proxy: ProxyLogin | None = None
    """Who signs people in before us; None where nobody does."""

    @property
    def all(self) -> tuple[Token, ...]:
        """What opens the API; none leaves it open, which only loopback allows."""
        return (*(Token(secret=secret) for secret in self.tokens), *self.named_tokens)

    @property
    def proxies(self) -> tuple[ProxyLogin, ...]:
        """The proxy, if there is one."""
        return (self.proxy,) if self.proxy else ()

    def __repr__(self) -> str:
        return f"Api(tokens=<{len(self.tokens)}>, named_tokens={self.named_tokens!r}, proxy={self.proxy!r})"


class Retention(msgspec.Struct, frozen=True, kw_only=True):
    """How long the bodies of a source's deliveries are kept, µs; None keeps them. What was read out of them stays."""

    repeats: int | None = None
    """Bodies that told nothing new."""
    deliveries: int | None = None
    """All of them."""

    @property
    def ages(self) -> Mapping[str, int]:
        """Those that are set, by name."""
        return {name: age for name, age in msgspec.structs.asdict(self).items() if age is not None}


class Heartbeat(msgspec.Struct, frozen=True, kw_only=True):
    """An alert that a source tells without end, such as Watchdog."""

    alert: str
    """Its name."""
    within: int = 15 * MINUTE
    """How long it may not be told before it is missed, µs."""


class SourceSettings(msgspec.Struct, frozen=True, kw_only=True):
    """One configured sender."""

    kind: str
    """Which adapter reads it."""
    log: str = ""
    """The log that its deliveries go to; empty: that of ``storage.url``."""
    credentials: Credentials = Credentials(open=True)
    reading: Reading = Reading()
    redaction: Redaction = Redaction()
    """What of its deliveries is not kept."""
    retention: Retention = Retention()
    """How long bodies of its deliveries are kept."""
    fetch: Fetch | None = None
    """Where what was missed is fetched; None where nothing is."""
    heartbeat: Heartbeat | None = None
    """What it tells without end; None where nothing is."""
    max_body: int | None = None
    """The largest body of this sender in bytes, where it differs from ``web.max_body``."""
    refire_after: int = 6 * MINUTE
    """A firing that is told again more than this after its resolve says that the alert fires again, µs."""

    def __repr__(self) -> str:
        return f"SourceSettings(kind={self.kind!r}, open={self.credentials.open})"


class Drafts(msgspec.Struct, frozen=True, kw_only=True):
    """The drafts that the daemon writes by itself."""

    enabled: bool = True
    dir: str = "out/drafts"
    zone: str = "UTC"
    """The IANA zone of the times shown, here and wherever a reader asks for none."""
    zones: Mapping[str, str] = {}
    """Person → the IANA zone in which they live."""
    detail: str = "normal"
    profile: str = "timelined"
    citations: str = "inline"
    """Where a draft shows its evidence: ``inline``, ``end`` or ``none``."""
    people: str = "names"
    """How drafts show people: by their ``names``, or as ``roles``."""
    seconds: bool = False
    """Whether the timeline's times have seconds."""
    template: str = "default"
    """The name of a template for Markdown, or the path of a file that holds one."""
    stale_after: int = 24 * HOUR
    """An incident without news for this long gets a draft although nothing said that it is over, µs."""
    keep_versions: int = 3650 * 24 * HOUR
    """How long the version before is kept each time that an edited draft is brought up to date, µs."""
    keep: int = 3650 * 24 * HOUR
    """How long a draft that nobody edited is kept after it was written last, µs."""
    max_size: int = 1 << 40
    """How many bytes all drafts may take before the oldest that nobody edited go."""


class PublishingSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Where postmortems are published, when somebody asks for it."""

    targets: Mapping[str, Target] = {}


class BackupSettings(msgspec.Struct, frozen=True, kw_only=True):
    """The backups that the daemon makes by itself."""

    dir: str = ""
    """The folder they go to; empty: none are made."""
    every: int = 24 * HOUR
    """How old the latest may be before another is made, µs."""
    keep: int = 7
    """How many are kept."""


class LogOutput(msgspec.Struct, frozen=True, kw_only=True):
    """What the daemon says about itself."""

    level: str = "info"
    format: str = "logfmt"


def _every_source_open() -> dict[str, SourceSettings]:
    """Every kind of sender that can be read without being told how."""
    return {kind: SourceSettings(kind=kind) for kind, source in BUILT_IN.items() if not source.needs}


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that can be configured. ``Settings()`` is what a daemon without a file runs with."""

    web: Web = Web()
    storage: Storage = Storage()
    api: Api = Api()
    sources: Mapping[str, SourceSettings] = msgspec.field(default_factory=_every_source_open)
    correlation: Rules = Rules()
    """The catalog of services is part of it."""
    drafts: Drafts = Drafts()
    publishing: PublishingSettings = PublishingSettings()
    proof: Proof = Proof()
    backup: BackupSettings = BackupSettings()
    log: LogOutput = LogOutput()

    @property
    def unprotected(self) -> Mapping[tuple[str, ...], str]:
        """What must not be served on an address that others reach: where it is set → what is the matter with it."""
        if self.web.loopback:
            return {}
        exposures: dict[tuple[str, ...], str] = {
            ("sources", name): "takes anybody's deliveries; set secret_file, bearer_token_file, basic or "
            "path_token_file there, or remove the source, or listen on 127.0.0.1"
            for name, source in self.sources.items()
            if source.credentials.absent
        }
        if not (self.api.all or self.api.proxy or self.web.guarded):
            exposures[("api",)] = (
                "would be open to anybody; set api.token_file, api.proxy or basic_auth_users in web.config_file, "
                "or listen on 127.0.0.1"
            )
        return exposures
