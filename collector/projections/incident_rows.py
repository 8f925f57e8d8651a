"""An incident as it lies in the lists: written out of what grouping says of it, and read as a value.

All goes by name: a column of the table is the field of ``Summary`` that is
called like it, and a field of ``IncidentRow`` is the column, or the name in
:data:`ROWS`, that is called like it. Named here is only what is turned into
something else on the way. docs/architecture.md says what a new field takes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from operator import itemgetter
from typing import Any

import msgspec
from sqlalchemy import BigInteger, Connection, bindparam, cast, func, select

from collector.correlation.live_incidents import Summary
from collector.projections.tables import belongs, incident, incident_news, incident_number, placement, put, signal
from collector.projections.values import IncidentRow

_json = msgspec.json.Encoder().encode
_names = msgspec.json.Decoder(tuple[str, ...]).decode
_in_order: Callable[[Mapping[str, Any]], tuple[Any, ...]] = itemgetter(*incident.columns.keys())
"""The values of a row by their columns' names, in the order that the table has them in."""


def _of_placed(value: Any) -> Any:
    """What is made of the signals that were placed in an incident."""
    placed = placement.join(signal, signal.c.uid == placement.c.uid)
    return (
        select(func.coalesce(value, 0))
        .select_from(placed)
        .where(placement.c.number == incident.c.number, belongs)
        .correlate(incident)
        .scalar_subquery()
    )


ROWS = select(
    *(column for column in incident.columns if column is not incident.c.events),
    (incident.c.events + _of_placed(cast(func.sum(signal.c.events), BigInteger))).label("events"),
    incident_number.c.goes_by,
    func.coalesce(incident_news.c.position, 0).label("last_position"),
    _of_placed(func.max(signal.c.last)).label("latest"),
).select_from(
    incident.join(incident_number, incident_number.c.number == incident.c.number).outerjoin(
        incident_news, incident_news.c.number == incident.c.number
    )
)
"""Incidents as they lie in the lists; :func:`row_of` makes a value of each."""
_SAME = {
    name: place for place, name in enumerate(ROWS.selected_columns.keys()) if name in IncidentRow.__struct_fields__
}
"""Where in such a row is what a field is called like: to ask a row for a name itself takes forty times as long."""
_ROW = ROWS.where(incident.c.number == bindparam("number"))


def put_incidents(
    connection: Connection, incidents: Mapping[int, tuple[Summary, int]], *, keep: bool = False
) -> None:  # fmt: skip
    """Write what grouping says of each number, and its component; with ``keep`` only of numbers that are not there."""
    rows = [_row(number, component, summary) for number, (summary, component) in incidents.items()]
    put(connection, incident, rows, keep=keep)


def _row(number: int, component: int, summary: Summary) -> tuple[Any, ...]:
    fields = msgspec.structs.asdict(summary)
    fields["number"], fields["component"] = number, component
    fields["services"] = _json(summary.services).decode()
    fields["environments"] = _json(summary.environments).decode()
    return _in_order(fields)


def stored(connection: Connection, number: int) -> Any:
    """The row of an incident as it lies in the lists."""
    return connection.execute(_ROW, {"number": number}).one_or_none()


def row_of(row: Any) -> IncidentRow:
    """The same as a value."""
    merged = row.goes_by != row.number
    fields = {name: row[place] for name, place in _SAME.items()}
    fields["status"] = "merged" if merged else "open" if row.ended_at is None else "resolved"
    fields["last_at"] = max(row.last_at, row.latest)
    fields["services"], fields["environments"] = _names(row.services), _names(row.environments)
    fields["merged_into"] = row.goes_by if merged else None
    return IncidentRow(**fields)
