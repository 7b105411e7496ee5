"""The `demo` command itself."""

from __future__ import annotations

from typing import Any

import click

from ablo_pg.cli.demo.screen import Screen
from ablo_pg.cli.options import json_option
from ablo_pg.cli.output import show_json
from ablo_pg.cluster import Prefer

EPILOG = """\b
Examples:
  ablo-pg demo
  ablo-pg demo --seconds 30 --postgres system
  ablo-pg demo --json | jq .p50Ms
"""


@click.command("demo", epilog=EPILOG)
@click.option(
    "--seconds",
    type=click.FloatRange(0.5, 600),
    default=5,
    show_default=True,
    help="How long the writers work.",
)
@click.option(
    "--postgres",
    "prefer",
    type=click.Choice(["embedded", "system"]),
    default="embedded",
    show_default=True,
    help="Which server binaries to use.",
)
@json_option
def demo_command(seconds: float, prefer: Prefer, as_json: bool) -> int:
    """Run the whole engine on a temporary Postgres, and check it.

    Starts a server, installs the kernel, compiles and applies a schema, runs two writers and a
    subscriber in separate processes, and shows the committed rows as they arrive. Ends on its own
    and leaves nothing running. Exit code 0 only if every write arrived once and in order.
    """
    from ablo_pg.cli.demo.run import run_demo  # loaded only when it is used

    screen = Screen(quiet=as_json)
    outcome = run_demo(seconds, prefer, screen)
    _show(outcome, screen)
    if as_json:
        show_json(outcome)
    return 0 if outcome["ok"] else 1


def _show(outcome: dict[str, Any], screen: Screen) -> None:
    screen.verdict(outcome["problems"])
    screen.line(f"  {outcome['writes']} writes confirmed, {outcome['arrived']} changes arrived")
    screen.line(
        f"  {outcome['refused']} edits based on outdated reads refused, then repeated: none lost"
    )
    screen.line(f"  {outcome['retried']} writes sent twice under one key: none applied twice")
    screen.line(
        f"  write sent -> seen in the other process: p50 {outcome['p50Ms']} ms, "
        f"p99 {outcome['p99Ms']} ms (reader: {outcome['reader']})"
    )
