"""One function per kernel routine on API keys, a single `select ablo.x(...)` each.

A key itself never gets here, only its hash and its first characters. Callers: the command line
(blocking, as administrator: `by` is None), and the relay, for requests of a credential about itself
and about keys minted from it. There a credential is named by its hash, which proves possession; ids
are not secret. Raises psycopg's errors, as `db.routines`.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any, Final, Literal, LiteralString, TypeAlias

import msgspec
import orjson
from psycopg import AsyncConnection, Connection
from psycopg.rows import tuple_row

from ablo_pg.credentials import display_prefix, key_hash, new_key, spelling_of
from ablo_pg.db.routines import load_json_raw

Status: TypeAlias = Literal["live", "expired", "revoked"]

ACCESS_EXAMINE: Final[LiteralString] = "select ablo.access_examine(%s, %s, %s, %s, %s)"
KEY_CREATE: Final[LiteralString] = "select ablo.key_create(%s, %s, %s::jsonb)"
KEY_FIND: Final[LiteralString] = "select ablo.key_find(%s)"
KEY_GET: Final[LiteralString] = "select ablo.key_get(%s, %s, %s)"
KEY_LIST: Final[LiteralString] = "select ablo.key_list(%s, %s)"
KEY_MINT: Final[LiteralString] = "select ablo.key_mint(%s, %s, %s::jsonb)"
KEY_REVOKE: Final[LiteralString] = "select ablo.key_revoke(%s, %s, %s)"
KEY_ROTATE: Final[LiteralString] = "select ablo.key_rotate(%s, %s, %s::jsonb, %s)"
KEY_STATES: Final[LiteralString] = "select ablo.key_states(%s::text[])"
STATES_AT_ONCE: Final = 1000  # keys per call of KEY_STATES


class KeyRecord(msgspec.Struct, frozen=True, rename="camel"):
    """A stored key. Times are seconds since 1970, by the database's clock.

    operations, sync_groups: None means all. `now` is when it was read. Of a key found by its hash,
    sync_groups are those that it may see now; governed, since: see `ablo.key_sight`.
    """

    id: str
    prefix: Literal["sk", "rk", "ek", "pk"]
    display: str
    organization_id: str
    participant: str
    parent_id: str | None
    rotated_from: str | None
    operations: frozenset[str] | None
    scopes: frozenset[str]
    sync_groups: frozenset[str] | None
    user_meta: dict[str, Any]
    label: str | None
    created_at: float
    expires_at: float | None
    status: Status
    now: float
    governed: bool = False
    since: int | None = None


class Revoked(msgspec.Struct, frozen=True):
    """A key that was ended, and the ids of all that ended with it, its own first."""

    id: str
    revoked: tuple[str, ...]


class RotatedFrom(msgspec.Struct, frozen=True, rename="camel"):
    """The key that was replaced, and when it ends."""

    capability_id: str
    expires_at: float


class Rotated(msgspec.Struct, frozen=True, rename="camel"):
    """A key that replaces another."""

    key: KeyRecord
    rotated_from: RotatedFrom


KEY: Final = msgspec.json.Decoder(KeyRecord)
KEYS: Final = msgspec.json.Decoder(list[KeyRecord])
REVOKED: Final = msgspec.json.Decoder(Revoked)
ROTATED: Final = msgspec.json.Decoder(Rotated)
STATES: Final = msgspec.json.Decoder(dict[str, Literal["expired", "revoked", "unknown"]])


def iso_time(seconds: float | None) -> str | None:
    """Format a time of a key as ISO 8601 in UTC, to the millisecond: 2026-01-01T00:00:00.000Z."""
    if seconds is None:
        return None
    moment = dt.datetime.fromtimestamp(seconds, dt.UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


async def key_find(conn: AsyncConnection, hashed: str) -> KeyRecord | None:
    """Find a key by its hash, whatever its status."""
    found = await _value(conn, KEY_FIND, hashed)
    return None if found is None else KEY.decode(found)


async def key_states(conn: AsyncConnection, hashes: Sequence[str]) -> dict[str, str]:
    """Return which of these keys (at most STATES_AT_ONCE) have ended, by hash."""
    return dict(STATES.decode(await _value(conn, KEY_STATES, list(hashes))))


async def key_mint(
    conn: AsyncConnection,
    organization: str,
    parent_hash: str,
    key: str,
    request: Mapping[str, object],
) -> KeyRecord:
    """Store a new key as a child of another, which the caller presented: it knows the hash.

    Args: key, from `credentials.new_key`. request: prefix? ("rk"), participantKind?, participantId?
    (see ablo.mint_participant), operations? or wideScope: true, syncGroups?, scopes?, ttlSeconds?
    (3600), label?, userMeta?, organizationId?.
    """
    body = _request(key, request)
    return KEY.decode(await _value(conn, KEY_MINT, organization, parent_hash, body))


async def key_get(conn: AsyncConnection, organization: str, key_id: str, by: str) -> KeyRecord:
    """Return a key, whatever its status, to one that may end it: `by` is the hash of the latter."""
    return KEY.decode(await _value(conn, KEY_GET, organization, key_id, by))


async def key_revoke(
    conn: AsyncConnection, organization: str, key_id: str, by: str | None
) -> Revoked:
    """End a key and every key derived from it. by: the hash of the caller's key."""
    return REVOKED.decode(await _value(conn, KEY_REVOKE, organization, key_id, by))


