"""A field that gets another type while checks, rules and indexes read it."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Callable
from typing import Any, Literal

import psycopg
import pytest

from ablo_pg import Model, check, define_schema, field, index
from ablo_pg.compile.migration import MigrateOptions
from ablo_pg.kernel import admin_connection, migrate
from ablo_pg.kernel.drift import kernel_state
from ablo_pg.schema import Schema
from ablo_pg.testing import DatabaseHandle

from .test_rules_change import execute, held

MakeAppDb = Callable[[Schema], DatabaseHandle]
KEY = "00000000-0000-4000-8000-000000000001"


def test_conditions_follow_a_field_that_is_retyped(
    make_app_db: MakeAppDb,
) -> None:
    kinds, low = (uuid.UUID, str, uuid.UUID), str(uuid.UUID(int=5))
    conditions = {"some": index("title", where=f"key > '{low}'"), "fits": check(f"key > '{low}'")}

    def keyed(kind: type, **more: Any) -> Schema:
        annotations = {"title": str, "key": kind | None}
        return define_schema(tasks=type("Task", (Model,), {"__annotations__": annotations,
            "key": None} | more))  # fmt: skip

    db = make_app_db(keyed(kinds[0]))
    execute(db, "insert into tasks (organization_id, id, title, key) values"
        f" ('acme', 'a', 'A', '{uuid.UUID(int=6)}'), ('acme', 'b', 'B', null)")  # fmt: skip
    for kind in kinds[1:]:
        with admin_connection(db.admin_url) as conn:
            migrate(conn, keyed(kind, **conditions).spec)
            assert kernel_state(conn).drift == ()
        assert held(db) == ["tasks_fits_holds", "tasks_some_idx"]
        with pytest.raises(psycopg.errors.CheckViolation):
            execute(db, f"update tasks set key = '{low}' where id = 'a'")


@pytest.mark.parametrize(
    ("kind", "other", "value"),
    [(dt.date, str, "2026-01-02"), (Literal[KEY], uuid.UUID, KEY)],
    ids=["date to text", "list of values to uuid"],
)
def test_a_retyped_field_loses_the_check_of_its_type(
    make_app_db: MakeAppDb, kind: Any, other: Any, value: str
) -> None:
    def tasks(kind: Any) -> Schema:
        return define_schema(tasks=type("Task", (Model,), {"__annotations__": {"it": kind}}))

    db = make_app_db(tasks(kind))
    execute(db, f"insert into tasks (organization_id, id, it) values ('acme', 'a', '{value}')")
    with admin_connection(db.admin_url) as conn:
        migrate(conn, tasks(other).spec)
        assert kernel_state(conn).drift == ()
        assert conn.execute("select it::text from tasks").fetchall() == [(value,)]


def test_a_field_with_rules_is_renamed_and_retyped_at_once(
    make_app_db: MakeAppDb,
) -> None:
    first = dt.date(2026, 1, 1)
    old = {"day": field(ge=first), "late": check("day > '2026-01-01'"),
           "some": index("day", where="day > '2026-01-01'")}  # fmt: skip
    new = {"name": field(max_length=20), "late": check("length(name) > 3"),
           "some": index("name", where="name > 'a'")}  # fmt: skip
    db = make_app_db(
        define_schema(tasks=type("Task", (Model,), {"__annotations__": {"day": dt.date}} | old))
    )
    execute(db, "insert into tasks (organization_id, id, day) values ('acme', 'a', '2026-01-02')")
    after = define_schema(tasks=type("Task", (Model,), {"__annotations__": {"name": str}} | new))
    with admin_connection(db.admin_url) as conn:
        migrate(conn, after.spec, MigrateOptions(renames=(("tasks.day", "tasks.name"),)))
        assert kernel_state(conn).drift == ()
        assert conn.execute("select name from tasks").fetchall() == [("2026-01-02",)]
    assert held(db) == ["tasks_late_holds", "tasks_name_rules", "tasks_some_idx"]
