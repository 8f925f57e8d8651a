"""How much room a text takes, without a font: a wide one's widths, so that any reader's own font fits.

The widths are those of DejaVu Sans, the widest of the usual sans-serif faces.
What is not in the table is taken to be as wide as it could be.
"""

from __future__ import annotations

from functools import lru_cache

from renderers.escape import cut

_ASCII = (
    "318 401 460 838 636 950 780 275 390 390 500 838 318 361 318 337 636 636 636 636 636 636 636 636 636 636 337 337 "
    "838 838 838 531 1000 684 686 698 770 632 575 775 752 295 295 656 557 863 748 787 603 787 695 635 611 732 684 989 "
    "685 611 685 390 337 390 838 500 500 613 635 550 635 615 352 635 634 278 278 579 278 974 634 612 635 635 411 521 "
    "392 634 592 818 592 592 525 636 337 636 838"
)
"""Thousandths of the font's size, from the space on."""
_OTHER, _WIDE = 850, 1150
"""Any other letter; from Hangul on, where letters fill a square."""


class _Widths(dict[str, int]):
    """Each character's width; of one that is not in the table the widest that it could be."""

    __slots__ = ()

    def __missing__(self, character: str) -> int:
        return _WIDE if character >= "\u1100" else _OTHER


_WIDTHS = _Widths({chr(32 + place): int(width) for place, width in enumerate(_ASCII.split())})
_WIDTHS |= {"·": 318, "…": 1000, "–": 500, "—": 1000, "×": 838, "→": 838, "↵": 838, "“": 518, "”": 518, "’": 318}
_KNOWN = frozenset(_WIDTHS)
_NARROWEST = min(_WIDTHS.values())


@lru_cache(maxsize=4_096)
def width(text: str, size: float) -> float:
    """How wide a text is at most, in the unit of ``size``, the height of the font."""
    return sum(map(_WIDTHS.__getitem__, text)) * size / 1000


def widths_known(text: str) -> bool:
    """Whether the widths of all its characters are known, so that it cannot come out wider."""
    return _KNOWN.issuperset(text)


def fit(text: str, room: float, size: float) -> str:
    """As much of a text as there is room for, ending in ``…`` where cut; empty where not even three letters fit."""
    most = int(room * 1000 / (_NARROWEST * size)) + 2
    if len(text) <= most and width(text, size) <= room:
        return text
    low, high = 0, min(len(text), most)
    while low < high:
        middle = (low + high + 1) // 2
        if width(cut(text, middle), size) <= room:
            low = middle
        else:
            high = middle - 1
    return cut(text, low) if low > 3 else ""


def wrap(text: str, room: float, size: float, most: int = 99) -> list[str]:
    """A text in lines of this room, ``most`` of them; what does not fit into the last one is cut."""
    lines: list[str] = []
    line = ""
    words = text.split(" ")
    for index, word in enumerate(words):
        longer = f"{line} {word}" if line else word
        if width(longer, size) <= room:
            line = longer
        elif len(lines) == most - 1:
            return [*lines, fit(" ".join([line, *words[index:]]).strip(), room, size)]
        else:
            lines += [line] if line else []
            line = word if width(word, size) <= room else fit(word, room, size)
    return [*lines, line] if line else lines
