"""One transaction of very many rows: it streams through in bounded memory, and others go on."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from pathlib import Path

import anyio
import psycopg
import pytest

from ablo_pg.testing import DatabaseHandle

from .load import wait_a_while
from .relays import RelayProcess
from .trial import CATCH_UP, GROWTH, Trial, run_trial, until

# Much more than a trial takes: a false alarm on a busy machine says nothing.
pytestmark = [pytest.mark.anyio, pytest.mark.timeout(180)]

logger = logging.getLogger(__name__)

INSERT = """
insert into tasks (id, organization_id, title)
select 'big' || n, 'acme', 'one of many' from generate_series(1, %s) n"""
# Deltas a second that a relay takes in at least. What another organization commits after a large
# transaction comes after it in the WAL, and may be held up by so much; nobody waits before that,
# and nobody for its subscribers.
PACE = 5_000
READ = 1_000  # that followers read, likewise: three of them in one process, on a busy machine
SLACK = 3.0  # seconds; a false alarm on a busy machine says nothing


class Memory:
    """How large a relay becomes."""

    def __init__(self, relay: RelayProcess) -> None:
        self.most = 0
        self._relay = relay

    async def watch(self) -> None:
        """Look until cancelled."""
        while True:
            self.most = max(self.most, self._relay.memory())
            await wait_a_while(0.05)


async def written_at_once(trial: Trial, rows: int) -> None:
    """Write them in one transaction, and wait until every follower has them."""
    await trial.flow()
    [relay], [watch] = trial.relays, trial.watches
    memory, before, began = Memory(relay), relay.memory(), time.time()
    async with anyio.create_task_group() as group:
        group.start_soon(memory.watch)
        connecting = psycopg.AsyncConnection.connect(trial.db.admin_url, autocommit=True)
        async with await connecting as conn:
            await conn.execute(INSERT, [rows])
        committed = time.time()
        await until(
            lambda: all(len(each.taken) > rows for each in trial.followers),
            "everybody has the large transaction",
            CATCH_UP + rows / READ,
        )
        group.cancel_scope.cancel()
    ended = time.time()
    open_for, after = (
        max(held_up(trial, start, end), default=0.0)
        for start, end in ((began, committed), (committed, ended))
    )
    logger.info(
        "%d rows: committed in %.1f s, at all followers %.1f s later; others held up for %.1f s "
        "before and %.1f s after; the relay grew by %.1f MiB; not ready %d of %d times",
        *(rows, committed - began, ended - committed, open_for, after),
        (memory.most - before) / (1 << 20),
        *(sum(each.ready is False for each in watch.said), len(watch.said)),
    )
    assert memory.most - before < GROWTH
    assert after < SLACK + rows / PACE
    assert open_for < SLACK + rows / PACE


def held_up(trial: Trial, start: float, end: float) -> Iterator[float]:
    """Yield how long another organization's deltas took, of those written meanwhile."""
    for watch in trial.watches:
        for written, seen in watch.witness.passages:
            if start <= written < end:
                yield seen - written


async def test_a_large_transaction(db: DatabaseHandle, tmp_path: Path) -> None:
    trial = await run_trial(db, tmp_path, lambda trial: written_at_once(trial, 50_000))
    assert trial.wrong == []


@pytest.mark.long
@pytest.mark.timeout(3600)
async def test_a_transaction_of_a_million_rows(db: DatabaseHandle, tmp_path: Path) -> None:
    trial = await run_trial(db, tmp_path, lambda trial: written_at_once(trial, 1_000_000))
    assert trial.wrong == []
