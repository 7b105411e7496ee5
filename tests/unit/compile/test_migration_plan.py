"""Plans of migrations, without a server: which steps, in which order, and what is refused."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from ablo_pg.compile.checks import check_definitions, mark_of
from ablo_pg.compile.migration import (
    Alone,
    Batches,
    Before,
    MigrateOptions,
    MigrationPlan,
    TableFacts,
    place,
    plan_migration,
)
from ablo_pg.compile.migration.facts import ColumnFacts, ConstraintFacts, IndexFacts
from ablo_pg.compile.plan import plan_schema
from ablo_pg.errors import AbloValidationError
from ablo_pg.schema import Field, FieldType, ModelSpec, SchemaSpec, schema_hash
from ablo_pg.schema.neutral import Check

TITLE = Field("title", "title", "title", FieldType.STRING)
STATUS = Field("status", "status", "status", FieldType.ENUM, enum_values=("todo", "done"))
COUNT = Field("count", "count", "count", FieldType.INTEGER, default=0)
TYPES = {FieldType.INTEGER: "int8", FieldType.UUID: "uuid", FieldType.DATETIME: "timestamptz"}


def spec(*fields: Field, **options: Any) -> SchemaSpec:
    model = replace(ModelSpec("tasks", "Task", "tasks", fields), **options)
    made = SchemaSpec((model,))
    return replace(made, hash=schema_hash(made))


OLD = spec(TITLE, STATUS, COUNT)


def facts(of: SchemaSpec = OLD, *, size: int = 1 << 20) -> dict[tuple[str, str], TableFacts]:
    """What the catalogue says after a schema was applied."""
    (model,) = plan_schema(of).stored
    columns = {
        column.name: ColumnFacts(TYPES.get(column.type, "text"), "text", column.required)
        for column in model.row_columns
    }
    columns |= {"organization_id": ColumnFacts("text", "text", True)}
    constraints = {
        name: ConstraintFacts(mark_of(definition), True)
        for name, definition in check_definitions(model)
    }
    key = ("organization_id", "id")
    indexes = {"tasks_pkey": IndexFacts(True, True, frozenset(key))}
    triggers = frozenset({"zz_ablo_guard", "zz_ablo_capture", "zz_ablo_truncate"})
    return {
        place(model): TableFacts(size, size // 100, columns, constraints, indexes, key, triggers)
    }


def planned(new: SchemaSpec, *, size: int = 1 << 20, **options: Any) -> MigrationPlan:
    before = Before(OLD, (OLD,))
    return plan_migration(new, before, facts(size=size), MigrateOptions(**options))


def phases(plan: MigrationPlan) -> list[str]:
    return [step.phase for step in plan.steps]


def switch(plan: MigrationPlan) -> str:
    return next(step.sql for step in plan.steps if step.phase == "switch")


def test_the_same_schema_is_the_switch_alone() -> None:
    plan = planned(OLD)
    assert (phases(plan), plan.checks, plan.refusals) == (["switch"], (), ())
    assert plan == planned(OLD)


def test_a_new_table_is_the_scripts_own_business() -> None:
    plan = plan_migration(OLD, Before(), {})
    assert phases(plan) == ["switch"]
    assert "set not null" in switch(plan)


def test_no_step_of_a_table_in_use_scans_it_in_the_switch() -> None:
    plan = planned(spec(TITLE, STATUS, replace(COUNT, indexed=True)))
    assert "set not null" not in switch(plan)
    assert "create index" not in switch(plan)
    assert [step for step in plan.steps if isinstance(step, Alone)]


def test_a_field_with_a_default_takes_one_step_and_can_be_undone() -> None:
    more = Field("prio", "prio", "prio", FieldType.INTEGER, default=3)
    plan = planned(spec(TITLE, STATUS, COUNT, more))
    assert phases(plan) == ["expand", "switch"]
    assert "add column if not exists \"prio\" bigint default '3'::bigint not null" in plan.sql
    assert plan.steps[0].undo == ('alter table "public"."tasks"\n  drop column if exists "prio";',)


def test_a_required_field_is_refused_or_filled() -> None:
    owner = Field("ownerId", "ownerId", "owner_id", FieldType.STRING)
    new = spec(TITLE, STATUS, COUNT, owner)
    (refusal,) = planned(new).refusals
    assert (refusal.model, refusal.field) == ("tasks", "ownerId")
    plan = planned(new, backfills={("tasks", "ownerId"): "o'ann"})
    assert phases(plan) == ["expand", "switch", "backfill", *["contract"] * 4]
    (first, late) = [step for step in plan.steps if isinstance(step, Batches)]
    assert first.sets == late.sets == "\"owner_id\" = 'o''ann'"
    assert plan_of_an_empty_table(new).refusals == ()


def plan_of_an_empty_table(new: SchemaSpec) -> MigrationPlan:
    return planned(new, size=0)


def test_an_enum_that_grows_asks_no_row_and_one_that_shrinks_does() -> None:
    wider = planned(spec(TITLE, replace(STATUS, enum_values=("todo", "done", "late")), COUNT))
    assert (wider.checks, phases(wider)) == ((), ["switch", "contract"])
    assert "not valid" in switch(wider)
    narrower = planned(spec(TITLE, replace(STATUS, enum_values=("todo",)), COUNT))
    (check,) = narrower.checks
    assert "--backfill tasks.status=VALUE" in check.problem.remedy


def test_a_dropped_field_is_let_go_or_dropped() -> None:
    kept = planned(spec(TITLE, COUNT))
    assert 'alter column "status" drop not null' in switch(kept)
    assert "drop column" not in switch(kept)
    assert kept.notes
    assert 'drop column if exists "status"' in switch(planned(spec(TITLE, COUNT), drop=True))


def test_a_rename_moves_column_and_constraint_and_tells_subscribers() -> None:
    new = spec(TITLE, replace(STATUS, name="state", wire="state", column="state"), COUNT)
    plan = planned(new, renames=(("tasks.status", "tasks.state"),))
    assert 'rename column "status" to "state"' in switch(plan)
    assert 'rename constraint "tasks_status_enum" to "tasks_state_enum"' in switch(plan)
    assert "ablo.migration_debt" in switch(plan)
    assert [step.typename for step in plan.steps if isinstance(step, Batches)] == ["Task"]
    assert phases(plan) == ["switch", "backfill", "backfill"]


def test_what_was_not_finished_is_taken_up_again() -> None:
    plan = plan_migration(OLD, Before(OLD, (OLD,), frozenset({"Task"})), facts())
    assert phases(plan) == ["switch", "backfill", "backfill"]


def test_a_retype_of_a_large_table_is_refused_unless_a_rewrite_is_wanted() -> None:
    new = spec(replace(TITLE, type=FieldType.UUID), STATUS, COUNT)
    assert planned(new).refusals == ()
    (refusal,) = planned(new, size=1 << 30).refusals
    assert "rewrite" in refusal.message
    assert planned(new, size=1 << 30, rewrite=True).refusals == ()


@pytest.mark.parametrize("where", [("tasks", "nothing"), ("none", "title")])
def test_a_backfill_that_fits_nothing_is_refused(where: tuple[str, str]) -> None:
    assert planned(OLD, backfills={where: "x"}).refusals


def test_the_same_flags_again_are_no_trouble() -> None:
    assert phases(planned(OLD, backfills={("tasks", "title"): "x"})) == ["switch"]


def test_a_model_that_is_dropped_leaves_its_table() -> None:
    plan = plan_migration(SchemaSpec(()), Before(OLD, (OLD,)), facts())
    assert "drop trigger if exists zz_ablo_capture" in switch(plan)
    assert "drop table" not in switch(plan)
    gone = plan_migration(SchemaSpec(()), Before(OLD, (OLD,)), facts(), MigrateOptions(drop=True))
    assert 'drop table "public"."tasks"' in switch(gone)


def test_each_past_schema_is_planned_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Once a model would be quadratic: 20 s for 500 models that have not changed."""
    models = [
        replace(OLD.models[0], key=f"m{n}", typename=f"M{n}", table=f"m{n}") for n in range(5)
    ]
    now = SchemaSpec(tuple(models))
    now = replace(now, hash=schema_hash(now))
    (one,) = facts().values()
    tables = {place(model): one for model in plan_schema(now).stored}
    planned: list[SchemaSpec] = []

    def counted(spec: SchemaSpec, *rest: Any) -> Any:
        planned.append(spec)
        return plan_schema(spec, *rest)

    monkeypatch.setattr("ablo_pg.compile.migration.plan.plan_schema", counted)
    plan_migration(now, Before(now, (now, now, now)), tables)
    assert len(planned) == 2 + 3


def test_conditions_do_not_read_columns_of_an_enum_type() -> None:
    checked = spec(TITLE, STATUS, checks=(Check("open", ["status", "=", "todo"]),))
    (table,) = facts().values()
    columns = {**table.columns, "status": ColumnFacts("mood", "mood", True, native=True)}
    tables = {("public", "tasks"): replace(table, columns=columns)}
    with pytest.raises(AbloValidationError, match="enum type or an array"):
        plan_migration(checked, Before(OLD, (OLD,)), tables)
