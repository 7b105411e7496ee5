"""`ablo-pg migrate`: the models of a schema become tables of a database."""

from __future__ import annotations

import click

from ablo_pg.cli.options import admin_url_option, json_option, target_argument
from ablo_pg.cli.output import say, show_json
from ablo_pg.cli.target import load_target
from ablo_pg.compile import compile_schema
from ablo_pg.kernel import admin_connection, apply

EPILOG = """\b
TARGET: FILE.py, MODULE, either with :ATTRIBUTE, or FILE.json

\b
Examples:
  ablo-pg migrate app/schema.py --admin-url postgresql://postgres@localhost/app
  ablo-pg migrate app.schema:schema --dry-run
"""


@click.command("migrate", epilog=EPILOG)
@target_argument
@admin_url_option
@click.option("--dry-run", is_flag=True, help="Run every statement, then roll all of it back.")
@json_option
def migrate_command(target: str, admin_url: str, dry_run: bool, as_json: bool) -> None:
    """Apply a schema: tables, columns, indexes, row-level security, triggers, write functions.

    One transaction under a lock, so that it happens whole or not at all, one migration at a time; a
    lock that is not to be had within 5 s ends it. The kernel must be there (`ablo-pg connect`).
    """
    spec = load_target(target)
    compiled = compile_schema(spec)
    with admin_connection(admin_url) as conn:
        done = apply(conn, compiled, dry_run=dry_run)
    outcome = "would apply" if dry_run else "applied"
    say(f"{outcome} schema {spec.hash}: {len(spec.models)} models, {done.statements} statements")
    if as_json:
        models = [model.key for model in spec.models]
        show_json(
            {"applied": done.kept, "schema": spec.hash, "models": models}
            | {"statements": done.statements}
        )
