"""Many models and wide ones: time, and names that would fall together."""

from __future__ import annotations

import sys
import time
from dataclasses import replace

from ablo_pg.compile import compile_schema
from ablo_pg.compile.plan import plan_schema
from ablo_pg.schema import Field, FieldType, ModelSpec, SchemaSpec


def model(key: str, *columns: str, indexed: bool = False) -> ModelSpec:
    fields = tuple(Field(c, c, c, FieldType.STRING, indexed=indexed) for c in columns)
    return ModelSpec(key, key, key, fields)


def test_200_models_compile_in_two_seconds() -> None:
    kinds = list(FieldType)
    fields = tuple(
        Field(f"f{n}", f"f{n}", f"f{n}", kinds[n % len(kinds)], enum_values=("a", "b"))
        for n in range(20)
    )
    spec = SchemaSpec(tuple(replace(model(f"m{n:03}"), fields=fields) for n in range(200)))
    began = time.process_time()
    compiled = compile_schema(spec)
    assert time.process_time() - began < (2 if sys.gettrace() is None else 10)  # .ci/run's coverage
    assert len(compiled.statements) > 200 * 20


def test_index_names_of_two_tables_never_meet() -> None:
    """a_b(c) and a(b_c) both derive a_b_c_idx: both get a hash, in whatever order they came."""
    plan = plan_schema(
        SchemaSpec((model("a", "b_c", indexed=True), model("a_b", "c", indexed=True)))
    )
    names = [plan.index_name(m, m.fields[0]) for m in plan.models]
    assert len(set(names)) == 2
    assert "a_b_c_idx" not in names
    alone = plan_schema(SchemaSpec((model("a", "b_c", indexed=True),)))
    assert alone.index_name(alone.models[0], alone.models[0].fields[0]) == "a_b_c_idx"


def test_columns_alike_in_63_bytes_stay_two() -> None:
    plan = plan_schema(SchemaSpec((model("t", "x" * 63 + "1", "x" * 63 + "2"),)))
    first, second = plan.models[0].fields
    assert first.name != second.name
