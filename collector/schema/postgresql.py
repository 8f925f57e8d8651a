"""What the database itself keeps to on PostgreSQL: triggers, the functions that append, and who may do what.

The tables are those of ``tables``, made by ``migrations``. Here stands what
goes with them: facts are protected by triggers in PostgreSQL's words, rows are
inserted by functions that run with the owner's rights,
and nobody else needs the right to write into the log.

:func:`statements` gives all of it, each statement safe to run again; it is
said anew whenever the tables were made or upgraded.

They decide nothing. ``collector.log.appending`` does, as on SQLite: it holds the
head row by ``lock_head``, asks what is known, judges and numbers, and hands the
rows to ``append_numbered``, which refuses numbers that do not go on from the
head. A function that decided as well would save a third of the time of an
append, and be a second place for its rules.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from sqlalchemy import Connection, MetaData, inspect

from collector.errors import Unavailable
from collector.schema import migrations, tables
from collector.schema.heads import check_head

DAEMON_ROLE = "timelined_daemon"
"""May read everything, append through the functions, and write projections."""
ERASURE_ROLE = "timelined_erasure"
"""May do the same, and remove content."""
CHANNEL = "timelined_log"
"""Where a commit that added events is announced, with the position reached."""

_MAKING = 0x74696D656C696E65
"""The advisory lock under which tables are made: daemons start at the same time."""
_APPEND_ONLY = (tables.event.name, tables.delivery.name, tables.checkpoint.name)

_REFUSE = """CREATE OR REPLACE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '%: the log is append-only; % refused', TG_TABLE_NAME, TG_OP
        USING ERRCODE = 'integrity_constraint_violation';
END $$"""

_REFUSE_SMALLER = """CREATE OR REPLACE FUNCTION refuse_smaller() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT FROM checkpoint WHERE tree = NEW.tree AND size >= NEW.size) THEN
        RAISE EXCEPTION 'checkpoint: the log is append-only; INSERT refused'
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NEW;
END $$"""

_CHECK_STORED = """CREATE OR REPLACE FUNCTION check_stored(stored bigint, wanted bigint) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    IF stored <> wanted THEN
        RAISE EXCEPTION 'of % rows that were to be stored % were; a trigger or a rule that is not timelined''s '
            'may be in the database; run timelined verify', wanted, stored USING ERRCODE = 'data_corrupted';
    END IF;
END $$"""


def _refusing(table: str, verbs: str, condition: str = "") -> str:
    """A trigger that refuses; without a condition it fires also where no row would be touched."""
    name = f"{table}_refuses_{verbs.lower().replace(' or ', '_')}"
    each = f"FOR EACH ROW {condition}" if condition else "FOR EACH STATEMENT"
    return f"CREATE OR REPLACE TRIGGER {name} BEFORE {verbs} ON {table} {each} EXECUTE FUNCTION refuse_change()"


# An INSERT of what exists meets a unique index; one that would replace it is an UPDATE.
TRIGGERS = (
    *(_refusing(table, "UPDATE OR DELETE OR TRUNCATE") for table in _APPEND_ONLY),
    _refusing("content", "UPDATE OR TRUNCATE"),
    _refusing("head", "DELETE OR TRUNCATE"),
    _refusing("head", "UPDATE", "WHEN (NEW.one <> OLD.one OR NEW.position < OLD.position "
              "OR NEW.delivery < OLD.delivery OR NEW.content < OLD.content "
              "OR NEW.identity IS DISTINCT FROM OLD.identity)"),
    _refusing("head", "INSERT", "WHEN (true)"),
    """CREATE OR REPLACE TRIGGER checkpoint_refuses_insert BEFORE INSERT ON checkpoint
        FOR EACH ROW EXECUTE FUNCTION refuse_smaller()""",
)  # fmt: skip

_LOCK_HEAD = """CREATE OR REPLACE FUNCTION lock_head(OUT "position" bigint, OUT delivery bigint, OUT content bigint)
LANGUAGE sql SECURITY DEFINER SET search_path = {schema}, pg_temp AS $$
    SELECT h.position, h.delivery, h.content FROM head h WHERE h.one = 1 FOR UPDATE
