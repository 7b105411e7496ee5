"""Pass: row-level security. One policy a table, on the organization of the transaction.

The setting is read in a subselect, so that the planner evaluates it once a statement; '' (a custom
setting after SET LOCAL has ended) and NULL both mean no organization, and match no row.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from ablo_pg.compile.forms import Guarded, do_block
from ablo_pg.compile.names import digest, ident, literal, shorten
from ablo_pg.compile.plan import ModelPlan, SchemaPlan

CURRENT_ORG: Final = "nullif(current_setting('app.current_org_id', true), '')"


def rls(schema: SchemaPlan, model: ModelPlan) -> Iterator[str]:
    """Enable and force it, and keep the policy as compiled."""
    if not model.synced:
        return
    enabled = Guarded(
        f"exists (\n  select from pg_catalog.pg_class c\n"
        f"  where c.oid = {model.regclass}\n"
        f"    and not (c.relrowsecurity and c.relforcerowsecurity)\n)",
        [
            f"alter table {model.table} enable row level security;",
            f"alter table {model.table} force row level security;",
        ],
    )
    yield do_block(enabled, _policy(model))


def policy_name(model: ModelPlan) -> str:
    """Return what the policy on a model's table is called, before it is cut to length."""
    return f"{model.spec.table}_tenant_isolation"


def drop_policy(model: ModelPlan, name: str) -> str:
    """Return what removes a policy of somebody else's from a model's table."""
    return f"drop policy {ident(name)} on {model.table};"


def _policy(model: ModelPlan) -> Guarded:
    name = policy_name(model)
    test = f"{model.org.sql}::text = (select {CURRENT_ORG})"
    definition = f"for all\n  using ({test})\n  with check ({test})"
    mark = literal(f"ablo_pg {digest(definition)}")
    return Guarded(
        f"not exists (\n  select from pg_catalog.pg_policy p\n"
        f"  where p.polrelid = {model.regclass} and p.polname = {literal(shorten(name))}\n"
        f"    and pg_catalog.obj_description(p.oid, 'pg_policy') = {mark}\n)",
        [
            f"drop policy if exists {ident(name)} on {model.table};",
            f"create policy {ident(name)} on {model.table} {definition};",
            f"comment on policy {ident(name)} on {model.table} is {mark};",
        ],
    )
