"""From two schemas and the current tables to a plan of steps. Pure.

The compiled script creates new tables, in the switch. An existing table goes through expand,
backfill and contract around it, so that no writer waits for a scan.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from ablo_pg.compile import Switch, calm_statements, locking_statements
from ablo_pg.compile.migration.columns import (
    add_columns,
    let_go,
    rename_columns,
    require_columns,
    retype_columns,
    set_defaults,
)
from ablo_pg.compile.migration.conditions import hold_conditions, release_conditions
from ablo_pg.compile.migration.draft import NO_OPTIONS, Draft, MigrateOptions, ModelDraft
from ablo_pg.compile.migration.facts import TableFacts, place
from ablo_pg.compile.migration.rules import (
    check_constraints,
    gone,
    index_columns,
    link,
    release_checks,
)
from ablo_pg.compile.migration.steps import (
    AnyStep,
    MigrationPlan,
    Step,
    debt,
    drop_functions,
)
from ablo_pg.compile.migration.tenancy import change_tenancy
from ablo_pg.compile.names import ident, literal
from ablo_pg.compile.plan import Column, ModelPlan, SchemaPlan, plan_schema
from ablo_pg.schema.diff import FIELD_MOVED, Change, diff
from ablo_pg.schema.neutral import SchemaSpec

Tables = Mapping[tuple[str, str], TableFacts]
Columns = dict[tuple[str, str], dict[str, Column]]  # of all past schemas, by table and name

# Changes after which a row reads differently than in the log, or belongs to other sync groups: each
# row is written once, so that its subscribers receive it.
_TOLD: Final = ("field_renamed", "scope_changed", "entity_roles_changed")


@dataclass(frozen=True, slots=True)
class Before:
    """What a database has: the active schema, all that were active, rows still to be rewritten."""

    active: SchemaSpec | None = None
    past: Sequence[SchemaSpec] = ()
    debts: frozenset[str] = frozenset()  # typenames


def plan_migration(
    new: SchemaSpec, before: Before, tables: Tables, options: MigrateOptions = NO_OPTIONS
) -> MigrationPlan:
    """Plan the migration to a schema. Args: tables, of all schemas, by (schema, table); missing
    ones do not exist.

    Raises the errors of `schema.diff` for renames that match nothing.
    """
    native = {where: facts.native for where, facts in tables.items()}
    draft = Draft(plan_schema(new, native), options)
    old = plan_schema(before.active) if before.active else None
    same = before.active is None or before.active.hash == draft.schema.hash
    changes: tuple[Change, ...] = ()
    if before.active and not same:
        changes = diff(before.active, new, renames=options.renames)
    models = _in_use(draft, old, tables, changes)
    _ask_permissions(draft, changes)
    past = [plan_schema(spec) for spec in before.past]  # once: each is as large as the schema
    columns = _columns(past)
    for m in models.values():
        _refuse_changes(m)
        _refuse_owner(m)
    by_table = {m.new.spec.table: m for m in models.values()}
    for m in sorted(models.values(), key=lambda m: _depth(m, by_table)):
        if m.old is None:  # its triggers and policies are created now, under locks
            draft.changed.add(m.key)
            if m.facts.adopted and m.new.synced:
                draft.notes.append(
                    f"{m.key}: TRUNCATE of {m.new.spec.table} is refused from then on; DELETE "
                    "works, and is captured"
                )
        change_tenancy(m)
        rename_columns(m)
        add_columns(m)
        release_checks(m)
        release_conditions(m)
        retype_columns(m)
        set_defaults(m)
        check_constraints(m)
        hold_conditions(m)
        require_columns(m)
        link(m, models)
        index_columns(m)
        let_go(m, _dropped(m, columns))
        _tell(m, before.debts)
    _let_models_go(draft, past, tables)
    for key, wire in options.backfills:
        if (key, wire) not in draft.used:
            draft.refuse(key, wire, "the backfill found nothing to fill", "leave it out")
    return _finished(draft, models)


def _depth(m: ModelDraft | None, by_table: Mapping[str, ModelDraft]) -> int:
    """Return how many tables up its rows' organization is: those come first."""
    depth = 0
    while m is not None and m.new.parent_table and depth < len(by_table):
        m = by_table.get(m.new.parent_table.table)
        depth += 1
    return depth


