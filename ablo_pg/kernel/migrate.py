"""Migrate a database that is in use: plan, check the rows, then run the steps.

Flow: `db.migrate` (facts) -> `compile.migration` (plan) -> here -> `runner`. A statement that needs
a lock waits for it at most `lock_timeout_ms`, so no session queues behind it for longer, and is
retried. Until the switch everything can be undone, and is, if a step fails; after it another run
resumes.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import ExitStack
from dataclasses import dataclass, replace

import psycopg

from ablo_pg.compile.migration import (
    NO_OPTIONS,
    AnyStep,
    Batches,
    Before,
    MigrateOptions,
    MigrationPlan,
    Step,
    TableFacts,
    place_of,
    plan_migration,
)
from ablo_pg.db import migrate as db
from ablo_pg.db.errors import translate_admin
from ablo_pg.db.event_triggers import PASSED_OVER
from ablo_pg.errors import AbloConflictError, AbloError, AbloTimeoutError
from ablo_pg.kernel.access import roles_with_access
from ablo_pg.kernel.altered import repairs
from ablo_pg.kernel.apply import require_kernel
from ablo_pg.kernel.failure import INSUFFICIENT_PRIVILEGE
from ablo_pg.kernel.fit import obstacles, trigger_notes
from ablo_pg.kernel.runner import DEFAULT_PACE, Pace, Report, Runner
from ablo_pg.schema import SchemaSpec, parse_schema_json
from ablo_pg.schema.problems import Problem, bullets
from ablo_pg.schema.unenforced import require_enforced

_CAST_FAILED = "22"  # class "data exception": a value does not convert


@dataclass(frozen=True, slots=True)
class Migrated:
    """What was done.

    before: hash of the previously active schema; written: rows by backfills; effective: steps
    besides the switch that had something to do.
    """

    plan: MigrationPlan
    before: str | None
    written: int
    effective: int

    @property
    def unchanged(self) -> bool:
        """Whether that schema was already active, and there was nothing else to do."""
        return self.before == self.plan.hash and not self.effective


def plan(
    conn: psycopg.Connection, spec: SchemaSpec, options: MigrateOptions = NO_OPTIONS
) -> MigrationPlan:
    """Plan a migration and check whether the rows fit. Changes nothing.

    Args: conn, an administrative connection (autocommit). Raises: incompatible_change with
    `details["problems"]`, one for everything that prevents it; kernel_not_installed,
    kernel_newer_than_client.
    """
    require_kernel(conn, spec)
    with ExitStack() as stack:
        return _checked(conn, spec, options, stack)[0]


def migrate(
    conn: psycopg.Connection,
    spec: SchemaSpec,
    options: MigrateOptions = NO_OPTIONS,
    *,
    pace: Pace = DEFAULT_PACE,
    report: Report | None = None,
) -> Migrated:
    """Plan a migration and run it. One at a time per database.

    Args: conn, an administrative connection (autocommit), directly to the server. Raises: as
    `plan`; migration_failed with details step, phase, statement, index, sqlstate; lock_timeout if
    others held what it needs for longer than its patience.
    """
    require_kernel(conn, spec)
    with ExitStack() as stack:
        try:
            stack.enter_context(db.provisioning(conn))
        except psycopg.errors.LockNotAvailable as exc:
            raise AbloTimeoutError(
                "another migration of this database is running",
                code="lock_timeout",
                remedy="wait until it ends, then run this again",
            ) from exc
        made, before = _checked(conn, spec, options, stack)
        runner = Runner(conn, made, pace, report or _silent)
        written = runner.run()
        missed = map(PASSED_OVER.format, runner.passed_over)
        made = replace(made, notes=(*made.notes, *missed))
    return Migrated(made, before, written, runner.effective)


def _silent(step: int, done: int, total: int) -> None:
    """Report nothing."""


def _checked(
    conn: psycopg.Connection, spec: SchemaSpec, options: MigrateOptions, stack: ExitStack
) -> tuple[MigrationPlan, str | None]:
    require_enforced(spec)
    before, active = _before(conn)
    tables = _tables(conn, [spec, *before.past])
    made = plan_migration(spec, before, tables, options)
    if before.active is not None:
        made = replace(made, steps=(*repairs(conn, spec, before.active), *made.steps))
    roles, refused = roles_with_access(conn, spec, tables)
    made = replace(made, roles=roles, refusals=(*made.refusals, *refused))
    against = obstacles(conn, spec)
    if against:  # the rows cannot be checked either, if a table cannot be a model's
        raise _refused([*against, *made.refusals])
    if made.checks or any(_looks(step) for step in made.steps):
        stack.enter_context(db.sight(conn, made.tables))
    problems = [*made.refusals, *_asked(conn, made)]
    if problems:
        raise _refused(problems)
    return replace(made, notes=(*made.notes, *trigger_notes(conn, spec))), active


def _looks(step: AnyStep) -> bool:
    return isinstance(step, Batches) or (isinstance(step, Step) and bool(step.unless))


def _before(conn: psycopg.Connection) -> tuple[Before, str | None]:
    pushed = db.pushed_schemas(conn)
    specs = []
    for document, active_now in pushed:
        try:
            specs.append(parse_schema_json(document))
        except AbloError:
            if active_now:
                raise
            # Pushed under rules that this release no longer knows: it gives no information.
    active = specs[0] if pushed and pushed[0][1] and specs else None
    hash_ = active.hash if active is not None else None
    return Before(active, tuple(specs), db.migration_debts(conn)), hash_


def _tables(
    conn: psycopg.Connection, specs: Iterable[SchemaSpec]
) -> dict[tuple[str, str], TableFacts]:
    models = (model for spec in specs for model in spec.models)
    places = {place_of(model) for model in models if model.tenancy.kind != "source"}
    found = {}
    for schema, table in sorted(places):
        facts = db.table_facts(conn, schema, table)
        if facts is not None:
            found[schema, table] = TableFacts.of(facts)
    return found


def _asked(conn: psycopg.Connection, made: MigrationPlan) -> list[Problem]:
    problems = []
    for check in made.checks:
        try:
            count = db.count(conn, check.sql)
        except psycopg.Error as exc:
            if exc.sqlstate == INSUFFICIENT_PRIVILEGE and made.refusals:
                continue  # they decide whose the table is
            if not (exc.sqlstate or "").startswith(_CAST_FAILED):
                raise translate_admin(exc, conn) from exc
            count = -1
        if count:
            shown = "some" if count < 0 else f"{count} or more" if count >= 1000 else str(count)
            text = check.problem.message.replace("{count}", shown)
            problems.append(replace(check.problem, message=text))
    return problems


def _refused(problems: list[Problem]) -> AbloConflictError:
    first = problems[0]
    reasons = "reason" if len(problems) == 1 else "reasons"
    return AbloConflictError(
        "\n".join([f"nothing was changed, for {len(problems)} {reasons}:", *bullets(problems)]),
        code="incompatible_change",
        model=first.model,
        field=first.field,
        details={
            "problems": [
                {"model": p.model, "field": p.field, "message": p.message, "remedy": p.remedy}
                for p in problems
            ]
        },
    )
