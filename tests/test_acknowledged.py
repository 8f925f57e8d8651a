"""The record of what was acknowledged: two lines in turn, one process, and written again where it was removed."""

from __future__ import annotations

from pathlib import Path

import pytest

from collector.errors import LogDamaged
from collector.proof import acknowledged
from collector.proof.acknowledged import Acknowledged, Last, Shared

LEAF = bytes(range(32))


def test_the_newest_line_is_read_and_a_torn_one_leaves_the_other(tmp_path: Path) -> None:
    """Two lines in turn: whichever is half written, the one before it is still there."""
    path = tmp_path / "acknowledged"
    record = Acknowledged(path)
    assert record.read() is None
    for position in (1, 2, 3):
        record.record(position, LEAF)
    record.close()
    assert acknowledged.read(path) == Last(3, LEAF)
    whole = path.read_bytes()
    for at in range(103):
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :])
        assert acknowledged.read(path) == Last(2, LEAF)


def test_the_next_line_goes_over_the_older_one(tmp_path: Path) -> None:
    """After a restart as well, the newest line is never the one that is being written."""
    path = tmp_path / "acknowledged"
    for position in range(1, 6):
        record = Acknowledged(path)
        record.read()
        record.record(position, LEAF)
        record.close()
        assert b"%020d" % max(1, position - 1) in path.read_bytes()
        assert acknowledged.read(path) == Last(position, LEAF)


@pytest.mark.parametrize("harm", ["removed", "with its folder", "replaced"])
def test_a_record_that_was_removed_is_written_again(tmp_path: Path, harm: str) -> None:
    """By the daemon that has it: the next start would take the log for a copy. Where another process has the file that
    is in its place, that is said."""
    path = tmp_path / "proof" / "acknowledged"
    path.parent.mkdir()
    record = Acknowledged(path)
    record.belong(b"\x01" * 16, 0)
    record.record(1, LEAF)
    assert not record.renew()
    path.unlink()
    if harm == "with its folder":
        path.parent.rmdir()
    elif harm == "replaced":
        path.write_bytes(b"something else, and longer" * 20)
    record.record(2, LEAF)
    assert record.renew()
    assert not record.renew()
    assert acknowledged.read(path) == Last(2, LEAF, b"\x01" * 16)
    record.record(3, LEAF)
    record.close()
    assert acknowledged.read(path) == Last(3, LEAF, b"\x01" * 16)
    with pytest.raises(Shared, match="another process does"):
        _renewed_beside_another(path)


def _renewed_beside_another(path: Path) -> None:
    first = Acknowledged(path)
    try:
        path.rename(path.with_name("aside"))
        other = Acknowledged(path)
        try:
            first.renew()
        finally:
            other.close()
    finally:
        first.close()


def test_a_file_that_holds_no_line_is_damage(tmp_path: Path) -> None:
    """An empty or zeroed file is a new one, as a power cut leaves it; anything else is said."""
    path = tmp_path / "acknowledged"
    path.write_bytes(bytes(206))
    assert acknowledged.read(path) is None
    path.write_bytes(b"something else")
    with pytest.raises(LogDamaged, match="no line of it is whole"):
        acknowledged.read(path)
