"""Making a connection that can be cancelled cleanly."""

from __future__ import annotations

from typing import Any, Final

import anyio
import anyio.lowlevel
import psycopg
from psycopg import AsyncConnection

from ablo_pg.db.session import connect_async

CONNECT_TIMEOUT: Final = 10
# How long a cancelled attempt may still take. Protects the server from a session that is never
# closed; it delays a shutdown that long, and only if the server does not answer.
GRACE_SECONDS: Final = 0.5


async def connect(url: str, **parameters: Any) -> AsyncConnection:
    """Connect, autocommit, pinned, and never prepare a statement. Raises psycopg.Error.

    A walsender has no prepared statements, and behind a pooler they may be another session's.

    psycopg leaves a connection whose creation was cancelled to the garbage collector, and its
    session stays on the server until then. A cancelled attempt is therefore finished, then closed.
    """
    conn: AsyncConnection | None = None
    attempt = anyio.CancelScope(shield=True)
    options = {"prepare_threshold": None, "connect_timeout": CONNECT_TIMEOUT, **parameters}

    async def hurry_when_cancelled() -> None:
        try:
            await anyio.sleep_forever()
        finally:
            attempt.deadline = anyio.current_time() + GRACE_SECONDS

    failure: psycopg.Error | None = None
    try:
        async with anyio.create_task_group() as group:
            group.start_soon(hurry_when_cancelled)
            with attempt:
                try:
                    conn = await connect_async(url, **options)
                except psycopg.Error as exc:  # out of the task group it would be wrapped
                    failure = exc
            await anyio.lowlevel.checkpoint_if_cancelled()
            group.cancel_scope.cancel()
    except BaseException:
        if conn is not None:
            with anyio.CancelScope(shield=True):
                await conn.close()
        raise
    if conn is None:
        raise failure or AssertionError("an attempt ends in a connection or a failure")
    return conn
