"""Bare Debian systems: made by debootstrap from the mirror that this machine uses itself, and entered."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import urllib.parse
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

PROGRAMS = ("debootstrap", "unshare", "mount", "ip")
SETUP = """
mount --make-rprivate /
# A mount of its own: a program in it finds out what its files lie on.
mount --bind "$root" "$root"
mount -t proc proc "$root/proc"
mount -t tmpfs tmpfs "$root/dev/shm"
mount -t devpts -o newinstance,ptmxmode=0666 devpts "$root/dev/pts"
{binds}
{network}
exec chroot {user} "$root" /usr/bin/env -i {environ} sh -e -c {script}
"""


class Skipped(Exception):
    """Why nothing can be shown here."""


class Failed(Exception):
    """What a command in a system ended with."""


def ask(*command: str) -> str:
    """What a program of this machine prints; nothing where it fails or is absent."""
    if shutil.which(command[0]) is None:
        return ""
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout


def mirror() -> str:
    """Where packages come from: ``MIRROR``, else what apt of this machine uses; empty: debootstrap's own."""
    if told := os.environ.get("MIRROR"):
        return told
    lines = ask("apt-get", "indextargets", "--format", "$(REPO_URI) $(ORIGIN) $(RELEASE)").splitlines()
    found = [line.split()[0] for line in lines if " Debian " in line and "security" not in line]
    return found[0] if found else ""


def proxies() -> dict[str, str]:
    """The proxies that this machine uses, of the environment or of apt."""
    names = ("http_proxy", "https_proxy", "no_proxy")
    told = {name: value for name in names if (value := os.environ.get(name) or os.environ.get(name.upper()))}
    line = ask("apt-config", "shell", "proxy", "Acquire::http::Proxy").strip()
    return told if not line or told else {"http_proxy": shlex.split(line)[0].partition("=")[2]}


def pip_settings() -> dict[str, str]:
    """What pip of this machine was told, as variables: a system that is entered fetches from where we do."""
    settings = {}
    for line in ask("python3", "-m", "pip", "config", "list").splitlines():
        name, _, value = line.partition("=")
        key = name.rpartition(".")[2].strip()
        settings[f"PIP_{key.upper().replace('-', '_')}"] = value.strip().strip("'\"").replace("\\n", " ")
    return settings


def _files(values: Sequence[str]) -> Iterator[Path]:
    """Files and folders of this machine that settings name."""
    for word in " ".join(values).split():
        path = Path(urllib.parse.urlparse(word).path) if word.startswith("file:") else Path(word)
        if path.is_absolute() and path.exists():
            # The pages of a package index name files beside them.
            yield path.parent if path.name == "simple" else path


class Root:
    """One system, below a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._pip = pip_settings()

    @classmethod
    def made(cls, folder: Path, suite: str = "bookworm") -> Root:
        """A system with what debootstrap puts into the smallest one; one that is there already is taken as it is."""
        missing = [name for name in PROGRAMS if shutil.which(name) is None]
        if missing:
            raise Skipped(f"{missing[0]} is not installed")
        if os.geteuid() != 0:
            raise Skipped("only root enters another root")
        if not (folder / "etc/debian_version").exists():
            unfinished = folder.with_name(f"{folder.name}.part")
            shutil.rmtree(unfinished, ignore_errors=True)
            command = ["debootstrap", "--variant=minbase", suite, str(unfinished), *filter(None, [mirror()])]
            ran = subprocess.run(command, env={**os.environ, **proxies()}, capture_output=True, text=True, check=False)
            if ran.returncode:
                raise Failed(f"debootstrap made no {suite}: {(ran.stdout + ran.stderr)[-800:]}")
            unfinished.rename(folder)
        return cls(folder)

    def copy(self, folder: Path) -> Root:
        """Another system like this one."""
        subprocess.run(["cp", "-a", "--reflink=auto", str(self.folder), str(folder)], check=True)
        return Root(folder)

    def run(
        self, script: str, *, network: bool = False, user: str = "", environ: Mapping[str, str] | None = None,
        seconds: float = 1800,
    ) -> str:  # fmt: skip
        """What a script prints in it. All that it started ends with it; with ``network`` it shares ours."""
        variables = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/root",
                     "DEBIAN_FRONTEND": "noninteractive", "LC_ALL": "C.UTF-8"}  # fmt: skip
        if network:
            variables |= proxies() | self._fetching()
        variables |= environ or {}
        setup = SETUP.format(
            binds=self._bound() if network else "",
            network="" if network else "ip link set lo up",
            user=f"--userspec={user}" if user else "",
            environ=" ".join(shlex.quote(f"{name}={value}") for name, value in variables.items()),
            script=shlex.quote(script),
        )
        spaces = ["--mount", "--pid", "--fork", "--kill-child", *([] if network else ["--net"])]
        command = ["unshare", *spaces, "sh", "-e", "-c", setup]
        ran = subprocess.run(
            command, env={**os.environ, "root": str(self.folder)}, stdin=subprocess.DEVNULL, capture_output=True,
            text=True, check=False, timeout=seconds,
        )  # fmt: skip
        if ran.returncode:
            raise Failed(f"{script.strip()[-300:]}\nended with {ran.returncode}: {(ran.stdout + ran.stderr)[-3000:]}")
        return ran.stdout

    def _fetching(self) -> dict[str, str]:
        """What pip is told in it. Files come as copies: packages of Debian bring some of the same name."""
        variables = {}
        for name, value in self._pip.items():
            for path in filter(Path.is_file, _files([value])):
                copied = self.folder / "opt/settings" / path.name
                copied.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(path, copied)
                value = value.replace(str(path), f"/opt/settings/{path.name}")  # noqa: PLW2901 - each in turn
            variables[name] = value
        return variables

    def _bound(self) -> str:
        """The commands that show folders of ours at their own places, to be read."""
        lines = []
        for path in sorted({path for path in _files(list(self._pip.values())) if path.is_dir()}):
            target = self.folder / path.relative_to("/")
            target.mkdir(parents=True, exist_ok=True)
            there = shlex.quote(str(target))
            lines.append(f"mount --bind {shlex.quote(str(path))} {there}; mount -o remount,bind,ro {there}")
        return "\n".join(lines)
