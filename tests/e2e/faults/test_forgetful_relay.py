"""The mutant on the other side: a relay that loses one delta in three thousand is caught.

Every trial carries a follower that does so, and fails when the verdict does not name what it lost.
Here the relay itself does: beside no fault always, and beside each in the long run.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from ablo_pg.cluster import Cluster
from ablo_pg.testing import DatabaseHandle, make_database

from .conftest import SCHEMA
from .network import Network
from .test_big_transaction import written_at_once
from .test_database_ends_sessions import crashed, ended
from .test_network import RARELY_READ, broken, stuck
from .test_pool_spent import LIMITS, spent
from .test_relay_killed import killed
from .test_relays_disturbed import pushed, stood_still
from .test_server_network import HURRIED, cut, forgotten, held_back
from .test_wal_level import lowered
from .trial import NAMES, Fault, Trial, run_trial

# Much more than a trial takes: a false alarm on a busy machine says nothing.
pytestmark = [pytest.mark.anyio, pytest.mark.timeout(180)]

PROGRAM = (str(Path(__file__).with_name("forgetful_relay.py")),)


async def nothing(trial: Trial) -> None:
    """No fault but the relay's own."""
    await trial.flow()


FAULTS: dict[str, tuple[Fault, tuple[str, ...]]] = {
    "a relay killed": (lambda trial: killed(trial, 1), ()),
    "sessions ended": (lambda trial: ended(trial, 2), ()),
    "schemas pushed": (pushed, ()),
    "a client that does not read": (stuck, RARELY_READ),
    "a spent pool": (lambda trial: spent(trial, 1, 1), LIMITS),
    "a large transaction": (lambda trial: written_at_once(trial, 50_000), ()),
}


def assert_caught(trial: Trial) -> None:
    """Every follower of the mutant has been found to lack something."""
    for name in NAMES:
        wrong = [each for each in trial.wrong if each.startswith(f"{name}: ")]
        assert any("deltas are missing" in each for each in wrong), trial.wrong


async def test_a_relay_that_loses_one_delta_is_caught(db: DatabaseHandle, tmp_path: Path) -> None:
    assert_caught(await run_trial(db, tmp_path, nothing, programs=(PROGRAM,)))


@pytest.mark.long
@pytest.mark.parametrize("name", FAULTS)
async def test_it_is_caught_in_a_fault(db: DatabaseHandle, tmp_path: Path, name: str) -> None:
    fault, arguments = FAULTS[name]
    assert_caught(await run_trial(db, tmp_path, fault, *arguments, programs=(PROGRAM,)))


@pytest.mark.long
async def test_it_is_caught_beside_another(db: DatabaseHandle, tmp_path: Path) -> None:
    both = (PROGRAM, PROGRAM)
    assert_caught(await run_trial(db, tmp_path, lambda it: stood_still(it, 2), programs=both))


@pytest.mark.long
async def test_it_is_caught_on_a_network(
    db: DatabaseHandle, network: Network, tmp_path: Path
) -> None:
    async def fault(trial: Trial) -> None:
        await broken(trial, network.proxies[0], 1)

    trial = await run_trial(db, tmp_path, fault, programs=(PROGRAM,), through=network.through)
    assert_caught(trial)


@pytest.mark.long
async def test_it_is_caught_far_from_the_server(
    db: DatabaseHandle, network: Network, tmp_path: Path
) -> None:
    async def fault(trial: Trial) -> None:
        await cut(trial, network, 0.2)
        await held_back(trial, network)
        await forgotten(trial, network)

    reached = network.to_server(db)
    trial = await run_trial(db, tmp_path, fault, *HURRIED, programs=(PROGRAM,), reached=reached)
    assert_caught(trial)


@pytest.mark.long
@pytest.mark.parametrize("restart", [crashed, lowered])
async def test_it_is_caught_when_the_server_restarts(
    durable: Cluster, tmp_path: Path, restart: Callable[[Trial, Cluster, int], Awaitable[None]]
) -> None:
    with make_database(SCHEMA, server=durable) as db:
        trial = await run_trial(
            db, tmp_path, lambda trial: restart(trial, durable, 1), programs=(PROGRAM,)
        )
        assert_caught(trial)
