"""Keys in a database, and the authenticators of relays on it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any, TypeAlias

import anyio
import anyio.lowlevel
import psycopg
import pytest

from ablo_pg.credentials import Spelling, new_key
from ablo_pg.db import keys
from ablo_pg.db.notifications import Notifications
from ablo_pg.db.pool import Database
from ablo_pg.relay.auth import Authenticator
from ablo_pg.testing import DatabaseHandle

LISTENER = "ablo_pg keys"
RunAuthenticator: TypeAlias = Callable[[], AbstractAsyncContextManager[Authenticator]]
Until: TypeAlias = Callable[[Callable[[], bool]], Awaitable[None]]


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def db(app_db: DatabaseHandle) -> DatabaseHandle:
    return app_db


@pytest.fixture
def until() -> Until:
    """Wait until a condition holds."""

    async def wait(condition: Callable[[], bool]) -> None:
        with anyio.fail_after(30):
            while True:
                if condition():
                    return
                await anyio.sleep(0.002)

    return wait


class Keyring:
    """Makes, ends and ages keys of organization acme."""

    def __init__(self, url: str) -> None:
        self.conn = psycopg.connect(url, autocommit=True)
        self.ids: dict[str, str] = {}

    def create(self, participant: str = "agent:a", spelling: Spelling = "sk", **how: Any) -> str:
        """Make a key; return it."""
        key = new_key(spelling)
        made = keys.create_key(self.conn, "acme", participant, key, {"prefix": spelling[:2], **how})
        self.ids[key] = made.id
        return key

    def revoke(self, key: str) -> None:
        """End a key, and say so."""
        keys.revoke_key(self.conn, "acme", self.ids[key])

    def run(self, statement: str, key: str) -> None:
        """Change the row of a key and say nothing to anybody."""
        query = f"update ablo.api_key set {statement} where id = %s"
        self.conn.execute(query.encode(), [self.ids[key]])


@pytest.fixture
def keyring(db: DatabaseHandle) -> Iterator[Keyring]:
    made = Keyring(db.admin_url)
    yield made
    made.conn.close()


@pytest.fixture
async def database(db: DatabaseHandle) -> AsyncIterator[Database]:
    pool = Database(db.database_url)
    yield pool
    await pool.close()


@pytest.fixture
def relay(db: DatabaseHandle, until: Until) -> RunAuthenticator:
    """`async with relay() as authenticator`: one of a relay of its own, that keeps watch."""

    @asynccontextmanager
    async def run() -> AsyncIterator[Authenticator]:
        pool = Database(db.database_url)
        notifications = Notifications(db.database_url, LISTENER)
        made = Authenticator(pool, notifications)
        before = made.changes
        try:
            async with anyio.create_task_group() as group:
                group.start_soon(notifications.run)
                group.start_soon(made.run)
                await until(lambda: made.changes > before)  # it listens
                yield made
                group.cancel_scope.cancel()
        finally:
            await pool.close()

    return run
