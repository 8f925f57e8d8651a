"""The ways in: each installs timelined in a bare system, serves, and follows README to an incident of its own."""

from __future__ import annotations

import re
import shutil
import time
from pathlib import Path

from tests.chroot.roots import Failed, Root
from tests.processes import PROJECT
from tests.readme import chapters

SOURCE = Path("root/timelined")
"""Where README's reader has the source."""
LEFT = (".git", ".venv", "out", "data", "dist", ".*_cache", "__pycache__", ".hypothesis")
ALERTMANAGER = "prometheus-alertmanager"
READY = """
ready() {
    python3 - "$1" <<'END'
import sys, time, urllib.request
until = time.monotonic() + 300
while True:
    try:
        sys.exit(urllib.request.urlopen(sys.argv[1], timeout=5).status != 200)
    except OSError as error:
        if time.monotonic() > until:
            sys.exit(f"{sys.argv[1]}: {error}")
        time.sleep(0.05)
END
}
mark() { echo "::mark $1 $(date +%s.%N)"; }
"""
Times = dict[str, float]
"""What took how long, in seconds."""


def apt(root: Root, *packages: str) -> float:
    """Packages of Debian that a way asks for; seconds."""
    began = time.monotonic()
    root.run("apt-get update && apt-get install --yes --no-install-recommends " + " ".join(packages), network=True)
    return round(time.monotonic() - began, 1)


def timed(root: Root, script: str) -> float:
    """Seconds that a script with the network took."""
    began = time.monotonic()
    root.run(script, network=True)
    return round(time.monotonic() - began, 1)


def first_incident(root: Root, serve: str, folder: Path, prepare: str = "") -> Times:
    """README's chapter as it stands, each block once what it waits for is there; how long each step took.

    ``serve`` runs in the background in ``folder``, and ``prepare`` is what the reader's shell was told before.
    """
    (_, configuration), (_, start), (_, alert), (_, asking) = chapters()["Your own first incident"]
    (root.folder / folder / "alertmanager.yml").write_text(configuration, "utf-8")
    printed = root.run(f"""{READY}
cd /{folder}
{prepare}
mark began
( {serve} ) >/tmp/serve.log 2>&1 &
ready http://127.0.0.1:9720/-/ready || {{ cat /tmp/serve.log; exit 1; }}
mark ready
( cd /{folder}; {start.replace("&", ">/tmp/alertmanager.log 2>&1 &")} )
ready http://127.0.0.1:9093/-/ready || {{ cat /tmp/alertmanager.log; exit 1; }}
mark alertmanager
{alert}
for i in $(seq 900); do timelined incidents | grep -q HighErrorRate && break; sleep 0.1; done
mark incident
export TIMELINED_BY=Ana
{asking}
""")
    for wanted in ("HighErrorRate", "Noted in incident 1", "12% of requests fail", '"Trying timelined"'):
        if wanted not in printed:
            raise Failed(f"README's commands do not say {wanted!r}:\n{printed[-3000:]}")
    at = {name: float(when) for name, when in re.findall(r"^::mark (\w+) ([\d.]+)$", printed, re.MULTILINE)}
    return {
        "start to ready": round(at["ready"] - at["began"], 2),
        "alert to incident": round(at["incident"] - at["alertmanager"], 2),
    }


def source(root: Root) -> None:
    """The source as it stands here, and nothing that was made of it."""
    shutil.copytree(PROJECT, root.folder / SOURCE, ignore=shutil.ignore_patterns(*LEFT))


def by_make(root: Root) -> Times:
    """README's first two lines: ``make run``, and ``make test`` as far as that it finds everything it needs."""
    source(root)
    packages = apt(root, "make", "python3", "python3-venv", ALERTMANAGER)
    # What `make run` installs at first needs the network; what it serves does not.
    installed = timed(root, f"cd /{SOURCE} && make .venv/.run")
    times = first_incident(root, "make run", SOURCE, f'export PATH="/{SOURCE}/.venv/bin:$PATH"')
    return {"Debian's packages": packages, "make run installs": installed, **times}


def tests(root: Root) -> Times:
    """``make test``, after :func:`by_make`: hardly anything that tests look for is installed, so many of them skip."""
    installed = timed(root, f"cd /{SOURCE} && make .venv/.dev")
    began = time.monotonic()
    root.run(f"cd /{SOURCE} && make test", seconds=7200)
    return {"make test installs": installed, "make test": round(time.monotonic() - began, 1)}


def packages(root: Root, out: Path) -> Times:
    """The Debian package and the wheel, built where :func:`by_make` was."""
    if not (root.folder / SOURCE / ".venv/.dev").exists():
        root.run(f"cd /{SOURCE} && make .venv/.dev", network=True)
    took = timed(root, f"cd /{SOURCE} && make deb && .venv/bin/pip wheel --quiet --no-deps --wheel-dir out .")
    out.mkdir(parents=True, exist_ok=True)
    for pattern in ("*.deb", "*.whl"):
        shutil.copy(found(root.folder / SOURCE / "out", pattern), out)
    return {"make deb and the wheel": took}


def found(folder: Path, pattern: str) -> Path:
    """What was built."""
    for path in folder.glob(pattern):
        return path
    raise Failed(f"there is no {pattern} in {folder}: it is built after make")


def by_deb(root: Root, out: Path) -> Times:
    """The package, installed by apt and started as its unit says: by its user, with its variables, in its folder."""
    packages_time = apt(root, ALERTMANAGER)
    built = found(out, "timelined_*.deb")
    (root.folder / "root/out").mkdir()
    shutil.copy(built, root.folder / "root/out")
    command = "cd /root && apt-get install --yes --no-install-recommends ./out/timelined_*.deb"
    installed = timed(root, command)
    unit = (root.folder / "usr/lib/systemd/system/timelined.service.d/debian.conf").read_text("utf-8")
    told = re.findall(r"^(\w+)=(.+)$", unit, re.MULTILINE)
    setting = dict(told)
    serve = (
        f"set -a; . {setting['EnvironmentFile'].lstrip('-')}; set +a; cd /var/lib/timelined; "
        f"exec setpriv --reuid={setting['User']} --regid={setting['Group']} --clear-groups --no-new-privs "
        f"{setting['ExecStart']}"
    )
    times = first_incident(root, serve, Path("root"), "export TIMELINED_SERVER=http://127.0.0.1:9720")
    return {"Debian's packages": packages_time, "apt-get install": installed, **times}


def by_wheel(root: Root, out: Path) -> Times:
    """The wheel, in a virtual environment."""
    packages_time = apt(root, "python3-venv", ALERTMANAGER)
    built = found(out, "timelined-*.whl")
    shutil.copy(built, root.folder / "root")
    installed = timed(root, "cd /root && python3 -m venv env && env/bin/pip install --quiet ./timelined-*.whl")
    times = first_incident(root, "timelined serve", Path("root"), 'export PATH="$HOME/env/bin:$PATH"')
    return {"Debian's packages": packages_time, "pip install": installed, **times}
