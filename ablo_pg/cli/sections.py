"""The commands as `--help` lists them, grouped by task, one line each.

A command's module is imported when the command is typed: importing all of them would take longer
than most commands take to run.
"""

from __future__ import annotations

import importlib
from typing import Final

import click

SECTIONS: Final[dict[str, dict[str, str]]] = {
    "Start": {
        "init": "Create a first project in this folder.",
        "dev": "Run everything needed for development, until Ctrl-C.",
        "demo": "Run the engine on a temporary Postgres, and check it.",
    },
    "Change the schema": {
        "compile": "Print its SQL, or what has changed in it.",
        "push": "Make it the active version, if it breaks nothing.",
        "migrate": "Change large tables to fit, while others write.",
        "check": "Check whether existing tables fit it.",
        "pull": "Write one from existing tables or files.",
        "generate": "Write a typed client, JSON Schema, OpenAPI.",
    },
    "See what happens": {
        "access": "Explain who may read and write a row, and why.",
        "logs": "Follow changes: what, when, and by which participant.",
        "claims": "Show who holds what, and who waits; break a claim.",
        "undo": "Take changes back, in one commit; or preview it.",
        "whoami": "Show the login, participant and rights in use.",
        "status": "Show kernel, schema, and drift.",
        "doctor": "Find problems, with the fix for each.",
    },
    "Run it": {
        "connect": "Prepare a database: kernel and logins.",
        "relay": "Serve the rows over HTTP and WebSocket.",
        "mcp": "Serve them to an agent, as tools (MCP).",
        "keys": "Create, list, renew and end API keys.",
        "audit": "Seal the log, and detect rewrites.",
        "source": "Check a data source endpoint; its tables.",
    },
}


class Sections(click.Group):
    """A group with headings in its help; it imports a command on demand."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names in the order of the help."""
        return [name for commands in SECTIONS.values() for name in commands]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return a command; import it if necessary."""
        if cmd_name not in self.commands and cmd_name in self.list_commands(ctx):
            module = importlib.import_module(f"ablo_pg.cli.{cmd_name}")
            self.add_command(getattr(module, f"{cmd_name}_command"))
        return self.commands.get(cmd_name)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write one list per section."""
        for title, commands in SECTIONS.items():
            with formatter.section(title):
                formatter.write_dl(list(commands.items()), col_max=12)