async def key_rotate(
    conn: AsyncConnection,
    organization: str,
    key_id: str,
    request: Mapping[str, object],
    by: str | None,
) -> tuple[str, Rotated]:
    """Replace a key by a new one of the same spelling; return it, which happens only once.

    Args: request: graceSeconds? (3600), ttlSeconds?. by: the hash of the caller's key.
    """
    old = KEY.decode(await _value(conn, KEY_GET, organization, key_id, by))
    key = new_key(spelling_of(old.display))
    body = _request(key, request)
    return key, ROTATED.decode(await _value(conn, KEY_ROTATE, organization, key_id, body, by))


def access_examine(
    conn: Connection,
    organization: str | None,
    participant: str | None,
    model: str,
    row_id: str,
    key: str | None,
) -> object:
    """Explain, to an administrator, what a key (its id or hash) or a participant may do with a row.

    Returns JSON as `ablo.access_examine` has it.
    """
    arguments = (organization, participant, model, row_id, key)
    return orjson.loads(_value_blocking(conn, ACCESS_EXAMINE, *arguments))


def create_key(
    conn: Connection, organization: str, participant: str, key: str, request: Mapping[str, object]
) -> KeyRecord:
    """Store a new key of an organization.

    Args: request: prefix, operations?, scopes?, syncGroups?, ttlSeconds?, label?, userMeta?.
    """
    body = _request(key, request)
    return KEY.decode(_value_blocking(conn, KEY_CREATE, organization, participant, body))


def find_key(conn: Connection, key: str) -> KeyRecord | None:
    """Find a key, whatever its status."""
    found = _value_blocking(conn, KEY_FIND, key_hash(key))
    return None if found is None else KEY.decode(found)


def list_keys(conn: Connection, organization: str, *, everything: bool) -> list[KeyRecord]:
    """List an organization's live keys, newest first; everything: include minted and ended ones."""
    return KEYS.decode(_value_blocking(conn, KEY_LIST, organization, everything))


def revoke_key(conn: Connection, organization: str, key_id: str) -> Revoked:
    """End a key and every key minted or rotated from it."""
    return REVOKED.decode(_value_blocking(conn, KEY_REVOKE, organization, key_id, None))


def rotate_key(
    conn: Connection,
    organization: str,
    key_id: str,
    request: Mapping[str, object],
    by: str | None = None,
) -> tuple[str, Rotated]:
    """As `key_rotate`, on a blocking connection; without `by` as an administrator."""
    old = KEY.decode(_value_blocking(conn, KEY_GET, organization, key_id, by))
    key = new_key(spelling_of(old.display))
    arguments = (organization, key_id, _request(key, request), by)
    return key, ROTATED.decode(_value_blocking(conn, KEY_ROTATE, *arguments))


def _request(key: str, request: Mapping[str, object]) -> str:
    """Return a request as JSON, with the storable part of the key instead of the key."""
    return orjson.dumps({**request, "hash": key_hash(key), "display": display_prefix(key)}).decode()


async def _value(conn: AsyncConnection, query: LiteralString, *args: object) -> Any:
    async with conn.cursor(row_factory=tuple_row) as cursor:
        load_json_raw(cursor)
        await cursor.execute(query, args)
        row = await cursor.fetchone()
    return row[0] if row else None


def _value_blocking(conn: Connection, query: LiteralString, *args: object) -> Any:
    with conn.cursor(row_factory=tuple_row) as cursor:
        load_json_raw(cursor)
        cursor.execute(query, args)
        row = cursor.fetchone()
    return row[0] if row else None
