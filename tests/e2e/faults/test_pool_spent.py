"""The pool is spent by statements that wait; subscribers and writers go on."""

from __future__ import annotations

from pathlib import Path

import anyio
import httpx
import psycopg
import pytest

from ablo_pg.testing import DatabaseHandle

from .load import wait_a_while
from .trial import Trial, run_trial, until

# Much more than a trial takes: a false alarm on a busy machine says nothing.
pytestmark = [pytest.mark.anyio, pytest.mark.timeout(180)]

POOL = 4
REFUSED = "connection_limit_exceeded"
# One connection more than requests may hold: the relay keeps it for keys and schemas.
LIMITS = ("--set", f"pool_size={POOL + 1}", "--set", "acquire_seconds=0.2")
# Commits that wait for rows hold at most half of a pool, of one organization: so there are several.
SLOW = tuple(f"slow{n}" for n in range(POOL))
ROW = "insert into tasks (id, organization_id, title) values ('held', %s, 'before')"
HOLD = "select from tasks where id = 'held' for update"
WAITING = """
select count(*) from pg_stat_activity
 where datname = current_database() and application_name = 'ablo_pg relay'
   and wait_event_type = 'Lock'"""


async def spent(trial: Trial, rounds: int, seconds: float) -> None:
    """Commits wait for rows that somebody else holds, until no connection is left."""
    keys = {name: trial.key("system:slow", name) for name in SLOW}
    with psycopg.connect(trial.db.admin_url, autocommit=True) as conn:
        for name in SLOW:
            conn.execute(ROW, [name])
    for number in range(rounds):
        await trial.flow()
        said = [len(each.said) for each in trial.watches]
        connecting = psycopg.AsyncConnection.connect(trial.db.admin_url)
        async with anyio.create_task_group() as group, await connecting as holder:
            await holder.execute(HOLD)
            for name in SLOW:
                group.start_soon(commit, trial, name, keys[name], number)
            await all_wait(trial.db)
            await ends_typed(trial, keys[SLOW[0]])
            await wait_a_while(seconds)  # how long it lasts is the fault
            await goes_on(trial)
        await trial.flow()  # commits are confirmed again
        for watch, then in zip(trial.watches, said, strict=True):
            reasons = {reason for each in watch.said[then:] for reason in each.reasons}
            assert not any("connection_limit" in reason for reason in reasons)


async def goes_on(trial: Trial) -> None:
    """Writers write, subscribers are told; commits through the relay are refused by name."""
    before = [(each, len(each.taken)) for each in trial.followers]
    refused = trial.load.refused[REFUSED]
    await until(
        lambda: (
            all(len(each.taken) >= then + 200 for each, then in before)
            and trial.load.refused[REFUSED] > refused
        ),
        "deltas flow beside a spent pool",
    )


async def commit(trial: Trial, organization: str, key: str, number: int) -> None:
    """Update the row that is held; under one key until it is confirmed."""
    headers = {"authorization": f"Bearer {key}", "idempotency-key": f"{organization}-{number}"}
    url = f"{trial.relays[0].url}/api/v1/models/tasks/held"
    async with httpx.AsyncClient(headers=headers, timeout=60) as http:
        while True:
            answer = await http.patch(url, json={"data": {"title": f"after {number}"}})
            if answer.is_success:
                return
            assert answer.json()["code"] in (REFUSED, "wait_for_timeout")
            await wait_a_while(0.05)


async def all_wait(db: DatabaseHandle) -> None:
    """Wait until every connection that requests may hold waits for a lock."""
    with psycopg.connect(db.admin_url, autocommit=True) as conn:
        await until(lambda: conn.execute(WAITING).fetchone() == (POOL,), "the pool is spent")


async def ends_typed(trial: Trial, key: str) -> None:
    """A read is refused by name, soon, and told that it may be tried again."""
    url = f"{trial.relays[0].url}/api/v1/models/tasks"
    async with httpx.AsyncClient(headers={"authorization": f"Bearer {key}"}) as http:
        answer = await http.get(url, timeout=15)
    body = answer.json()
    assert (answer.status_code, body["code"]) == (429, REFUSED)
    assert body["retryable"] is True


async def test_a_spent_pool(db: DatabaseHandle, tmp_path: Path) -> None:
    trial = await run_trial(db, tmp_path, lambda trial: spent(trial, 1, 1), *LIMITS)
    assert trial.wrong == []


@pytest.mark.long
@pytest.mark.timeout(600)
async def test_a_pool_spent_again_and_again(db: DatabaseHandle, tmp_path: Path) -> None:
    """Longer than a statement may take: those that spend it are ended, and others come."""
    trial = await run_trial(db, tmp_path, lambda trial: spent(trial, 4, 20), *LIMITS)
    assert trial.wrong == []
