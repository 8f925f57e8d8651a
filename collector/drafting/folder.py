"""The folder of the drafts, and the record of what was written into it.

A draft that a person edited is brought up to date around their words, and the version before is kept beside it; where
that cannot be done (JSON) it is not touched, and the new draft is written beside it, under a name that says so. The
record lies with the files, one small file for each incident, so that a draft costs the same however many there are.
Losing a record loses nothing, it only makes that incident's files look like a person's.
"""

from __future__ import annotations

import errno
import hashlib
import itertools
import re
import stat
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

import msgspec
import structlog

from collector.drafting.due import DraftRecord, DueDrafts
from collector.files import keep, replace

log = structlog.get_logger(__name__)

FORMATS = ("md", "json")
RECORD = ".written"
"""The folder, in that of the drafts, where the digests of what was last written stand, by incident."""
_TRIES = 5
"""How often a draft is merged that a person saves meanwhile."""
DRAFT_MODE = 0o640
"""A draft may be for a group to read."""
_DRAFT = re.compile(r"incident-(\d+)\.md")
_FILE = re.compile(r"incident-(\d+)(?:\.new(?:-\d+)?)?\.(?:md|json)\Z")

Merge = Callable[[bytes, str], bytes | None]
"""A file that a person edited, and the new draft → that file brought up to date; None where that cannot be done."""


def beside(theirs: bytes, fresh: str) -> None:
    """Brings nothing up to date: every new draft goes beside an edited one."""


class DraftFile(msgspec.Struct, frozen=True, kw_only=True):
    """A draft as it lies in the folder."""

    number: int
    path: str
    edited: bool
    """Whether a person changed it since we wrote it."""
    beside: tuple[str, ...] = ()
    """Newer drafts that were written beside it instead of over it."""


