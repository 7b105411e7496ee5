"""Postgres ends sessions at random, and is stopped at once and started: the relay outlives both."""

from __future__ import annotations

from pathlib import Path

import anyio
import psycopg
import pytest

from ablo_pg.cluster import Cluster
from ablo_pg.testing import DatabaseHandle, make_database

from .conftest import SCHEMA
from .load import wait_a_while
from .trial import Trial, run_trial

# Much more than a trial takes: a false alarm on a busy machine says nothing.
pytestmark = [pytest.mark.anyio, pytest.mark.timeout(180)]

# One of everybody's but our own: walsenders, pools, listeners, writers.
END_ONE = """
select pg_terminate_backend(pid) from pg_stat_activity
 where datname = current_database() and pid <> pg_backend_pid()
 order by random() limit 1"""
END_SENDERS = """
select pg_terminate_backend(r.pid) from pg_stat_replication r
  join pg_stat_activity a using (pid) where a.datname = current_database()"""


async def ended(trial: Trial, rounds: int) -> None:
    with psycopg.connect(trial.db.admin_url, autocommit=True) as conn:
        for _ in range(rounds):
            conn.execute(END_SENDERS)
            for _ in range(5):
                conn.execute(END_ONE)
                await wait_a_while(0.02)  # one after the other, not all at once
            await trial.flow()


async def crashed(trial: Trial, cluster: Cluster, times: int) -> None:
    for _ in range(times):
        await trial.flow()
        await anyio.to_thread.run_sync(cluster.kill)
        await anyio.to_thread.run_sync(cluster.restart)


async def test_sessions_ended_at_random(db: DatabaseHandle, tmp_path: Path) -> None:
    trial = await run_trial(db, tmp_path, lambda trial: ended(trial, 5))
    assert trial.wrong == []


async def test_a_server_stopped_at_once(durable: Cluster, tmp_path: Path) -> None:
    with make_database(SCHEMA, server=durable) as db:
        trial = await run_trial(db, tmp_path, lambda trial: crashed(trial, durable, 2))
        assert trial.wrong == []


@pytest.mark.long
@pytest.mark.timeout(900)
async def test_a_server_stopped_and_sessions_ended_many_times(
    durable: Cluster, tmp_path: Path
) -> None:
    async def both(trial: Trial) -> None:
        for _ in range(15):
            await ended(trial, 4)
            await crashed(trial, durable, 1)

    with make_database(SCHEMA, server=durable) as db:
        assert (await run_trial(db, tmp_path, both)).wrong == []
