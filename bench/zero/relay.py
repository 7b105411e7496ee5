"""Our relay: its process, its database, and how one subscribes to it with nothing but frames."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import psycopg

from ablo_pg.cluster import Cluster
from ablo_pg.credentials import new_key
from ablo_pg.db.keys import create_key
from ablo_pg.testing import make_database
from examples.tasks import schema

from ..soak import relay
from .subscribers import Greeting
from .writer import ORGANIZATION, fill

SOCKETS = 1000  # that one key may have here


@dataclass(frozen=True)
class Relay:
    """A running relay. admin_url: of the database that it follows."""

    url: str
    pid: int
    admin_url: str
    key: str

    def greeting(self) -> Greeting:
        """Return the greeting of a new client."""
        return subscription(self.url, self.key, ORGANIZATION)


def subscription(url: str, key: str, organization: str) -> Greeting:
    """Return the greeting of a client that follows its organization's group."""
    groups = {"syncGroups": ["default", f"org:{organization}"]}
    asked: dict[str, Any] = {"cursor": None, "lastSyncId": 0, "capabilities": []}
    said = [("update_subscription", groups), ("sync_request", asked | {"protocolVersion": 1})]
    frames = [json.dumps({"type": kind, "payload": payload}) for kind, payload in said]
    place = f"{url.replace('http', 'ws', 1)}/api/sync/ws?deltas=every&cursor="
    return Greeting(place, [f"ablo.bearer.{key}", "ablo.sync.v1"], frames, b"sync_response")


@contextmanager
def running(cluster: Cluster) -> Iterator[Relay]:
    """Run a relay on a database of its own until the end."""
    with make_database(schema, server=cluster) as db:
        key = new_key()
        with psycopg.connect(db.admin_url, autocommit=True) as conn:
            create_key(conn, ORGANIZATION, "system:bench", key, {"prefix": "sk"})
        fill(db.admin_url)
        with relay(db, "--set", f"sockets_per_session={SOCKETS}") as (url, pid):
            yield Relay(url, pid, db.admin_url, key)
