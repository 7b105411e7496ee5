"""Other policies on a model's table that conflict with ours.

On a table of ours, one that gives a login the rows of every organization; on an adopted
table, one with the name of ours, which would take its place.

Flow: `db.policies` (catalogue) -> here -> `fit`, which makes `migrate` and `schema_push` refuse.
After the installation, `ablo.drift_check` reports the same.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass

import psycopg

from ablo_pg.compile.migration import place
from ablo_pg.compile.names import shorten
from ablo_pg.compile.plan import ModelPlan, plan_schema
from ablo_pg.compile.rls import drop_policy, policies_of, policy_names, rename_policy
from ablo_pg.db.policies import other_policies
from ablo_pg.schema import SchemaSpec


@dataclass(frozen=True, slots=True)
class BadPolicy:
    """Another policy that cannot stay as it is; `sql` changes that."""

    message: str
    sql: str


def policies(conn: psycopg.Connection, spec: SchemaSpec) -> Mapping[str, tuple[BadPolicy, ...]]:
    """Return the policies on the tables of a schema's models, by model key. Reads only."""
    models = {place(model): model for model in plan_schema(spec).synced}
    found: dict[str, tuple[BadPolicy, ...]] = defaultdict(tuple)
    for schema, table, name, ours, opens in other_policies(conn, models):
        model = models[schema, table]
        bad = _of_ours(model, name) if ours and opens else None
        if not ours and name in map(shorten, policy_names(table)):
            bad = _named_as_ours(model, name)
        if bad is not None:
            found[model.spec.key] += (bad,)
    return found


def _of_ours(model: ModelPlan, name: str) -> BadPolicy | None:
    if name in (shorten(one.name) for one in policies_of(model, adopted=False)):
        return None  # ours replaces one of that name
    message = (
        f"its policy {name} is permissive and applies to the runtime logins, which then "
        "reach rows of every organization; drop it, or restrict it to the roles that need it"
    )
    return BadPolicy(message, drop_policy(model, name))


def _named_as_ours(model: ModelPlan, name: str) -> BadPolicy:
    message = f"its policy {name} has the name of a policy of ours, which would take its place"
    return BadPolicy(message, rename_policy(model, name))
