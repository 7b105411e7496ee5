"""The commands as `--help` lists them: by what somebody is about to do, each in one line."""

from __future__ import annotations

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


class Sections(click.Group):
    """A group whose help lists its commands under headings, in the order of SECTIONS."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names in the order of the help."""
        known = [name for commands in SECTIONS.values() for name in commands]
        return [*known, *sorted(self.commands.keys() - set(known))]

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write one list for each section."""
        for title, commands in SECTIONS.items():
            with formatter.section(title):
                formatter.write_dl(list(commands.items()), col_max=12)
