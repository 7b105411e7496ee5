"""`ablo-pg connect`: prepare a database and print its two URLs for .env."""

from __future__ import annotations

import click

from ablo_pg.cli.options import admin_url_option, json_option
from ablo_pg.cli.output import say, show, show_json, working
from ablo_pg.kernel import Connected, connect

EPILOG = """\b
Examples:
  ablo-pg connect --admin-url postgresql://postgres@localhost/app >> .env
  ablo-pg connect --admin-url 'postgresql:///app?host=/var/run/postgresql' --json
"""


@click.command("connect", epilog=EPILOG)
@admin_url_option
@click.option(
    "--control",
    is_flag=True,
    help="Also create the login that manages keys; DATABASE_URL then no longer can.",
)
@json_option
def connect_command(admin_url: str, control: bool, as_json: bool) -> int:
    """Install the kernel in a database and create the two logins that programs use.

    Prints DATABASE_URL=... and ABLO_REPLICATION_URL=... to stdout, ready for a .env file. The
    passwords are shown once. Running it again upgrades the kernel and gives both logins new
    passwords, so the previous URLs stop working. With --control it also prints
    ABLO_CONTROL_URL=..., which `ablo-pg keys` then needs: keep it where people work, not where
    programs run. If the login may not create roles, the SQL for a login that may goes to stderr
    instead, and the exit code is 1.
    """
    working("installing the kernel and its logins")
    done = connect(admin_url, control=control)
    _show(done, as_json)
    return 1 if done.problems else 0


def _show(done: Connected, as_json: bool) -> None:
    for note in done.notes:
        say(note)
    for problem in done.problems:
        say(f"warning: {problem}")
    if as_json:
        show_json(
            {
                "databaseUrl": done.database_url,
                "replicationUrl": done.replication_url,
                "controlUrl": done.control_url,
                "kernel": {"before": done.installed.before, "version": done.installed.version},
                "notes": done.notes,
                "problems": done.problems,
            }
        )
        return
    show(f"DATABASE_URL={done.database_url}")
    if done.replication_url is not None:
        show(f"ABLO_REPLICATION_URL={done.replication_url}")
    if done.control_url is not None:
        show(f"ABLO_CONTROL_URL={done.control_url}")
