"""The commands as `--help` lists them: by what somebody is about to do, each in one line.

A command's module is imported when the command is typed: the others would take longer to load than
most commands take to run.
"""

from __future__ import annotations

import importlib
from typing import Final

import click

SECTIONS: Final[dict[str, dict[str, str]]] = {
    "Start": {
        "init": "Write a first project into this folder.",
        "dev": "Run everything that a first day needs, until Ctrl-C.",
        "demo": "Show the engine on a throw-away Postgres, and check it.",
    },
    "Change the schema": {
        "compile": "Print its SQL, or what has changed in it.",
        "push": "Make it the active version, if nothing breaks.",
        "migrate": "Bring large tables to it, beside their writers.",
        "check": "Do the tables that exist fit it?",
        "pull": "Write one from tables that exist.",
        "generate": "Write a typed client, JSON Schema, OpenAPI.",
    },
    "See what happens": {
        "logs": "Follow the changes: what, when, by whom.",
        "claims": "Who holds what, and who waits; end a claim.",
        "whoami": "As whom programs act here, and what that may do.",
        "status": "Kernel, schema, and what has drifted.",
        "doctor": "Find what is wrong, with the fix for each.",
    },
    "Run it": {
        "connect": "Make a database ready: kernel and logins.",
        "relay": "Serve the rows over HTTP and WebSocket.",
        "keys": "Make, list, renew and end API keys.",
        "audit": "Seal the log, and find out if it was rewritten.",
    },
}


# Where a command stands, if not in the module of its name.
_PLACES: Final = {"check": "tables", "pull": "tables"}


class Sections(click.Group):
    """A group whose help has headings, and which imports a command when it is asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names in the order of the help."""
        return [name for commands in SECTIONS.values() for name in commands]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return a command, imported now if it has not been."""
        if cmd_name not in self.commands and cmd_name in self.list_commands(ctx):
            module = importlib.import_module(f"ablo_pg.cli.{_PLACES.get(cmd_name, cmd_name)}")
            self.add_command(getattr(module, f"{cmd_name}_command"))
        return self.commands.get(cmd_name)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write one list for each section."""
        for title, commands in SECTIONS.items():
            with formatter.section(title):
                formatter.write_dl(list(commands.items()), col_max=12)
