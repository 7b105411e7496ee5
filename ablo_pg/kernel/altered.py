"""What has been changed of the policies, CHECKs and defaults that a schema made. Read-only.

Flow: `db.policies`, `db.tables` (catalogue) -> `trees` -> `drift` and `fit`. A spelling of Postgres
does not count as a change. If two texts cannot be compared, both are reported, and nothing is
refused.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import psycopg

from ablo_pg.compile.checks import check_definitions
from ablo_pg.compile.migration import Step, place
from ablo_pg.compile.names import shorten
from ablo_pg.compile.plan import ModelPlan, plan_schema
from ablo_pg.compile.rls import Policy, policies_of, repaired_policy
from ablo_pg.compile.tables import default_change
from ablo_pg.compile.values import default_sql
from ablo_pg.db.policies import PolicyFacts, all_policies
from ablo_pg.db.tables import TableFacts, read_tables
from ablo_pg.kernel.finding import Finding
from ablo_pg.kernel.required import required_of_rows
from ablo_pg.kernel.trees import Types, compare, compare_checks
from ablo_pg.schema import SchemaSpec


@dataclass(frozen=True, slots=True)
class Altered:
    """A change, in a sentence. sql: what undoes it. known: False if it may be none."""

    message: str
    sql: str | None = None
    known: bool = True

    @property
    def text(self) -> str:
        """The sentence, and the SQL in lines of its own."""
        return self.message + (f":\n{self.sql}" if self.sql else "")


def altered(conn: psycopg.Connection, spec: SchemaSpec) -> Iterator[Altered]:
    """Yield what differs from what this schema made."""
    models = tuple(plan_schema(spec).stored)
    tables = {(t.schema, t.name): t for t in read_tables(conn, _schemas(models))} if models else {}
    policies = all_policies(conn, (place(model) for model in models))
    for model in models:
        table, there = tables.get(place(model)), policies.get(place(model), [])
        if table is None:
            continue
        title = f"table {model.table} of model {model.title}"
        for one in required_of_rows(model, table, {}):
            yield Altered(f"{title}: {one.message}", known=one.level != "warning")
        if model.synced:
            yield from altered_policies(model, table, there)
        if there and there[0].ours:
            for each in (*_checks(model, table), *changed_defaults(model, table)):
                yield Altered(f"{title}: {each.message}", each.sql, each.known)


def changed(model: ModelPlan, table: TableFacts, there: Sequence[PolicyFacts]) -> Iterator[Finding]:
    """Yield, for `check`, altered policies, and defaults that plain SQL gets instead."""
    for one in altered_policies(model, table, there) if model.synced else ():
        yield Finding("problem" if one.known else "warning", one.message, None, one.sql)
    for one in changed_defaults(model, table, missing=False):
        yield Finding("warning", one.message, None, one.sql)


def _schemas(models: Sequence[ModelPlan]) -> list[str]:
    return sorted({place(model)[0] for model in models})


def types_of(table: TableFacts) -> Types:
    """Return the types of a table's columns, for `trees`."""
    return {column.name: column.base for column in table.columns}


def altered_policies(
    model: ModelPlan, table: TableFacts, there: Sequence[PolicyFacts]
) -> Iterator[Altered]:
    """Yield which policies of ours are missing, or have been altered since they were made.

    One that another release made has another mark: `migrate` replaces it.
    """
    if not any((one.comment or "").startswith("ablo_pg ") for one in there):
        return  # not made yet; a table of ours without a tenant's policy is `ablo.drift_check`'s
    for policy in policies_of(model, adopted=not there[0].ours):
        name = shorten(policy.name)
        made = next((one for one in there if one.name == name), None)
        if made is None:
            message = f"policy {name} of table {table.schema}.{table.name} is missing"
            yield Altered(message, repaired_policy(policy, model.table))
        elif made.comment == policy.mark:
            yield from _altered(policy, made, model.table, types_of(table))


