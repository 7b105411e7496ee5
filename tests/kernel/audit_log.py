"""A log that is sealed, to tamper with: two organizations whose changes take turns.

`SealedLog.verify` runs in the connection's own transaction: a test tampers, verifies, rolls back.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

import psycopg

from ablo_pg.audit import Anchor, Verified, heads, parse_keys, seal_all, verify_all
from ablo_pg.db.audit import prepared
from ablo_pg.db.routines import COMMIT
from ablo_pg.testing import DatabaseHandle

KEYS: Final = parse_keys(f"k1:{'1f' * 32}", "the test")
ROTATED: Final = parse_keys(f"k2:{'2e' * 32}\nk1:{'1f' * 32}", "the test")
BATCH: Final = 4

Found = list[tuple[str, int | None, int]]


@dataclass(frozen=True, slots=True)
class SealedLog:
    """Organization acme has 10 sealed deltas (seals of 4, 4, 2) and one that is not sealed yet."""

    conn: psycopg.Connection[Any]
    ids: list[int]  # of acme's sealed deltas
    anchors: Mapping[str, Anchor]

    def verify(self, *, anchored: bool = True, organization: str = "acme") -> Verified:
        """Verify one organization."""
        anchors = self.anchors if anchored else None
        (found,) = verify_all(self.conn, KEYS, anchors, organization=organization)
        return found

    def broken(self, *, anchored: bool = True, organization: str = "acme") -> Found:
        """Return what verifying finds: kind, sync id, seal."""
        found = self.verify(anchored=anchored, organization=organization)
        assert found.broken_count == len(found.broken)
        return [(one.kind, one.sync_id, one.seal) for one in found.broken]

    @contextmanager
    def tampered(self, *statements: str) -> Iterator[None]:
        """Run statements as a superuser; everything is rolled back at the end.

        {n} stands for the n-th sealed sync id of acme, {free} for an id between two of them.
        """
        with self.conn.transaction(force_rollback=True):
            for statement in statements:
                names = {f"i{n}": str(one) for n, one in enumerate(self.ids)}
                text = statement.format(**names, free=self.ids[4] + 1)
                self.conn.execute(text.encode())
            yield


def change(conn: psycopg.Connection[Any], organization: str, row_id: str, number: int) -> None:
    """Commit one change of a task, by an agent on somebody's behalf, under a name of its own."""
    action = "create" if number == 0 else "update"
    operation: dict[str, Any] = {
        "action": action,
        "model": "tasks",
        "id": row_id,
        "transactionId": f"tx-{number}",
    }
    operation |= {"data": {"title": f"Titel {number} äöü"}}
    request = json.dumps({"operations": [operation]})
    arguments = (organization, "agent:a", f"{row_id}-{number}", request, "user:ann", None)
    conn.execute(COMMIT, arguments)


@contextmanager
def sealed_log(handle: DatabaseHandle) -> Iterator[SealedLog]:
    """Fill and seal a fresh database."""
    with psycopg.connect(handle.admin_url, autocommit=True) as conn, prepared(conn):
        for number in range(10):
            change(conn, "acme", "t1", number)
            change(conn, "globex", "t1", number)
        conn.execute("update ablo.delta set claim_id = 'claim-1', capability_id = 'cap-1'")
        seal_all(conn, KEYS, {}, batch=BATCH)
        query = "select sync_id from ablo.delta where organization_id = 'acme' order by 1"
        ids = [one for (one,) in conn.execute(query).fetchall()]
        change(conn, "acme", "t1", 10)
        yield SealedLog(conn, ids, heads(conn, {}))
