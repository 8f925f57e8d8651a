"""What it is installed by: the wheel, the image, and the files for compose and Kubernetes, held to what they name."""

from __future__ import annotations

import fnmatch
import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import click
import pytest
import yaml

from collector import cli
from collector.settings import load_settings
from tests.conftest import Played, require
from tests.dockerfile import instructions
from tests.processes import Process, alert, get, post

PROJECT = Path(__file__).parents[1]
DEPLOY = PROJECT / "deploy"
SECRETS = re.compile(r"/run/secrets/(?:timelined/)?([a-z-]+)")


def secrets(folder: Path) -> Path:
    """A folder with a value for every secret that the files name."""
    folder.mkdir()
    for name in ("alertmanager-token", "api-token", "database-password"):
        (folder / name).write_text(f"the-{name}", "utf-8")
    return folder


def adapted(text: str, folder: Path, name: str) -> Path:
    """A file of ours with its secrets where the test has them."""
    path = folder / name
    path.write_text(SECRETS.sub(lambda found: str(folder / "secrets" / found[1]), text), "utf-8")
    return path


# --- the wheel --------------------------------------------------------------------------------------------------------


def test_the_wheel_is_whole(tmp_path: Path, played: Played) -> None:
    """Built, installed beside nothing of the source, it plays the demo and draws the very same draft."""
    pytest.importorskip("hatchling", reason="hatchling builds the wheel, and is not installed")
    pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check"]
    build = [*pip, "wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", str(tmp_path), str(PROJECT)]
    subprocess.run(build, check=True, capture_output=True)
    [wheel] = tmp_path.glob("timelined-*.whl")
    site = tmp_path / "site"
    subprocess.run([*pip, "install", "--no-deps", "--target", str(site), str(wheel)], check=True, capture_output=True)
    environment = {name: value for name, value in os.environ.items() if not name.startswith("TIMELINED_")}
    environment["PYTHONPATH"] = str(site)
    where = [sys.executable, "-c", "import collector, renderers; print(collector.__file__, renderers.__file__)"]
    found = subprocess.run(where, cwd=tmp_path, env=environment, check=True, capture_output=True, text=True)
    assert all(path.startswith(str(site)) for path in found.stdout.split())
    demo = [sys.executable, "-m", "collector", "demo", "--to", "out"]
    ran = subprocess.run(demo, cwd=tmp_path, env=environment, check=False, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr
    assert (tmp_path / "out/incident-1.md").read_bytes() == (played.folder / "incident-1.md").read_bytes()
    assert (site / "bin" / "timelined").exists()


# --- the image --------------------------------------------------------------------------------------------------------


def test_the_image_copies_what_there_is_and_runs_as_nobody() -> None:
    """Every file that it copies exists and is let through; the last stage has a user, a volume and a check."""
    allowed = [line[1:] for line in (PROJECT / ".dockerignore").read_text("utf-8").splitlines() if line[:1] == "!"]
    for word, rest in instructions():
        if word == "COPY" and not rest.startswith("--from"):
            for name in shlex.split(rest)[:-1]:
                assert (PROJECT / name).exists(), name
                assert any(fnmatch.fnmatch(name, pattern) for pattern in allowed), name
    last = dict(instructions())
    assert re.fullmatch(r"[1-9]\d*:[1-9]\d*", last["USER"])
    assert json.loads(last["VOLUME"]) == ["/var/lib/timelined"]
    assert "/-/healthy" in last["HEALTHCHECK"]
    words = json.loads(last["CMD"])
    cli.every_command()["serve"].make_context(
        "serve", words[1:], parent=click.Context(cli.timelined, **cli.timelined.context_settings)
    )
    assert (json.loads(last["ENTRYPOINT"]), words[0]) == (["timelined"], "serve")


_PINNED = re.compile(r"python:3\.\d+-slim")


def test_the_image_has_nothing_that_a_linter_would_mark() -> None:
    """What hadolint asks: a base of a version, whole paths, no secrets, one command, nothing installed that is left."""
    words = [word for word, _ in instructions()]
    steps: dict[str, list[str]] = {word: [rest for each, rest in instructions() if each == word] for word in words}
    assert all(_PINNED.fullmatch(each.split()[0]) for each in steps["FROM"])
    assert all(len(steps[word]) == 1 for word in ("USER", "VOLUME", "ENTRYPOINT", "CMD", "HEALTHCHECK", "STOPSIGNAL"))
    assert not {"ADD", "MAINTAINER", "ONBUILD", "ARG"} & set(words)
    assert all(each.startswith("/") for each in steps["WORKDIR"])
    for word in ("ENTRYPOINT", "CMD", "VOLUME"):
        assert all(isinstance(part, str) for part in json.loads(steps[word][0])), word
    run = " ".join(steps["RUN"])
    assert not re.search(r"\bsudo\b|\bcurl\b|\bwget\b|apt-get|\bcd ", run)
    assert all("--no-cache-dir" in part and "--constraint" in part for part in run.split("&&") if "pip install" in part)
    assert not re.search(r"(?i)password|token|secret", " ".join(steps["ENV"]))
    last = words[len(words) - words[::-1].index("FROM") :]
    assert last.index("USER") < last.index("ENTRYPOINT")
    assert "RUN" not in last[last.index("USER") :]


def test_the_image_runs_with_a_read_only_root() -> None:
    """Everything that is written lies in its one volume: the log, its neighbours, drafts; no bytecode elsewhere."""
    env = " ".join(rest for word, rest in instructions() if word == "ENV")
    last = dict(instructions())
    assert "PYTHONDONTWRITEBYTECODE=1" in env
    [folder] = json.loads(last["VOLUME"])
    assert last["WORKDIR"] == folder
    assert f"TIMELINED_STORAGE_URL=sqlite:////{folder.strip('/')}/" in env
    assert composed()["services"]["timelined"]["read_only"] is True


# --- compose ----------------------------------------------------------------------------------------------------------


def composed() -> dict[str, Any]:
    """deploy/compose.yml."""
    read: dict[str, Any] = yaml.safe_load((DEPLOY / "compose.yml").read_text("utf-8"))
    return read


@pytest.mark.parametrize("service", ["timelined", "alertmanager", "prometheus"])
def test_a_service_of_compose_has_the_files_and_secrets_that_it_names(service: str) -> None:
    """What its configuration reads is handed to it, and what is mounted is there."""
    compose = composed()
    block = compose["services"][service]
    for volume in block["volumes"]:
        source = volume.split(":")[0]
        assert source in compose["volumes"] or (DEPLOY / source).exists(), volume
    configuration = (DEPLOY / f"{service}.yml").read_text("utf-8")
    assert {found[1] for found in SECRETS.finditer(configuration)} <= set(block["secrets"])
    assert set(block["secrets"]) <= set(compose["secrets"])


def test_amtool_and_promtool_take_the_configurations(tmp_path: Path) -> None:
    """Of Alertmanager and Prometheus, with the rules of the mixin."""
    secrets(tmp_path / "secrets")
    alertmanager = adapted((DEPLOY / "alertmanager.yml").read_text("utf-8"), tmp_path, "am.yml")
    text = (DEPLOY / "prometheus.yml").read_text("utf-8")
    text = text.replace("/etc/prometheus/timelined/", f"{PROJECT}/config/mixin/")
    prometheus = adapted(text, tmp_path, "prom.yml")
    for command in (
        [require("amtool"), "check-config", str(alertmanager)],
        [require("promtool"), "check", "config", str(prometheus)],
    ):
        ran = subprocess.run(command, check=False, capture_output=True, text=True)
        assert ran.returncode == 0, ran.stdout + ran.stderr


def test_both_ends_of_each_token_fit(tmp_path: Path, process: Process) -> None:
    """What Alertmanager sends opens the source, and the daemon runs as shipped."""
    folder = secrets(tmp_path / "secrets")
    file = adapted((DEPLOY / "timelined.yml").read_text("utf-8"), tmp_path, "timelined.yml")
    address = process.start("--config.file", str(file), "--storage.url", f"sqlite:///{tmp_path}/log.db")
    receiver = yaml.safe_load((DEPLOY / "alertmanager.yml").read_text("utf-8"))["receivers"][0]["webhook_configs"][0]
    path = receiver["url"].partition(":9720")[2]
    name = SECRETS.fullmatch(receiver["http_config"]["authorization"]["credentials_file"])
    assert name
    sent = {"Authorization": f"Bearer {(folder / name[1]).read_text('utf-8')}"}
    assert post(address + path, alert("firing"), sent)[0] == 202
    assert get(f"{address}/-/ready")["ready"]
    exposed = load_settings(file, {}, {"web.listen_address": "0.0.0.0:9720"})
    assert exposed.api.tokens == (b"the-api-token",)


# --- Kubernetes -------------------------------------------------------------------------------------------------------


def test_the_manifests_fit_together(tmp_path: Path) -> None:
    """The configuration loads, ports and labels meet, and the pod may do nothing that it need not."""
    text = (DEPLOY / "kubernetes" / "timelined.yml").read_text("utf-8")
    manifests = {one["kind"]: one for one in yaml.safe_load_all(text)}
    secrets(tmp_path / "secrets")
    file = adapted(manifests["ConfigMap"]["data"]["timelined.yml"], tmp_path, "timelined.yml")
    assert load_settings(file, {}, {"web.listen_address": "0.0.0.0:9720"}).sources["alertmanager"]
    pod = manifests["StatefulSet"]["spec"]["template"]
    [container] = pod["spec"]["containers"]
    assert manifests["Service"]["spec"]["selector"].items() <= pod["metadata"]["labels"].items()
    assert manifests["Service"]["spec"]["ports"][0]["targetPort"] == container["ports"][0]["name"]
    assert container["ports"][0]["containerPort"] == 9720
    assert container["securityContext"]["readOnlyRootFilesystem"]
    assert pod["spec"]["securityContext"]["runAsNonRoot"]
    mounted = {mount["name"] for mount in container["volumeMounts"]}
    claims = {claim["metadata"]["name"] for claim in manifests["StatefulSet"]["spec"]["volumeClaimTemplates"]}
    assert mounted == claims | {volume["name"] for volume in pod["spec"]["volumes"]}
    monitor = yaml.safe_load((DEPLOY / "kubernetes" / "servicemonitor.yml").read_text("utf-8"))
    assert monitor["spec"]["selector"]["matchLabels"].items() <= manifests["Service"]["metadata"]["labels"].items()
    assert monitor["spec"]["endpoints"][0]["port"] == manifests["Service"]["spec"]["ports"][0]["name"]
