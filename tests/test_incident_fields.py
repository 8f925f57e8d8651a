"""A field of an incident is said in as few places as docs/architecture.md names, and a place that lacks it fails."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import msgspec
import pytest
from sqlalchemy import Connection, create_engine

from collector.cli import incidents
from collector.correlation.live_incidents import Summary
from collector.event import HOUR
from collector.projections import IncidentRow, erasing
from collector.projections.incident_rows import ROWS, put_incidents, row_of
from collector.projections.tables import incident, incident_number, metadata, put
from collector.web import answers, openapi, shapes
from tests.face import Face

DOCS = Path(__file__).parents[1] / "docs"
AT = 1_772_632_930_000_000

OF_THE_TABLE = {"number": "what it is called", "component": "what it is grouped with"}
"""Columns that are no field of what grouping says."""
OF_THE_LISTS = {"low": "from when on something may join it", "high": "until when"}
"""Fields of what grouping says that no row shows: its window."""
OF_THE_ROW = {
    "number": "a column of the table alone",
    "status": "made of its end and its number",
    "merged_into": "a column of incident_number",
    "private": "what people stated of who may read it",
    "last_position": "a column of incident_news",
}
"""Fields of a row that grouping does not say."""
NOT_ANSWERED = {"last_position": "for those who watch the lists"}
"""Fields of a row that the API does not show."""
NOT_PRINTED = {"key", "last_at", "merged_into"}
"""Fields that ``timelined incident`` has no line for; what a number became part of is its status."""


def fields(struct: type[msgspec.Struct]) -> set[str]:
    """The names of a struct's fields."""
    return set(struct.__struct_fields__)


def summary(**others: Any) -> Summary:
    """An incident that grouping knows all of, with other words where they are given."""
    ordinary: dict[str, Any] = {
        "key": "0" * 32, "title": "HighLatency", "started_at": AT, "ended_at": AT + HOUR, "last_at": AT + HOUR,
        "services": ("checkout", "payments"), "environments": ("production",), "severity": "critical", "lead": "Ada",
        "events": 12, "low": AT - HOUR, "high": AT + 2 * HOUR,
    }  # fmt: skip
    return Summary(**(ordinary | others))


def written(connection: Connection, whole: Summary) -> Any:
    """The row of an incident, once it was written."""
    metadata.create_all(connection)
    put_incidents(connection, {3: (whole, 2)})
    put(connection, incident_number, [(3, whole.key, 3)])
    return connection.execute(ROWS).one()


def shown(row: IncidentRow) -> dict[str, Any]:
    """A row as a reader of the API has it."""
    answer: dict[str, Any] = json.loads(answers.encode(answers.incident(row)))
    return answer


def test_what_grouping_says_has_a_column_and_a_row_shows_it() -> None:
    """The table has each field of ``Summary`` under its own name, and so has the row of a list."""
    assert set(incident.columns.keys()) == fields(Summary) | OF_THE_TABLE.keys()
    assert fields(IncidentRow) == fields(Summary) - OF_THE_LISTS.keys() | OF_THE_ROW.keys()


async def test_the_api_shows_each_field_of_a_row(face: Face) -> None:
    """Answers, the document for programs and the manual have the same ones."""
    names = fields(IncidentRow) - NOT_ANSWERED.keys()
    assert fields(shapes.Incident) == names
    described = (await face.get(openapi.ADDRESS)).json["components"]["schemas"]["Incident"]
    assert set(described["properties"]) == names
    (example,) = re.findall(r'\{"incidents": \[\{(.*?)\}\]', (DOCS / "api.md").read_text("utf-8"), re.DOTALL)
    assert set(re.findall(r'"(\w+)": ', example)) == names


def test_each_value_comes_back_as_it_was_written() -> None:
    """Through the table, the row and the answer, none in the place of another."""
    with create_engine("sqlite://").connect() as connection:
        whole = summary()
        row = row_of(written(connection, whole))
    connection.engine.dispose()
    same = fields(Summary) & fields(IncidentRow)
    assert {name: getattr(row, name) for name in same} == {name: getattr(whole, name) for name in same}
    assert (row.number, row.status, row.merged_into) == (3, "resolved", None)
    answer = shown(row)
    times = {"started_at": "2026-03-04T14:02:10Z", "ended_at": "2026-03-04T15:02:10Z"}
    assert {name: answer[name] for name in times} == times
    assert (answer["title"], answer["severity"], answer["lead"]) == (whole.title, whole.severity, whole.lead)
    assert (answer["services"], answer["environments"]) == (["checkout", "payments"], ["production"])


def test_a_row_with_a_field_that_the_api_lacks_is_no_answer() -> None:
    """Who adds one to a row is told where it is missing."""
    wider: Any = msgspec.defstruct("Wider", [("region", str)], bases=(IncidentRow,), frozen=True, kw_only=True)
    with create_engine("sqlite://").connect() as connection:
        row = row_of(written(connection, summary()))
    connection.engine.dispose()
    with pytest.raises(TypeError, match="region"):
        answers.incident(wider(region="eu", **msgspec.structs.asdict(row)))


def test_the_command_line_shows_each_field_of_an_answer(capsys: pytest.CaptureFixture[str]) -> None:
    """One that it does not know yet too, under its own name."""
    row: dict[str, Any] = {name: f"<{name}>" for name in shapes.Incident.__struct_fields__}
    row |= {"number": 3, "services": ["<services>"], "environments": ["<environments>"], "merged_into": None}
    row |= {"started_at": "2026-03-04T14:02:10Z", "ended_at": "2026-03-04T15:02:10Z", "first_region": "<first_region>"}
    incidents.show_facts(row)
    printed = capsys.readouterr().out
    others = row.keys() - NOT_PRINTED - {"number", "started_at", "ended_at"}
    assert [name for name in sorted(others) if f"<{name}>" not in printed] == []
    assert "First region:" in printed
    assert {name for name in NOT_PRINTED if f"<{name}>" in printed} == set()


def test_nothing_that_people_wrote_is_left_in_the_row_of_an_erased_incident() -> None:
    """Each column of text is emptied, but the id."""
    assert erasing.EMPTIED.keys() == {
        name for name, column in incident.columns.items() if column.type.python_type is str and name != "key"
    }


def test_the_page_names_the_places_that_exist() -> None:
    """Each file that it names for a new field of an incident."""
    text = (DOCS / "architecture.md").read_text("utf-8")
    part = text.partition("**A new field of an incident**")[2].partition("\n\n**")[0]
    files = re.findall(r"`((?:collector|docs|tests)/[\w/.]+)`", part)
    assert len(files) > 5
    assert [name for name in files if not (DOCS.parent / name).exists()] == []
