"""Running the daemon."""

from __future__ import annotations

from pathlib import Path

import click

from collector import daemon, journal
from collector.cli import output
from collector.cli.where import CONFIG_FILE, STORAGE_URL, Where
from collector.settings import EVERY


@click.command()
@CONFIG_FILE
@click.option(
    "--web.listen-address",
    "listen_address",
    metavar="HOST:PORT",
    envvar="TIMELINED_WEB_LISTEN_ADDRESS",
    help="Where webhooks are taken; by default 127.0.0.1:9720.",
)
@STORAGE_URL
@click.option(
    "--log.level", "log_level", type=click.Choice(["debug", "info", "warning", "error"]),
    envvar="TIMELINED_LOG_LEVEL", help="How much the daemon says.",
)  # fmt: skip
@click.option(
    "--storage.accept-loss", "accept_loss", is_flag=True,
    help="Start although the log lacks acknowledged events; the loss is recorded.",
)  # fmt: skip
def serve(
    config_file: Path | None,
    storage_url: str | None,
    listen_address: str | None,
    log_level: str | None,
    accept_loss: bool,
) -> None:
    """Run the daemon: take webhooks, keep the log, answer the API."""
    where = Where(config_file=config_file, storage_url=storage_url)
    settings = where.settings(secrets=EVERY, web__listen_address=listen_address, log__level=log_level)
    journal.set_up(settings.log.level, settings.log.format, process="intake")
    daemon.run(settings, ready=_ready, accept_loss=accept_loss)


def _ready(address: str) -> None:
    output.say(f"timelined is ready at {address}")
