"""What a connection says of claims: it listens for them, and limits how many one may have."""

from __future__ import annotations

from typing import Final, LiteralString

from psycopg import AsyncConnection

CLAIM_LIMITS: Final[LiteralString] = (
    "select set_config('ablo.open_claims', %s, false), set_config('ablo.open_waits', %s, false)"
)


async def claim_limits(conn: AsyncConnection, held: int | None, waiting: int | None) -> None:
    """Set for a connection how many claims one participant may have; None: the kernel's default."""
    if held is not None or waiting is not None:
        given = ["" if most is None else str(most) for most in (held, waiting)]
        await conn.execute(CLAIM_LIMITS, given)
