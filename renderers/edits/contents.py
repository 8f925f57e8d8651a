"""The bytes of a file that people edit: their encoding and the mark at their beginning stay what they were."""

from __future__ import annotations

import codecs

from renderers.edits.marks import index_of
from renderers.edits.merge import merge

_ENCODINGS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)


def merged(theirs: bytes, fresh: str) -> tuple[bytes, bool] | None:
    """The file brought up to date, and whether a person's hand is in it. None where ``fresh`` has no marks,
    and where nothing in the file is of a draft.

    Bytes that are no text in the file's encoding stay as they are.
    """
    if not index_of(fresh)[1]:
        return None
    start, encoding = next(((mark, name) for mark, name in _ENCODINGS if theirs.startswith(mark)), (b"", "utf-8"))
    errors = "surrogateescape" if encoding == "utf-8" else "surrogatepass"
    try:
        text = theirs[len(start) :].decode(encoding, errors)
    except UnicodeDecodeError:
        return None
    done = merge(text, fresh)
    if done is None:
        return None
    return start + done.text.encode(encoding, errors), done.personal
