"""Build the Debian package: `make deb`, or python3 deploy/debian/build.py --out FOLDER.

The daemon's libraries come along, in a virtual environment under
/usr/lib/timelined: Debian has none of several of them, and other versions of
the rest than those that the tests ran with. Its interpreter is Debian's own, so
security updates of Python reach it. Everything else lies where Debian puts it,
and Debian's dpkg-deb puts the package together.
"""

from __future__ import annotations

import argparse
import gzip
import hashlib
import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path

HERE = Path(__file__).parent
PROJECT = HERE.parents[1]
PYTHON = f"python{sys.version_info.major}.{sys.version_info.minor}"
HOME = "usr/lib/timelined"
"""Where the virtual environment lies."""
CONFIGURATION = {
    "etc/timelined/timelined.yml": "config/timelined.yml",
    "etc/default/timelined": "deploy/debian/timelined.default",
}
FILES = {
    "usr/lib/systemd/system/timelined.service": "systemd/timelined.service",
    "usr/lib/systemd/system/timelined.socket": "systemd/timelined.socket",
    "usr/lib/systemd/system/timelined.service.d/debian.conf": "deploy/debian/debian.conf",
    "usr/lib/sysusers.d/timelined.conf": "deploy/debian/timelined.sysusers",
    "usr/lib/tmpfiles.d/timelined.conf": "deploy/debian/timelined.tmpfiles",
    "usr/share/doc/timelined/copyright": "deploy/debian/copyright",
    "usr/share/lintian/overrides/timelined": "deploy/debian/lintian-overrides",
    **CONFIGURATION,
}
"""Where a file goes, and where it is here."""
FOLDERS = {
    "docs": "docs",
    "examples/mixin": "config/mixin",
    "examples/senders": "config/senders",
    "examples/postgresql": "config/postgresql",
}
"""Below /usr/share/doc/timelined."""
COMPLETION = {
    "bash": "usr/share/bash-completion/completions/timelined",
    "zsh": "usr/share/zsh/vendor-completions/_timelined",
    "fish": "usr/share/fish/vendor_completions.d/timelined.fish",
}
CONTROL = """Package: timelined
Version: {version}
Architecture: {architecture}
Maintainer: {maintainer}
Installed-Size: {size}
Depends: python3, {python}, libc6, systemd | systemd-standalone-sysusers, systemd | systemd-standalone-tmpfiles
Recommends: tzdata
Suggests: prometheus-alertmanager, postgresql
Section: admin
Priority: optional
Homepage: https://timelined.dev/
Description: flight recorder of an on-call team
 timelined takes the webhooks of monitoring, paging and deploy systems into one
 log that is never rewritten, finds out which of them are one incident, and
 drafts a postmortem in which every generated sentence cites what proves it.
"""


def version() -> str:
    """The version of the source, as a Debian revision of it."""
    text = (PROJECT / "collector/__init__.py").read_text("utf-8")
    found = re.search(r'^__version__ = "([^"]+)"', text, re.MULTILINE)
    if found is None:
        raise SystemExit("cannot build the package: collector/__init__.py says no version")
    return f"{found[1]}-1"


def run(*command: str | Path) -> str:
    """What a program says; its failure ends the build with what it said of that."""
    done = subprocess.run(  # noqa: S603 - programs named here
        [str(each) for each in command], cwd=PROJECT, check=False, capture_output=True, text=True
    )
    if done.returncode:
        raise SystemExit(
            f"cannot build the package: {command[0]} ended with {done.returncode}\n{done.stdout}{done.stderr}"
        )
    return done.stdout