def _in_use(
    draft: Draft, old: SchemaPlan | None, tables: Tables, changes: Sequence[Change]
) -> dict[str, ModelDraft]:
    olds = {model.spec.key: model for model in old.models} if old else {}
    renamed = {c.model: c.old for c in changes if c.kind == "model_renamed"}
    found = {}
    for model in draft.schema.stored:
        facts = tables.get(place(model))
        key = model.spec.key
        origin = olds.get(str(renamed.get(key, key)))
        mine = tuple(change for change in changes if change.model == key)
        if origin is not None and place(origin) != place(model) and place(origin) in tables:
            draft.refuse(
                key,
                None,
                f"its rows are in the table {origin.spec.table}",
                f'keep them there: table="{origin.spec.table}", or make it another model',
            )
        if facts is not None:
            moved = _moved(model, origin, mine, facts)
            found[key] = ModelDraft(draft, model, origin, facts, mine, moved)
    return found


def _moved(
    model: ModelPlan, origin: ModelPlan | None, changes: Sequence[Change], facts: TableFacts
) -> dict[str, str]:
    """Return the columns that a rename moves: new name -> old."""
    if origin is None:
        return {}
    names = {c.field: str(c.old) for c in changes if c.kind in FIELD_MOVED}
    before = {column.wire: column.name for column in origin.fields}
    pairs = (
        (column.name, before[names.get(column.wire, column.wire)])
        for column in model.fields
        if names.get(column.wire, column.wire) in before
    )
    return {
        name: source
        for name, source in pairs
        if name != source and name not in facts.columns and source in facts.columns
    }


def _refuse_changes(m: ModelDraft) -> None:
    """What existing rows and their clients prevent."""
    for change in m.changes:
        if change.kind == "typename_changed" and m.facts.live:
            m.refuse(
                None,
                f"the log, claims and subscribers know its rows as {change.old}",
                f'keep the name: typename="{change.old}"',
            )
        elif change.kind == "column_changed" and m.new.fields and not m.moved:
            m.draft.notes.append(f"{m.key}.{change.field} is now kept in column {change.new}")


def _ask_permissions(draft: Draft, changes: Iterable[Change]) -> None:
    """Refuse to change who may read and write which rows, unless `force` allows it."""
    for change in changes:
        if change.kind != "permissions_changed":
            continue
        draft.changed.add(str(change.model))  # its policy and triggers are made again
        verb = str(change.field).replace(".", " ")  # write salary
        message = f"which rows an actor may {verb} changes: {change.old} -> {change.new}"
        if draft.options.force:
            draft.notes.append(f"{change.model}: {message}")
        else:
            draft.refuse(str(change.model), change.field, message, "--force allows it")


def _refuse_owner(m: ModelDraft) -> None:
    """Every switch ensures what only a table's owner may alter."""
    if m.facts.ours:
        return
    owner, login = ident(m.facts.owner), ident(m.facts.login)
    m.refuse(
        None,
        f"its table belongs to {m.facts.owner}, so the migrating login {m.facts.login} may not "
        "alter it",
        f"as a superuser: alter table {m.table} owner to {login}; or: grant {owner} to {login};",
    )


def _columns(past: Iterable[SchemaPlan]) -> Columns:
    found: Columns = {}
    for schema in past:
        for model in schema.stored:
            found.setdefault(place(model), {}).update((c.name, c) for c in model.fields)
    return found


def _dropped(m: ModelDraft, columns: Columns) -> tuple[Column, ...]:
    """Columns of fields that an earlier schema had and this one does not; each once."""
    kept = {column.name for column in m.new.row_columns} | set(m.moved.values())
    past = columns.get(place(m.new), {})
    return tuple(column for name, column in past.items() if name not in kept)