def repairs(conn: psycopg.Connection, spec: SchemaSpec, active: SchemaSpec) -> Iterator[Step]:
    """Yield a step for each policy that is not as the active schema made it, and stays declared.

    One that cannot be compared is made again, too. Reads only.
    """
    declared = {
        (place(model), policy.name, policy.mark)
        for model in plan_schema(active).synced
        for adopted in (False, True)
        for policy in policies_of(model, adopted=adopted)
    }
    models = tuple(plan_schema(spec).synced)
    tables = {(t.schema, t.name): t for t in read_tables(conn, _schemas(models))} if models else {}
    policies = all_policies(conn, (place(model) for model in models))
    for model in models:
        there, table = policies.get(place(model)), tables.get(place(model))
        ours = {policy.mark for policy in policies_of(model, adopted=False) if not policy.kind}
        given_back = there and not there[0].ours and any(one.comment in ours for one in there)
        if not there or table is None or given_back:  # then the compiled script changes the kind
            continue
        for policy in policies_of(model, adopted=not there[0].ours):
            name = shorten(policy.name)
            made = next((one for one in there if one.name == name), None)
            state = "missing" if made is None else "altered"
            same = made is not None and made.comment == policy.mark
            if (place(model), policy.name, policy.mark) not in declared or (
                made and same and not list(_altered(policy, made, model.table, types_of(table)))
            ):
                continue
            title = f"make policy {name} of table {table.schema}.{table.name} again: it is {state}"
            yield Step("expand", title, tuple(policy.replaced(model.table)))


def _altered(policy: Policy, made: PolicyFacts, table: str, types: Types) -> Iterator[Altered]:
    where = f"policy {made.name} of table {made.schema}.{made.table}"
    sql = repaired_policy(policy, table)
    kind = (made.every_command, made.permissive)
    if kind != (True, policy.permissive):
        yield Altered(f"{where} is of another kind than it was made", sql)
    if made.roles != sorted(policy.roles or ("public",)):
        yield Altered(f"{where} applies to {', '.join(made.roles)}", sql)
    for word, text, wanted in (
        ("using", made.using, policy.using),
        ("with check", made.check, policy.check or policy.using),
    ):
        verdict = "different" if text is None else compare(wanted, text, types)
        texts = f"{word} ({text}), and was made with ({wanted})"
        if verdict == "different":
            yield Altered(f"{where} has {texts}", sql)
        elif verdict == "unknown":
            message = f"{where}: whether these are the same is unknown: {texts}"
            yield Altered(message, known=False)


def _checks(model: ModelPlan, table: TableFacts) -> Iterator[Altered]:
    """The CHECKs of enums, and of values that JSON cannot express."""
    there = {one.name: one for one in table.constraints}
    for wanted, definition in check_definitions(model):
        name = shorten(wanted)
        made = there.get(name)
        if made is None:
            yield Altered(f"{name} is missing ({definition}): `migrate` adds it")
            continue
        verdict = compare_checks(definition, made.definition, types_of(table))
        if verdict == "different":
            message = f"{name} is {made.definition}, and was made as {definition}"
            yield Altered(f"{message}; `migrate` replaces it")
        elif verdict == "unknown":
            message = f"whether {name} is unchanged is unknown: {made.definition} and {definition}"
            yield Altered(message, known=False)


def changed_defaults(
    model: ModelPlan, table: TableFacts, *, missing: bool = True
) -> Iterator[Altered]:
    """Yield which columns have another default than the schema declares; only plain SQL sees it.

    missing: also columns that have none.
    """
    for column in model.fields:
        facts = table.column(column.name)
        if facts is None or not column.has_default or column.default is None:
            continue
        if facts.default is None and not missing:
            continue
        wanted = default_sql(column)
        verdict = "different"
        if facts.default is not None:
            verdict = compare(wanted, facts.default, types_of(table), wanted=facts.base)
        message = f"column {column.name} has the default {facts.default or 'null'} for plain SQL"
        if verdict == "different":
            yield Altered(f"{message}, the schema {wanted}", default_change(model, column))
        elif verdict == "unknown":
            yield Altered(
                f"{message}; whether it is the schema's is unknown: {wanted}", known=False
            )
