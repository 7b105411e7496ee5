"""Any name works: models, tables, columns and JSON keys of any text, compiled and executed."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ablo_pg.compile.names import shorten
from ablo_pg.schema import Field, FieldType, ModelSpec, SchemaSpec
from ablo_pg.schema.neutral import BASE_FIELDS

TAKEN = {"archivedAt", "archived_at"} | {
    name.lower() for row in BASE_FIELDS for name in row[:3]
} | {name for row in BASE_FIELDS for name in row[:3]}  # fmt: skip
NASTY = [
    *(
        "v_id",
        "select",
        "user",
        "table",
        "Order",
        "null",
        "new",
        "old",
        "found",
        "r",
        "t",
        "p_data",
        "v_id",
    ),
    *('a"b', "a'b", "a\\b", "a--b", "a/*b", "a;b", "$ablo$", "a.b", "with space", "a\nb", "a\tb"),
    *("Ünïcödé", "表", "🙂", "\u2028", "é" * 40, "x" * 63, "x" * 64, "x" * 64 + "y"),
    *("%", "%s", "{0}", ":x", "U&"),
]
text = st.text(
    st.characters(exclude_characters="\0", exclude_categories=["Cs"]), min_size=1, max_size=70
)
name = (st.sampled_from(NASTY) | text).filter(lambda n: n not in TAKEN and n.strip())


def fold(value: str) -> str:
    return value.casefold()


@st.composite
def schemas(draw: st.DrawFn) -> SchemaSpec:
    """A schema of 4 to 10 models, names unique as the schema checks want them."""
    keys = draw(st.lists(name, min_size=4, max_size=10, unique_by=fold))
    models = []
    for key in keys:
        wires = draw(st.lists(name, min_size=1, max_size=5, unique_by=fold))
        columns = draw(
            st.lists(name, min_size=len(wires), max_size=len(wires), unique_by=lambda n: shorten(n))
        )
        fields = [
            Field(wire, wire, column, FieldType.ENUM, True, index == 0, enum_values=(wire, column))
            if wire != column
            else Field(wire, wire, column, FieldType.STRING, True, index == 0, default=wire)
            for index, (wire, column) in enumerate(zip(wires, columns, strict=True))
        ]
        models.append(ModelSpec(key, key, key, tuple(fields)))
    return SchemaSpec(tuple(models))


@settings(max_examples=5, deadline=None, suppress_health_check=list(HealthCheck), print_blob=True)
@given(spec=schemas())
@pytest.mark.timeout(180)
def test_any_name_compiles_and_works(kernel_db_of: object, database_class: Any, spec: Any) -> None:
    with kernel_db_of() as conn:  # type: ignore[operator]
        database = database_class(conn)
        database.apply(spec)
        database.apply(spec)
        for model in spec.models:
            values = {field.wire: field.wire for field in model.fields}
            database.commit(model.key, "create", "a'\"b", values)
            op, _, row, _, _ = database.deltas()[-1]
            assert (op, row["id"]) == ("I", "a'\"b")
            assert {key: row[key] for key in values} == values
            first = model.fields[0].wire
            database.commit(model.key, "update", "a'\"b", {first: None})
            assert set(database.deltas()[-1][3]) == {first, "updatedAt"}
            with pytest.raises(psycopg.Error) as caught:
                database.commit(model.key, "update", "a'\"b", {first: 1})
            assert caught.value.sqlstate == "AB005"
            database.commit(model.key, "delete", "a'\"b")


def wide(count: int) -> SchemaSpec:
    fields = (Field(f"f{n}", f"f{n}", f"f{n}", FieldType.STRING, n > 0) for n in range(count))
    return SchemaSpec((ModelSpec("wide", "wide", "wide", tuple(fields)),))


@pytest.mark.parametrize("count", [49, 230, 1500])
def test_wide_models(database: Any, count: Any) -> None:
    database.apply(wide(count))
    values = {f"f{n}": f"}}{{{n}" for n in range(min(count, 300))}  # a row has to fit in 8 kB
    database.commit("wide", "create", "a", values)
    row = database.deltas("a")[0][2]
    assert {key: row[key] for key in values} == values
    assert list(row)[-1] == f"f{count - 1}"
    database.commit("wide", "update", "a", {f"f{count - 1}": "x"})
    assert set(database.deltas("a")[1][3]) == {f"f{count - 1}", "updatedAt"}
