"""`ablo-pg migrate`: change tables to fit a schema while others write to them."""

from __future__ import annotations

import time
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import click

from ablo_pg.cli.administrator import administrator
from ablo_pg.cli.options import admin_url_option, json_option, target_argument
from ablo_pg.cli.output import say, show, show_json
from ablo_pg.cli.push_place import read_options
from ablo_pg.cli.target import load_target
from ablo_pg.compile.migration import MigrateOptions, MigrationPlan
from ablo_pg.errors import AbloValidationError
from ablo_pg.kernel import Migrated, Pace, migrate, plan
from ablo_pg.schema import SchemaSpec

EPILOG = """\b
TARGET: FILE.py, MODULE, either with :ATTRIBUTE, or FILE.json
Exit code 3: stored rows stand against it, or permissions change; every reason is named, and what
would allow it.

\b
Examples:
  ablo-pg migrate app/schema.py --admin-url postgresql://postgres@localhost/app
  ablo-pg migrate app.schema:schema --dry-run
  ablo-pg migrate app/schema.py --rename tasks.title:name --backfill tasks.owner=unassigned
  ablo-pg migrate app/schema.py --output plan.sql
  ablo-pg migrate app/schema.py --dry-run --force
"""


@click.command("migrate", epilog=EPILOG)
@target_argument
@admin_url_option
@click.option("--dry-run", is_flag=True, help="Print the plan without running it.")
@click.option(
    "--output", "-o", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE",
    help="Write the plan as SQL to this file, without running it.",
)  # fmt: skip
@click.option(
    "--rename", "renames", multiple=True, metavar="OLD:NEW",
    help="model.field has a new name, or a model a new key; repeat it.",
)  # fmt: skip
@click.option(
    "--backfill", "backfills", multiple=True, metavar="MODEL.FIELD=VALUE",
    help="Value for rows that have none, or one that was removed; repeat it.",
)  # fmt: skip
@click.option("--drop", is_flag=True, help="Drop columns and tables that are no longer declared.")
@click.option(
    "--rewrite", is_flag=True, help="Let a retype rewrite a large table while writers wait."
)
@click.option(
    "--alter-adopted", is_flag=True,
    help="Change an application's columns to fit: types, NOT NULL, CHECKs, keys, defaults.",
)  # fmt: skip
@click.option("--force", is_flag=True, help="Change permissions: who may read and write what.")
@click.option(
    "--lock-timeout", default=400, metavar="MS", type=click.IntRange(10, 60_000),
    show_default=True, help="How long a writer may wait behind a lock request.",
)  # fmt: skip
@json_option
def migrate_command(target: str, admin_url: str, as_json: bool, **how: Any) -> None:
    """Change tables, columns, indexes, row-level security, triggers and functions to fit a schema.

    Runs while others write: scans do not block writers, each lock is requested briefly and retried,
    and rows get values in small batches. A failure before the schema becomes active leaves nothing
    behind; after that, run the command again to resume. The kernel must be installed (`ablo-pg
    connect`).
    """
    spec = load_target(target)
    options = _options(spec, how["renames"], how["backfills"])
    flags = {name: how[name] for name in ("drop", "rewrite", "alter_adopted", "force")}
    options = replace(options, **flags)
    with administrator(admin_url) as conn:
        if how["dry_run"] or how["output"] is not None:
            _show_plan(plan(conn, spec, options), how["output"], as_json)
            return
        pace = Pace(lock_timeout_ms=how["lock_timeout"])
        done = migrate(conn, spec, options, pace=pace, report=_Progress())
    _show_done(done, spec, as_json)


def _options(
    spec: SchemaSpec, renames: tuple[str, ...], backfills: tuple[str, ...]
) -> MigrateOptions:
    given = read_options(spec, False, renames, backfills)
    values = {(one.model, one.field): one.value for one in given.backfills}
    return MigrateOptions(given.renames, values)


class _Progress:
    """Reports the progress of batches on stderr, every two seconds."""

    def __init__(self) -> None:
        self._told = time.monotonic()

    def __call__(self, step: int, done: int, total: int) -> None:
        if done and time.monotonic() - self._told > 2:
            self._told = time.monotonic()
            say(f"step {step + 1}: {done} of about {max(total, done)} rows")


def _show_plan(made: MigrationPlan, output: Path | None, as_json: bool) -> None:
    if output is not None:
        try:
            output.write_text(made.sql)
        except OSError as exc:
            raise AbloValidationError(
                f"{output} cannot be written: {exc.strerror}",
                code="invalid_options",
                remedy="name a file in an existing folder",
            ) from None
        say(f"{len(made.steps)} steps written to {output}; none was run")
    if as_json:
        show_json(_plan_json(made))
        return
    for note in made.notes:
        say(f"note: {note}")
    if output is None:
        for number, step in enumerate(made.steps, 1):
            show(f"{number:3}. {step.phase:9} {step.title}")
        _show_roles(made)


def _show_roles(made: MigrationPlan) -> None:
    """Show who has access to the tables of applications, and what changes for them."""
    if not made.roles:
        return
    rows = [("table", "role", "by", "may", "what changes")]
    rows += [
        (one.table, one.role, one.by, ", ".join(one.rights), "; ".join(one.changes) or "nothing")
        for one in made.roles
    ]
    widths = [max(len(row[at]) for row in rows) for at in range(len(rows[0]) - 1)]
    show("\nroles with access to tables of applications:")
    for row in rows:
        cells = [cell.ljust(width) for cell, width in zip(row, widths, strict=False)]
        show("  ".join(["", *cells, row[-1]]))


def _show_done(done: Migrated, spec: SchemaSpec, as_json: bool) -> None:
    for note in done.plan.notes:
        say(f"note: {note}")
    outcome = "unchanged:" if done.unchanged else "applied"
    written = f", {done.written} rows written" if done.written else ""
    steps = done.effective + 1  # and the switch
    say(f"{outcome} schema {spec.hash}: {len(spec.models)} models, {steps} steps{written}")
    if as_json:
        show_json(
            {"applied": True, "unchanged": done.unchanged, "written": done.written}
            | {"models": [model.key for model in spec.models]}
            | _plan_json(done.plan)
        )


def _plan_json(made: MigrationPlan) -> dict[str, object]:
    steps = [{"phase": s.phase, "title": s.title, "sql": s.sql} for s in made.steps]
    roles = [asdict(one) for one in made.roles]
    return {"schema": made.hash, "steps": steps, "notes": list(made.notes), "roles": roles}
