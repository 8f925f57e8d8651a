"""A load generator in a process of its own: every request unique, every answer counted.

``wrk`` does the work where it is installed, a client of raw sockets otherwise,
so that the benchmarks run from pip alone. The two are not comparable with each
other: within one run only one of them is used.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import math
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections import deque
from pathlib import Path
from typing import NamedTuple, cast

import uvloop

from tests import forks

ROOT = Path(__file__).parents[2]

MARK = "@@@@@@@@@@@@@@@@"
"""Stands in a body for sixteen digits of its own."""
CLOCK = "@@:@@:@@.@@@"
"""Stands in a body for a time of day that moves on by a millisecond with each request, as alerts' starts do."""

PIECE = 4096
"""Bytes that Go's ``net/http`` client writes at once: the size of its buffer."""
TICK = 0.001
"""Seconds between two looks at what is due."""

_WRK = """
local function file(path) local f = io.open(path, "rb"); local text = f:read("*a"); f:close(); return text end
local template, count = file("{template}"), 0
local parts, holes, from = {{}}, {{}}, 1
while true do
  local at, last = string.find(template, "@@[@:.]*@@", from)
  if not at then break end
  parts[#parts + 1] = string.sub(template, from, at - 1)
  parts[#parts + 1] = ""
  holes[#parts] = string.sub(template, at, last) == "{clock}"
  from = last + 1
end
parts[#parts + 1] = string.sub(template, from)
request = function()
  count = count + 1
  local number = math.ceil(count / {times})
  local ms = number % 3600000
  local token = string.format("{prefix}%010d", number)
  local clock = string.format("{hour}:%02d:%02d.%03d", math.floor(ms / 60000), math.floor(ms / 1000) % 60, ms % 1000)
  for place, is_clock in pairs(holes) do parts[place] = is_clock and clock or token end
  return table.concat(parts)
end
done = function(summary, latency)
  local e = summary.errors
  print(string.format('RESULT {{"answered": %d, "refused": %d, "broken": %d, "seconds": %f, "p50": %f, "p99": %f}}',
    summary.requests, e.status, e.connect + e.read + e.write + e.timeout, summary.duration / 1e6,
    latency:percentile(50) / 1e3, latency:percentile(99) / 1e3))
end
"""


class Result(NamedTuple):
    """What one slice of load saw."""

    answered: int
    refused: int
    """Answers other than 2xx and 3xx."""
    broken: int
    """Connections refused, cut or timed out."""
    seconds: float
    p50: float
    """Milliseconds."""
    p99: float

    @property
    def rate(self) -> float:
        """Answers a second."""
        return self.answered / self.seconds


def run(
    port: int, path: str, body: bytes, *, connections: int, seconds: float, slice_number: int, tool: str,
    times: int = 1, rate: float = 0.0,
) -> Result:  # fmt: skip
    """Load one server for a while. ``slice_number`` makes this slice's bodies differ from every other slice's.

    Each body is sent ``times`` times in a row, over as many connections: as highly available peers and repeats do.
    With a ``rate`` so many requests a second are due, and a request's time counts from when it was due; without one
    each connection sends as soon as it is answered. ``python`` alone keeps a rate, and alone writes a request in pieces
    as Go's client does. ``wrk`` counts whole seconds, one at least.
    """
    head = f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nUser-Agent: load\r\n"
    whole = f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body
    prefix = f"{slice_number:06d}"
    with tempfile.TemporaryDirectory() as folder:
        template = Path(folder, "request")
        template.write_bytes(whole)
        if tool == "wrk":
            command = _wrk_command(Path(folder), template, prefix, port, connections, seconds, times)
        else:
            shape = [str(each) for each in (template, prefix, port, connections, seconds, times, rate)]
            command = [sys.executable, "-m", "tests.bench.load", *shape]
        told = _told(command, seconds + 60)
    line = next(line for line in told.splitlines() if line.startswith("RESULT "))
    return Result(**json.loads(line.removeprefix("RESULT ")))


def _told(command: list[str], patience: float) -> str:
    """What a client printed; in a test our own one is forked."""
    if forks.ready() and command[0] == sys.executable:
        ran = forks.run(command[3:], ROOT, os.environ, patience, command[2])
    else:
        ran = subprocess.run(command, check=False, capture_output=True, text=True, timeout=patience)
    ran.check_returncode()
    return ran.stdout


def tool_of(wanted: str) -> str:
    """``wrk`` or ``python``: the wanted one, or the better one that is here."""
    return wanted if wanted != "auto" else "wrk" if shutil.which("wrk") else "python"


def _wrk_command(
    folder: Path, template: Path, prefix: str, port: int, connections: int, seconds: float, times: int
) -> list[str]:  # fmt: skip
    script = folder / "unique.lua"
    script.write_text(_WRK.format(template=template, clock=CLOCK, prefix=prefix, hour=_hour(prefix), times=times))
    address = f"http://127.0.0.1:{port}/"
    return [
        "wrk",
        "-t1",
        f"-c{connections}",
        f"-d{max(1, round(seconds))}s",
        "--timeout",
        "30s",
        "-s",
        str(script),
        address,
    ]


