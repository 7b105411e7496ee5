"""The network between clients and relay is cut, goes silent, or a client just stops reading."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import anyio
import httpx
import psycopg
import pytest

from ablo_pg.testing import DatabaseHandle

from .network import Lossy, Network
from .relays import RelayProcess
from .trial import CATCH_UP, GROWTH, Trial, run_trial, until

# Much more than a trial takes: a false alarm on a busy machine says nothing.
pytestmark = [pytest.mark.anyio, pytest.mark.timeout(180)]

RARELY_READ = (
    *("--set", "stuck_seconds=1", "--set", "queue_count=500"),
    *("--set", "queue_bytes=65536"),
)
BACKLOG = 200  # deltas of 40 kB that it leaves unread: more than sockets and queue can hold
WIDE = """
insert into tasks (id, organization_id, title)
select 'wide' || n, 'acme', n || repeat('x', 40000) from generate_series(1, %s) n"""


async def wait_for_sockets(relay: RelayProcess, followers: int) -> None:
    """Wait until the relay has so many's sockets open: none is kept for who is not there."""
    line = f"\nablo_sockets {followers + 1}.0\n"  # and the witness's
    async with httpx.AsyncClient() as http:
        with anyio.fail_after(CATCH_UP):
            while True:
                if line in (await http.get(f"{relay.url}/metrics")).text:
                    return
                await anyio.sleep(0.05)


def given_up(trial: Trial, before: list[int]) -> bool:
    """Whether every follower has tried again since."""
    return all(now.attempts > then for now, then in zip(trial.followers, before, strict=True))


async def broken(trial: Trial, proxy: Lossy, rounds: int) -> None:
    """Cut every connection; then let them go silent until all clients have given theirs up."""
    for _ in range(rounds):
        await trial.flow()
        async with trial.coming_back():
            assert proxy.cut() > 0
        before = [each.attempts for each in trial.followers]
        async with trial.coming_back():
            proxy.hang()
            await until(partial(given_up, trial, before), "all give the silent connection up")
            proxy.resume()  # what was held back arrives late, at sockets that nobody has any more
        await wait_for_sockets(trial.relays[0], len(trial.followers))


async def test_a_network_cut_and_half_open(
    db: DatabaseHandle, network: Network, tmp_path: Path
) -> None:
    trial = await run_trial(
        db,
        tmp_path,
        lambda trial: broken(trial, network.proxies[0], 2),
        through=network.through,
    )
    assert trial.wrong == []


@pytest.mark.long
@pytest.mark.timeout(600)
async def test_a_network_cut_and_half_open_many_times(
    db: DatabaseHandle, network: Network, tmp_path: Path
) -> None:
    trial = await run_trial(
        db,
        tmp_path,
        lambda trial: broken(trial, network.proxies[0], 25),
        through=network.through,
    )
    assert trial.wrong == []


async def stuck(trial: Trial) -> None:
    """One does not read while megabytes of deltas go to the others; then it reads on."""
    await trial.flow()
    [relay], [lazy, *others] = trial.relays, trial.followers
    memory, attempts = relay.memory(), lazy.attempts
    lazy.pause()
    async with await psycopg.AsyncConnection.connect(trial.db.admin_url) as conn:
        await conn.execute(WIDE, [BACKLOG])
    await trial.flow(*others, deltas=2 * BACKLOG)
    await wait_for_sockets(relay, len(others))
    assert lazy.attempts == attempts, "it is the relay that gives up, not the client"
    assert relay.memory() - memory < GROWTH
    async with trial.coming_back(lazy):
        lazy.resume()


async def test_a_client_that_stops_reading(db: DatabaseHandle, tmp_path: Path) -> None:
    trial = await run_trial(db, tmp_path, stuck, *RARELY_READ)
    assert trial.wrong == []
