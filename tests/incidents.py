"""Published incidents as traffic, replayed into a real daemon and scored: ``python -m tests.incidents FOLDER OUT``.

``FOLDER`` holds ``replay.py``, ``score.py`` and ``incidents/``, a folder for
each incident with its deliveries, its expected facts and the catalog that such
a team would write. Each is played twice, without and with that catalog, into an
empty log. The drafts land in ``OUT/plain`` and ``OUT/catalog`` beside the two
reports. Fails where a mean or an incident is below its floor.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.processes import Process

FLOORS = {"plain": (86.0, 75.0), "catalog": (93.0, 88.0)}
"""Per way of playing: the least mean, and the least of any incident, of 100."""


def replayed(folder: Path, incident: Path, out: Path, *, catalog: bool) -> None:
    """Play one incident into a daemon of its own; its drafts land in ``out``."""
    shutil.rmtree(out, ignore_errors=True)
    config = incident / "timelined.yml"
    with tempfile.TemporaryDirectory() as home:
        daemon = Process(Path(home))
        try:
            url = daemon.start(*(("--config.file", str(config)) if catalog and config.exists() else ()))
            command = [sys.executable, str(folder / "replay.py"), url, str(incident), str(out)]
            subprocess.run(command, check=True, timeout=300)
        finally:
            daemon.kill()


def scored(folder: Path, drafts: Path) -> dict[str, float]:
    """The overall score of each incident's drafts; the verdicts are printed."""
    report = drafts.parent / f"{drafts.name}.json"
    paths = [str(folder / "incidents"), str(drafts), "-v", "--out", str(report)]
    command = [sys.executable, str(folder / "score.py"), "--all", *paths]
    subprocess.run(command, check=True, timeout=300)
    return {name: float(verdict["overall"]) for name, verdict in json.loads(report.read_text("utf-8")).items()}


def failures(way: str, scores: dict[str, float]) -> list[str]:
    """What is below its floor, a sentence each."""
    mean_floor, floor = FLOORS[way]
    mean = sum(scores.values()) / len(scores)
    low = [f"{way}: {name} scores {score:.1f}, below {floor:.0f}" for name, score in scores.items() if score < floor]
    return [f"{way}: the mean is {mean:.1f}, below {mean_floor:.0f}", *low] if mean < mean_floor else low


def main(folder: Path, out: Path) -> int:
    """Play and score everything, both ways."""
    if not (folder / "score.py").exists():
        sys.stdout.write(f"{folder} holds no published incidents: nothing to replay\n")
        return 0
    missed: list[str] = []
    for way in FLOORS:
        sys.stdout.write(f"# {way}\n")
        sys.stdout.flush()
        for incident in sorted(path.parent for path in (folder / "incidents").glob("*/deliveries.jsonl")):
            replayed(folder, incident, out / way / incident.name, catalog=way == "catalog")
        missed += failures(way, scored(folder, out / way))
    sys.stdout.writelines(f"{line}\n" for line in missed)
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main(*(Path(argument).resolve() for argument in sys.argv[1:3])))
