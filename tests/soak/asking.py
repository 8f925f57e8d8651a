"""Questions over HTTP."""

from __future__ import annotations

import aiohttp


async def ready(port: int) -> bool:
    """Whether it answers that it is."""
    try:
        return bool(await text_of(f"http://127.0.0.1:{port}/-/ready"))
    except (aiohttp.ClientError, OSError, TimeoutError):
        return False


async def text_of(url: str) -> str:
    """What an address answers with 200."""
    timeout = aiohttp.ClientTimeout(total=20)
    async with aiohttp.ClientSession(timeout=timeout, raise_for_status=True) as session, session.get(url) as answer:
        return await answer.text()
