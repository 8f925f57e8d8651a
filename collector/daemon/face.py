"""What a daemon has once for all its logs, and what it has of a log that is away, too."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

from collector.event import SECOND
from collector.settings import Settings
from collector.telemetry.metrics import Metrics
from collector.telemetry.refusals import Refusals
from collector.tokens import ProxyLogin, Token
from collector.web import Front, OneLog
from collector.web.options import ApiAccess


class Face:
    """How HTTP is spoken, who may ask, and which configuration is in force.

    A reload changes its lists and sets in place: applications hold them.
    """

    def __init__(self, settings: Settings, clock: Callable[[], int], front: Front) -> None:
        self.settings = settings
        """The configuration in force, of all logs."""
        self._clock = clock
        self.tokens: list[Token] = []
        """What opens the API."""
        self.proxies: list[ProxyLogin] = []
        """Who signs people in before us."""
        self.hosts: set[str] = {name.lower() for name in settings.web.names}
        """The names that may be asked for on loopback."""
        self.front = front
        """How HTTP is spoken."""
        self.front_failure: str | None = None
        """Why the file that says how could not be taken in again; empty where it was, None where there is none."""
        self.reload: Callable[[], Awaitable[None]] | None = None
        """Takes a changed configuration in; None where nobody may ask for that over HTTP."""
        self.reload_failure: str | None = None
        """Why the last reload was refused; empty where it was taken in, None where none was asked for."""
        self.reloaded_at = clock() / SECOND
        """When the configuration in force was taken in, seconds since 1970."""

    def take(self, settings: Settings) -> None:
        """Have a configuration in force."""
        self.settings = settings
        self.tokens[:] = settings.api.all
        self.proxies[:] = settings.api.proxies
        self.hosts.clear()
        self.hosts.update(name.lower() for name in settings.web.names)

    def reloaded(self, failure: str) -> None:
        """A reload was tried; why it was refused, empty where it was taken in."""
        self.reload_failure = failure
        self.reloaded_at = self.reloaded_at if failure else self._clock() / SECOND

    def access(self, *, local_only: bool) -> ApiAccess:
        """Who may ask, for an application."""
        return ApiAccess(api_tokens=self.tokens, proxies=self.proxies, local_only=local_only, hosts=self.hosts)

    @property
    def facts(self) -> dict[str, str | None]:
        """What readiness says of it."""
        told = {"reload": self.reload_failure, "web_config": self.front_failure}
        return {name: None if failure is None else failure or "well" for name, failure in told.items()}


class Host:
    """What a log is opened in: it is there before, and when the log is away."""

    def __init__(
        self, settings: Settings, clock: Callable[[], int], face: Face,
        logs: Callable[[], Sequence[OneLog]] | None = None, root: str = "", name: str = "",
    ) -> None:  # fmt: skip
        self.face = face
        self.name = name
        """What the log is called, where there are several."""
        self.logs = logs
        """All logs that the daemon serves; None: this one."""
        self.root = root
        """What the addresses in its links begin with."""
        self.metrics = Metrics(settings.sources)
        """What is counted of the log's work."""
        self.refusals = Refusals(clock)
        """What was refused of its sources."""

    @classmethod
    def of_command(cls, settings: Settings, clock: Callable[[], int], name: str = "") -> Host:
        """For one command, which is asked below no path."""
        return cls(settings, clock, Face(settings, clock, Front()), name=name)
