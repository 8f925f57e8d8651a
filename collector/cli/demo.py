"""``timelined demo``: a recorded incident, played over HTTP against a real daemon.

The daemon runs in a process of its own, on a free port, over a temporary
database, and differs from the one in production in its clock alone: the
recording says when each delivery is received, so that the draft comes out the
same every time. Nothing here waits for a time to pass; it waits for what is to
happen, and says so if it does not.
"""

from __future__ import annotations

import asyncio
import os
import secrets
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import click

from collector import files
from collector.cli import output
from collector.cli.access import LogAccess
from collector.cli.demo_deliveries import EVENING, Step
from collector.errors import TimelinedError, Unavailable
from collector.settings import EVERY

if TYPE_CHECKING:
    from collector.cli.client import ApiClient

T = TypeVar("T")

PATIENCE = 30.0
"""How long anything may take to happen, in seconds."""
PAUSE = 0.02
"""Between two looks, in seconds."""
SHOWN = "checkout"
"""The service whose incident the recording is about."""

CONFIGURATION = """\
web:
  listen_address: 127.0.0.1:0
storage:
  url: sqlite:///{database}
sources:
  alertmanager:
    kind: alertmanager
    open: true
  pagerduty:
    kind: pagerduty
    secret_file: {secret}
  github:
    kind: github
    secret_file: {secret}
drafts:
  enabled: false
log:
  level: warning
"""
"""The configuration the demo's daemon runs with."""


@click.command()
@click.option(
    "--to",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("out"),
    show_default=True,
    help="The folder the drafts are written to.",
)
@click.option(
    "--database", type=click.Path(path_type=Path, dir_okay=False), help="Keep the database here, to look around in."
)
@click.option("--keep", is_flag=True, help="Keep the database beside the drafts, as demo.db, to try commands on.")
@click.option("--daemon", "folder", type=click.Path(path_type=Path), hidden=True)
def demo(to: Path, database: Path | None, keep: bool, folder: Path | None) -> None:
    """Play a recorded incident to a real daemon and draft it."""
    if folder:
        return _daemon(folder)
    if keep and database is None:
        to.mkdir(parents=True, exist_ok=True)
        database = to / "demo.db"
    with tempfile.TemporaryDirectory(prefix="timelined-demo-") as workshop:
        stage = Stage(Path(workshop), (database or Path(workshop) / "demo.db").absolute())
        with _started(stage) as process:
            number, drafts = asyncio.run(_play(stage, process))
    to.mkdir(parents=True, exist_ok=True)
    for form, text in drafts.items():
        _put(to / f"incident-{number}.{form}", text.encode())
    _show(drafts["md"], to / f"incident-{number}.md")
    if database:
        output.say(f"Look around: export TIMELINED_STORAGE_URL=sqlite:///{database}; timelined incidents")
    return None


def _put(path: Path, content: bytes) -> None:
    """Write a draft; what somebody made of the one before is kept beside it."""
    if path.exists() and path.read_bytes() != content:
        output.say(f"{path} said something else, which is kept as {files.keep(path).name}")
        path.unlink()
    path.write_bytes(content)


# --- the daemon's process ---------------------------------------------------------------------------------------------


def _daemon(folder: Path) -> None:
    """Serve on the recording's clock until told to end."""
    from collector import daemon
    from collector.telemetry import log_output

    stage = Stage(folder)
    settings = LogAccess(config_file=stage.configuration).settings(secrets=EVERY)
    log_output.set_up(settings.log.level, settings.log.format)
    daemon.run(settings, ready=stage.announce, clock=stage.now)


