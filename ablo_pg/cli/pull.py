"""`ablo-pg pull`: existing tables as a schema, of a database or of a file that declares them."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Final

import click
from click.core import ParameterSource

from ablo_pg.cli.administrator import administrator
from ablo_pg.cli.options import json_option, read_url
from ablo_pg.cli.output import say, show_json
from ablo_pg.db.tables import TableFacts, read_tables, schema_names
from ablo_pg.errors import error_for
from ablo_pg.kernel.described import (
    Described,
    Skipped,
    read_drizzle,
    read_prisma,
    read_sql,
)
from ablo_pg.kernel.described.draft import LARGEST
from ablo_pg.kernel.pull import Pulled, pull_schema
from ablo_pg.schema.source import write_source

_LISTED: Final = 50  # names that a remedy lists, and skipped statements on a terminal
_READERS: Final[Mapping[str, Callable[[str, str], Described]]] = {
    "prisma": read_prisma,
    "drizzle": read_drizzle,
}
_ADVICE: Final = "a file may differ from the database: run `ablo-pg check` against it"
PULL_EPILOG = """\b
Examples:
  ablo-pg pull --out ablo/schema.py
  ablo-pg pull --schema app --schema public --organization-column tenant_id
  ablo-pg pull --table tasks --table projects
  pg_dump --schema-only app > app.sql && ablo-pg pull --from app.sql
  ablo-pg pull --from db/structure.sql --out ablo/schema.py
  ablo-pg pull prisma prisma/schema.prisma
  ablo-pg pull drizzle src/db/schema.ts --json | jq .skipped
"""


@click.command("pull", epilog=PULL_EPILOG)
@click.argument("tool", metavar="[prisma|drizzle]", required=False, type=click.Choice([*_READERS]))
@click.argument("file", metavar="[FILE]", required=False)
@click.option(
    "--from",
    "dump",
    metavar="FILE",
    help="Read SQL instead of a database: a pg_dump, structure.sql, sqlmigrate.",
)
@read_url(required=False)
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
@click.pass_context
def pull_command(
    ctx: click.Context,
    /,
    tool: str | None,
    file: str | None,
    dump: str | None,
    database_url: str | None,
    schemas: tuple[str, ...],
    tables: tuple[str, ...],
    organization_column: str,
    out: Path | None,
    as_json: bool,
) -> None:
    """Write the schema of existing tables as an importable Python file.

    Keys, enums from CHECKs, relations from foreign keys, defaults. Comments list what could not be
    recovered, with the SQL that would change it. Reads only: a database, or a file of SQL, a Prisma
    or a Drizzle schema.
    """
    if ctx.get_parameter_source("database_url") is not ParameterSource.COMMANDLINE and (
        file or dump
    ):
        database_url = None
    asked = _Asked(tool, file, dump, database_url, schemas, tables)
    found = _described(asked)
    chosen = _of_database(asked) if found is None else _chosen(found.tables, asked)
    pulled = pull_schema(chosen, organization_column=organization_column)
    if found is not None:
        pulled = _noted(_elsewhere(pulled, found.tables, asked), found.skipped, str(file or dump))
    _write(pulled, () if found is None else found.skipped, out, as_json)
    if found is not None:
        say(_ADVICE)


@dataclass(frozen=True, slots=True)
class _Asked:
    """Where to read, and which tables."""

    tool: str | None
    file: str | None
    dump: str | None
    database_url: str | None
    schemas: tuple[str, ...]
    tables: tuple[str, ...]


def _described(asked: _Asked) -> Described | None:
    """Read the file that the command line names; None if it names none."""
    if (asked.tool is None) != (asked.file is None) or (asked.tool and asked.dump):
        raise click.UsageError("use `pull prisma FILE`, `pull drizzle FILE` or `pull --from FILE`")
    named = asked.file or asked.dump
    if named is None:
        if asked.database_url is None:
            raise click.UsageError("Missing option '--database-url', or a file: see --help.")
        return None
    if asked.database_url is not None:
        raise click.UsageError("a file is read without a database: leave --database-url out")
    path = Path(named)
    logging.getLogger("sqlglot").setLevel(logging.ERROR)  # what it warns of is listed as skipped
    return _READERS.get(asked.tool or "", read_sql)(_text(path), path.name)


def _text(path: Path) -> str:
    """Read a file of text. Raises invalid_options if that cannot be done."""
    try:
        with path.open("rb") as file:
            return file.read(LARGEST + 1).decode("utf-8-sig")
    except OSError as exc:
        reason = exc.strerror or "it cannot be read"
    except UnicodeDecodeError as exc:
        reason = f"it is not UTF-8 at byte {exc.start}"
    raise error_for(
        "invalid_options",
        f"{path} cannot be read: {reason}",
        field="file",
        remedy="name a file of text in UTF-8",
    )


def _of_database(asked: _Asked) -> Sequence[TableFacts]:
    with administrator(str(asked.database_url)) as conn:
        _known("schema", asked.schemas, schema_names(conn))
        found = read_tables(conn, asked.schemas or ("public",))
    return _listed(found, asked.tables)


def _chosen(found: Sequence[TableFacts], asked: _Asked) -> Sequence[TableFacts]:
    there = sorted({table.schema for table in found})
    _known("schema", asked.schemas, there)
    schemas = asked.schemas or ("public",)
    return _listed([table for table in found if table.schema in schemas], asked.tables)


def _listed(found: Sequence[TableFacts], tables: Sequence[str]) -> Sequence[TableFacts]:
    _known("table", tables, [table.name for table in found])
    return [table for table in found if not tables or table.name in tables]


def _elsewhere(pulled: Pulled, tables: Sequence[TableFacts], asked: _Asked) -> Pulled:
    """Add the tables of a file that are in schemas that were not asked for."""
    if asked.schemas or asked.tables:
        return pulled
    others = {
        f"{table.schema}.{table.name}": (f"read its schema with --schema {table.schema}",)
        for table in tables
        if table.schema != "public"
    }
    lines = [
        line for name, why in others.items() for line in (f"{name} is left out:", f"  {why[0]}")
    ]
    notes = replace(pulled.notes, tail=(*pulled.notes.tail, *lines))
    return replace(pulled, left_out={**pulled.left_out, **others}, notes=notes)


def _noted(pulled: Pulled, skipped: Sequence[Skipped], file: str) -> Pulled:
    """Add to the notes where it came from, and what was not read."""
    head = (f"Read from {Path(file).name}, without a database.", f"{_ADVICE}.".capitalize())
    lines = [f"  line {one.line}: {one.what}: {one.reason}" for one in skipped]
    tail = [*pulled.notes.tail, *([f"Not read of {Path(file).name}:", *lines] if lines else [])]
    return replace(pulled, notes=replace(pulled.notes, head=head, tail=tuple(tail)))


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


def _write(pulled: Pulled, skipped: Sequence[Skipped], out: Path | None, as_json: bool) -> None:
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
                "permissionsLeftOut": pulled.opened,
                "skipped": [asdict(one) for one in skipped],
                "file": written,
                "source": source,
            }
        )
        return
    for key, lost in pulled.opened.items():
        say(
            f"  {key}: add these permissions to the file, or migrating ends them: {'; '.join(lost)}"
        )
    for table, reasons in pulled.left_out.items():
        say(f"  {table}: {reasons[0]}")
    for one in skipped[:_LISTED]:
        say(f"  not read, line {one.line}: {one.what}: {one.reason}")
    if len(skipped) > _LISTED:
        say(f"  and {len(skipped) - _LISTED} more; --json has all")
