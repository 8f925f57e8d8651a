"""The Dockerfile's steps, run one by one in bare systems, since there is no engine: what an image would be made by."""

from __future__ import annotations

import json
import shlex
import shutil
from collections.abc import Callable
from pathlib import Path

from tests.chroot.roots import Failed, Root
from tests.chroot.ways import READY, apt
from tests.dockerfile import instructions
from tests.processes import PROJECT

SUITE = "trixie"
"""Debian's release whose Python is that of the image's base."""
CONFIGURATION = Path("etc/timelined/timelined.yml")


class Stage:
    """One stage as its steps leave it: a system, and what steps said of those after them."""

    def __init__(self, root: Root) -> None:
        self.root, self.folder, self.user, self.environ = root, Path("/"), "", dict[str, str]()
        self.told: dict[str, str] = {}
        """The last line of each word."""

    def at(self, path: str) -> Path:
        """A path of the stage, here."""
        return self.root.folder / (self.folder / path).relative_to("/")

    def run(self, script: str, *, network: bool) -> str:
        """A command in the folder of the stage, as its user."""
        return self.root.run(
            f"cd {shlex.quote(str(self.folder))}\n{script}", network=network, user=self.user, environ=self.environ
        )


def based(root: Root) -> Stage:
    """What the base offers: Python with pip, as ``python``."""
    apt(root, "python3", "python3-venv")
    (root.folder / "usr/local/bin/python").symlink_to("/usr/bin/python3")
    return Stage(root)


def made(base: Callable[[str], Root]) -> Stage:
    """Every step in turn; the last stage. ``base`` gives a bare system for a stage of this name."""
    stages: dict[str, Stage] = {}
    stage: Stage | None = None
    for word, rest in instructions():
        if word == "FROM":
            name = rest.split(" AS ")[1] if " AS " in rest else str(len(stages))
            stage = stages[name] = based(base(name))
            continue
        if stage is None:
            raise Failed(f"{word} comes before FROM")
        step(stage, stages, word, rest)
    if stage is None:
        raise Failed("the Dockerfile has no stage")
    return stage


def step(stage: Stage, stages: dict[str, Stage], word: str, rest: str) -> None:
    """One line of a stage."""
    stage.told[word] = rest
    if word == "WORKDIR":
        stage.folder = Path(rest)
        stage.at(".").mkdir(parents=True, exist_ok=True)
    elif word == "COPY":
        copy(stage, stages, shlex.split(rest))
    elif word == "RUN":
        stage.run(rest, network=True)
    elif word == "ENV":
        for each in shlex.split(rest):
            name, _, value = each.partition("=")
            path = stage.environ.get("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin")
            stage.environ[name] = value.replace("$PATH", path)
    elif word == "USER":
        stage.user = rest
    elif word not in ("VOLUME", "EXPOSE", "STOPSIGNAL", "HEALTHCHECK", "ENTRYPOINT", "CMD"):
        raise Failed(f"{word} is a step that nobody runs here")


def copy(stage: Stage, stages: dict[str, Stage], words: list[str]) -> None:
    """Files of the project, or of another stage, into this one."""
    origin = stages[words.pop(0).partition("=")[2]].root.folder if words[0].startswith("--from=") else None
    *names, destination = words
    for name in names:
        file = PROJECT / name if origin is None else origin / name.lstrip("/")
        target = stage.at(destination)
        if file.is_dir():
            ignored = shutil.ignore_patterns("__pycache__") if origin is None else None
            shutil.copytree(file, target, symlinks=True, dirs_exist_ok=True, ignore=ignored)
        else:
            shutil.copy(file, target / file.name if destination.endswith("/") else target)


def served(stage: Stage) -> str:
    """Run what the image starts, with nothing but its volume to write to, until its health check succeeds; what
    the daemon and the check said."""
    file = stage.root.folder / CONFIGURATION
    file.parent.mkdir(parents=True, exist_ok=True)
    # The port is open to others in a container, so that senders and readers have to prove themselves.
    file.write_text(
        "api: {token: a-token-of-the-image}\n"
        "sources: {alertmanager: {bearer_token: a-token-of-the-image-for-alertmanager}}\n",
        "utf-8",
    )
    start = shlex.join([*json.loads(stage.told["ENTRYPOINT"]), *json.loads(stage.told["CMD"])])
    check = shlex.join(json.loads(stage.told["HEALTHCHECK"].partition("CMD ")[2]))
    signal = stage.told["STOPSIGNAL"].removeprefix("SIG")
    return stage.run(f"""{READY}
if {check} 2>/dev/null; then echo "the check succeeds where nothing is served"; exit 1; fi
touch /etc/ours 2>/dev/null && {{ echo "the root can be written to"; exit 1; }}
{start} >serve.log 2>&1 &
daemon=$!
ready http://127.0.0.1:9720/-/ready || {{ cat serve.log; exit 1; }}
{check}
kill -s {signal} $daemon
wait $daemon
ls timelined.db
id -u
""", network=False)  # fmt: skip
