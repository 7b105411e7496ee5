"""A relay in a thread of its own, and keys for it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any, Self, TypeAlias

import psycopg
from anyio.from_thread import BlockingPortal, start_blocking_portal

from ablo_pg.credentials import new_key
from ablo_pg.db.keys import create_key
from ablo_pg.relay.daemon import Relay, serving
from ablo_pg.relay.settings import RelaySettings
from ablo_pg.testing import DatabaseHandle

# No test is about how fast a key may ask, unless it says so.
FAST = {"requests_per_second": 100_000.0, "request_burst": 100_000}


class RelayThread:
    """A relay on a test's database. `stop` and `start` keep its address."""

    def __init__(self, db: DatabaseHandle, **settings: Any) -> None:
        self._given: dict[str, Any] = {
            "port": 0,
            "database_url": db.database_url,
            "replication_url": db.replication_url,
            "canary_seconds": 5.0,
            "stop_seconds": 0.5,
            **FAST,
            **settings,
        }
        self.relay: Relay
        self._ended: Any = None

    @property
    def url(self) -> str:
        """Where it is."""
        return self.relay.url

    def start(self) -> Self:
        """Start it; again where it was."""
        self._portal_manager = start_blocking_portal()
        self._portal: BlockingPortal = self._portal_manager.__enter__()
        self._served = self._portal.wrap_async_context_manager(
            serving(RelaySettings(**self._given))
        )
        self.relay = self._served.__enter__()
        self._given["port"] = int(self.relay.url.rpartition(":")[2])
        return self

    def stop(self) -> None:
        """End it in order."""
        self._served.__exit__(None, None, None)
        self._portal_manager.__exit__(None, None, None)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *exc: object) -> None:
        self.stop()


GetRelay: TypeAlias = Callable[[], RelayThread]


@contextmanager
def relay_on_demand(db: DatabaseHandle) -> Iterator[GetRelay]:
    """Make what returns a relay, which starts with the first call and ends with the block."""
    with ExitStack() as stack:
        relays: list[RelayThread] = []

        def get() -> RelayThread:
            if not relays:
                relays.append(stack.enter_context(RelayThread(db)))
            return relays[0]

        yield get


def make_key(
    db: DatabaseHandle, organization: str = "acme", participant: str = "agent:triage", **asked: Any
) -> str:
    """Make a key of that participant."""
    key = new_key("sk")
    with psycopg.connect(db.admin_url, autocommit=True) as conn:
        create_key(conn, organization, participant, key, {"prefix": "sk", **asked})
    return key
