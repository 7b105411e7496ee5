"""`ablo-pg mcp`: the tools of an agent's framework, over the Model Context Protocol."""

from __future__ import annotations

from functools import partial
from typing import Final

import anyio
import click

from ablo_pg.cli.extras import from_extra

EPILOG: Final = """\b
In a client's configuration:
  {"mcpServers": {"ablo": {"command": "ablo-pg", "args": ["mcp"],
    "env": {"ABLO_API_URL": "https://relay.example.com", "ABLO_API_KEY": "rk_..."}}}}

\b
Examples:
  ABLO_API_URL=http://localhost:8787 ABLO_API_KEY=rk_... ablo-pg mcp
"""


@click.command("mcp", epilog=EPILOG)
@click.option("--url", envvar="ABLO_API_URL", required=True, metavar="URL",
    help="The relay. [env: ABLO_API_URL]")  # fmt: skip
@click.option("--api-key", envvar="ABLO_API_KEY", required=True, metavar="KEY",
    help="A key of the agent; it decides which tools there are. [env: ABLO_API_KEY]")  # fmt: skip
def mcp_command(url: str, api_key: str) -> None:
    """Serve the rows of a relay to an agent, over MCP on stdin and stdout.

    The tools are made from the active schema and the key's rights. Claims of the session are
    renewed while it runs, and released when it ends.
    """
    with from_extra("mcp"):
        from ablo_pg.mcp.server import serve_stdio
    anyio.run(partial(serve_stdio, url, api_key))
