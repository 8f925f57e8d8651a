"""One new alert for each request: timelined beside Alerta, on one machine, with the same bodies.

Alerta comes from the package index into a virtual environment of its own, and
runs as its documentation says: gunicorn with threads, on PostgreSQL. Its table
is emptied before each slice, since it slows down as the table grows. Not like
for like: Alerta also correlates and runs plugins before it answers, and
answers with the alert; timelined's follower does such things later.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from tests import postgres
from tests.bench import entry, load, results
from tests.bench.bodies import PATH, body_of
from tests.bench.entry import TOOL, Option
from tests.bench.servers import Running, process, server
from tests.bench.slices import Slice, Traffic, beside, check, described, stored

GOAL, WANTED = 20.0, 40.0
PACKAGES = ("alerta-server==9.1.0", "psycopg2-binary==2.9.13", "gunicorn==27.0.1")
VENV = results.OUT.parent / "alerta"
ALERTA_PATH = "/webhooks/prometheus"
_WORKERS = ("--worker-class", "gthread", "--workers", "2", "--threads", "4")
_CONFIGURATION = """
DATABASE_URL = {url!r}
AUTH_REQUIRED = False
SECRET_KEY = 'of a benchmark'
"""


def install(venv: Path) -> str:
    """Have Alerta in a virtual environment; why that cannot be, empty where it is there."""
    make = [sys.executable, "-m", "venv", "--without-pip", str(venv)]
    pip = [sys.executable, "-m", "pip", "--python", str(venv / "bin/python"), "install", "--quiet", *PACKAGES]
    mark = venv / "installed"
    if mark.exists() and mark.read_text() == " ".join(PACKAGES):
        return ""
    # Another environment's variables would lead pip elsewhere.
    environ = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "VIRTUAL_ENV")}
    for command in (make, pip):
        done = subprocess.run(command, capture_output=True, text=True, check=False, env=environ)
        if done.returncode:
            said = (done.stderr or done.stdout).strip().splitlines()
            return f"{PACKAGES[0]} cannot be installed here ({said[-1] if said else 'no reason was given'})"
    mark.write_text(" ".join(PACKAGES))
    return ""


@contextmanager
def alerta(venv: Path, folder: Path, database: postgres.Server, name: str) -> Iterator[Running]:
    """Alerta over a database of its own."""
    configuration = folder / "alertad.conf"
    configuration.write_text(_CONFIGURATION.format(url=database.url(name, driver="postgresql")))
    environ = {"PATH": os.environ["PATH"], "ALERTA_SVR_CONF_FILE": str(configuration), "LC_ALL": "C.UTF-8"}
    # Workers that start on an empty database make its tables all at once, and fail.
    once = [str(venv / "bin/python"), "-c", "from alerta.app import create_app; create_app()"]
    subprocess.run(once, check=True, cwd=folder, env=environ, capture_output=True)
    command = [str(venv / "bin/gunicorn"), *_WORKERS, "--bind", "127.0.0.1:PORT", "--log-level", "error"]
    with process(*command, "alerta.app:create_app()", cwd=folder, env=environ) as (port, pid):
        yield Running(port, (pid, database.pid))


def measure(options: argparse.Namespace, report: results.Report) -> None:
    """Where everything is there; else the reason is noted, and no figure."""
    reason = postgres.absent() or install(options.venv)
    if reason:
        report.note(f"Not measured: {reason}.")
        return
    with results.workplace() as folder, postgres.plain(results.disk()) as database:
        _compare(options, report, folder, database)


def _compare(options: argparse.Namespace, report: results.Report, folder: Path, database: postgres.Server) -> None:
    urls = {"SQLite": f"sqlite:///{folder / 'log.db'}", "PostgreSQL": database.url(database.database())}
    name = database.database()
    with ExitStack() as stack:
        peer = stack.enter_context(alerta(options.venv, folder, database, name))
        ours = {}
        for kind, url in urls.items():
            helpers = (database.pid,) if kind == "PostgreSQL" else ()
            ours[kind] = stack.enter_context(server("tests.bench.subject", "PORT", url, beside=helpers))
        rounds = _rounds(options, database, name, peer, ours)
    theirs = [each["Alerta"] for each in rounds]
    report.note(described("Alerta, its table emptied before each slice", theirs[1:]))
    for kind, url in urls.items():
        slices = [each[kind] for each in rounds]
        counted = check(stored(url), slices, alerts=1, connections=options.connections)
        report.note(f"{described(f'timelined, {kind}', slices[1:])}; {counted}")
        ratios = [one.rate / other.rate for one, other in zip(slices, theirs, strict=True)][1:]
        extra = beside(slices[1:]) | beside(theirs[1:], "Alerta")
        goal = {"at_least": GOAL, "wanted": WANTED} if kind == "SQLite" else {}
        report.add(f"{kind}, {options.connections} connections, of Alerta", ratios, "times", **goal, beside=extra)


def _rounds(
    arguments: argparse.Namespace, database: postgres.Server, name: str, peer: Running, ours: dict[str, Running]
) -> list[dict[str, Slice]]:
    """Round by round what each did; the first one warms them up."""
    body = body_of(1, instance=f"{load.MARK}:8080", environment="Production")
    options = {"connections": arguments.connections, "seconds": arguments.seconds, "tool": arguments.tool}
    to_us, to_them = Traffic(body, **options, path=PATH), Traffic(body, **options, path=ALERTA_PATH)
    slices = []
    for _ in range(arguments.rounds + 1):
        database.execute("TRUNCATE alerts", name)
        theirs = to_them.slice(peer)
        rows = database.execute("SELECT count(*) FROM alerts", name)[0]["count"]
        if not theirs.seen.answered <= rows <= theirs.seen.answered + arguments.connections:
            raise SystemExit(f"cannot compare: Alerta answered {theirs.seen.answered} alerts and holds {rows}")
        slices.append({"Alerta": theirs} | {kind: to_us.slice(each) for kind, each in ours.items()})
    return slices


OPTIONS = (
    Option("rounds", 5, 1),
    Option("seconds", 3.0, 0.5),
    Option("connections", 16),
    TOOL,
    Option("venv", VENV, help="where Alerta is, or is put"),
)


if __name__ == "__main__":
    sys.exit(entry.main("alerta", __doc__, OPTIONS, measure))