$$"""

_APPEND_NUMBERED = """CREATE OR REPLACE FUNCTION append_numbered(
    c_number bigint[], c_salt bytea[], c_bytes bytea[],
    d_number bigint[], d_source text[], d_received bigint[], d_size bigint[], d_authentication text[],
    d_status text[], d_reason text[], d_headers bytea[], d_told bytea[], d_content bigint[], d_commitment bytea[],
    d_leaf bytea[],
    e_position bigint[], e_id bytea[], e_revision bigint[], e_amendment text[], e_type text[], e_source text[],
    e_received bigint[], e_occurred bigint[], e_delivery bigint[], e_item bigint[], e_content bigint[],
    e_content_commitment bytea[], e_commitment bytea[], e_leaf bytea[],
    r_id bytea[], r_at bigint[]
) RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path = {schema}, pg_temp
AS $$
DECLARE
    h head%ROWTYPE;
    stored bigint;
BEGIN
    SELECT * INTO h FROM head WHERE one = 1 FOR UPDATE;
    IF EXISTS (SELECT FROM unnest(e_position) WITH ORDINALITY AS x(number, n) WHERE x.number <> h.position + x.n)
        OR EXISTS (SELECT FROM unnest(d_number) WITH ORDINALITY AS x(number, n) WHERE x.number <> h.delivery + x.n)
        OR EXISTS (SELECT FROM unnest(c_number) WITH ORDINALITY AS x(number, n) WHERE x.number <> h.content + x.n)
    THEN
        RAISE EXCEPTION 'head: numbers do not go on from it; INSERT refused'
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    INSERT INTO content SELECT * FROM unnest(c_number, c_salt, c_bytes);
    GET DIAGNOSTICS stored = ROW_COUNT;
    PERFORM check_stored(stored, cardinality(c_number));
    INSERT INTO delivery SELECT * FROM unnest(d_number, d_source, d_received, d_size, d_authentication, d_status,
        d_reason, d_headers, d_told, d_content, d_commitment, d_leaf);
    GET DIAGNOSTICS stored = ROW_COUNT;
    PERFORM check_stored(stored, cardinality(d_number));
    INSERT INTO event SELECT * FROM unnest(e_position, e_id, e_revision, e_amendment, e_type, e_source, e_received,
        e_occurred, e_delivery, e_item, e_content, e_content_commitment, e_commitment, e_leaf);
    GET DIAGNOSTICS stored = ROW_COUNT;
    PERFORM check_stored(stored, cardinality(e_position));
    INSERT INTO repeat AS r SELECT x.id, count(*), max(x.at) FROM unnest(r_id, r_at) AS x(id, at) GROUP BY x.id
    ON CONFLICT (id) DO UPDATE
        SET count = r.count + excluded.count, last_at = greatest(r.last_at, excluded.last_at);
    UPDATE head SET position = h.position + cardinality(e_position), delivery = h.delivery + cardinality(d_number),
                    content = h.content + cardinality(c_number) WHERE one = 1;
    GET DIAGNOSTICS stored = ROW_COUNT;
    PERFORM check_stored(stored, 1);
    IF cardinality(e_position) > 0 THEN
        PERFORM pg_notify('{channel}', (h.position + cardinality(e_position))::text);
    END IF;
END $$"""

_FUNCTIONS = ("append_numbered", "lock_head")


def statements(schema: str = "public", lists: str = "") -> tuple[str, ...]:
    """Everything beside the tables, for a schema that holds them; ``lists`` is the schema of the lists, if any.

    Run them as the owner of the tables, after these exist. Rights go to the two roles where these exist.
    """
    made = _function_statements(schema)
    return (*made[:3], *TRIGGERS, *made[3:], *_rights(schema, lists))


def functions(schema: str) -> dict[str, tuple[bool, str]]:
    """The functions by name: whether each runs with the owner's rights, and its text as the server keeps it."""
    return {
        statement.split("FUNCTION ")[1].partition("(")[0]: ("SECURITY DEFINER" in statement, statement.split("$$")[1])
        for statement in _function_statements(schema)
    }


def _function_statements(schema: str) -> tuple[str, ...]:
    values = {"schema": _quoted(schema), "channel": CHANNEL}
    made = (statement.format_map(values) for statement in (_LOCK_HEAD, _APPEND_NUMBERED))
    return (_REFUSE, _REFUSE_SMALLER, _CHECK_STORED, *made)


