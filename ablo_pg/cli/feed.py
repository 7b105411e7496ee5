"""An organization's log as a command reads it: the latest changes, then new ones.

Reads the database with the runtime login: the end of the log by index, then the reader and hub that
clients use, which resume automatically after the server was away.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any, Final, cast

import orjson

from ablo_pg.changefeed.auto import AutoReader
from ablo_pg.client.live.background import Background
from ablo_pg.client.live.stream import StreamSource
from ablo_pg.client.live.subscriptions import Subscription
from ablo_pg.client.transport import DeltaStream
from ablo_pg.db.log import PostgresLog, delta_tail, is_whole
from ablo_pg.db.pool import Database, PoolOptions
from ablo_pg.db.registry import schema_active
from ablo_pg.delta import OP_NAMES, Delta
from ablo_pg.errors import error_for

PAGE: Final = 500  # deltas per read of the log's end
# How far back a filter looks for matches; stopping early only shows fewer old lines.
SEARCHED: Final = 100_000


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which changes: of a model, of some operations, from a time on; None and empty mean all."""

    model: str | None = None
    ops: frozenset[str] = frozenset()
    since: dt.datetime | None = None

    def early(self, delta: Delta) -> bool:
        """Whether it was committed before the time asked for."""
        return self.since is not None and dt.datetime.fromisoformat(delta.created_at) < self.since

    def admits(self, delta: Delta) -> bool:
        """Whether it is of the model and operations asked for."""
        if self.model is not None and delta.model != self.model:
            return False
        return not self.ops or OP_NAMES[delta.op] in self.ops


@dataclass(slots=True)
class Feed:
    """One organization's log. Use it with `async with`."""

    database_url: str = field(repr=False)
    organization: str
    replication_url: str | None = field(default=None, repr=False)
    _database: Database = field(init=False, repr=False)
    _background: Background = field(init=False, repr=False)

    def __post_init__(self) -> None:
        options = PoolOptions(max_size=2, application_name="ablo-pg logs")
        self._database = Database(self.database_url, options)
        self._background = Background()

    async def __aenter__(self) -> Feed:
        await self._database.open()
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self._background.close()
        await self._database.close()

    async def models(self) -> dict[str, str]:
        """Return typename -> key of the active schema's models."""
        found = await self._database.read(schema_active, 0, "")
        document = orjson.loads(found)["schema"] if found else {"models": {}}
        return {each.get("typename", key): key for key, each in document["models"].items()}

    async def head(self) -> int:
        """Return the log's last position."""
        return await PostgresLog(self._database).head(self.organization)

    async def last(self, count: int, wanted: Wanted, through: int) -> list[Delta]:
        """Return the last changes wanted up to a position, oldest first."""
        found: list[Delta] = []
        before, searched = through + 1, 0
        while len(found) < count and searched < SEARCHED:
            page = await self._database.read(delta_tail, self.organization, before, PAGE)
            for delta in page:
                if wanted.early(delta) or len(found) == count:
                    return found[::-1]
                if wanted.admits(delta):
                    found.append(delta)
            if is_whole(page, PAGE):
                break
            before, searched = page[-1].sync_id, searched + len(page)
        return found[::-1]

    async def follow(self, after: int, wanted: Wanted) -> AsyncIterator[Delta]:
        """Yield all wanted changes after a position, indefinitely."""
        reader = AutoReader(self.database_url, self.replication_url)
        source = StreamSource(PostgresLog(self._database), reader, self._background)
        models = None if wanted.model is None else frozenset([wanted.model])

        async def begin(cursor: int | None) -> DeltaStream:
            return await source.subscribe(self.organization, models, None, cursor)

        changes: Subscription[Any] = Subscription(begin, _as_they_are, after)
        try:
            async for change in changes:
                delta = cast(Delta, change)  # passed through unchanged
                if wanted.admits(delta):
                    yield delta
        finally:
            await changes.aclose()
            await source.close()


async def _as_they_are(deltas: list[Delta]) -> list[Any]:
    return deltas


def typename_of(models: dict[str, str], name: str) -> str:
    """Return the typename for a model's key or typename, in any case."""
    for typename, key in models.items():
        if name.lower() in (typename.lower(), key.lower()):
            return typename
    raise error_for(
        "server_execute_unknown_model",
        f"the active schema has no model {name[:80]!r}",
        model=name[:80],
        remedy=f"choose one of: {', '.join(sorted(models.values())[:20]) or 'none is pushed'}",
    )
