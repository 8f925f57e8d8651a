"""Appends to a log until it is killed, and prints each position that it was told: ``-m tests.endless_writer URL``."""

from __future__ import annotations

import asyncio
import sys

from collector.log import Receipt, open_log
from tests.log_facts import fact, told


async def main(url: str) -> None:
    """Four clients, each with one event after the other."""
    log = await open_log(url)

    async def client(number: int) -> None:
        for turn in range(10_000):
            name = f"{number}-{turn}"
            (receipt,) = await log.append([told(fact(name, at=turn * 1000))])
            assert isinstance(receipt, Receipt)
            sys.stdout.write(f"{receipt.items[0].position} {name}\n")
            sys.stdout.flush()

    await asyncio.gather(*(client(number) for number in range(4)))


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
