"""For a person at a terminal: what to do next, in three lines."""

from __future__ import annotations

import sys

from collector.settings import Settings

_SAMPLE = (
    '{"version":"4","groupKey":"try","status":"firing","alerts":[{"status":"firing",'
    '"labels":{"alertname":"TryMe","service":"demo"},"startsAt":"\'$(date -u +%FT%TZ)\'"}]}'
)
"""A delivery of Alertmanager's, for a shell, which puts the time into it."""


def hints(settings: Settings, address: str) -> str:
    """How to point Alertmanager at this daemon, how to try it, and where to look."""
    senders = [(name, said) for name, said in settings.sources.items() if said.kind == "alertmanager"]
    lines = ["what each sender needs:  timelined sources"]
    if senders:
        name, said = senders[0]
        url = f"{address}/webhooks/{name}"
        lines = [f"alertmanager.yml:  receivers: [{{name: timelined, webhook_configs: [{{url: '{url}'}}]}}]"]
        if said.credentials.open:
            lines.append(f"to try it:         curl {url} -H 'Content-Type: application/json' -d '{_SAMPLE}'")
    lines.append(f"then look:         timelined incidents, or {address}/api/v1/incidents")
    return "".join(f"{line}\n" for line in lines)


def show_hints(settings: Settings, address: str) -> None:
    """Print :func:`hints` where a person is looking."""
    if sys.stderr.isatty():
        sys.stderr.write(hints(settings, address))
