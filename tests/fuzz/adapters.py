"""Every adapter, the reader of times and the mapping, fed by a fuzzer that looks at which code it reaches.

``python -m tests.fuzz.adapters --runs 10000 --seed 1``: ten thousand bodies a source, grown out of its recordings. Each
is read, kept as not understood, or malformed at a named place; read twice, it is the same twice. Needs atheris
(``pip install '.[fuzz]'``), which has no wheels but for Linux.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import random
import re
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
TIMES, MAPPING = "times", "mapping"
"""What is fed beside the kinds of senders."""
MEMORY = 700
"""The most MB that a process may take: what grows with what was read would take more."""
_RUNS = re.compile(r"^Done (\d+) (?:runs|in)|stat::number_of_executed_units:\s+(\d+)", re.MULTILINE)


def main() -> int:
    """Run and say how it went; 1 where a body broke a promise."""
    reader = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    reader.add_argument("kinds", nargs="*", help="which of them; all without a name")
    reader.add_argument("--runs", type=int, default=10_000)
    reader.add_argument("--seed", type=int, default=int(time.time()) % 2**31)
    reader.add_argument("--one", action="store_true", help=argparse.SUPPRESS)
    options, rest = reader.parse_known_args()
    if importlib.util.find_spec("atheris") is None:
        sys.stderr.write("cannot fuzz the adapters: atheris is not installed; .venv/bin/pip install '.[fuzz]'\n")
        return 2
    if options.one:
        _feed(options.kinds[0], Path(options.kinds[1]), [f"-runs={options.runs}", f"-seed={options.seed}", *rest])
        return 0
    return feed(options.kinds or _targets(), options.runs, options.seed)


def _targets() -> list[str]:
    from collector.sources import SOURCES

    return [*SOURCES, TIMES, MAPPING]


def feed(kinds: list[str], runs: int, seed: int) -> int:
    """Each in a process of its own; 1 where a body broke a promise."""
    failed = 0
    for kind in kinds:
        with tempfile.TemporaryDirectory() as folder:
            begun = time.perf_counter()
            command = [
                sys.executable,
                "-m",
                "tests.fuzz.adapters",
                "--one",
                f"--runs={runs}",
                f"--seed={seed}",
                kind,
                folder,
            ]
            options = [f"-rss_limit_mb={MEMORY}", "-timeout=20", "-max_len=65536", "-print_final_stats=1",
                       f"-artifact_prefix={folder}/found-"]  # fmt: skip
            done = subprocess.run(command + options, cwd=ROOT, capture_output=True, text=True, check=False)
            took = time.perf_counter() - begun
            sys.stdout.write(f"{kind}: {_told(done, folder)}, {took:.0f} s, at most {_peak()} MB so far\n")
            sys.stdout.flush()
            if done.returncode:
                failed = 1
                sys.stderr.write(f"seed {seed}:\n{done.stdout[-3000:]}\n{done.stderr[-800:]}\n")
                for path in sorted(Path(folder).glob("found-*")):
                    sys.stderr.write(f"{path.name}: {path.read_bytes()[:2000]!r}\n")
    return failed


def _told(done: subprocess.CompletedProcess[str], folder: str) -> str:
    found = _RUNS.search(done.stderr)
    count = next((each for each in found.groups() if each), "?") if found else "?"
    kept = len([path for path in Path(folder).iterdir() if not path.name.startswith("found-")])
    return f"{count} bodies, {kept} of them reached code of their own" if not done.returncode else "a promise is broken"


def _peak() -> int:
    return resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss // 1024


# --- within the process that is fed -----------------------------------------------------------------------------------


def _feed(kind: str, corpus: Path, options: list[str]) -> None:
    """Have the fuzzer feed one of them; it ends the process itself."""
    import atheris

    with atheris.instrument_imports(include=["collector.sources", "collector.normalise", "collector.times"]):
        import collector.normalise
        import collector.sources
        import collector.times  # noqa: F401
    seeds, tried = _taker(kind)
    for number, seed in enumerate(seeds):
        (corpus / f"seed-{number:03}").write_bytes(seed)

    def mutate(data: bytes, largest: int, seed: int) -> bytes:
        """A body that is like the one it grows from; one time in four the fuzzer's own mutation of its bytes."""
        from tests.fuzz.mutations import mutated

        chance = random.Random(seed)  # noqa: S311 - to be made again
        if len(data) < 2 or chance.random() < 0.25:
            return bytes(atheris.Mutate(data, largest))
        return (data[:1] + mutated(data[1:], chance))[:largest]

    atheris.Setup([sys.argv[0], str(corpus), *options], tried, custom_mutator=mutate)
    atheris.Fuzz()


def _taker(kind: str) -> tuple[list[bytes], Callable[[bytes], None]]:
    """What the fuzzer begins with, and what takes what it makes."""
    if kind == TIMES:
        return _times()
    return _mapping() if kind == MAPPING else _adapter(kind)


def _adapter(kind: str) -> tuple[list[bytes], Callable[[bytes], None]]:
    """The first byte says whose headers a body has, since several senders say there what it is."""
    from tests.recorded import CASES, assert_taken_alike, webhook_of

    cases = [case for case in CASES if case.parent.name == kind]
    headers: list[dict[str, str]] = [json.loads((case / "headers.json").read_text("utf-8")) for case in cases]
    seeds = [bytes([number]) + (case / "body").read_bytes() for number, case in enumerate(cases)]

    def tried(data: bytes) -> None:
        if data:
            assert_taken_alike(webhook_of(kind, data[1:], headers[data[0] % len(headers)]))

    return seeds, tried


def _times() -> tuple[list[bytes], Callable[[bytes], None]]:
    """Texts and numbers that stand where a time should."""
    from collector.times import moment, parse
    from tests.fuzz.mutations import TELLING

    seeds = [b"\0" + json.dumps(each).encode("utf-8", "surrogatepass") for each in TELLING]

    def tried(data: bytes) -> None:
        try:
            value = json.loads(data[1:].decode("utf-8", "replace"))
        except (ValueError, RecursionError):
            value = data[1:].decode("utf-8", "replace")
        text: Any = value if isinstance(value, str | int | float) else str(value)
        result = moment(text, 1_772_640_000_000_000)
        assert 0 <= result.at <= 1_772_640_000_000_000 + 86_400_000_000
        assert result == moment(text, 1_772_640_000_000_000)
        assert result.known or parse(text) is None

    return seeds, tried


def _mapping() -> tuple[list[bytes], Callable[[bytes], None]]:
    """Any body, read by the expressions of all kinds that a mapping reads."""
    from collector.sources import SOURCES
    from collector.sources.mapping import read
    from collector.webhook import Reading
    from tests.recorded import CASES, assert_read_or_malformed_by, webhook_of

    mappings = [(kind, source.mapping) for kind, source in SOURCES.items() if source.mapping is not None]
    cases = [case for case in CASES if SOURCES[case.parent.name].mapping is not None]
    seeds = [bytes([number % 251]) + (case / "body").read_bytes() for number, case in enumerate(cases)]

    def tried(data: bytes) -> None:
        if data:
            kind, mapping = mappings[data[0] % len(mappings)]
            webhook = webhook_of(kind, data[1:])
            assert_read_or_malformed_by(lambda: read(webhook, Reading(), mapping, "fuzz.1", kind))

    return seeds, tried


if __name__ == "__main__":
    sys.exit(main())
