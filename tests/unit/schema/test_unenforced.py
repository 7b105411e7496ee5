"""A declaration without effect is told at each push."""

from __future__ import annotations

from typing import Any

import pytest

from ablo_pg.compile.groups import near_groups
from ablo_pg.compile.plan import plan_schema
from ablo_pg.schema.parse import parse_schema_json
from ablo_pg.schema.unenforced import unenforced
from ablo_pg.schema.wire_json import dump_schema_json

TITLE = {"title": {"type": "string", "isOptional": False, "isIndexed": False}}


def schema(model: dict[str, Any] | None = None, **top: Any) -> dict[str, Any]:
    return {"v": 3, "models": {"tasks": {"fields": TITLE, **(model or {})}}, **top}


@pytest.mark.parametrize(
    ("document", "field"),
    [
        (schema(identityRoles=[{"kind": "team", "source": {"field": "teamIds"}}]), "identityRoles"),
        (schema(sessionSettings={"app.org": "orgId"}), "sessionSettings"),
        (schema({"autoFill": ["title"]}), "autoFill"),
        (schema({"requiredFields": ["title"]}), "requiredFields"),
        (schema({"grants": {"subject": "user", "scope": "project"}}), "grants"),
    ],
)
def test_what_is_not_enforced_is_told(document: dict[str, Any], field: str) -> None:
    (told,) = unenforced(parse_schema_json(document))
    assert (told.kind, told.field) == ("not_enforced", field)
    assert "not enforced" in told.reason


def test_what_clients_act_on_is_no_warning() -> None:
    own = {"lazyObservable": True, "persist": {"store": "x"}, "bootstrapLimit": 10}
    assert list(unenforced(parse_schema_json(schema(own, identityRoles=[])))) == []


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
    assert dump_schema_json(spec)["models"]["tasks"]["entityRoles"][0]["source"] == source