class Stage:
    """The folder through which the demo and its daemon agree on addresses, secrets and the time."""

    def __init__(self, folder: Path, database: Path | None = None) -> None:
        self.folder = folder
        self.configuration = folder / "timelined.yml"
        self._secret = folder / "secret"
        self.log = folder / "log"
        self._clock = folder / "clock"
        self._address = folder / "address"
        if database:
            self._prepare(database)

    def _prepare(self, database: Path) -> None:
        if database.exists():
            raise Unavailable(f"cannot play into {database}: it exists already; name a new file")
        self._secret.write_text(secrets.token_hex(16), "utf-8")
        self.configuration.write_text(CONFIGURATION.format(database=database, secret=self._secret), "utf-8")
        self.set(EVENING[0].micros)

    @property
    def secret(self) -> bytes:
        """What PagerDuty and GitHub sign with."""
        return self._secret.read_bytes()

    @property
    def output(self) -> str:
        """What the daemon said."""
        return self.log.read_text("utf-8", "replace")

    @property
    def address(self) -> str:
        """Where the daemon listens; empty until it does."""
        return self._address.read_text("utf-8") if self._address.exists() else ""

    def announce(self, address: str) -> None:
        """Say where the daemon listens."""
        _replace(self._address, address)

    def now(self) -> int:
        """The time of the recording, µs UTC."""
        return int(self._clock.read_text("utf-8"))

    def set(self, at: int) -> None:
        """Move the time of the recording."""
        _replace(self._clock, str(at))


def _replace(path: Path, text: str) -> None:
    """Write a small file so that a reader sees all of it or nothing."""
    beside = path.with_suffix(".new")
    beside.write_text(text, "utf-8")
    beside.replace(path)


# --- the play ---------------------------------------------------------------------------------------------------------


@contextmanager
def _started(stage: Stage) -> Iterator[subprocess.Popen[bytes]]:
    """The daemon's process; ended and waited for whatever happens."""
    command = [sys.executable, "-m", "collector", "demo", "--daemon", str(stage.folder)]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("TIMELINED_")}
    with stage.log.open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, env=environment)  # noqa: S603 - ourselves
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


async def _play(stage: Stage, process: subprocess.Popen[bytes]) -> tuple[int, dict[str, str]]:
    """Post the recording; the incident's number, and its draft by format."""
    from collector.cli import client

    async with client.remote(await _address(stage, process)) as api:
        for step in EVENING:
            stage.set(step.micros)
            output.say(f"{step.at}  {step.summary}: {await _post(api, step, stage.secret)}")
        await _until("the lists have taken everything in", lambda: _caught_up(api))
        number = await _number(api)
        path = f"/api/v1/incidents/{number}/postmortem"
        return number, {form: (await api.get(f"{path}.{form}")).text() for form in ("md", "json")}


async def _address(stage: Stage, process: subprocess.Popen[bytes]) -> str:
    async def listening() -> str:
        if process.poll() is not None:
            raise DemoFailed(f"the daemon ended with {process.returncode} before it listened:\n{stage.output}")
        return stage.address

    address = await _until("the daemon listens", listening)
    output.say(f"A daemon listens at {address}, on a clock that says {EVENING[0].at}.")
    return address


class DemoFailed(TimelinedError):
    """The play did not go as recorded."""


async def _until(goal: str, condition: Callable[[], Awaitable[T]]) -> T:
    """The first answer of ``condition`` that holds."""
    deadline = time.monotonic() + PATIENCE
    while not (answer := await condition()):
        if time.monotonic() > deadline:
            raise DemoFailed(f"gave up after {PATIENCE:.0f} s waiting until {goal}")
        await asyncio.sleep(PAUSE)
    return answer


async def _post(api: ApiClient, step: Step, secret: bytes) -> str:
    """Post one step; the answer in a few words."""
    path = step.path
    if "{number}" in path:
        path = path.format(number=await _until("the incident is in the list", lambda: _number(api)))
    body, headers = step.request(secret)
    answer = (await api.send(path, body, headers)).json()
    if "items" not in answer:
        return f"recorded in incident {answer['incident']}"
    new = sum(not item["known"] for item in answer["items"])
    return f"{new} new" if new else "known already"


async def _number(api: ApiClient) -> int:
    """The number of the incident the recording is about; 0 while it is not there."""
    told = (await api.get("/api/v1/incidents", service=SHOWN)).json()
    return int(told["incidents"][0]["number"]) if told["incidents"] else 0


async def _caught_up(api: ApiClient) -> bool:
    return bool((await api.get("/-/ready")).json()["lag"] == 0)


def _show(text: str, path: Path) -> None:
    """The head and summary of the draft as the result, and where it lies."""
    head, _, rest = text.partition("## Summary")
    summary = rest.partition("\n## ")[0].rstrip("-\n ")
    output.result(f"{head}## Summary{summary}\n")
    click.echo(f"\nThe whole draft: {path}")
