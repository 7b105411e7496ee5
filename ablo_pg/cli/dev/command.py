"""The `dev` command itself."""

from __future__ import annotations

from typing import Any

import click

from ablo_pg.cli.extras import from_extra
from ablo_pg.cli.options import json_option, target_argument

EPILOG = """\b
TARGET: FILE.py, MODULE, either with :ATTRIBUTE, or FILE.json  [default: ablo/schema.py]
ABLO_ADMIN_URL, or DATABASE_URL of an administrative login, names a Postgres of yours; without one
an embedded server runs, and its data stays in .ablo/ until --ephemeral or you delete it.

\b
Examples:
  ablo-pg dev
  ablo-pg dev --ephemeral --port 0
  ablo-pg dev --allow-origin http://localhost:3000
  ABLO_ADMIN_URL=postgresql://postgres@localhost/app ablo-pg dev
"""


@click.command("dev", epilog=EPILOG)
@target_argument
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    help="Port of the relay; 0: any free one. [default: 8787, or the next free one]",
)
@click.option("--watch/--no-watch", default=True, help="Push the schema again after each save.")
@click.option(
    "--ephemeral", is_flag=True, help="Discard the data of an embedded database at the end."
)
@click.option(
    "--organization", metavar="NAME", help="Organization of the key. [env: ABLO_ORGANIZATION]"
)
@click.option(
    "--allow-origin",
    "origins",
    multiple=True,
    metavar="ORIGIN",
    help="Origin whose pages may call the relay from a browser; repeat it. `*`: any.",
)
@click.option("--console/--no-console", default=True, help="Serve the console too.")
@json_option
def dev_command(**options: Any) -> None:
    """Run everything needed for development, until Ctrl-C.

    Postgres (embedded, or yours), the kernel, the schema's tables, a key, the relay. URLs and key
    are written to .env. The schema is pushed again 300 ms after each save. Mistakes in it are
    reported, and the last good version stays active. Ctrl-C leaves nothing running.
    """
    with from_extra("embedded"):  # loaded only when it is used
        from ablo_pg.cli.dev.run import DevOptions, run_dev

    run_dev(DevOptions(**options))
