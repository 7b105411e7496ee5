"""`ablo-pg status`: what a database has installed, and whether it has drifted."""

from __future__ import annotations

from dataclasses import asdict

import click

from ablo_pg.cli.administrator import administrator
from ablo_pg.cli.options import admin_url_option, json_option
from ablo_pg.cli.output import say, show, show_json
from ablo_pg.kernel import KernelState, kernel_state

EPILOG = """\b
Examples:
  ablo-pg status --admin-url postgresql://postgres@localhost/app
  ablo-pg status --json | jq .drift
"""


@click.command("status", epilog=EPILOG)
@admin_url_option
@json_option
def status_command(admin_url: str, as_json: bool) -> int:
    """Show the installed kernel, the active schema, and drift. Changes nothing.

    Exit code 0 if there is no drift, 1 otherwise.
    """
    with administrator(admin_url) as conn:
        state = kernel_state(conn)
    if as_json:
        show_json(asdict(state))
    else:
        _show(state)
    return 0 if state.sound else 1


def _show(state: KernelState) -> None:
    if state.installed is None:
        say("no kernel; install it with `ablo-pg connect --admin-url URL`")
        return
    schema = state.status.get("schema") or {}
    show(f"kernel    {state.installed} (this package: {state.own})")
    major, minor = divmod(int(state.status.get("serverVersion", 0)), 10_000)
    show(f"server    {major}.{minor}, wal_level {state.status.get('walLevel')}")
    show(f"schema    {schema.get('hash', 'none pushed')}")
    for path in state.outdated:
        show(f"differs   {path}")
    for item in state.drift:
        show(f"drift     {item}")
    for item in state.unknown:
        show(f"unknown   {item}")
    for lack in state.lacks:
        show(f"rights    {lack}")
