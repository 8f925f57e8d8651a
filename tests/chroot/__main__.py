"""Run them, and print what took how long: the exit status is 0 where each came to its incident."""

# ruff: noqa: T201 - printing what was found is what a run does

from __future__ import annotations

import argparse
import json
import signal
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from tests.chroot import image, ways
from tests.chroot.roots import Failed, Root, Skipped

WAYS = ("make", "deb", "wheel", "image")


def main() -> int:
    """Each way that is asked for, in a system of its own."""
    parser = argparse.ArgumentParser(prog="python -m tests.chroot", description=__doc__)
    parser.add_argument(
        "ways",
        nargs="*",
        metavar="WAY",
        help=f"of {', '.join(WAYS)}; all if none is named; deb and wheel build after make, or take what is in OUT",
    )
    parser.add_argument("--test", action="store_true", help="run make test in the bare system, too")
    parser.add_argument("--base", type=Path, help="keep the bare systems here, and take those that are here")
    parser.add_argument("--out", type=Path, default=Path("out/chroot"), help="where the figures and packages go")
    options = parser.parse_args()
    if unknown := set(options.ways) - set(WAYS):
        parser.error(f"there is no way {min(unknown)!r}; it is one of {', '.join(WAYS)}")
    wanted_ways = set(options.ways) or set(WAYS)
    # An interruption from outside, too, removes the systems on its way out.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with tempfile.TemporaryDirectory(prefix="timelined-chroot-") as name:
        try:
            return run(Path(name), options.base or Path(name), options.out, wanted_ways, whole=options.test)
        except Skipped as reason:
            print(f"SKIPPED: {reason}")
            return 0


def run(folder: Path, bases: Path, out: Path, wanted_ways: set[str], *, whole: bool) -> int:
    """All of them; 1 where one failed."""
    bases.mkdir(parents=True, exist_ok=True)
    out.mkdir(parents=True, exist_ok=True)
    times: dict[str, ways.Times] = {}
    failed = False

    def tried(way: str, measure: Callable[[], ways.Times]) -> None:
        nonlocal failed
        try:
            times[way] = measure()
            print(f"{way}: {json.dumps(times[way])}", flush=True)
        except Failed as reason:
            failed = True
            print(f"{way} FAILED: {reason}", flush=True)

    if wanted_ways & {"make", "deb", "wheel"}:
        bare = Root.made(bases / "bookworm")
    if "make" in wanted_ways:
        here = bare.copy(folder / "make")
        tried("make", lambda: ways.by_make(here))
        if whole:
            tried("test", lambda: ways.tests(here))
        if wanted_ways & {"deb", "wheel"}:
            tried("packages", lambda: ways.packages(here, out))
    if "deb" in wanted_ways:
        tried("deb", lambda: ways.by_deb(bare.copy(folder / "deb"), out))
    if "wheel" in wanted_ways:
        tried("wheel", lambda: ways.by_wheel(bare.copy(folder / "wheel"), out))
    if "image" in wanted_ways:
        tried("image", lambda: imaged(folder, bases))
    (out / "chroot.json").write_text(json.dumps(times, indent=1) + "\n")
    return 1 if failed else 0


def imaged(folder: Path, bases: Path) -> ways.Times:
    """The image's steps, and its health check."""
    bare = Root.made(bases / image.SUITE, image.SUITE)
    began = time.monotonic()
    stage = image.made(lambda name: bare.copy(folder / f"image-{name}"))
    took = time.monotonic() - began
    uid = image.served(stage).split()[-1]
    if uid != stage.user.partition(":")[0]:
        raise Failed(f"it ran as {uid}")
    return {"steps": round(took, 1)}


if __name__ == "__main__":
    sys.exit(main())
