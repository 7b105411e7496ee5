"""wal_level is lowered and raised again: two restarts, and LISTEN in between."""

from __future__ import annotations

from pathlib import Path

import anyio
import psycopg
import pytest
from psycopg import sql

from ablo_pg.cluster import Cluster
from ablo_pg.testing import make_database

from .conftest import SCHEMA
from .trial import Trial, run_trial, until
from .watch import Watch

# Much more than a trial takes: a false alarm on a busy machine says nothing.
pytestmark = [pytest.mark.anyio, pytest.mark.timeout(180)]


async def restarted(trial: Trial, cluster: Cluster, level: str) -> None:
    """Restart with another wal_level; wait until the relay reads in the way that is left."""
    with psycopg.connect(trial.db.admin_url, autocommit=True) as conn:
        conn.execute(sql.SQL("alter system set wal_level = {}").format(sql.Identifier(level)))
    await anyio.to_thread.run_sync(cluster.restart)
    [watch] = trial.watches
    await until(lambda: reads(watch, level), f"the reader is as {level} allows")


def reads(watch: Watch, level: str) -> bool:
    """Whether a relay says that it reads in the way that a wal_level leaves, and why."""
    reader = watch.told["reader"]
    if level == "logical":
        return reader["kind"] == "wal" and reader["reason"] is None
    return reader["kind"] == "listen" and "wal_level" in reader["reason"]


async def lowered(trial: Trial, cluster: Cluster, times: int) -> None:
    for _ in range(times):
        await trial.flow()
        await anyio.to_thread.run_sync(trial.oracle.leave)
        await restarted(trial, cluster, "replica")
        await trial.flow()
        await restarted(trial, cluster, "logical")
        await anyio.to_thread.run_sync(trial.oracle.come_back)
    await trial.flow()


async def test_wal_level_lowered_and_raised(durable: Cluster, tmp_path: Path) -> None:
    with make_database(SCHEMA, server=durable) as db:
        trial = await run_trial(db, tmp_path, lambda trial: lowered(trial, durable, 1))
        assert trial.wrong == []


@pytest.mark.long
@pytest.mark.timeout(900)
async def test_wal_level_lowered_and_raised_many_times(durable: Cluster, tmp_path: Path) -> None:
    with make_database(SCHEMA, server=durable) as db:
        trial = await run_trial(db, tmp_path, lambda trial: lowered(trial, durable, 8))
        assert trial.wrong == []
