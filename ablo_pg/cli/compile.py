"""`ablo-pg compile`: a schema as SQL, for reading, review, or psql."""

from __future__ import annotations

from pathlib import Path

import click

from ablo_pg.cli.options import target_argument
from ablo_pg.cli.output import say
from ablo_pg.cli.target import load_target
from ablo_pg.compile import compile_schema
from ablo_pg.kernel import kernel_script

EPILOG = """\b
TARGET: FILE.py, MODULE, either with :ATTRIBUTE, or FILE.json

\b
Examples:
  ablo-pg compile app/schema.py
  ablo-pg compile app.schema:schema -o schema.sql
  ablo-pg compile app/schema.py --kernel | psql -v ON_ERROR_STOP=1 postgresql://postgres@localhost/app
"""


@click.command("compile", epilog=EPILOG)
@target_argument
@click.option("-o", "--output", type=click.Path(dir_okay=False, path_type=Path), help="Write here.")
@click.option("--kernel", is_flag=True, help="Put the kernel's own SQL before it.")
def compile_command(target: str, output: Path | None, kernel: bool) -> None:
    """Print the SQL of a schema. Running it twice changes nothing the second time.

    Tables, checks, indexes, row-level security, triggers and write functions; each script is one
    transaction. Nothing is connected to.
    """
    text = compile_schema(load_target(target)).sql
    text = kernel_script() + "\n" + text if kernel else text
    if output is None:
        click.echo(text, nl=False)
        return
    try:
        output.write_text(text, encoding="utf-8")
    except OSError as exc:
        raise click.FileError(str(output), exc.strerror) from exc
    say(f"{output}: {len(text.splitlines())} lines")
