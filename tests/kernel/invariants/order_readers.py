"""The readers of I1: some poll the log, some are sent it. Each runs in a thread of its own.

`finish` lets a reader read up to the given heads and returns what it has seen. One that does not
get there within its patience just returns: what it missed is for the checker to say.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Final, LiteralString

import anyio

from ablo_pg.changefeed.arrival import Arrival
from ablo_pg.changefeed.auto import AutoReader
from ablo_pg.changefeed.hub import Hub
from ablo_pg.changefeed.listen import ListenReader
from ablo_pg.changefeed.reader import Reader, WalReader
from ablo_pg.changefeed.stream import open_stream
from ablo_pg.db.log import PostgresLog
from ablo_pg.db.pool import Database

from .site import ORGS, Connection, Site

# Seconds. Protects the test from a reader that never sees the last delta, which only a broken build
# keeps from it; a false alarm fails the test.
PATIENCE: Final = 5.0

SELECT: Final[LiteralString] = """
select sync_id from ablo.delta
 where organization_id = %s and sync_id > %s order by sync_id"""
DELTA_READ: Final[LiteralString] = "select sync_id from ablo.delta_read(%s, %s, 7)"


class OrderReader(threading.Thread):
    """Notes the sync ids it gets, per organization."""

    def __init__(self, name: str, site: Site) -> None:
        super().__init__(name=name, daemon=True)
        self.site = site
        self.seen: dict[str, list[int]] = {org: [] for org in ORGS}
        self.heads: Mapping[str, int] | None = None
        self.failure: BaseException | None = None
        self.ready = threading.Event()
        self._deadline = 0.0
        self._pause = threading.Event()

    def finish(self, heads: Mapping[str, int]) -> dict[str, list[int]]:
        """Read on until the heads are reached; return what was seen."""
        self._deadline = time.monotonic() + PATIENCE
        self.heads = heads
        self.join()
        if self.failure is not None:
            raise self.failure
        return self.seen

    def run(self) -> None:
        try:
            self.read()
        except BaseException as exc:
            self.failure = exc
        finally:
            self.ready.set()

    def read(self) -> None:
        """Note what arrives until `done`."""
        raise AssertionError("a reader knows how to read")

    def stop(self) -> None:
        """End it, wherever it is."""
        self.finish({})

    def wait_until_done(self) -> None:
        """Return when the reader may end."""
        while not self.done():
            self._pause.wait(0.01)

    def done(self) -> bool:
        """Whether all heads were seen, or patience has run out."""
        heads = self.heads
        return heads is not None and (
            time.monotonic() > self._deadline
            or all(self.seen[org][-1:] >= [head] for org, head in heads.items())
        )


class PollingReader(OrderReader):
    """Asks again and again for what comes after its cursor."""

    def __init__(
        self, name: str, site: Site, connect: Callable[[], Connection], query: str
    ) -> None:
        super().__init__(name, site)
        self._connect = connect
        self._query = query

    def read(self) -> None:
        with self._connect() as conn:
            self.ready.set()
            while not self.done():
                for organization, seen in self.seen.items():
                    after = seen[-1] if seen else 0
                    rows = conn.execute(self._query, (organization, after), prepare=True)
                    seen.extend(sync_id for (sync_id,) in rows)
                self._pause.wait(0.002)


class StreamReader(OrderReader):
    """The replication stream itself, before any hub."""

    def read(self) -> None:
        anyio.run(self._read)

    async def _read(self) -> None:
        database = Database(self.site.handle.database_url)
        stream = await open_stream(self.site.handle.replication_url, PostgresLog(database))
        try:
            self.ready.set()
            async with anyio.create_task_group() as group:
                group.start_soon(stream.run, self._note)
                await anyio.to_thread.run_sync(self.wait_until_done)
                group.cancel_scope.cancel()
        finally:
            await stream.aclose()
            await database.close()

    def _note(self, batch: list[Arrival], whole: bool) -> None:
        for delta in batch:
            self.seen[delta.organization_id].append(delta.sync_id)


class HubReader(OrderReader):
    """A subscriber of each organization at a hub, from the beginning of the log."""

    def __init__(self, name: str, site: Site, reader: Reader) -> None:
        super().__init__(name, site)
        self._reader = reader

    def read(self) -> None:
        anyio.run(self._read)

    async def _read(self) -> None:
        database = Database(self.site.handle.database_url)
        try:
            hub = Hub(PostgresLog(database))
            async with anyio.create_task_group() as group:
                group.start_soon(self._reader.run, hub)
                for organization in ORGS:
                    group.start_soon(self._subscribe, hub, organization)
                self.ready.set()
                await anyio.to_thread.run_sync(self.wait_until_done)
                group.cancel_scope.cancel()
        finally:
            await database.close()

    async def _subscribe(self, hub: Hub, organization: str) -> None:
        async with hub.subscribe(organization, cursor=0) as deltas:
            async for delta in deltas:
                self.seen[organization].append(delta.sync_id)


@contextmanager
def reading(site: Site) -> Iterator[list[OrderReader]]:
    """Run one reader of each kind; when the block begins, none of them can miss anything."""
    handle = site.handle
    readers: list[OrderReader] = [
        PollingReader("select, as superuser", site, site.connect, SELECT),
        PollingReader("delta_read, as runtime", site, site.runtime, DELTA_READ),
        HubReader("hub on LISTEN", site, ListenReader(handle.database_url)),
        HubReader("hub", site, AutoReader(handle.database_url, handle.replication_url)),
    ]
    if site.admin.execute("show wal_level").fetchone() == ("logical",):
        readers.append(StreamReader("stream", site))
        readers.append(HubReader("hub on the WAL", site, WalReader(handle.replication_url)))
    for reader in readers:
        reader.start()
    try:
        for reader in readers:
            if not reader.ready.wait(PATIENCE) or reader.failure is not None:
                raise AssertionError(f"{reader.name} did not start") from reader.failure
        yield readers
    finally:
        for reader in readers:
            reader.stop()
