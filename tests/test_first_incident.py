"""The README's way to one's own first incident, its blocks as they stand, with a real Alertmanager."""

from __future__ import annotations

import os
import subprocess
from contextlib import ExitStack
from pathlib import Path
from urllib.request import urlopen

import pytest

from tests.alertmanagers import free_port, process, until
from tests.conftest import require
from tests.processes import PROJECT, Process, eventually, get
from tests.readme import chapters
from tests.shell_program import timelined_in


@pytest.mark.alertmanager
def test_the_readme_leads_to_an_incident_of_ones_own(tmp_path: Path) -> None:
    """Nothing is changed in the blocks but the two ports, which are free ones here."""
    require("prometheus-alertmanager")
    require("amtool")
    blocks = chapters()["Your own first incident"]
    [(language, configuration), (_, starting), (_, alerting), (_, asking), (_, ending)] = blocks
    assert language == "yaml"
    daemon = Process(tmp_path)
    (tmp_path / "data").mkdir()
    address = daemon.start("--storage.url", "sqlite:///data/timelined.db")
    web = f"127.0.0.1:{free_port()}"
    ours = address.removeprefix("http://")
    (tmp_path / "alertmanager.yml").write_text(configuration.replace("127.0.0.1:9720", ours), "utf-8")
    check, start = starting.strip().split("\n")
    add, end = (block.replace("127.0.0.1:9093", web) for block in (alerting, ending))
    with ExitStack() as stack:
        stack.callback(daemon.kill)
        subprocess.run(check, shell=True, check=True, cwd=tmp_path, capture_output=True)  # noqa: S602 - our own README
        program, file, *flags = start.removesuffix(" &").split(" ")
        command = (program, file.replace("=", f"={tmp_path}/"), *flags,
                   f"--web.listen-address={web}", f"--storage.path={tmp_path}/am")  # fmt: skip
        stack.enter_context(process(*command, log=tmp_path / "am.log"))
        until(lambda: get_text(f"http://{web}/-/ready"), "Alertmanager")
        subprocess.run(add, shell=True, check=True, cwd=tmp_path, capture_output=True)  # noqa: S602
        eventually(lambda: get(f"{address}/api/v1/incidents")["incidents"])
        stack.enter_context(timelined_in(tmp_path))
        environment = {**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}", "TIMELINED_BY": "Ana"}
        environment["PYTHONPATH"] = str(PROJECT)
        ran = subprocess.run(
            ["sh", "-e", "-c", asking], cwd=tmp_path, env=environment, check=False, capture_output=True, text=True
        )
        subprocess.run(end, shell=True, check=True, cwd=tmp_path, capture_output=True)  # noqa: S602
        eventually(lambda: get(f"{address}/api/v1/incidents?status=resolved")["incidents"])
    assert ran.returncode == 0, ran.stderr
    assert "HighErrorRate" in ran.stdout
    assert "Noted in incident 1" in ran.stdout
    assert "12% of requests fail" in ran.stdout
    assert '"Trying timelined"' in ran.stdout


def get_text(url: str) -> bool:
    """Whether it answers."""
    with urlopen(url, timeout=10) as answer:  # noqa: S310 - loopback
        return bool(answer.status == 200)
