"""Whether a pooler shares one server process between sessions: proved, not guessed.

This package keeps settings, prepared statements, LISTEN and advisory locks in its sessions. A
pooler in session mode preserves them. One in transaction or statement mode gives them to other
clients, and other clients' to us: from time to time a statement fails, or runs under another
client's settings. Such a URL is refused when it is opened. The proof is that one server process
answers two open sessions, or two processes answer one session; each session has its own settings
then, for a proxy that pins a session that has some. A server that reports the process that answers
needs no proof: nothing is in between.
"""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack, suppress
from typing import Any, Final, LiteralString

from psycopg import AsyncConnection

from ablo_pg.db import session
from ablo_pg.errors import error_for

OTHERS: Final = 2  # sessions that are opened to take the first one's server process away from it
# Seconds for each of them. A pooler may have no server process left for it; then nothing is proved,
# and the start is delayed by that much.
PATIENCE: Final = 3.0
PROCESS: Final[LiteralString] = "select pg_catalog.pg_backend_pid()"


async def refuse_shared_sessions(conn: AsyncConnection, url: str, **parameters: Any) -> None:
    """Raise transaction_pooler if this URL's sessions are shared.

    Args: conn, open, on the URL; parameters, of further connections to it. Raises psycopg.Error.
    """
    first = await _process(conn)
    if first == conn.info.backend_pid:
        return
    async with AsyncExitStack() as stack:
        for _ in range(OTHERS):
            with suppress(TimeoutError):
                async with asyncio.timeout(PATIENCE):
                    other = await session.connect_async(url, **parameters)
                    stack.push_async_callback(other.close)
                    if await _process(other) == first:
                        raise _shared(f"two sessions were answered by one server process, {first}")
                    await other.execute("begin")
                    again = await _process(conn)
                    if again != first:
                        told = f"one session was answered by two processes, {first} and {again}"
                        raise _shared(told)


async def _process(conn: AsyncConnection) -> int:
    row = await (await conn.execute(PROCESS, prepare=False)).fetchone()
    return int(row[0]) if row else 0


def _shared(proof: str) -> Exception:
    return error_for(
        "transaction_pooler",
        f"The URL leads through a pooler that shares sessions: {proof}",
        field="database_url",
        remedy="use the pooler in session mode (PgBouncer: pool_mode = session), or a URL that "
        "leads directly to the server",
    )
