"""Of which keys, and of what time, everything there is lies in memory.

Only a cache's bookkeeping: an entry that is missing has something fetched a
second time, one that claims too much would have it overlooked.
"""

from __future__ import annotations

_EVERYTHING = -1


class LoadedRanges:
    """One span of time for each name: it claims whatever begins by its end and reaches its beginning or further."""

    def __init__(self) -> None:
        self._spans: dict[str, tuple[int, int]] = {}

    def __len__(self) -> int:
        return len(self._spans)

    def claim(self, name: str, low: int, high: int, live: bool) -> int | None:
        """Claim a span. What of it begins after the answer has to be fetched for that; None where nothing has to.

        Spans that touch are made one. Of two that do not, the one that is ``live`` (open to what comes) is remembered:
        a straggler from long before is fetched for, and does not bring in everything since.
        """
        span = self._spans.get(name)
        if span is None:
            self._spans[name] = (low, high)
        elif span[0] <= low and high <= span[1]:
            return None
        elif low <= span[1] and span[0] <= high:
            self._spans[name] = (min(low, span[0]), max(high, span[1]))
            return span[1] if span[0] <= low else _EVERYTHING
        elif live:
            self._spans[name] = (low, high)
        return _EVERYTHING

    def withdraw(self, name: str, cover: int) -> None:
        """What reaches to ``cover`` lies in memory no more: claim only what reaches further."""
        span = self._spans.get(name)
        if span is None or cover < span[0]:
            return
        if cover >= span[1]:
            del self._spans[name]
        else:
            self._spans[name] = (cover + 1, span[1])

    def __contains__(self, name: str) -> bool:
        return name in self._spans

    def forget(self, name: str) -> None:
        """Claim nothing of a name."""
        self._spans.pop(name, None)

    def trim(self, most: int) -> None:
        """Forget the names claimed first, once there are more than ``most``."""
        if len(self._spans) > most:
            for name in list(self._spans)[: len(self._spans) - most // 2]:
                del self._spans[name]
