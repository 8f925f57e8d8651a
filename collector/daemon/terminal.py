"""For a person at a terminal: what to do next, in three lines."""

from __future__ import annotations

import sys

from collector.settings import Settings
from collector.sources import SOURCES


def hints(settings: Settings, address: str) -> str:
    """How to point the first sender that can be tried from a shell at this daemon, how to try it, where to look."""
    senders = [(name, said) for name, said in settings.sources.items() if SOURCES[said.kind].trial]
    lines = ["what each sender needs:  timelined sources"]
    if senders:
        name, source_settings = senders[0]
        url, source = f"{address}/webhooks/{name}", SOURCES[source_settings.kind]
        lines = [f"{source.called}:".ljust(19) + source.entry(url, source_settings.credentials)]
        if source_settings.credentials.open:
            lines.append(f"to try it:         curl {url} -H 'Content-Type: application/json' -d '{source.trial}'")
    lines.append(f"then look:         timelined incidents, or {address}/api/v1/incidents")
    return "".join(f"{line}\n" for line in lines)


def show_hints(settings: Settings, address: str) -> None:
    """Print :func:`hints` where a person is looking."""
    if sys.stderr.isatty():
        sys.stderr.write(hints(settings, address))
