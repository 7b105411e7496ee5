"""What the server has of the process's sidecar: a session that renews leases, one that listens."""

from __future__ import annotations

from typing import Final

import psycopg

from ablo_pg.testing import DatabaseHandle

LEASES: Final = "ablo_pg leases"
LISTENER: Final = "ablo_pg claim listener"


def sessions(db: DatabaseHandle, name: str, query: str = "count(*)") -> int:
    """Ask about the sessions of a database that have that application name."""
    with psycopg.connect(db.admin_url, autocommit=True) as conn:
        found = conn.execute(
            f"select {query} from pg_stat_activity where datname = %s and application_name = %s",
            [db.name, name],
        ).fetchone()
    return int(found[0] or 0) if found else 0


def end_sessions(db: DatabaseHandle, name: str) -> int:
    """End them; how many there were."""
    return sessions(db, name, "count(pg_terminate_backend(pid))")
