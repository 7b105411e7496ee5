"""`ablo-pg compile`: a schema as SQL, for reading, review, or psql; and what has changed."""

from __future__ import annotations

from pathlib import Path

import click

from ablo_pg.cli.differences import Differences, differences, show_differences
from ablo_pg.cli.exit_codes import DOES_NOT_FIT
from ablo_pg.cli.options import json_option, target_argument
from ablo_pg.cli.output import say, show_json
from ablo_pg.cli.target import load_target
from ablo_pg.compile import compile_schema
from ablo_pg.errors import error_for
from ablo_pg.kernel import kernel_script
from ablo_pg.schema import SchemaSpec

EPILOG = """\b
TARGET: FILE.py, MODULE, either with :ATTRIBUTE, or FILE.json
AGAINST: pushed (the active version of a database), tables (what is there), or another TARGET

\b
Examples:
  ablo-pg compile app/schema.py
  ablo-pg compile app.schema:schema -o schema.sql
  ablo-pg compile app/schema.py --kernel | psql -v ON_ERROR_STOP=1 postgresql://postgres@localhost/app
  ablo-pg compile --diff pushed
  ablo-pg compile app/schema.py --diff released.json --json
"""


@click.command("compile", epilog=EPILOG)
@target_argument
@click.option(
    "-o", "--output", type=click.Path(dir_okay=False, path_type=Path), help="Write to this file."
)
@click.option("--kernel", is_flag=True, help="Put the kernel's own SQL first.")
@click.option("--diff", "against", metavar="AGAINST", help="Show what has changed instead.")
@click.option(
    "--database-url",
    envvar=["ABLO_ADMIN_URL", "DATABASE_URL"],
    metavar="URL",
    help="Database that --diff reads. [env: ABLO_ADMIN_URL, DATABASE_URL]",
)
@json_option
def compile_command(
    target: str,
    output: Path | None,
    kernel: bool,
    against: str | None,
    database_url: str | None,
    as_json: bool,
) -> int:
    """Print the SQL of a schema. Running it twice changes nothing the second time.

    Tables, checks, indexes, row-level security, triggers and write functions; each script is one
    transaction. It connects to no database. Only --diff does, and only reads: it lists every
    change, and ends with exit code 3 if one of them would break stored rows or clients.
    """
    spec = load_target(target)
    if against is None:
        _print(spec, output, kernel, as_json)
        return 0
    found: Differences = differences(spec, against, database_url)
    show_differences(found, as_json)
    return 0 if found.fits else DOES_NOT_FIT


def _print(spec: SchemaSpec, output: Path | None, kernel: bool, as_json: bool) -> None:
    compiled = compile_schema(spec)
    text = kernel_script() + "\n" + compiled.sql if kernel else compiled.sql
    if output is not None:
        try:
            output.write_text(text, encoding="utf-8")
        except OSError as exc:
            raise error_for(
                "invalid_options",
                f"{output} cannot be written: {exc.strerror}",
                field="output",
                remedy="name a file in an existing folder",
            ) from None
        say(f"{output}: {len(text.splitlines())} lines")
    if as_json:
        written = None if output is None else str(output)
        sql = text if output is None else None
        show_json({"schema": compiled.hash, "file": written, "sql": sql})
    elif output is None:
        click.echo(text, nl=False)