def _hour(prefix: str) -> str:
    """A slice's hour of the day: later slices tell of later alerts."""
    return f"{int(prefix) % 24:02d}"


class _Client(asyncio.Protocol):
    """One connection: a request, its answer, the next request, until the time is over."""

    def __init__(self, load: _Load) -> None:
        self._load = load
        self._buffer = b""
        self._due = 0.0
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports are not of asyncio's classes.
        self._transport = cast("asyncio.Transport", transport)
        self._load.idle(self)

    def send(self, due: float) -> None:
        """Write one request; its time counts from ``due``."""
        assert self._transport is not None
        self._due = due
        self._write(self._load.next_request())

    def _write(self, rest: bytes) -> None:
        """One piece now, and the next with the loop's next turn: uvloop would send them as one."""
        assert self._transport is not None
        self._transport.write(rest[:PIECE])
        if len(rest) > PIECE:
            asyncio.get_running_loop().call_soon(self._write, rest[PIECE:])

    def close(self) -> None:
        """Send nothing more."""
        assert self._transport is not None
        self._transport.close()

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        head, found, rest = self._buffer.partition(b"\r\n\r\n")
        if not found:
            return
        length = int(head.lower().partition(b"content-length:")[2].split(b"\r\n")[0])
        if len(rest) < length:
            return
        self._buffer = rest[length:]
        self._load.answered(head[9:12], time.monotonic() - self._due)
        self._load.idle(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self._load.lost(early=time.monotonic() < self._load.until)


class _Load:
    """What all connections of one slice share."""

    def __init__(
        self, template: bytes, prefix: str, connections: int, seconds: float, times: int, rate: float
    ) -> None:  # fmt: skip
        self._template = template.decode()
        self._prefix = prefix
        self._times = times
        self._count = self.refused = self.broken = 0
        self._left = connections
        self.latencies: list[float] = []
        self._seconds = seconds
        self._began = self.until = math.inf
        self.over = asyncio.Event()
        self._rate = rate
        self._sent = 0
        self._idle: deque[_Client] = deque()

    def start(self) -> None:
        """All connections are there: the time begins, so that a short one has answers on the busiest machine."""
        self._began = time.monotonic()
        self.until = self._began + self._seconds
        while self._idle and not self._rate:
            self._idle.popleft().send(self._began)

    def idle(self, client: _Client) -> None:
        """A connection that could send: at once, when the next request is due, or never again."""
        now = time.monotonic()
        if now >= self.until:
            client.close()
        elif self._rate or now < self._began:
            self._idle.append(client)
        else:
            client.send(now)

    async def pace(self) -> None:
        """Send each request when it is due; one that finds no free connection goes out late, and counts as such."""
        now = self._began
        while now < self.until:
            while self._idle and (due := self._began + self._sent / self._rate) <= now:
                self._sent += 1
                self._idle.popleft().send(due)
            await asyncio.sleep(TICK)
            now = time.monotonic()
        for client in self._idle:
            client.close()

    def next_request(self) -> bytes:
        self._count += 1
        number = math.ceil(self._count / self._times)
        minutes, ms = divmod(number % 3_600_000, 60_000)
        clock = f"{_hour(self._prefix)}:{minutes:02d}:{ms // 1000:02d}.{ms % 1000:03d}"
        return self._template.replace(MARK, f"{self._prefix}{number:010d}").replace(CLOCK, clock).encode()

    def answered(self, status: bytes, seconds: float) -> None:
        self.latencies.append(seconds)
        self.refused += not status.startswith((b"2", b"3"))

    def lost(self, *, early: bool) -> None:
        self.broken += early
        self._left -= 1
        if self._left == 0:
            self.over.set()


async def _python_client(
    template: bytes, prefix: str, port: int, connections: int, seconds: float, times: int, rate: float
) -> Result:  # fmt: skip
    loop = asyncio.get_running_loop()
    started = time.monotonic()
    load = _Load(template, prefix, connections, seconds, times, rate)
    for _ in range(connections):
        await loop.create_connection(lambda: _Client(load), "127.0.0.1", port)
    load.start()
    if rate:
        await load.pace()
    await load.over.wait()
    ordered = sorted(load.latencies) or [0.0]
    percentile = [1000 * ordered[len(ordered) * share // 100] for share in (50, 99)]
    return Result(len(load.latencies), load.refused, load.broken, time.monotonic() - started, *percentile)


def main() -> None:
    """The client's own process; :func:`run` starts it."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("template", type=Path)
    parser.add_argument("prefix")
    parser.add_argument("port", type=int)
    parser.add_argument("connections", type=int)
    parser.add_argument("seconds", type=float)
    parser.add_argument("times", type=int)
    parser.add_argument("rate", type=float)
    given = parser.parse_args()
    body, shape = given.template.read_bytes(), (given.connections, given.seconds, given.times, given.rate)
    result = uvloop.run(_python_client(body, given.prefix, given.port, *shape))
    sys.stdout.write("RESULT " + json.dumps(result._asdict()) + "\n")


if __name__ == "__main__":
    main()
