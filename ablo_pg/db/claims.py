"""One function per routine of claims and presence, a single `select ablo.x(...)` each.

As `db.routines`: every function takes a connection whose JSON is raw, returns JSON as bytes
(`db.claim_results` parses it), and raises psycopg's errors. capability: the id of the caller's key;
None for unlimited rights. Callers: the direct transport, the lease keeper.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, LiteralString

import orjson
from psycopg import AsyncConnection
from psycopg.rows import tuple_row

CLAIM_ACQUIRE: Final[LiteralString] = (
    "select ablo.claim_acquire(%s, %s, %s, %s, %s::jsonb, %s, %s, %s)"
)
CLAIM_GET: Final[LiteralString] = "select ablo.claim_get(%s, %s, %s, %s, %s)"
CLAIM_HEARTBEAT: Final[LiteralString] = "select ablo.claim_heartbeat(%s, %s, %s, %s::jsonb, %s)"
CLAIM_HEARTBEAT_EVERY: Final[LiteralString] = (
    "select ablo.claim_heartbeat_all(%s, %s, null, %s::jsonb, %s)"
)
CLAIM_HEARTBEAT_ALL: Final[LiteralString] = (
    "select ablo.claim_heartbeat_all(%s, %s, %s::text[], null, %s)"
)
CLAIM_RELEASE: Final[LiteralString] = "select ablo.claim_release(%s, %s, %s, %s)"
CLAIM_RELEASE_ROW: Final[LiteralString] = "select ablo.claim_release_row(%s, %s, %s, %s, %s)"
CLAIM_LIST: Final[LiteralString] = "select ablo.claim_list(%s, %s, %s, %s, '{}', %s)"
CLAIM_LIST_FILTERED: Final[LiteralString] = "select ablo.claim_list(%s, %s, %s, %s, %s::jsonb, %s)"
CLAIM_EVENTS: Final[LiteralString] = "select ablo.claim_events(%s, %s, %s, %s, %s, %s)"
CLAIM_BREAK: Final[LiteralString] = "select ablo.claim_break(%s, %s, %s)"
CLAIM_REORDER: Final[LiteralString] = "select ablo.claim_reorder(%s, %s, %s, %s, %s::jsonb, %s)"
PRESENCE_BEAT: Final[LiteralString] = "select ablo.presence_beat(%s, %s, %s, %s::jsonb)"
PRESENCE_LEAVE: Final[LiteralString] = "select ablo.presence_leave(%s, %s, %s)"
PRESENCE_LIST: Final[LiteralString] = "select ablo.presence_list(%s, %s, '{}', %s)"
CLAIM_LIMITS: Final[LiteralString] = (
    "select set_config('ablo.open_claims', %s, false), set_config('ablo.open_waits', %s, false)"
)


async def _value(conn: AsyncConnection[Any], query: LiteralString, *args: object) -> Any:
    async with conn.cursor(row_factory=tuple_row) as cursor:
        await cursor.execute(query, args)
        row = await cursor.fetchone()
    return row[0] if row else None


async def claim_limits(conn: AsyncConnection[Any], held: int | None, waiting: int | None) -> None:
    """Set for a connection how many claims one participant may have; None: the kernel's default."""
    if held is not None or waiting is not None:
        given = ["" if most is None else str(most) for most in (held, waiting)]
        await conn.execute(CLAIM_LIMITS, given)


async def claim_acquire(
    conn: AsyncConnection[Any],
    organization: str,
    participant: str,
    model: str,
    row_id: str,
    request: bytes,
    on_behalf_of: str | None = None,
    capability_id: str | None = None,
    key_id: str | None = None,
) -> bytes:
    """Request a claim: granted, or queued. The same claimId twice is the same claim.

    key_id: the key behind the request; the claim ends when that is revoked.
    """
    found: bytes = await _value(
        conn,
        CLAIM_ACQUIRE,
        organization,
        participant,
        model,
        row_id,
        request.decode(),
        on_behalf_of,
        capability_id,
        key_id,
    )
    return found


async def claim_get(
    conn: AsyncConnection[Any],
    organization: str,
    participant: str,
    claim_id: str,
    renew: bool,
    capability: str | None = None,
) -> bytes:
    """Read a claim; if its turn has come, it is granted. renew: also act as a heartbeat."""
    found: bytes = await _value(
        conn, CLAIM_GET, organization, participant, claim_id, renew, capability
    )
    return found


