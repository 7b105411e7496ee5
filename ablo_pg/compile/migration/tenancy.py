"""Which organization sees which row: which changes are possible with stored rows."""

from __future__ import annotations

from ablo_pg.compile.migration.draft import COUNTED, ModelDraft
from ablo_pg.compile.migration.steps import Check
from ablo_pg.compile.names import qualified
from ablo_pg.schema.problems import Problem


def change_tenancy(m: ModelDraft) -> None:
    """Rename the column of the organization; add or remove the parent's role; refuse the rest."""
    if m.old is None or m.old.spec.tenancy == m.new.spec.tenancy:
        return
    if not (m.old.synced and m.new.synced):
        m.refuse(
            None,
            "rows that belong to organizations cannot become shared, nor the other way round",
            "declare another model with its own table, and copy the rows",
        )
        return
    was, is_ = m.old.org, m.new.org
    if was.name != is_.name and is_.name in m.facts.columns:
        m.refuse(
            None,
            f"the organization is kept in {was.name}; {is_.name} is another column of the table",
            f"keep {was.name}, or rename the columns with SQL at a quiet hour",
        )
        return
    if was.name != is_.name:
        m.moved = {**m.moved, is_.name: was.name}
    if m.new.parent_table is None:
        m.change(f"drop trigger if exists zz_ablo_adopt on {m.table};")
        return
    parent = m.new.parent_table
    table, key = qualified(parent.schema, parent.table), f"t.{parent.local_key}"
    same = f"p.{parent.key} = {key} and p.{parent.org} = t.{was.sql}"
    rows = f"select from {m.table} t where not exists (select from {table} p where {same})"
    problem = Problem(
        "incompatible_change",
        m.key,
        None,
        f"{{count}} rows have no parent row in {parent.table} of the same organization",
        "correct these rows first: a row's organization does not change",
    )
    m.draft.checks.append(Check(f"select count(*) from ({rows} limit {COUNTED}) x", problem))
