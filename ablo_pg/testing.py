"""Public kit for tests of programs that use ablo_pg: a throw-away Postgres with the kernel in it.

    with throwaway_cluster() as server:
        install_kernel(server.url(server.create_database()))
"""

from __future__ import annotations

from ablo_pg.cluster import Cluster, ClusterSettings, Prefer

import psycopg

from ablo_pg.kernel import Installed, install


def throwaway_cluster(*, prefer: Prefer = "embedded", timezone: str = "UTC") -> Cluster:
    """Return a cluster (not started: use `with`) that keeps nothing and skips fsync."""
    return Cluster(prefer=prefer, settings=ClusterSettings(durable=False, timezone=timezone))


def install_kernel(admin_url: str) -> Installed:
    """Install the kernel in the database of an administrative URL."""
    with psycopg.connect(admin_url, autocommit=True) as conn:
        return install(conn)
