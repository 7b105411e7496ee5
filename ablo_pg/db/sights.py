"""What keys see: `ablo.sight_at` and `ablo.sight_rows`, for streams that follow it.

`PostgresSights` is a `changefeed.sight.SightSource`.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Final, LiteralString

import msgspec
from psycopg import AsyncConnection

from ablo_pg.db.pool import Database
from ablo_pg.json_text import Decoder

AT: Final[LiteralString] = "select ablo.sight_at(%s, %s, %s)::text"
ROWS: Final[LiteralString] = (
    "select ablo.sight_rows(%s, %s, %s::text[], %s::text[], %s::text[])::text"
)
SINCE: Final[LiteralString] = "select ablo.sight_since()"


class SightState(msgspec.Struct, frozen=True):
    """What a key could see at a cursor; `ablo.sight_at` says what each part is."""

    cursor: int
    groups: frozenset[str] | None
    granted: dict[str, int]
    bound: frozenset[str] | None
    subject: str | None


class SightRow(msgspec.Struct, frozen=True):
    """A row in a group that was gained or lost; row: its JSON if it is to be shown.

    readers: the participants that may read it; None: all.
    """

    model: str
    id: str
    groups: tuple[str, ...]
    readers: frozenset[str] | None
    row: msgspec.Raw

    @property
    def data(self) -> bytes | None:
        """The row's JSON, as a delta has it."""
        return None if self.row == b"null" else bytes(self.row)


class SightRows(msgspec.Struct, frozen=True):
    """Rows as of a stamp; None: too many."""

    stamp: int
    rows: list[SightRow] | None


_STATE: Final = Decoder(SightState)
_ROWS: Final = Decoder(SightRows)


class PostgresSights:
    """Reads them with the runtime login's pool."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def at(self, organization: str, key_id: str, cursor: int | None) -> SightState:
        """Return what the key could see at a cursor; None means now. Raises snapshot_required."""
        return _STATE.decode(await self._database.read(_text, AT, organization, key_id, cursor))

    async def rows(
        self,
        organization: str,
        after: int,
        groups: Collection[str],
        shown: Collection[str],
        participants: Collection[str],
    ) -> SightRows:
        """See changefeed.sight.SightSource."""
        arguments = (organization, after, list(groups), list(shown), list(participants))
        return _ROWS.decode(await self._database.read(_text, ROWS, *arguments))


async def sight_since(conn: AsyncConnection) -> int:
    """Return the sync id before which cursors of users and agents are out of date."""
    row = await (await conn.execute(SINCE)).fetchone()
    assert row is not None
    return int(row[0])


async def _text(conn: AsyncConnection, query: LiteralString, *arguments: object) -> str:
    row = await (await conn.execute(query, arguments)).fetchone()
    assert row is not None
    return str(row[0])
