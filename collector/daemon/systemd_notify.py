"""What systemd is told: ready, alive, reloading, stopping (sd_notify).

The protocol is one datagram to a socket that the service's environment names,
so no library is needed. Where nobody listens every call does nothing: the
daemon runs the same with and without systemd.
"""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Mapping

_PATIENCE = 1.0
"""Seconds that a full socket may hold us; telling systemd never stops the daemon."""

_STOP = 40.0
"""Seconds that a stop may take by itself, as TimeoutStopSec= in our unit."""


class Notifier:
    """Tells the service manager how the daemon is; see sd_notify(3)."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._path = environ.get("NOTIFY_SOCKET", "")
        self.watchdog = _watchdog(environ) if self._path else None
        """How often a sign of life is expected, in seconds; None where it is not."""

    def ready(self, status: str) -> bool:
        """The daemon serves from now on."""
        return self._send(f"READY=1\nSTATUS={_line(status)}")

    def reloading(self) -> bool:
        """The configuration is read again; until :meth:`ready` whoever asked systemd for it waits.

        The time, by the monotonic clock, tells systemd that this answers what it asked for (``Type=notify-reload``).
        """
        now = time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
        return self._send(f"RELOADING=1\nMONOTONIC_USEC={now}\nSTATUS=reading the configuration again")

    def status(self, status: str) -> bool:
        """One line for ``systemctl status``."""
        return self._send(f"STATUS={_line(status)}")

    def alive(self) -> bool:
        """The sign of life; without it systemd starts the daemon anew."""
        return self._send("WATCHDOG=1")

    def draining(self, seconds: float) -> bool:
        """The stop begins, and takes so much longer than the unit allows for."""
        extended = int((seconds + _STOP) * 1_000_000)
        return self._send(f"EXTEND_TIMEOUT_USEC={extended}\nSTATUS=not ready any more, serving on for {seconds:g} s")

    def stopping(self, status: str) -> bool:
        """The daemon takes no more deliveries and finishes what it has."""
        return self._send(f"STOPPING=1\nSTATUS={_line(status)}")

    def _send(self, state: str) -> bool:
        """Whether somebody was told. A listener that went away is no reason to stop."""
        if not self._path:
            return False
        # A leading @ stands for the zero byte of Linux's abstract sockets.
        address = "\0" + self._path[1:] if self._path.startswith("@") else self._path
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as channel:
                channel.settimeout(_PATIENCE)
                channel.sendto(state.encode(), address)
        except OSError:
            return False
        return True


def _line(status: str) -> str:
    return " ".join(status.split())


def _watchdog(environ: Mapping[str, str]) -> float | None:
    """The interval in seconds, if it is meant for this process and not for one that started it."""
    micros = environ.get("WATCHDOG_USEC", "")
    addressee = environ.get("WATCHDOG_PID", "")
    if not micros.isdecimal() or not int(micros) or (addressee and addressee != str(os.getpid())):
        return None
    return int(micros) / 1_000_000
