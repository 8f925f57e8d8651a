"""Running the daemon."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

import click

from collector.cli import output
from collector.cli.access import LogAccess
from collector.cli.running import options_of_serve
from collector.settings import EVERY


@click.command()
@options_of_serve(variables=True)
@click.option(
    "--storage.accept-loss", "accept_loss", is_flag=True,
    help="Start even if the log lacks acknowledged events. The loss is recorded.",
)  # fmt: skip
def serve(access: LogAccess, options: Mapping[str, str | None], accept_loss: bool) -> None:
    """Run the daemon: take webhooks, keep the log, answer the API.

    On SIGHUP it reads its configuration again. It takes in sources, secrets, API tokens and web.hosts: all of them, or
    nothing where one is wrong.
    """
    # Here and not above: to say what the command does, nothing of the daemon is needed.
    from collector import daemon
    from collector.telemetry import log_output

    load = partial(access.settings, secrets=EVERY, unread=None, files=None, **options)
    settings = load()
    log_output.set_up(settings.log.level, settings.log.format, process="intake")
    daemon.run(settings, ready=_ready, accept_loss=accept_loss, load=load)


def _ready(address: str) -> None:
    output.say(f"timelined is ready at {address}")
