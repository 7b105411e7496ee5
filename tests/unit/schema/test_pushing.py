"""Which change needs which word: judged without a database."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import pytest

from ablo_pg.errors import AbloError
from ablo_pg.schema import Change, Schema, belongs_to, define_schema, model
from ablo_pg.schema.pushing import Backfill, PushOptions, incompatible, plan_push

Status = Literal["todo", "done"]
OLD = define_schema(tasks=model(title=str, status=Status, project_id=(str | None, None)))


def refused(
    new: Schema, options: PushOptions, rows: Callable[[Change], int | None] = lambda change: None
) -> dict[tuple[str, str | None], str | None]:
    plan = plan_push(OLD.spec, new.spec, options, rows)
    return {(one.change.kind, one.change.field): one.flag for one in plan.refusals}


def test_what_adds_needs_no_word() -> None:
    more = model(title=str, status=Literal["todo", "done", "new"], project_id=(str | None, None))
    assert refused(define_schema(tasks=more, others=model(a=str)), PushOptions()) == {}


@pytest.mark.parametrize(("rows", "allowed"), [(0, True), (1, False), (None, False)])
def test_stored_rows_decide_about_a_required_field(rows: int | None, allowed: bool) -> None:
    new = define_schema(
        tasks=model(title=str, status=Status, project_id=(str | None, None), owner=str)
    )
    found = refused(new, PushOptions(), lambda change: rows)
    assert (found == {}) is allowed
    if not allowed:
        assert found == {("field_added", "owner"): "--backfill tasks.owner=VALUE"}
    assert refused(new, PushOptions(backfills=(Backfill("tasks", "owner", "x"),))) == {}
    assert refused(new, PushOptions(force=True)) == {}


def test_force_does_not_help_a_value_that_is_stored() -> None:
    new = define_schema(
        tasks=model(title=str, status=Literal["todo"], project_id=(str | None, None))
    )
    key = ("enum_value_removed", "status")
    assert refused(new, PushOptions(force=True), lambda change: 2)[key] is not None
    backfills = (Backfill("tasks", "status", "todo"),)
    assert refused(new, PushOptions(backfills=backfills), lambda change: 2) == {}


def test_a_rename_allows_what_follows_from_it_and_no_more() -> None:
    new = define_schema(jobs=model(name=str, status=Status, project_id=(str | None, None)))
    assert set(refused(new, PushOptions())) == {("model_dropped", None)}
    renames = (("tasks", "jobs"), ("tasks.title", "jobs.name"))
    assert refused(new, PushOptions(renames=renames)) == {}
    retyped = define_schema(jobs=model(name=int, status=Status, project_id=(str | None, None)))
    assert refused(retyped, PushOptions(renames=renames)) == {("field_retyped", "name"): "--force"}


def test_a_new_owner_is_no_part_of_a_rename_elsewhere() -> None:
    new = define_schema(
        tasks=model(
            title=str,
            status=Status,
            project_id=str,
            project=belongs_to("projects", parent=True, fk=True),
        ),
        projects=model(name=str),
    )
    assert refused(new, PushOptions())["relation_added", "project"] == "--force"


@pytest.mark.parametrize(
    "backfill",
    [
        Backfill("nothing", "title", "x"),
        Backfill("tasks", "nothing", "x"),
        Backfill("tasks", "status", "unheard"),
        Backfill("tasks", "title", None),
        Backfill("tasks", "title", 3),
    ],
)
def test_a_backfill_that_does_not_fit(backfill: Backfill) -> None:
    with pytest.raises(AbloError) as caught:
        plan_push(OLD.spec, OLD.spec, PushOptions(backfills=(backfill,)))
    assert caught.value.code == "invalid_request"
    assert caught.value.remedy


def test_the_error_lists_every_reason_and_every_flag_once() -> None:
    new = define_schema(tasks=model(status=Status, owner=str))
    plan = plan_push(OLD.spec, new.spec, PushOptions())
    error = incompatible(plan)
    assert error.code == "incompatible_change"
    assert len(error.details["unexecutable"]) == len(plan.refusals) == 3
    assert str(error.remedy).count("--backfill tasks.owner=VALUE") == 1


def test_the_remedy_can_be_typed_and_says_force_once() -> None:
    """Two models and a field go, one field is required: what was dropped may have a new name."""
    old = define_schema(
        tasks=model(title=str, due=(str | None, None)), notes=model(a=str), pages=model(a=str)
    )
    new = define_schema(tasks=model(title=str, owner=str))
    remedy = incompatible(plan_push(old.spec, new.spec, PushOptions())).remedy
    assert remedy is not None
    prefix = "nothing was changed; if this is intended, add: "
    flags, instead = remedy.removeprefix(prefix).split("; ")
    assert sorted(flags.split("--")[1:]) == ["backfill tasks.owner=VALUE ", "force"]
    renames = instead.removeprefix("for renamed ones: ").split("--rename ")
    assert sorted(each.strip() for each in renames if each) == [
        "notes:NEW", "pages:NEW", "tasks.due:tasks.NEW",
    ]  # fmt: skip
