"""Citations: the short ids that stand behind every generated sentence.

An id ends in a hash, so its last digits tell events of one moment apart; its
first ones are the time, alike for all. Five digits are enough for a reader;
where two events of one draft share them, those two get more.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

from renderers.document import Actions, Block, Bullets, Claim, Document, Index, Prompt, Table, Timeline

SHORTEST = 5
"""Digits of a short id, unless it must be longer to be unique."""
SHOWN = 3
"""Events a citation names; the rest is a count."""


def short_ids(ids: Iterable[str], wanted_ids: Collection[str] | None = None) -> dict[str, str]:
    """Each id → the fewest of its last digits, five at least, that no other of these ids ends in.

    With ``wanted_ids`` it is told of those only, and of what could be mistaken for one of them.
    """
    if wanted_ids is not None:
        endings = {each[-SHORTEST:] for each in wanted_ids}
        return short_ids([each for each in ids if each[-SHORTEST:] in endings])
    shortened: dict[str, str] = {}
    waiting, length = list(dict.fromkeys(ids)), SHORTEST
    while waiting:
        ends = {each: each[-length:] for each in waiting}
        shortened |= ends
        taken = Counter(ends.values())
        waiting = [each for each, end in ends.items() if taken[end] > 1 and len(each) > length]
        length += 1
    return shortened


def citation(cites: Sequence[str], short: Mapping[str, str]) -> str:
    """``[a3f9c, 77d1b, +9]``: three events at most, in the order given, and how many more; empty for none."""
    if not cites:
        return ""
    named = [short.get(each, each[-SHORTEST:]) for each in cites[:SHOWN]]
    rest = len(cites) - len(named)
    return f"[{', '.join(named)}{f', +{rest}' if rest else ''}]"


def cited(document: Document) -> set[str]:
    """The ids of all events that the document cites anywhere."""
    return set().union(*_citations(document))


def printed(document: Document) -> set[str]:
    """The ids that a reader of the document sees."""
    lines = {line.id for section in document.sections for block in section.blocks if isinstance(block, Index)
             for line in block.lines}  # fmt: skip
    return lines.union(*(ids[:SHOWN] for ids in _citations(document)))


def _citations(document: Document) -> Iterator[tuple[str, ...]]:
    review = document.review.said if document.review else None
    for head in (document.title, document.lead, review, document.incident):
        if head:
            yield head.cites
    for section in document.sections:
        for block in section.blocks:
            yield from citations(block)


def citations(block: Block) -> Iterator[tuple[str, ...]]:
    """What each sentence, row and line of the block cites."""
    match block:
        case Bullets():
            yield from (item.cites for item in block.items)
        case Timeline():
            yield from (row.cites for row in block.rows)
            if block.left_out:
                yield block.left_out.cites
        case Table():
            yield from (row.cites for row in block.rows)
            if block.left_out:
                yield block.left_out.cites
        case Actions():
            yield from (row.cites for row in block.rows)
        case Index():
            yield from ((line.id,) for line in block.lines)
        case Claim():
            yield block.cites
        case Prompt():
            pass