async def claim_heartbeat(
    conn: AsyncConnection[Any],
    organization: str,
    participant: str,
    claim_id: str,
    request: bytes,
    capability: str | None = None,
) -> bytes:
    """Renew one claim: held, or queued; raises for one that is lost."""
    found: bytes = await _value(
        conn, CLAIM_HEARTBEAT, organization, participant, claim_id, request.decode(), capability
    )
    return found


async def claim_heartbeat_every(
    conn: AsyncConnection[Any],
    organization: str,
    participant: str,
    ttl: bytes | None,
    capability: str | None = None,
) -> bytes:
    """Renew every claim and wait of a participant; ttl: JSON, null keeps each one's own."""
    given = None if ttl is None else ttl.decode()
    found: bytes = await _value(
        conn, CLAIM_HEARTBEAT_EVERY, organization, participant, given, capability
    )
    return found


async def claim_heartbeat_all(
    conn: AsyncConnection[Any],
    organization: str,
    participant: str,
    claim_ids: Sequence[str],
    capability: str | None = None,
) -> bytes:
    """Renew these claims of a participant, in one call; each answers held, queued or lost."""
    found: bytes = await _value(
        conn, CLAIM_HEARTBEAT_ALL, organization, participant, list(claim_ids), capability
    )
    return found


async def claim_release(
    conn: AsyncConnection[Any],
    organization: str,
    participant: str,
    claim_id: str,
    capability: str | None = None,
) -> bool:
    """Release a claim, or leave the queue; return whether there was one to release."""
    target = (organization, participant, claim_id, capability)
    return bool(await _value(conn, CLAIM_RELEASE, *target))


async def claim_release_row(
    conn: AsyncConnection[Any],
    organization: str,
    participant: str,
    model: str,
    row_id: str,
    capability: str | None = None,
) -> bool:
    """Release every claim and wait of the participant on a row."""
    target = (organization, participant, model, row_id, capability)
    return bool(await _value(conn, CLAIM_RELEASE_ROW, *target))


async def claim_break(
    conn: AsyncConnection[Any], organization: str, participant: str, claim_id: str
) -> bool:
    """End another participant's claim or wait; return whether it existed."""
    return bool(await _value(conn, CLAIM_BREAK, organization, participant, claim_id))


async def claim_list(
    conn: AsyncConnection[Any],
    organization: str,
    participant: str,
    model: str,
    row_id: str,
    capability: str | None = None,
) -> bytes:
    """Read a row's holders and its wait queue. Never waits, changes nothing."""
    target = (organization, participant, model, row_id, capability)
    found: bytes = await _value(conn, CLAIM_LIST, *target)
    return found


async def claim_list_filtered(
    conn: AsyncConnection[Any],
    organization: str,
    participant: str,
    model: str | None,
    row_id: str | None,
    wanted: bytes,
    capability: str | None = None,
) -> bytes:
    """Read holders of an organization that match a filter, and for a row its wait queue."""
    found: bytes = await _value(
        conn,
        CLAIM_LIST_FILTERED,
        organization,
        participant,
        model,
        row_id,
        wanted.decode(),
        capability,
    )
    return found


async def claim_events(
    conn: AsyncConnection[Any],
    organization: str,
    participant: str,
    after: int,
    log: int,
    limit: int,
    capability: str | None = None,
) -> bytes:
    """Read claim events after a position, as far as a key may see them."""
    found: bytes = await _value(
        conn, CLAIM_EVENTS, organization, participant, after, log, limit, capability
    )
    return found


async def claim_reorder(
    conn: AsyncConnection[Any],
    organization: str,
    participant: str,
    model: str,
    row_id: str,
    order: Sequence[str],
    capability: str | None = None,
) -> None:
    """Move these waiters to the head of the queue, in this order."""
    await _value(
        conn,
        CLAIM_REORDER,
        organization,
        participant,
        model,
        row_id,
        orjson.dumps(list(order)).decode(),
        capability,
    )


async def presence_beat(
    conn: AsyncConnection[Any], organization: str, participant: str, session: str, request: bytes
) -> bytes:
    """Record a session of the participant, and its activity."""
    found: bytes = await _value(
        conn, PRESENCE_BEAT, organization, participant, session, request.decode()
    )
    return found


async def presence_leave(
    conn: AsyncConnection[Any], organization: str, participant: str, session: str
) -> bool:
    """Record that a session has left."""
    return bool(await _value(conn, PRESENCE_LEAVE, organization, participant, session))


async def presence_list(
    conn: AsyncConnection[Any], organization: str, participant: str, capability: str | None = None
) -> bytes:
    """Read who is present."""
    found: bytes = await _value(conn, PRESENCE_LIST, organization, participant, capability)
    return found
