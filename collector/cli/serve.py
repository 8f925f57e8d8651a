"""Running the daemon."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import click

from collector import daemon, journal
from collector.cli import output
from collector.cli.where import CONFIG_FILE, EXPAND, STORAGE_URL, Where
from collector.settings import EVERY


@click.command()
@CONFIG_FILE
@EXPAND
@click.option(
    "--web.listen-address",
    "listen_addresses",
    multiple=True,
    metavar="HOST:PORT",
    envvar="TIMELINED_WEB_LISTEN_ADDRESS",
    help="Where webhooks are taken; by default 127.0.0.1:9720. May be given several times.",
)
@click.option(
    "--web.external-url", "external_url", metavar="URL", envvar="TIMELINED_WEB_EXTERNAL_URL",
    help="Where readers of drafts reach this daemon; citations become links to it.",
)  # fmt: skip
@click.option(
    "--web.route-prefix", "route_prefix", metavar="PATH", envvar="TIMELINED_WEB_ROUTE_PREFIX",
    help="What addresses of requests begin with; by default the path of --web.external-url.",
)  # fmt: skip
@click.option(
    "--web.config.file", "web_config_file", metavar="FILE", envvar="TIMELINED_WEB_CONFIG_FILE",
    help="TLS, client certificates, users with passwords, headers: a file as Prometheus takes it.",
)  # fmt: skip
@click.option("--web.enable-lifecycle", "lifecycle", is_flag=True, help="Let POST /-/reload reload the configuration.")
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
    expand: bool,
    storage_url: str | None,
    listen_addresses: tuple[str, ...],
    external_url: str | None,
    route_prefix: str | None,
    web_config_file: str | None,
    lifecycle: bool,
    log_level: str | None,
    accept_loss: bool,
) -> None:
    """Run the daemon: take webhooks, keep the log, answer the API.

    SIGHUP has it read its configuration again: sources, secrets, API tokens and web.hosts are taken in, all or nothing.
    """
    where = Where(config_file=config_file, storage_url=storage_url, expand=expand)
    said = {
        "web__listen_address": " ".join(listen_addresses) or None, "web__external_url": external_url,
        "web__route_prefix": route_prefix, "web__config_file": web_config_file, "log__level": log_level,
        "web__enable_lifecycle": "true" if lifecycle else None,
    }  # fmt: skip
    load = partial(where.settings, secrets=EVERY, unread=None, **said)
    settings = load()
    journal.set_up(settings.log.level, settings.log.format, process="intake")
    daemon.run(settings, ready=_ready, accept_loss=accept_loss, load=load)


def _ready(address: str) -> None:
    output.say(f"timelined is ready at {address}")
