"""Push a schema: compare with the active version, refuse what would break, apply the rest.

One transaction under the provisioning lock, including the comparison: of two concurrent pushes, the
second compares with the result of the first. `apply` runs the statements.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Final

import psycopg

from ablo_pg.compile import compile_schema
from ablo_pg.compile.migration import TableFacts, place
from ablo_pg.compile.migration.conditions import forget, unheld
from ablo_pg.compile.moves import fills, moves, stored_columns, unfit
from ablo_pg.compile.plan import ModelPlan, Native, find_column, plan_schema
from ablo_pg.compile.rules import broken
from ablo_pg.db.catalog import lock_provisioning
from ablo_pg.db.errors import translate
from ablo_pg.db.event_triggers import PASSED_OVER
from ablo_pg.db.migrate import lock_holders, table_facts
from ablo_pg.db.registry import active_schema
from ablo_pg.db.tables import count_rows
from ablo_pg.errors import AbloError, AbloServerError, AbloTimeoutError, error_for
from ablo_pg.kernel.apply import apply, require_kernel
from ablo_pg.kernel.failure import LOCK_NOT_AVAILABLE
from ablo_pg.kernel.fit import obstacles
from ablo_pg.schema import Change, SchemaSpec, parse_schema_json
from ablo_pg.schema.problems import Problem, bullets
from ablo_pg.schema.pushing import CONDITIONS, PushOptions, PushPlan, incompatible, plan_push
from ablo_pg.schema.unenforced import require_enforced

NO_SCHEMA: Final = SchemaSpec(())


@dataclass(frozen=True, slots=True)
class Active:
    """The version of a database's schema; version 0: none was pushed."""

    version: int
    hash: str
    spec: SchemaSpec
    pushed_at: str | None = None


@dataclass(frozen=True, slots=True)
class Pushed:
    """The result of a push. unchanged: this version was active. kept: False after a dry run."""

    version: int
    hash: str
    changes: tuple[Change, ...] = ()
    warnings: tuple[Change, ...] = ()
    statements: int = 0
    unchanged: bool = False
    kept: bool = True


@dataclass(frozen=True, slots=True)
class _Statements:
    statements: tuple[str, ...]


def read_active(conn: psycopg.Connection) -> Active:
    """Read the active version, as any login of ours may. Raises kernel_not_installed."""
    try:
        found = active_schema(conn)
    except psycopg.Error as exc:
        raise translate(exc) from exc
    if found is None:
        return Active(0, "", NO_SCHEMA)
    spec = parse_schema_json(found["schema"])
    return Active(found["version"], found["hash"], spec, found["pushedAt"])


def preview(conn: psycopg.Connection, spec: SchemaSpec) -> tuple[Active, PushPlan]:
    """Return the active version, and the changes of a push without options. Reads only."""
    active = read_active(conn)
    options = PushOptions()
    return active, plan_push(active.spec, spec, options, _counter(conn, active.spec, spec, options))


def push(
    conn: psycopg.Connection,
    spec: SchemaSpec,
    options: PushOptions = PushOptions(),  # noqa: B008 - frozen
    *,
    dry_run: bool = False,
) -> Pushed:
    """Make `spec` the active schema of a database.

    Args: conn, an administrative connection outside a transaction. dry_run runs everything and
    rolls it back. Raises: incompatible_change with every reason, and the flag that would allow it;
    schema_definition_invalid for declarations that are not enforced; lock_timeout; the errors of
    `apply`. Nothing is changed then.
    """
    require_kernel(conn, spec)
    with _tables(conn, spec), conn.transaction(force_rollback=dry_run):
        with _deadline():
            lock_provisioning(conn, "public")
        active = read_active(conn)
        if active.version and active.hash == spec.hash:
            return Pushed(active.version, active.hash, unchanged=True, kept=not dry_run)
        require_enforced(spec)
        plan = plan_push(active.spec, spec, options, _counter(conn, active.spec, spec, options))
        if plan.refusals:
            raise incompatible(plan)
        facts = _facts(conn, spec)
        against = (*obstacles(conn, spec), *_unheld(spec, facts))
        if against:
            raise _unfit_tables(against)
        native = {where: found.native for where, found in facts.items()}
        gone = forget(active.spec, spec, facts)
        done = apply(conn, _statements(active.spec, spec, plan, native, gone))
        version = read_active(conn).version
        warnings = (*plan.warnings, *_unowned(conn, spec), *_unseen(done.passed_over))
        return Pushed(version, spec.hash, plan.changes, warnings, done.statements, kept=not dry_run)


def _unfit_tables(against: Sequence[Problem]) -> AbloError:
    return error_for(
        "incompatible_change",
        "\n".join(["existing tables do not fit:", *bullets(against)]),
        model=against[0].model,
        field=against[0].field,
        remedy="nothing was changed; `ablo-pg check` lists every reason",
        details={
            "unexecutable": [
                {
                    "kind": "table_unfit",
                    "model": one.model,
                    "field": one.field,
                    "additive": False,
                    "detail": f"{one.message} ({one.remedy})",
                    "flag": None,
                }
                for one in against
            ]
        },
    )


