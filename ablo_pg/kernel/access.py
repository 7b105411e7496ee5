"""What a migration changes for the roles that have access to the tables that it adopts.

Flow: `db.access` (catalogue) -> here -> the plan. Usually nothing changes; the rest is refused.
"""

from __future__ import annotations

from collections.abc import Iterable

import psycopg

from ablo_pg.compile.migration import RoleAccess, TableFacts, place
from ablo_pg.compile.names import qualified
from ablo_pg.compile.plan import ModelPlan, plan_schema
from ablo_pg.db.access import Access, let_read, no_runtime, table_access
from ablo_pg.schema import SchemaSpec
from ablo_pg.schema.problems import Problem

_COPY = (
    "COPY ... FROM is refused: Postgres does not support it under row-level security; use INSERT"
)
_TRUNCATE = "a TRUNCATE is refused: subscribers would miss it; use DELETE"
_HELD = "limited to one organization: our programs run as it"


def roles_with_access(
    conn: psycopg.Connection, spec: SchemaSpec, tables: dict[tuple[str, str], TableFacts]
) -> tuple[tuple[RoleAccess, ...], tuple[Problem, ...]]:
    """Return the roles of each adopted table, and what prevents adopting it. Reads only."""
    roles: list[RoleAccess] = []
    problems: list[Problem] = []
    for model in plan_schema(spec).synced:
        facts = tables.get(place(model))
        if facts is None or not facts.adopted:
            continue
        for one in table_access(conn, model.table, _parent(model)):
            name = ".".join(place(model))
            roles.append(RoleAccess(name, one.role, one.by, one.rights, tuple(_changes(one))))
            problems += _problems(model, one)
    return tuple(roles), tuple(problems)


def _parent(model: ModelPlan) -> str | None:
    parent = model.parent_table
    return qualified(parent.schema, parent.table) if parent else None


def _changes(one: Access) -> Iterable[str]:
    if one.runs:
        yield _HELD
    elif one.bound and "insert" in one.rights:
        yield _COPY
    if "truncate" in one.rights:
        yield _TRUNCATE


def _problems(model: ModelPlan, one: Access) -> Iterable[Problem]:
    if one.runs and one.by == "owner":
        yield Problem(
            "incompatible_change",
            model.spec.key,
            None,
            f"our programs run as {one.role}, which owns its table or may act as its owner, and is "
            "therefore not subject to row-level security",
            f"{no_runtime(one.role)} and run them as the login that `ablo-pg connect` creates",
        )
    elif one.runs and not one.reached:
        yield Problem(
            "incompatible_change",
            model.spec.key,
            None,
            f"{one.role} is a member of ablo_runtime but does not inherit, and has rights of its "
            "own on its table, so that row-level security would not bind it",
            f"{no_runtime(one.role)} and run programs as the login that `ablo-pg connect` makes",
        )
    if one.by == "grant" and not one.reads_parent and {"insert", "update"} & {*one.rights}:
        parent = _parent(model)
        yield Problem(
            "incompatible_change",
            model.spec.key,
            None,
            f"{one.role} writes its table, and could no longer: the organization of a row comes "
            f"from {parent}, which it may not read",
            let_read(str(parent), one.role),
        )
