"""Run a call of the table (`wire.kernel_calls`): one `select ablo.x(...)`, arguments by name.

Callers: the direct transport, the lease keeper, the relay. Takes a connection whose JSON is raw
(`db.pool`) and raises psycopg's errors; `db.errors` translates.
"""

from __future__ import annotations

from functools import cache
from typing import TypeVar

import orjson
from psycopg import AsyncConnection, sql
from psycopg.rows import tuple_row

from ablo_pg.wire.kernel_bodies import Body, Caller
from ablo_pg.wire.kernel_calls import KernelCall

B = TypeVar("B", bound=Body)


async def ask(conn: AsyncConnection, call: KernelCall[B, object], caller: Caller, body: B) -> bytes:
    """Run a call; return its answer as JSON, the bytes that a relay answers with."""
    taken = {name: getattr(caller, name) for name in call.takes}
    arguments = {**taken, **body.arguments(), **call.fixed}
    async with conn.cursor(row_factory=tuple_row) as cursor:
        await cursor.execute(_statement(call.routine or call.name, tuple(arguments)), arguments)
        row = await cursor.fetchone()
    value = row[0] if row else None
    if call.member is not None:
        return orjson.dumps({call.member: True if value == "" else value})  # "" is void
    return b"null" if value is None else bytes(value)


@cache
def _statement(routine: str, names: tuple[str, ...]) -> bytes:
    """Return the statement, with a placeholder for each argument."""
    given = [
        sql.SQL("{} => {}").format(sql.Identifier(f"p_{name}"), sql.Placeholder(name))
        for name in names
    ]
    call = sql.SQL("select ablo.{}({})").format(sql.Identifier(routine), sql.SQL(", ").join(given))
    return call.as_bytes(None)