def _tell(m: ModelDraft, debts: frozenset[str]) -> None:
    """Write every row once if it now reads differently than in the log."""
    if not m.new.synced:
        return
    groups = any(c.kind in _TOLD or _moves_groups(m, c) for c in m.changes)
    if groups:
        m.draft.late.append(debt(m.new.spec.typename))
    if not (groups or m.new.spec.typename in debts):
        return
    name = literal(m.new.spec.typename)
    org = m.new.org.sql
    since = f"(select since from ablo.migration_debt where typename = {name})"
    step = m.batches(
        f"{m.key}: write each row once, so that its subscribers see its new form",
        '"updated_at" = t."updated_at"',  # and keeps it: the row's content has not changed
        f"t.{org} is not null and coalesce((\n    select d.created_at from ablo.delta d\n"
        f"    where d.organization_id = t.{org} and d.model = {name}\n"
        f"      and d.row_id = t.{m.new.id.sql}::text\n"
        f"    order by d.sync_id desc limit 1), '-infinity') < {since}",
        phase="backfill",
        debt=True,
    )
    if step is None:
        return
    begin = (
        "update ablo.migration_debt set since = clock_timestamp()\n"
        f"  where typename = {name} and since = 'infinity';"
    )
    m.draft.backfill[:0] = [Step("backfill", f"{m.key}: record since when", (begin,), tables=0)]
    m.draft.backfill.append(step)


def _moves_groups(m: ModelDraft, change: Change) -> bool:
    """Whether an ownership relation was added or removed."""
    if change.kind not in ("relation_added", "relation_changed", "relation_dropped"):
        return False
    specs = [m.new.spec] + ([m.old.spec] if m.old else [])
    return any(r.name == change.field and r.parent for spec in specs for r in spec.relations)


def _let_models_go(draft: Draft, past: Iterable[SchemaPlan], tables: Tables) -> None:
    """Models that are no longer declared: the table stays, and is the user's own again."""
    kept = {place(model) for model in draft.schema.stored}
    names = {model.spec.key for model in draft.schema.models}
    seen: set[tuple[str, str]] = set()
    functions: list[str] = []
    for schema in past:
        for model in schema.models:
            if model.spec.key not in names:
                functions += gone(model)
            if place(model) in kept | seen or place(model) not in tables:
                continue
            seen.add(place(model))
            _let_go_of(draft, model, tables[place(model)])
    if functions:  # before the tables, whose row types they take
        draft.late.insert(0, drop_functions(tuple(dict.fromkeys(functions))))


def _let_go_of(draft: Draft, model: ModelPlan, facts: TableFacts) -> None:
    ours = sorted(name for name in facts.triggers if name.startswith("zz_ablo_"))
    draft.changes += [f"drop trigger if exists {name} on {model.table};" for name in ours]
    if ours:
        name = literal(model.spec.typename)
        draft.late.append(f"delete from ablo.model_adopted where typename = {name};")
    if draft.options.drop:
        draft.late.append(f"drop table {model.table};")
    elif ours:
        draft.notes.append(
            f"the table {model.spec.table} stays with its rows, which are no longer captured; "
            "--drop removes it"
        )


def _finished(draft: Draft, models: Mapping[str, ModelDraft]) -> MigrationPlan:
    switch = Switch(frozenset(models), frozenset(draft.changed), tuple(draft.changes))
    calm = tuple(calm_statements(draft.schema, switch))
    statements = (*calm, *locking_statements(draft.schema, switch), *draft.late)
    count = len(list(draft.schema.models))
    title = f"schema {draft.schema.hash} becomes active: {count} models"
    steps: list[AnyStep] = [
        *draft.expand,
        Step(
            "switch",
            title,
            statements,
            tables=max(1, len(draft.changed)),
            short_from=None if draft.options.rewrite else len(calm),
        ),
        *draft.backfill,
        *draft.contract,
    ]
    return MigrationPlan(
        draft.schema.hash,
        tuple(draft.checks),
        tuple(steps),
        tuple(sorted(m.table for m in models.values())),
        tuple(draft.refusals),
        tuple(draft.notes),
    )
