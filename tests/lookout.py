"""The sender of docs/mapping.md: its settings and its body, read out of the page, so that the page cannot be wrong."""

from __future__ import annotations

import re
import tempfile
from pathlib import Path

from collector.settings import SourceSettings, load_settings
from collector.webhook import FieldMap

PAGE = (Path(__file__).parents[1] / "docs" / "mapping.md").read_text("utf-8")


def block(language: str) -> str:
    """The page's code in that language; there is one piece of it."""
    (code,) = re.findall(rf"^```{language}\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
    assert isinstance(code, str)
    return code


def configured(folder: Path, secret: bytes = b"a secret of Lookout") -> Path:
    """The page's configuration as a file, and the secret that it names."""
    (folder / "secrets").mkdir()
    (folder / "secrets" / "lookout").write_bytes(secret + b"\n")
    (folder / "timelined.yml").write_text(block("yaml"), "utf-8")
    return folder / "timelined.yml"


def _settings() -> SourceSettings:
    with tempfile.TemporaryDirectory() as folder:
        (said,) = load_settings(configured(Path(folder))).sources.values()
    return said


SETTINGS = _settings()
LOOKOUT = SETTINGS.reading.mapping or FieldMap(id="", type="")
LOOKOUT_SIGNS = SETTINGS.credentials.scheme
