"""Citations: the short ids that stand behind every generated sentence.

An id ends in a hash, so its last digits tell events of one moment apart; its
first ones are the time, alike for all. Five digits are enough for a reader;
where two events of one draft share them, those two get more.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from renderers.document import Actions, Block, Bullets, Claim, Document, Index, Prompt, Timeline

SHORTEST = 5
"""Digits of a short id, unless it must be longer to be unique."""
SHOWN = 3
"""Events a citation names; the rest is a count."""


def short_ids(ids: Iterable[str]) -> dict[str, str]:
    """Each id → the fewest of its last digits, five at least, that no other of these ids ends in."""
    found: dict[str, str] = {}
    waiting, length = list(dict.fromkeys(ids)), SHORTEST
    while waiting:
        ends = {each: each[-length:] for each in waiting}
        found |= ends
        taken = Counter(ends.values())
        waiting = [each for each, end in ends.items() if taken[end] > 1 and len(each) > length]
        length += 1
    return found


def citation(cites: Sequence[str], short: Mapping[str, str]) -> str:
    """``[a3f9c, 77d1b, +9]``: three events at most, in the order given, and how many more; empty for none."""
    distinct = list(dict.fromkeys(cites))
    if not distinct:
        return ""
    named = [short.get(each, each[-SHORTEST:]) for each in distinct[:SHOWN]]
    rest = len(distinct) - len(named)
    return f"[{', '.join(named)}{f', +{rest}' if rest else ''}]"


def cited(document: Document) -> set[str]:
    """The ids of all events that the document cites anywhere."""
    claims = [document.title, *([document.lead] if document.lead else [])]
    found = {each for claim in claims for each in claim.cites}
    for block in (block for section in document.sections for block in section.blocks):
        found |= _cited_in(block)
    return found


def _cited_in(block: Block) -> set[str]:
    match block:
        case Bullets():
            return {each for item in block.items for each in item.cites}
        case Timeline():
            left = block.left_out.cites if block.left_out else ()
            return {*left, *(each for row in block.rows for each in row.cites)}
        case Actions():
            return {each for action in block.rows for each in action.cites}
        case Index():
            return {each for line in block.lines for each in line.cites}
        case Claim():
            return set(block.cites)
        case Prompt():
            return set()