class DraftFolder:
    """Drafts by number and format. Names come from numbers only."""

    def __init__(self, folder: Path, merge: Merge = beside) -> None:
        self.folder = folder
        self._merge = merge

    def records(self, numbers: Iterable[int]) -> dict[int, DraftRecord]:
        """What was written of these incidents. Left out are those of which nothing is known, or what is known cannot be
        read: their files are then a person's."""
        records, failures = {}, {}
        for number in numbers:
            path = self._record(number)
            try:
                records[number] = msgspec.json.decode(path.read_bytes(), type=DraftRecord)
            except FileNotFoundError:
                continue
            except (OSError, msgspec.DecodeError) as error:
                failures[path] = str(error)
        if failures:
            # Once: where the folder is away, it is the same of thousands.
            path, why = next(iter(failures.items()))
            log.warning(
                "cannot read what was written; such drafts count as edited", drafts=len(failures), first=str(path),
                error=why,
            )  # fmt: skip
        return records

    def record(self, number: int) -> DraftRecord | None:
        """What was written of an incident; None where that is missing or unreadable."""
        return self.records([number]).get(number)

    def write(self, draft: DueDrafts, texts: Mapping[str, str]) -> None:
        """Write one incident's draft, given by format.

        What is going to be written is recorded first and what was written last, so that a file of ours is known as
        ours wherever this is cut off. Raises OSError; what was not written is due again.
        """
        (self.folder / RECORD).mkdir(parents=True, exist_ok=True)
        record = self.record(draft.number) or DraftRecord(state="")
        merged = self._update(draft.number, texts.get("md", ""), record.files)
        rest = {form: text for form, text in texts.items() if not (form == "md" and merged)}
        plan, files = self._plan(draft.number, rest, record.files)
        if merged:
            files.setdefault(_name(draft.number, "md", 0), record.files.get(_name(draft.number, "md", 0), ()))
        planned = DraftRecord(state=record.state, files={**record.files, **files})
        self._keep(draft.number, planned)
        for path, content in plan.items():
            self._put(draft.number, path, content)
        self._keep(draft.number, msgspec.structs.replace(planned, state=draft.state))

    def _update(self, number: int, fresh: str, files: Mapping[str, tuple[str, ...]]) -> bool:
        """Bring a draft that a person edited up to date, the version before kept; whether that is done."""
        path = self.folder / _name(number, "md", 0)
        for _ in range(_TRIES):
            try:
                current = path.read_bytes()
            except FileNotFoundError:
                return False
            if _sha256(current) in files.get(path.name, ()):
                return False
            updated = self._merge(current, fresh)
            if updated is None:
                return False
            if updated == current or self._written_over(path, current, updated):
                self._tidy(number, files)
                return True
        raise OSError(errno.EBUSY, "the file changes again and again", str(path))

    def _written_over(self, path: Path, current: bytes, updated: bytes) -> bool:
        """Keep what a person has in the file and put the new version there; False where they saved meanwhile."""
        copy = keep(path)
        if copy.read_bytes() != current:
            return False
        replace(path, updated, stat.S_IMODE(path.stat().st_mode))
        log.info("brought an edited draft up to date", written=path.name, kept=copy.name)
        return True

    def _tidy(self, number: int, known: Mapping[str, tuple[str, ...]]) -> None:
        """Drafts that were put beside an edited one, and that nobody edited, are in it now."""
        for name, digests in known.items():
            path = self.folder / name
            if name != _name(number, "md", 0) and name.endswith(".md") and _digest_of(path) in digests:
                path.unlink()

    def _record(self, number: int) -> Path:
        return self.folder / RECORD / f"{number}.json"

    def _keep(self, number: int, written: DraftRecord) -> None:
        replace(self._record(number), msgspec.json.encode(written, order="sorted"))

    def _plan(
        self, number: int, texts: Mapping[str, str], digests: Mapping[str, tuple[str, ...]]
    ) -> tuple[dict[Path, bytes], dict[str, tuple[str, ...]]]:
        """Where each text goes, and the digests by which those files will be known as ours."""
        plan: dict[Path, bytes] = {}
        files: dict[str, tuple[str, ...]] = {}
        for form, text in texts.items():
            content = text.encode()
            path, found = self._free(number, form, digests, _sha256(content))
            plan[path] = content
            files[path.name] = (_sha256(content), *([found] if found else []))
        return plan, files

    def _free(
        self, number: int, form: str, files: Mapping[str, tuple[str, ...]], digest: str
    ) -> tuple[Path, str | None]:
        """The first name whose file is absent, or ours and unedited, or already right; and that file's digest."""
        for count in itertools.count():
            path = self.folder / _name(number, form, count)
            found = _digest_of(path)
            if found is None or found == digest or found in files.get(path.name, ()):
                return path, found
        raise AssertionError("itertools.count() ended")

    def _put(self, number: int, path: Path, content: bytes) -> None:
        if _digest_of(path) != _sha256(content):
            replace(path, content, DRAFT_MODE)
        usual = f"incident-{number}{path.suffix}"
        if path.name != usual:
            log.warning("a person edited this draft; the new one is beside it", edited=usual, written=path.name)

    def update_kept(self, number: int, fresh: str, marks: Sequence[bytes]) -> None:
        """Bring the versions of a draft that were kept, and hold one of these marks, up to date in place.

        What timelined wrote in them goes on to say what it says now; a person's words stay. For an erasure, whose
        sense it is that what was said stands nowhere.
        """
        for path in self.folder.glob(f"incident-{number}.md.~*~"):
            for theirs in _contents(path):
                ours = self._merge(theirs, fresh) if any(mark in theirs for mark in marks) else None
                if ours is not None and ours != theirs:
                    replace(path, ours, stat.S_IMODE(path.stat().st_mode))

    def forget_kept(self, before: float) -> list[str]:
        """Remove the versions of edited drafts that were kept and were last written to before a time, in seconds since
        1970; their names."""
        removed = []
        for path in sorted(self.folder.glob("incident-*.md.~*~")):
            with suppress(FileNotFoundError):
                if path.stat().st_mtime < before:
                    path.unlink()
                    removed.append(path.name)
        return removed

    def forget(self, before: float, most: int) -> list[str]:
        """Remove drafts that nobody edited: those last written to before a time, in seconds since 1970, and the oldest
        of the rest while all drafts take more than ``most`` bytes (0: any); the names of what is gone.

        What was written of them stays on record: an incident is drafted again once it changes, and not before.
        """
        drafts = [path for path in self.folder.glob("incident-*") if _FILE.match(path.name)]
        found = sorted((path.stat().st_mtime, path) for path in drafts)
        total, removed = sum(path.stat().st_size for path in drafts), []
        for written, path in found:
            if written >= before and (not most or total <= most):
                break
            if self._is_ours(path):
                total -= path.stat().st_size
                path.unlink()
                removed.append(path.name)
        return removed

    def _is_ours(self, path: Path) -> bool:
        """Whether nobody changed a draft since it was written."""
        named = _FILE.match(path.name)
        known = self.record(int(named[1])) if named else None
        return known is not None and _digest_of(path) in known.files.get(path.name, ())

    def containing(self, marks: Sequence[bytes]) -> list[int]:
        """The incidents of which any draft that was written, edited or kept, holds one of these."""
        numbers = sorted(int(path.stem) for path in (self.folder / RECORD).glob("*.json") if path.stem.isdigit())
        versions: dict[str, list[str]] = {}
        for path in self.folder.glob("incident-*.md.~*~"):
            versions.setdefault(path.name.partition(".")[0], []).append(path.name)
        found = self.records(numbers).items()
        return [n for n, known in found if self._shows([*known.files, *versions.get(f"incident-{n}", ())], marks)]

    def _shows(self, names: Sequence[str], marks: Sequence[bytes]) -> bool:
        contents = (content for name in names for content in _contents(self.folder / name))
        return any(mark in content for content in contents for mark in marks)

    def tidy(self, numbers: Sequence[int]) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """The files of these incidents that hold what was last written, and those that a person edited.

        A draft that was once put beside an edited file, and is not the one written now, is ours and outdated: it goes.
        Versions of an edited draft that were kept hold a person's words as well.
        """
        unedited: list[str] = []
        edited: list[str] = []
        for number, record in self.records(numbers).items():
            newest = {self._newest(number, form, record) for form in FORMATS}
            kept: dict[str, tuple[str, ...]] = {path.name: () for path in self.folder.glob(f"incident-{number}.md.~*~")}
            for name, digests in sorted({**record.files, **kept}.items()):
                path = self.folder / name
                if name in newest and path.exists():
                    unedited.append(str(path))
                elif _digest_of(path) in digests:
                    path.unlink()
                elif path.exists():
                    edited.append(str(path))
        return tuple(unedited), tuple(edited)

    def _newest(self, number: int, form: str, record: DraftRecord) -> str:
        """The name that the last draft of a format was written under: the first that no person's file has."""
        names = (_name(number, form, count) for count in itertools.count())
        return next(n for n in names if (d := _digest_of(self.folder / n)) is None or d in record.files.get(n, ()))

    def listing(self) -> tuple[DraftFile, ...]:
        """Every draft in the folder, by number."""
        numbers = (_DRAFT.fullmatch(path.name) for path in self.folder.glob("incident-*.md"))
        return tuple(self._listed(number) for number in sorted(int(match[1]) for match in numbers if match))

    def _listed(self, number: int) -> DraftFile:
        path = self.folder / f"incident-{number}.md"
        known = self.record(number)
        files = known.files if known is not None else {}
        siblings = (self.folder / name for name in files if name.endswith(".md") and name != path.name)
        return DraftFile(
            number=number,
            path=str(path),
            edited=_digest_of(path) not in files.get(path.name, ()),
            beside=tuple(sorted(str(other) for other in siblings if other.exists())),
        )


def _name(number: int, form: str, count: int) -> str:
    """``incident-12.md``, then ``incident-12.new.md``, ``incident-12.new-2.md`` …"""
    middle = ("", ".new")[count] if count < 2 else f".new-{count}"
    return f"incident-{number}{middle}.{form}"


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _contents(path: Path) -> list[bytes]:
    try:
        return [path.read_bytes()]
    except FileNotFoundError:
        return []


def _digest_of(path: Path) -> str | None:
    try:
        return _sha256(path.read_bytes())
    except FileNotFoundError:
        return None