@contextmanager
def _deadline() -> Iterator[None]:
    try:
        yield
    except psycopg.errors.LockNotAvailable as exc:
        raise AbloTimeoutError(
            "another push or migration is under way",
            code="lock_timeout",
            remedy="run it again; pg_stat_activity shows who holds the lock",
        ) from exc


@contextmanager
def _tables(conn: psycopg.Connection, spec: SchemaSpec) -> Iterator[None]:
    """Report who held the tables for longer than a push waits for them."""
    try:
        yield
    except (psycopg.errors.LockNotAvailable, AbloServerError) as exc:
        details = exc.details if isinstance(exc, AbloServerError) else {"sqlstate": exc.sqlstate}
        if details.get("sqlstate") != LOCK_NOT_AVAILABLE:
            raise
        holders = lock_holders(conn, [model.table for model in plan_schema(spec).stored])
        who = "; ".join(map(str, holders)) or "pg_stat_activity shows who"
        raise AbloTimeoutError(
            f"other sessions held the tables that it needs: {who}",
            code="lock_timeout",
            remedy="nothing was changed: run it again, or use `ablo-pg migrate`, which retries "
            "for a minute; pg_terminate_backend(PID) ends a stuck session",
            details={**details, "holders": [holder.pid for holder in holders]},
        ) from exc


def _facts(conn: psycopg.Connection, spec: SchemaSpec) -> dict[tuple[str, str], TableFacts]:
    """Return what the database knows of the tables that exist."""
    places = [place(model) for model in plan_schema(spec).stored]
    facts = {where: table_facts(conn, *where) for where in places}
    return {where: TableFacts.of(found) for where, found in facts.items() if found}


def _statements(
    old: SchemaSpec, new: SchemaSpec, plan: PushPlan, native: Native, gone: Iterable[str]
) -> _Statements:
    compiled = compile_schema(new, native).statements
    before = moves(old, new, plan.changes, plan.backfills)
    after = fills(new, plan.backfills)
    again = compiled if after else ()
    return _Statements((*gone, *before, *compiled, *after, *again))


def _unowned(conn: psycopg.Connection, spec: SchemaSpec) -> Iterator[Change]:
    """Report rows of adopted tables that belong to no organization."""
    for model in plan_schema(spec).stored:
        facts = table_facts(conn, *place(model)) if model.synced else None
        if facts is None or facts["columns"][model.org.name]["notNull"]:
            continue
        rows = count_rows(conn, model.table, f"{model.org.sql} is null")
        if rows == 0:
            continue
        key, shown = model.spec.key, "some" if rows is None else f"{rows:,}"
        gives = f"`migrate --backfill {key}.organizationId=NAME` assigns one"
        if model.parent_table:
            gives = f"`migrate` assigns that of their rows in {model.parent_table.table}"
        reason = f"{shown} rows belong to no organization and are invisible; {gives}"
        yield Change("rows_unowned", key, "organizationId", False, reason)


def _unseen(functions: Iterable[str]) -> Iterator[Change]:
    """Report event triggers that the push continued without."""
    for function in functions:
        detail = PASSED_OVER.format(function)
        yield Change("event_trigger_passed_over", None, None, False, detail)


def _counter(
    conn: psycopg.Connection, old: SchemaSpec, new: SchemaSpec, options: PushOptions
) -> Callable[[Change], int | None]:
    """Return counters of the stored rows that violate a change, in the old tables."""
    before = {model.spec.key: model for model in plan_schema(old).stored}
    after = {model.spec.key: model for model in plan_schema(new).stored}
    origins = {target: source for source, target in options.renames}

    def count(change: Change) -> int | None:
        model = before.get(origins.get(str(change.model), str(change.model)))
        target = after.get(str(change.model))
        if model is None or target is None or change.field is None:
            return None
        return _count(conn, model, target, change, origins)

    return count


def _count(
    conn: psycopg.Connection,
    old: ModelPlan,
    new: ModelPlan,
    change: Change,
    origins: dict[str, str],
) -> int | None:
    field = str(change.field)
    if change.kind in CONDITIONS:
        columns = stored_columns(old, new, origins)
        return count_rows(conn, old.table, broken(new, field, old.table, columns))
    named = origins.get(f"{change.model}.{field}", field).rpartition(".")[2]
    wanted, stored = find_column(new, field), find_column(old, named)
    if wanted is None or (stored is None and change.kind != "field_added"):
        return None
    here = wanted if stored is None else replace(wanted, name=stored.name)
    return count_rows(conn, old.table, unfit(here, change.kind))


def _unheld(spec: SchemaSpec, facts: Mapping[tuple[str, str], TableFacts]) -> Iterator[Problem]:
    """Yield what the tables of applications would not hold: a push does not restrict their rows."""
    for model in plan_schema(spec).stored:
        if place(model) in facts:
            yield from unheld(model, facts[place(model)], plain=True)
