"""The start of a local copy: all rows of some models, and the position to follow from.

On a database everything is read in one snapshot. A relay does the same, in several answers if there
is much; then each row counts as of its own answer, and the copy follows from the earliest.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final
from urllib.parse import urlencode

import msgspec
import orjson
from psycopg import AsyncConnection

from ablo_pg.db import calls, routines
from ablo_pg.db.pool import Database
from ablo_pg.db.snapshots import in_snapshot
from ablo_pg.errors import AbloError, error_for
from ablo_pg.json_text import Decoder
from ablo_pg.wire.kernel_bodies import Caller, ListBody
from ablo_pg.wire.kernel_calls import ROW_LIST
from ablo_pg.wire.results import PAGE_READ

if TYPE_CHECKING:
    from ablo_pg.client.remote.http import RelayHttp

# Maximum rows of one local copy: bounds its memory, at about 2 KB per row of ten fields.
ROWS_MOST: Final = 200_000
_PAGE: Final = 1000


@dataclass(slots=True)
class Bootstrap:
    """Rows by typename, each with the stamp it was read at. stamp: where to follow from."""

    stamp: int | None = None
    rows: dict[str, list[tuple[bytes, int]]] = field(default_factory=dict)
    count: int = 0

    def add(self, typename: str, found: Sequence[msgspec.Raw], stamp: int) -> None:
        """Add rows that were read at a stamp. Raises quota_exceeded."""
        self.stamp = stamp if self.stamp is None else min(self.stamp, stamp)
        self.rows.setdefault(typename, []).extend((bytes(one), stamp) for one in found)
        self.count += len(found)
        if self.count > ROWS_MOST:
            raise too_many_rows()


class _Answer(msgspec.Struct, frozen=True, rename="camel"):
    last_sync_id: int
    models: dict[str, list[msgspec.Raw]]
    next_cursor: str | None = None


_ANSWER: Final = Decoder(_Answer)


def too_many_rows() -> AbloError:
    """Return the error for a copy that would exceed its limits."""
    return error_for(
        "quota_exceeded",
        f"The local copy would hold more than {ROWS_MOST:,} rows",
        field="local",
        remedy='name fewer models, local=["tasks"], or read with list',
        details={"limit": ROWS_MOST},
    )


async def direct_bootstrap(database: Database, caller: Caller, models: Sequence[str]) -> Bootstrap:
    """Read the rows of these models (typenames) in one snapshot of the database."""

    async def read(conn: AsyncConnection) -> Bootstrap:
        found = Bootstrap(await routines.log_head(conn, caller.organization))
        for typename in models:
            after: str | None = None
            while True:
                query = orjson.dumps({"limit": _PAGE, "after": after})
                body = ListBody(typename, msgspec.Raw(query))
                page = PAGE_READ.decode(await calls.ask(conn, ROW_LIST, caller, body))
                found.add(typename, page.data, found.stamp or 0)
                after = page.next_cursor
                if not page.has_more:
                    break
        return found

    async def snapshot(conn: AsyncConnection) -> Bootstrap:
        return await in_snapshot(conn, read)

    return await database.read(snapshot)


async def remote_bootstrap(http: RelayHttp, models: Sequence[str]) -> Bootstrap:
    """Read the rows of these models (typenames) from a relay."""
    found = Bootstrap()
    cursor: str | None = None
    while True:
        asked = {"models": ",".join(models), **({"cursor": cursor} if cursor else {})}
        path = f"/api/sync/bootstrap?{urlencode(asked)}"
        answer = _ANSWER.decode(await http.request("GET", path))
        for typename, rows in answer.models.items():
            found.add(typename, rows, answer.last_sync_id)
        cursor = answer.next_cursor
        if cursor is None:
            found.stamp = answer.last_sync_id if found.stamp is None else found.stamp
            return found
