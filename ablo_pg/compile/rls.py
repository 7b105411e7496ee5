"""Pass: row-level security: our transactions see only their organization's rows.

The setting is read in a subselect, so that the planner evaluates it once a statement; '' (a custom
setting after SET LOCAL has ended) and NULL both mean no organization, and match no row.

A table that we created belongs to ablo_owner: one policy applies to every role, its owner too
(FORCE). An adopted table keeps its owner, who is not subject to policies, and every other role
still sees its rows. There the policies that limit us to an organization are restrictive and name
our two roles; others meet `using (true)` only, which the planner drops, so that their plans do not
change. A table that had row-level security before keeps its own policies for its own roles.
Triggers run as ablo_owner for every writer: their lookups in a session of another application are
not limited.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from ablo_pg.compile.forms import Guarded, do_block
from ablo_pg.compile.names import digest, ident, indent, literal, shorten
from ablo_pg.compile.permissions import SESSION_ACTOR, limits_reading, read_test
from ablo_pg.compile.plan import ModelPlan, SchemaPlan

CURRENT_ORG: Final = "nullif(current_setting('app.current_org_id', true), '')"
# A session of a login that programs run as; see ablo.identity_check.
SESSION_OF_OURS: Final = (
    "pg_has_role(session_user, 'ablo_runtime', 'member')"
    " and not pg_has_role(session_user, 'ablo_owner', 'member')"
)


@dataclass(frozen=True, slots=True)
class Policy:
    """A policy of ours, for every command.

    using: of rows that are read; check: of those written, if another. kind: a word of its mark.
    """

    name: str
    using: str
    roles: tuple[str, ...] = ()  # everybody
    permissive: bool = True
    check: str | None = None
    kind: str = ""

    @property
    def definition(self) -> str:
        """Return what follows its table in CREATE POLICY."""
        kind = "" if self.permissive else "as restrictive "
        to = f"\n  to {', '.join(self.roles)}" if self.roles else ""
        return (
            f"{kind}for all{to}\n  using ({self.using})\n  with check ({self.check or self.using})"
        )

    @property
    def mark(self) -> str:
        """Return the comment that records the definition."""
        return f"ablo_pg {self.kind}{digest(self.definition)}"

    def replaced(self, table: str) -> list[str]:
        """Return the statements that put it in the place of whatever has its name."""
        on = f"{ident(self.name)} on {table}"
        return [
            f"drop policy if exists {on};",
            f"create policy {on} {self.definition};",
            f"comment on policy {on} is {literal(self.mark)};",
        ]


def rls(schema: SchemaPlan, model: ModelPlan) -> Iterator[str]:
    """Enable it, and update the policies to their compiled definitions."""
    if not model.synced:
        return
    own = "\n".join(part.block() for part in _of_ours(model))
    adopted = "\n".join(part.block() for part in _of_an_adopted(model))
    yield do_block(
        f"if {is_ours(model)} then\n{indent(own)}\nelse\n{indent(adopted)}\nend if;",
    )


def is_ours(model: ModelPlan) -> str:
    """Return the condition that a model's table belongs to us, not to an application."""
    return (
        f"exists (\n  select from pg_catalog.pg_class c\n"
        f"  where c.oid = {model.regclass} and c.relowner = 'ablo_owner'::regrole\n)"
    )


def binds_everybody(model: ModelPlan) -> str:
    """Return the condition that the table has the policy of a table that we made."""
    return (
        f"exists (\n  select from pg_catalog.pg_policy p\n"
        f"  where p.polrelid = {model.regclass}\n"
        f"    and p.polname = {literal(shorten(policy_name(model)))}\n"
        f"    and p.polroles = '{{0}}'\n"
        f"    and pg_catalog.obj_description(p.oid, 'pg_policy') like 'ablo\\_pg %'\n)"
    )


def policy_name(model: ModelPlan) -> str:
    """Return the name of the tenant's policy on a model's table, before it is cut to length."""
    return policy_names(model.spec.table)[0]


def policy_names(table: str) -> tuple[str, str, str, str, str]:
    """Return the names of a table's policies: tenant's, kernel's, ours, other roles', readers'."""
    ends = ("tenant_isolation", "kernel_tenant_isolation", "ablo_rows", "all_rows", "readers")
    isolation, kernel, ours, others, readers = (f"{table}_{end}" for end in ends)
    return isolation, kernel, ours, others, readers


def drop_policy(model: ModelPlan, name: str) -> str:
    """Return the SQL that removes a foreign policy from a model's table."""
    return f"drop policy {ident(name)} on {model.table};"


def repaired_policy(policy: Policy, table: str) -> str:
    """Return the SQL that makes a policy of ours again, in one transaction."""
    return "\n".join(["begin;", *policy.replaced(table), "commit;"])


def rename_policy(model: ModelPlan, name: str) -> str:
    """Return the SQL that renames a foreign policy, so that it has no name of ours."""
    return f"alter policy {ident(name)} on {model.table} rename to {ident(f'own_{name}')};"


def _of_ours(model: ModelPlan) -> Iterator[Guarded]:
    yield Guarded(
        _class_is(model, "not (c.relrowsecurity and c.relforcerowsecurity)"),
        [
            f"alter table {model.table} enable row level security;",
            f"alter table {model.table} force row level security;",
        ],
    )
    for each in policies_of(model, adopted=False):
        yield _policy(model, each)


def _of_an_adopted(model: ModelPlan) -> Iterator[Guarded]:
    """The policies first: after ENABLE, a role without a policy sees no row."""
    everybody = Policy(policy_names(model.spec.table)[3], "true", ("public",))
    bound = binds_everybody(model)
    yield Guarded(
        f"{_class_is(model, 'not c.relrowsecurity')} or {bound}",
        [*_policy(model, everybody).block().split("\n")],
    )
    for each in policies_of(model, adopted=True):
        yield _policy(model, each)
    yield Guarded(
        _class_is(model, "not c.relrowsecurity"),
        [f"alter table {model.table} enable row level security;"],
    )


def policies_of(model: ModelPlan, *, adopted: bool) -> Iterator[Policy]:
    """Yield the policies that a model's table always has."""
    isolation, kernel, ours, _, readers = policy_names(model.spec.table)
    test, free = _same(model), f"(select not ({SESSION_OF_OURS}))"
    if adopted:
        yield Policy(ours, "true", ("ablo_runtime", "ablo_owner"))
        yield Policy(isolation, test, ("ablo_runtime",), permissive=False)
        yield Policy(kernel, f"{test}\n    or {free}", ("ablo_owner",), permissive=False)
    else:
        yield Policy(isolation, test)
    if limits_reading(model):  # the guard judges what is written, with both rows
        seen = read_test(model, "", SESSION_ACTOR)
        yield Policy(
            readers, seen, ("ablo_runtime",), permissive=False, check="true", kind="reads "
        )


def _same(model: ModelPlan) -> str:
    return f"{model.org.sql}::text = (select {CURRENT_ORG})"


def _class_is(model: ModelPlan, condition: str) -> str:
    return (
        f"exists (\n  select from pg_catalog.pg_class c\n"
        f"  where c.oid = {model.regclass} and {condition}\n)"
    )


def _policy(model: ModelPlan, policy: Policy) -> Guarded:
    return Guarded(
        f"not exists (\n  select from pg_catalog.pg_policy p\n"
        f"  where p.polrelid = {model.regclass} and p.polname = {literal(shorten(policy.name))}\n"
        f"    and pg_catalog.obj_description(p.oid, 'pg_policy') = {literal(policy.mark)}\n)",
        policy.replaced(model.table),
    )