def write(path: Path, text: str | bytes, mode: int = 0o644) -> None:
    """One file, with its folders."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    path.chmod(mode)


def compressed(path: Path, text: str) -> None:
    """A file as Debian compresses it: the same bytes each time."""
    write(path.with_name(f"{path.name}.gz"), gzip.compress(text.encode(), 9, mtime=0))


def environment(root: Path, *, dependencies: bool) -> None:
    """The virtual environment, made by hand: it is not where it will be, and takes nothing that venv would add."""
    home = root / HOME
    site = home / "lib" / PYTHON / "site-packages"
    site.mkdir(parents=True)
    pip = (sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check")
    with tempfile.TemporaryDirectory() as built:
        isolation = () if dependencies else ("--no-build-isolation",)
        run(*pip, "wheel", "--no-deps", *isolation, "--wheel-dir", built, PROJECT)
        (wheel,) = Path(built).glob("timelined-*.whl")
        wanted = (
            ("--constraint", PROJECT / "constraints.txt", f"{wheel}[postgres,sign]")
            if dependencies
            else ("--no-deps", wheel)
        )
        run(*pip, "install", "--no-compile", "--target", site, *wanted)
    shutil.rmtree(site / "bin", ignore_errors=True)
    write(
        home / "pyvenv.cfg",
        f"home = /usr/bin\ninclude-system-site-packages = false\nversion = {platform.python_version()}\n",
    )
    write(
        home / "bin/timelined",
        f"#!/{HOME}/bin/python3\nfrom collector.cli import main\n\nmain()\n", 0o755,
    )  # fmt: skip
    (home / "bin/python3").symlink_to(f"/usr/bin/{PYTHON}")
    (root / "usr/bin").mkdir(parents=True)
    (root / "usr/bin/timelined").symlink_to("../lib/timelined/bin/timelined")


def commands(words: tuple[str, ...] = ()) -> Iterable[tuple[str, ...]]:
    """The words of every command, those within groups included."""
    import click

    from collector import cli

    yield ()
    for name, command in cli.every_command().items():
        yield (name,)
        yield from ((name, below) for below in (command.commands if isinstance(command, click.Group) else ()))


def manual(root: Path) -> None:
    """Manual pages and completion, made from the commands."""
    from collector.cli import manual as made

    for words in commands():
        compressed(root / "usr/share/man/man1" / f"{'-'.join(('timelined', *words))}.1", made.page(words))
    for shell, place in COMPLETION.items():
        write(root / place, f"{made.completer(shell)}\n")


def documents(root: Path) -> None:
    """What is read by people, and the example files."""
    doc = root / "usr/share/doc/timelined"
    for name, source in FOLDERS.items():
        for path in (PROJECT / source).rglob("*"):
            if path.is_file():
                write(doc / name / path.relative_to(PROJECT / source), path.read_bytes())
    compressed(doc / "changelog", (PROJECT / "CHANGELOG.md").read_text("utf-8"))
    entry = (
        f"timelined ({version()}) unstable; urgency=medium\n\n  * See changelog.gz.\n\n -- {_maintainer()}  {_when()}\n"
    )
    compressed(doc / "changelog.Debian", entry)


def _maintainer() -> str:
    return f"{os.environ.get('DEBFULLNAME', 'timelined')} <{os.environ.get('DEBEMAIL', 'packages@timelined.dev')}>"


def _when() -> str:
    """When the source was changed last, so that the same source gives the same package."""
    return run("date", "-R", "-u", "-d", f"@{os.environ['SOURCE_DATE_EPOCH']}").strip()


def control(root: Path) -> None:
    """What dpkg is told of the package."""
    files = sorted(path for path in root.rglob("*") if path.is_file() and not path.is_symlink())
    sums = "".join(f"{hashlib.md5(path.read_bytes()).hexdigest()}  {path.relative_to(root)}\n" for path in files)  # noqa: S324
    size = sum(path.stat().st_size for path in files) // 1024
    architecture = run("dpkg", "--print-architecture").strip()
    said = CONTROL.format(
        version=version(), architecture=architecture, maintainer=_maintainer(), size=size, python=PYTHON
    )  # fmt: skip
    write(root / "DEBIAN/control", said)
    write(root / "DEBIAN/md5sums", sums)
    write(root / "DEBIAN/conffiles", "".join(f"/{name}\n" for name in CONFIGURATION))
    for script in ("postinst", "prerm", "postrm"):
        write(root / "DEBIAN" / script, (HERE / script).read_bytes(), 0o755)


def build(out: Path, *, dependencies: bool = True) -> Path:
    """Build the package in a folder; where it is. Without dependencies it is for looking at, and does not run."""
    out.mkdir(parents=True, exist_ok=True)
    os.environ.setdefault("SOURCE_DATE_EPOCH", "1772582400")
    os.umask(0o022)
    with tempfile.TemporaryDirectory(prefix="timelined-deb-") as folder:
        root = Path(folder) / "root"
        environment(root, dependencies=dependencies)
        for place, source in FILES.items():
            write(root / place, (PROJECT / source).read_bytes())
        manual(root)
        documents(root)
        control(root)
        target = out / f"timelined_{version()}_{run('dpkg', '--print-architecture').strip()}.deb"
        run("dpkg-deb", "--build", "--root-owner-group", "-Zxz", root, target)
    return target


def main() -> int:
    """Build it, and say where it is."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--out", type=Path, default=PROJECT / "out")
    parser.add_argument("--without-dependencies", action="store_true", help="for a look at the layout")
    given = parser.parse_args()
    if not shutil.which("dpkg-deb"):
        raise SystemExit("cannot build the package: dpkg-deb is not installed; it comes with every Debian and Ubuntu")
    sys.stdout.write(f"{build(given.out, dependencies=not given.without_dependencies)}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
