"""What a revision does, said in the words of each kind of database."""

from __future__ import annotations

from collections.abc import Sequence


def run(**by_dialect: Sequence[str]) -> None:
    """Execute the statements for the database that is being upgraded, in order; each is a single one.

    ``by_dialect`` names every kind of database this revision can run on (``sqlite``, ``postgresql``), an empty list
    where there is nothing to do. Raises ``KeyError`` for any other: nothing is skipped in silence.
    """
    # Loaded only to upgrade: a start compares what is there with these statements, and upgrades nothing.
    from alembic import op

    connection = op.get_bind()
    for statement in by_dialect[connection.dialect.name]:
        connection.exec_driver_sql(statement)


def plain(sql: str) -> str:
    """White space apart, which is all that versions of the libraries may differ in."""
    return "".join(sql.split())
