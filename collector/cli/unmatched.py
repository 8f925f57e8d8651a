"""Why a list is empty: a filter that nothing in the log could pass, said by its name."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING

from collector.cli import output
from collector.cli.access import LogAccess
from collector.errors import NotFound
from collector.event import EVENT_TYPES

if TYPE_CHECKING:
    from collector.cli.client import ApiClient

_ALONE = ("source", "service", "entity", "type", "status", "incident")
"""Filters of which one that matches nothing by itself is the reason."""


def why(access: LogAccess, collection: str, filters: Mapping[str, object]) -> str:
    """The reason as the end of a sentence; empty where each filter by itself would match something."""
    since, until = filters.get("since"), filters.get("until")
    if since and until and datetime.fromisoformat(str(since)) >= datetime.fromisoformat(str(until)):
        return ": --since is not before --until"
    filters_alone = [name for name in _ALONE if filters.get(name)]
    if not filters_alone:
        return ""

    async def filters_without_match(api: ApiClient) -> list[str]:
        return [name for name in filters_alone if not await _any(api, collection, name, filters[name])]

    names = access.ask(filters_without_match)
    if not names:
        return ""
    value = str(filters[names[0]])
    return (
        _no_type(value) if names[0] == "type" else f': nothing in the log has the {names[0]} "{output.harmless(value)}"'
    )


async def _any(api: ApiClient, collection: str, name: str, value: object) -> bool:
    try:
        return bool((await api.get(f"/api/v1/{collection}", limit=1, **{name: value})).json()[collection])
    except NotFound:
        return False


def _no_type(kind: str) -> str:
    """That nothing has this type, and which one may have been meant."""
    if kind in EVENT_TYPES or any(
        known.startswith(kind.removesuffix("*")) for known in EVENT_TYPES if kind[-2:] == ".*"
    ):
        return f': nothing in the log has the type "{kind}"'
    families = {known.split(".")[0]: f"{known.split('.')[0]}.*" for known in EVENT_TYPES}
    meant = {known: known for known in EVENT_TYPES} | families | {family: family for family in families.values()}
    near = difflib.get_close_matches(kind.lower(), meant, n=1)
    return f': no type is called "{output.harmless(kind)}"' + (f"; the nearest is {meant[near[0]]}" if near else "")
