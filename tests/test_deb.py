"""The Debian package: built by Debian's own tool, installed into a root of its own, upgraded, removed."""

from __future__ import annotations

import gzip
import importlib.util
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import collector
from tests.conftest import require

PROJECT = Path(__file__).parents[1]
PYTHON = f"python{sys.version_info.major}.{sys.version_info.minor}"
EXPOSED_AT_MOST = 1.2
"""systemd's own score, 0 to 10."""
CONFIGURATION = "etc/timelined/timelined.yml"


def builder() -> Any:
    """deploy/debian/build.py, which belongs to no package."""
    spec = importlib.util.spec_from_file_location("deb_build", PROJECT / "deploy/debian/build.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The package as `make deb` builds it, but for the libraries, which the tests have."""
    require("dpkg-deb")
    pytest.importorskip("hatchling", reason="hatchling builds the wheel, and is not installed")
    out = tmp_path_factory.mktemp("deb")
    umask = os.umask(0o022)
    try:
        return Path(builder().build(out, dependencies=False))
    finally:
        os.umask(umask)


def dpkg(root: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run dpkg over a root that is no system's: scripts run outside, and are told where it is."""
    force = ("--force-depends", "--force-script-chrootless", "--force-confold")
    command = [require("dpkg"), f"--root={root}", *force, *arguments]
    return subprocess.run(command, check=False, capture_output=True, text=True)


@pytest.fixture
def root(package: Path, tmp_path: Path) -> Path:
    """A root in which it is installed; the libraries of the tests are put where the package brings them."""
    if os.geteuid() != 0:
        pytest.skip("only root installs packages")
    require("systemd-sysusers")
    require("systemd-tmpfiles")
    if not Path("/usr/bin", PYTHON).exists():
        pytest.skip(f"Debian's own {PYTHON} is not installed")
    for folder in ("info", "updates"):
        (tmp_path / "var/lib/dpkg" / folder).mkdir(parents=True)
    (tmp_path / "var/lib/dpkg/status").touch()
    done = dpkg(tmp_path, "--install", str(package))
    assert done.returncode == 0, done.stdout + done.stderr
    site = next((tmp_path / "usr/lib/timelined/lib").glob("python*/site-packages"))
    libraries = Path(pytest.__file__).parents[1]
    (site / "libraries.pth").write_text(f"{libraries}\n", "utf-8")
    return tmp_path


def test_it_lies_where_debian_puts_things_and_runs(root: Path) -> None:
    """Configuration, defaults, units, user, folders, a manual page for each command, completion, and the program."""
    for installed in builder().FILES:
        assert (root / installed).is_file(), installed
    assert (root / CONFIGURATION).read_bytes() == (PROJECT / "config/timelined.yml").read_bytes()
    assert "timelined:x:" in (root / "etc/passwd").read_text("utf-8")
    assert (root / "var/lib/timelined").stat().st_mode & 0o777 == 0o700
    pages = {path.name for path in (root / "usr/share/man/man1").iterdir()}
    assert {"timelined.1.gz", "timelined-draft.1.gz", "timelined-db-upgrade.1.gz"} <= pages
    assert len(pages) == len(list(builder().commands()))
    with gzip.open(root / "usr/share/man/man1/timelined-draft.1.gz", "rt") as page:
        assert ".SH SYNOPSIS" in page.read()
    for installed in builder().COMPLETION.values():
        assert "_TIMELINED_COMPLETE" in (root / installed).read_text("utf-8")
    program = [str(root / "usr/lib/timelined/bin/python3"), "-c", "from collector.cli import main; main()"]
    done = subprocess.run([*program, "--version"], cwd=root, check=False, capture_output=True, text=True)
    assert (done.returncode, done.stdout.split()[-1]) == (0, collector.__version__), done.stderr
    where = [program[0], "-c", "import collector; print(collector.__file__)"]
    found = subprocess.run(where, cwd=root, check=True, capture_output=True, text=True).stdout
    assert found.startswith(str(root / "usr/lib/timelined"))


def test_an_upgrade_keeps_what_was_changed_and_a_purge_keeps_the_log(root: Path, package: Path) -> None:
    """A configuration file is the administrator's; what was acknowledged is nobody's to remove."""
    changed = root / CONFIGURATION
    changed.write_text("web: {max_body: 8MiB}\n", "utf-8")
    again = dpkg(root, "--install", str(package))
    assert again.returncode == 0, again.stdout + again.stderr
    assert changed.read_text("utf-8") == "web: {max_body: 8MiB}\n"
    log = root / "var/lib/timelined/timelined.db"
    log.write_text("a log")
    (next((root / "usr/lib/timelined/lib").glob("python*/site-packages")) / "libraries.pth").unlink()
    gone = dpkg(root, "--purge", "timelined")
    assert gone.returncode == 0, gone.stdout + gone.stderr
    assert log.read_text() == "a log"
    assert not (root / "etc/timelined").exists()
    assert not (root / "usr/lib/timelined").exists(), list((root / "usr/lib/timelined").rglob("*"))[:5]


def test_the_units_user_and_flags_change_nothing_of_its_walls(tmp_path: Path) -> None:
    """With what the package adds, systemd takes the unit and scores it as it stands."""
    unit, added = tmp_path / "timelined.service", tmp_path / "timelined.service.d"
    program = "/usr/bin/timelined"
    added.mkdir()
    for source, target in (("systemd/timelined.service", unit), ("deploy/debian/debian.conf", added / "debian.conf")):
        text = (PROJECT / source).read_text("utf-8")
        target.write_text(text.replace(f"ExecStart={program}", f"ExecStart={sys.executable}"), "utf-8")
    command = [require("systemd-analyze"), "verify", str(unit)]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    assert [line for line in done.stderr.splitlines() if "timelined" in line] == []
    limit = str(round(EXPOSED_AT_MOST * 10))
    command = ["systemd-analyze", "security", "--offline=true", f"--threshold={limit}", str(unit)]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-400:] + done.stderr


def test_lintian_finds_nothing_that_is_not_explained(package: Path) -> None:
    """Debian's own critic, where it is installed: neither errors nor warnings; each override says why."""
    command = [require("lintian"), "--allow-root", "--fail-on", "error,warning", str(package)]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
