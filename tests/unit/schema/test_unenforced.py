"""A declaration without effect is refused by push and migrate."""

from __future__ import annotations

from typing import Any

import pytest

from ablo_pg.compile.groups import near_groups
from ablo_pg.compile.plan import plan_schema
from ablo_pg.errors import AbloValidationError
from ablo_pg.schema.parse import parse_schema_json
from ablo_pg.schema.unenforced import require_enforced
from ablo_pg.schema.wire_json import dump_schema_json

TITLE = {"title": {"type": "string", "isOptional": False, "isIndexed": False}}


def schema(model: dict[str, Any] | None = None, **top: Any) -> dict[str, Any]:
    return {"v": 3, "models": {"tasks": {"fields": TITLE, **(model or {})}}, **top}


@pytest.mark.parametrize(
    ("document", "field"),
    [
        (schema(identityRoles=[{"kind": "team", "source": {"claim": "x"}}]), "identityRoles"),
        (
            schema(identityRoles=[{"kind": "t", "source": {"field": "x"}, "if": 1}]),
            "identityRoles",
        ),
        (schema(sessionSettings={"app.org": "projectId"}), "sessionSettings"),
        (schema({"grants": {"subject": "user", "scope": "project"}}), "grants"),
        (schema({"autoFill": ["title"]}), "autoFill"),
        (schema({"requiredFields": ["title"]}), "requiredFields"),
    ],
)
def test_what_is_not_enforced_is_refused(document: dict[str, Any], field: str) -> None:
    with pytest.raises(AbloValidationError) as caught:
        require_enforced(parse_schema_json(document))
    assert (caught.value.code, caught.value.field) == ("schema_definition_invalid", field)
    (problem,) = caught.value.details["problems"]
    assert problem["code"] == "not_enforced"
    assert problem["remedy"].startswith(("leave it out", "push ", "write "))


def test_what_clients_act_on_is_taken() -> None:
    own = {"lazyObservable": True, "persist": {"store": "x"}, "requiredFields": []}
    require_enforced(parse_schema_json(schema(own, identityRoles=[])))


@pytest.mark.parametrize("source", ["id", {"field": "id"}, "createdBy", {"field": "title"}])
def test_a_role_reads_the_id_in_either_spelling(source: Any) -> None:
    document = schema({"entityRoles": [{"kind": "room", "source": source}]})
    spec = parse_schema_json(document)
    model = next(plan_schema(spec).synced)
    (role,) = model.roles
    assert f"'room:' || r.{role.column.sql}" in near_groups(model, "r")
    assert (role.kind, role.column.wire) == (
        "room",
        source if isinstance(source, str) else source["field"],
    )
    assert dump_schema_json(spec)["models"]["tasks"]["entityRoles"][0]["source"] == source  # type: ignore[index]
