"""Policies on a model's table that give a login the rows of every organization.

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
from ablo_pg.compile.plan import plan_schema
from ablo_pg.compile.rls import drop_policy, policy_name
from ablo_pg.db.policies import open_policies
from ablo_pg.schema import SchemaSpec


@dataclass(frozen=True, slots=True)
class OpenPolicy:
    """A permissive policy of others that applies to the runtime logins; `sql` removes it."""

    message: str
    sql: str


def policies(conn: psycopg.Connection, spec: SchemaSpec) -> Mapping[str, tuple[OpenPolicy, ...]]:
    """Return the policies on the tables of a schema's models, by model key. Reads only."""
    models = {place(model): model for model in plan_schema(spec).synced}
    found: dict[str, tuple[OpenPolicy, ...]] = defaultdict(tuple)
    for schema, table, name in open_policies(conn, models):
        model = models[schema, table]
        if name != shorten(policy_name(model)):  # ours replaces one of that name
            message = (
                f"its policy {name} is permissive and applies to the runtime logins, which then "
                "reach rows of every organization; drop it, or restrict it to the roles that "
                "need it"
            )
            found[model.spec.key] += (OpenPolicy(message, drop_policy(model, name)),)
    return found
