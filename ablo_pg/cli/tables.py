"""`ablo-pg check` and `ablo-pg pull`: existing tables, against a schema and as one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Final

import click

from ablo_pg.cli.administrator import administrator
from ablo_pg.cli.exit_codes import DOES_NOT_FIT
from ablo_pg.cli.options import json_option, read_url_option, target_argument
from ablo_pg.cli.output import say, show, show_json
from ablo_pg.cli.target import load_target
from ablo_pg.db.tables import read_tables, schema_names
from ablo_pg.errors import error_for
from ablo_pg.kernel.fit import ModelFit, fit, sound
from ablo_pg.kernel.pull import Pulled, pull_schema
from ablo_pg.schema.source import write_source

_LISTED: Final = 50  # names that a remedy lists
CHECK_EPILOG = """\b
TARGET: FILE.py, MODULE, either with :ATTRIBUTE, or FILE.json  [default: ablo/schema.py]

\b
Examples:
  ablo-pg check
  ablo-pg check app/schema.py --database-url postgresql://me@localhost/app
  ablo-pg check --json | jq '.models[] | select(.state == "misfits")'
"""
PULL_EPILOG = """\b
Examples:
  ablo-pg pull --out ablo/schema.py
  ablo-pg pull --schema app --schema public --organization-column tenant_id
  ablo-pg pull --table tasks --table projects
"""


@click.command("check", epilog=CHECK_EPILOG)
@target_argument
@read_url_option
@json_option
def check_command(target: str, database_url: str, as_json: bool) -> int:
    """Report for each model whether its existing table fits, and the SQL that fixes it.

    Reads only. Exit code 3 if a model does not fit.
    """
    spec = load_target(target)
    with administrator(database_url) as conn:
        fits = fit(conn, spec)
    _show_fits(fits, as_json)
    return 0 if sound(fits) else DOES_NOT_FIT


def _show_fits(fits: tuple[ModelFit, ...], as_json: bool) -> None:
    if as_json:
        models = [asdict(one) | {"state": one.state} for one in fits]
        show_json({"fits": sound(fits), "models": models})
        return
    for one in fits:
        show(f"{one.model}: {one.state} ({one.table})")
        for finding in one.findings:
            field = "" if finding.field is None else f"{finding.field}: "
            show(f"  {finding.level}  {field}{finding.message}")
            for line in (finding.sql or "").splitlines():
                show(f"      {line}")


@click.command("pull", epilog=PULL_EPILOG)
@read_url_option
@click.option("--schema", "schemas", multiple=True, help="Postgres schema; repeat it. [public]")
@click.option("--table", "tables", multiple=True, help="Only these tables; repeat it.")
@click.option(
    "--organization-column",
    default="organization_id",
    show_default=True,
    metavar="NAME",
    help="Column that holds a row's organization.",
)
@click.option(
    "--out",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write to this file; never overwrites.",
)
@json_option
def pull_command(
    database_url: str,
    schemas: tuple[str, ...],
    tables: tuple[str, ...],
    organization_column: str,
    out: Path | None,
    as_json: bool,
) -> None:
    """Write the schema of existing tables as an importable Python file.

    Keys, enums from CHECKs, relations from foreign keys, defaults. Comments list what could not be
    recovered, with the SQL that would change it. Reads only.
    """
    with administrator(database_url) as conn:
        _known("schema", schemas, schema_names(conn))
        found = read_tables(conn, schemas or ("public",))
    _known("table", tables, [table.name for table in found])
    chosen = [table for table in found if not tables or table.name in tables]
    pulled = pull_schema(chosen, organization_column=organization_column)
    _write(pulled, out, as_json)


def _known(what: str, asked: Sequence[str], there: Sequence[str]) -> None:
    missing = [name for name in asked if name not in there]
    if missing:
        listed = ", ".join(there[:_LISTED]) or "none"
        more = f", and {len(there) - _LISTED} more" if len(there) > _LISTED else ""
        raise error_for(
            "invalid_options",
            f"there is no {what} {', '.join(missing)}",
            field=what,
            remedy=f"use an existing one: {listed}{more}",
        )


def _write(pulled: Pulled, out: Path | None, as_json: bool) -> None:
    source = write_source(pulled.spec, pulled.notes)
    if out is None and not as_json:
        click.echo(source, nl=False)
    if out is not None:
        try:
            with out.open("x", encoding="utf-8") as file:
                file.write(source)
        except OSError as exc:
            raise error_for(
                "invalid_options",
                f"{out} cannot be written: {exc.strerror}",
                field="out",
                remedy="name a new file in an existing folder",
            ) from None
    keys = [model.key for model in pulled.spec.models]
    where = "" if out is None else f" to {out}"
    say(f"{len(keys)} models{where}; left out: {', '.join(pulled.left_out) or 'none'}")
    if as_json:
        written = None if out is None else str(out)
        show_json(
            {
                "models": keys,
                "leftOut": list(pulled.left_out),
                "why": pulled.left_out,
                "file": written,
                "source": source,
            }
        )
        return
    for table, reasons in pulled.left_out.items():
        say(f"  {table}: {reasons[0]}")
