"""Every name that Postgres takes works: the names made of it are cut in one way, by everybody."""

from __future__ import annotations

import json
from typing import Any, Final

import psycopg
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ablo_pg.cluster import Server
from ablo_pg.compile.checks import check_names
from ablo_pg.compile.plan import plan_schema
from ablo_pg.compile.rls import policy_name
from ablo_pg.db.errors import error_of
from ablo_pg.db.report import ErrorReport, Names
from ablo_pg.kernel import kernel_state
from ablo_pg.kernel.fit import fit, sound
from ablo_pg.schema import Field, FieldType, ModelSpec, Relation, SchemaSpec
from ablo_pg.schema.identifiers import MAX_BYTES, shorten
from ablo_pg.testing import apply_schema, make_database

LONG: Final = "recurring_transaction_rules_invoice_custom_sections_of_everything"
TABLES: Final = [
    *(LONG[:length] for length in (46, 47, 51, 55, 58, 59, 63)),
    "Größe" * 9,  # 63 bytes
    'Name "in" quotes and Capitals, with 47 bytes or so',
    "名前" * 10,
    LONG[:50] + "_one",
    LONG[:50] + "_two",
]


def model(number: int, table: str) -> ModelSpec:
    """A model of that table, with a column as long, an enum, a number and an owner of its kind."""
    column = (LONG + LONG)[number : number + 63]
    fields = (
        Field("kind", "kind", column, FieldType.ENUM, optional=True, enum_values=("a", "b")),
        Field("size", "size", column[:62] + "#", FieldType.NUMBER, optional=True, indexed=True),
        Field("above_id", "aboveId", "x" + column[:61], FieldType.STRING, optional=True),
    )
    relation = Relation("above", "belongsTo", table, "aboveId", fk=True)
    return ModelSpec(table, f"T{number}", table, fields, relations=(relation,))


SPEC: Final = SchemaSpec(tuple(model(n, table) for n, table in enumerate(TABLES)))


def test_tables_with_long_names_are_ready_written_and_told_of_by_name(
    cluster: Server, kernel_template: str
) -> None:
    names = {table: table for table in TABLES}
    fields = {
        (m.key, spelling): field.name for m in SPEC.models for field in m.fields
        for spelling in (field.column, field.wire)
    }  # fmt: skip
    known = Names(names, fields)
    with make_database(server=cluster, template=kernel_template) as handle:
        apply_schema(handle.admin_url, SPEC)
        apply_schema(handle.admin_url, SPEC)
        with psycopg.connect(handle.admin_url, autocommit=True) as admin:
            assert kernel_state(admin).drift == ()
            assert kernel_state(admin).sound
            assert sound(fit(admin, SPEC))
            with psycopg.connect(handle.database_url, autocommit=True) as conn:
                for table in TABLES:
                    assert create(conn, table, {"kind": "a", "size": 1.5}) is None
                    taken = create(conn, table, {"kind": "a"}, key="again")
                    assert failed(taken, known) == ("unique_violation", table, "id")
                    lost = create(conn, table, {"aboveId": "none"}, row="2")
                    assert failed(lost, known) == ("foreign_key_violation", table, "above_id")
            for m in SPEC.models:
                query = f'update "{quoted(m.table)}" set "{quoted(m.fields[0].column)}" = \'c\''
                with pytest.raises(psycopg.errors.CheckViolation) as caught:
                    admin.execute(query.encode())
                diag = caught.value.diag
                report = ErrorReport(
                    "23514", "", constraint=diag.constraint_name, table=diag.table_name
                )
                assert failed(report, known) == ("check_violation", m.key, "kind")


def create(
    conn: psycopg.Connection[Any], table: str, data: dict[str, Any], row: str = "1", key: str = ""
) -> ErrorReport | None:
    """Create a row through the API; return what went wrong."""
    operation = {"action": "create", "model": table, "id": row, "data": data}
    request = json.dumps({"operations": [operation]})
    try:
        conn.execute(
            "select ablo.commit('acme', 'user:a', %s, %s::jsonb)", [f"{table}{row}{key}", request]
        )
    except psycopg.Error as exc:
        diag = exc.diag
        return ErrorReport(
            exc.sqlstate, str(exc), constraint=diag.constraint_name, table=diag.table_name
        )
    return None


def failed(report: ErrorReport | None, names: Names) -> tuple[str, str | None, str | None]:
    """Return code, model and field of the error that a report makes."""
    assert report is not None
    error = error_of(report, names)
    return error.code, error.model, error.field


def quoted(name: str) -> str:
    """Double the quotes of an identifier."""
    return name.replace('"', '""')


identifiers = st.text(
    st.characters(exclude_characters="\0", exclude_categories=["Cs"]), min_size=1, max_size=63
).filter(lambda text: len(text.encode()) <= MAX_BYTES)


@given(identifiers, identifiers, identifiers, identifiers)
def test_derived_names_are_cut_and_kept_apart(
    table: str, column: str, other_table: str, other: str
) -> None:
    """Of two columns of a table, and of two tables: their objects never share a name by cutting."""

    def derived(table: str, *columns: str) -> list[str]:
        fields = tuple(
            Field(f"f{n}", f"f{n}", name, FieldType.STRING) for n, name in enumerate(columns)
        )
        plan = plan_schema(SchemaSpec((ModelSpec("m", "M", table, fields),)))
        (made,) = plan.models
        names = [policy_name(made), f"{table}_pkey"]
        for one in made.fields:
            names += [*check_names(made, one), plan.index_name(made, one)]
        return names

    names = derived(table, *{column, other})
    cut = [shorten(name) for name in names]
    assert all(len(name.encode()) <= MAX_BYTES for name in cut)
    assert len(set(cut)) == len(set(names))
    if table != other_table:
        assert shorten(names[0]) != shorten(derived(other_table, column)[0])
