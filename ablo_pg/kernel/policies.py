"""Policies on a model's table by which a login reads or writes rows of every organization.

Flow: `db.policies` (catalogue) -> here -> `fit`, by which `migrate` and `schema_push` do not go on.
Once they are installed, `ablo.drift_check` reports the same.
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
    """Return what stands on the tables of a schema's models, by model key. Reads only."""
    models = {place(model): model for model in plan_schema(spec).synced}
    found: dict[str, tuple[OpenPolicy, ...]] = defaultdict(tuple)
    for schema, table, name in open_policies(conn, models):
        model = models[schema, table]
        if name != shorten(policy_name(model)):  # one of that name is replaced by ours
            message = (
                f"its policy {name} is permissive and applies to the runtime logins: by it they "
                "reach rows of every organization; drop it, or bind it to the roles that need it"
            )
            found[model.spec.key] += (OpenPolicy(message, drop_policy(model, name)),)
    return found
