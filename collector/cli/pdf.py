"""A draft on paper: its HTML, printed by a Chromium that is installed here."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
from contextlib import suppress
from pathlib import Path

from collector.errors import InvalidInput, Unavailable

_UNUSED = "AimEnabled,SpareRendererForSitePerProcess,WebUIOmniboxAimPopup,WebUIOmniboxPopup"
"""What Chromium does without: pages of its own for its address bar, and a process for what would be opened next. They
took longer than the print."""
PROGRAMS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
"""What prints, the first of them that is installed."""
_SECONDS = 120
"""How long it may take: Chromium starts in seconds, and prints thousands of rows in some more."""


def printed(html: bytes) -> bytes:
    """The PDF of an HTML file. It is read from a folder of its own, and its policy lets it load nothing.

    Raises :class:`InvalidInput` where nothing here prints, and :class:`Unavailable` where that failed.
    """
    program = next((path for name in PROGRAMS if (path := shutil.which(name))), None)
    if program is None:
        raise InvalidInput(
            f"cannot write a PDF: none of {', '.join(PROGRAMS)} is installed here; install Debian's chromium, or print "
            "the draft that -o html writes", "output"
        )  # fmt: skip
    with tempfile.TemporaryDirectory(prefix="timelined-pdf-", ignore_cleanup_errors=True) as folder:
        page, paper = Path(folder) / "draft.html", Path(folder) / "draft.pdf"
        page.write_bytes(html)
        told = _run([program, *_options(folder), f"--print-to-pdf={paper}", page.as_uri()])
        if not paper.is_file() or not paper.stat().st_size:
            raise Unavailable(f"cannot write a PDF: {program} wrote none: {told[-300:].strip() or 'it gave no reason'}")
        return paper.read_bytes()


def _options(folder: str) -> list[str]:
    """No window, no network, a profile that goes with the folder; the sandbox cannot be had as root."""
    options = ["--headless", "--disable-gpu", "--no-first-run", "--no-pdf-header-footer", "--disable-dev-shm-usage",
               "--disable-background-networking", "--host-resolver-rules=MAP * ~NOTFOUND",
               "--in-process-gpu", f"--disable-features={_UNUSED}", f"--user-data-dir={folder}/profile"]  # fmt: skip
    return [*options, "--no-sandbox"] if os.geteuid() == 0 else options


def _run(words: list[str]) -> str:
    """What the program says; it and all that it starts end within the time."""
    process = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, start_new_session=True)  # noqa: S603 - a program of a fixed name
    try:
        _, output_bytes = process.communicate(timeout=_SECONDS)
    except subprocess.TimeoutExpired as error:
        raise Unavailable(f"cannot write a PDF: {words[0]} took over {_SECONDS} s") from error
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    return output_bytes.decode("utf-8", "replace")