def _rights(schema: str, lists: str) -> Iterator[str]:
    """Nobody but the owner gets at the functions unasked; each role gets what it needs, by name."""
    yield from (f"REVOKE ALL ON FUNCTION {name} FROM PUBLIC" for name in _FUNCTIONS)
    readable = ", ".join([*_APPEND_ONLY, "head", "content", "alembic_version"])
    writable = ", ".join([tables.repeat.name, tables.alert_end.name, tables.alert_text.name])
    changes = "SELECT, INSERT, UPDATE, DELETE"
    for role in (DAEMON_ROLE, ERASURE_ROLE):
        yield _where_there_is(
            role,
            f"GRANT USAGE ON SCHEMA {_quoted(schema)} TO {role}",
            f"GRANT SELECT ON {readable} TO {role}",
            f"GRANT INSERT ON {tables.checkpoint.name} TO {role}",
            f"GRANT {changes} ON {writable} TO {role}",
            f"GRANT EXECUTE ON FUNCTION {', '.join(_FUNCTIONS)} TO {role}",
        )
        if lists:
            yield _where_there_is(
                role,
                f"GRANT USAGE ON SCHEMA {_quoted(lists)} TO {role}",
                f"GRANT {changes} ON ALL TABLES IN SCHEMA {_quoted(lists)} TO {role}",
                # Lists of another shape are dropped and made again.
                f"ALTER DEFAULT PRIVILEGES IN SCHEMA {_quoted(lists)} GRANT {changes} ON TABLES TO {role}",
            )
    yield _where_there_is(ERASURE_ROLE, f"GRANT DELETE ON content TO {ERASURE_ROLE}")


def _where_there_is(role: str, *statements: str) -> str:
    """The statements, as one that does nothing where there is no such role."""
    body = "; ".join(statements)
    return f"DO $$ BEGIN IF EXISTS (SELECT FROM pg_roles WHERE rolname = '{role}') THEN {body}; END IF; END $$"


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


# --- making and checking ----------------------------------------------------------------------------------------------


def prepare(connection: Connection, extra_metadata: Sequence[MetaData]) -> None:
    """See that the log can be written to, inside the caller's transaction; in an empty database, make it.

    A role that may make nothing is well served by a database whose owner made everything. Raises
    :class:`Unavailable` where the schema is not this version's, since other daemons may be running, and
    :class:`LogDamaged` for a log that contradicts itself.
    """
    connection.exec_driver_sql("SELECT pg_advisory_xact_lock(?)", (_MAKING,))
    schema_found = migrations.schema(connection)
    if schema_found.revision and schema_found.mismatch:
        raise Unavailable(f"cannot write to this log: {schema_found.mismatch}")
    wanted = {name for metadata in extra_metadata for name in metadata.tables}
    if not schema_found.revision or wanted - set(inspect(connection).get_table_names(schema=beside(connection))):
        upgrade(connection, extra_metadata)
    check_head(connection)


def upgrade(connection: Connection, extra_metadata: Sequence[MetaData]) -> migrations.Schema:
    """Bring everything to this version, inside the caller's transaction; what was found before.

    Right also where nothing is missing: rights are given again. Raises :class:`Unavailable` for a later version's
    schema, and for a role that does not own this one.
    """
    _refuse_unless_owner(connection)
    schema_before = migrations.upgrade(connection)
    schema, lists = connection.exec_driver_sql("SELECT current_schema()").scalar_one(), ""
    if extra_metadata:
        lists = beside(connection)
        _make_beside(connection, schema, lists, extra_metadata)
    for statement in statements(schema, lists):
        connection.exec_driver_sql(statement)
    return schema_before


def beside(connection: Connection) -> str:
    """The schema of the lists: it is the last one in which a session of ours looks for a table."""
    return f"{connection.exec_driver_sql('SELECT current_schema()').scalar_one()}_incidents"


def _make_beside(connection: Connection, schema: str, lists: str, extra_metadata: Sequence[MetaData]) -> None:
    """Make what is missing of the lists, and drop those that earlier versions kept among the log's own tables."""
    execute = connection.exec_driver_sql
    if execute("SELECT to_regnamespace(quote_ident(?))", (lists,)).scalar() is None:
        execute(f"CREATE SCHEMA {_quoted(lists)}")
    path = execute("SHOW search_path").scalar_one()
    execute(f"SET LOCAL search_path TO {_quoted(lists)}, pg_temp")
    for metadata in extra_metadata:
        for name in metadata.tables:
            execute(f"DROP TABLE IF EXISTS {_quoted(schema)}.{_quoted(name)}")
        metadata.create_all(connection)
    execute("SELECT set_config('search_path', ?, true)", (path,))


def _refuse_unless_owner(connection: Connection) -> None:
    """Only who may make tables, and owns those that are there, can go on."""
    statement = """SELECT current_user, coalesce(has_schema_privilege(current_schema(), 'CREATE'), false)
        AND coalesce((SELECT pg_has_role(relowner, 'USAGE') FROM pg_class WHERE oid = to_regclass('head')), true)"""
    user, may = connection.exec_driver_sql(statement).one()
    if not may:
        raise Unavailable(
            f"cannot make what is missing in this database: {user} is not its owner; "
            "run `timelined db upgrade` as the owner"
        )
