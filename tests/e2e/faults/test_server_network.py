"""The network between relay and Postgres is cut, goes silent, or forgets its connections."""

from __future__ import annotations

from pathlib import Path

import anyio
import pytest

from ablo_pg.testing import DatabaseHandle

from .load import wait_a_while
from .network import Network
from .readiness import AGE_LIMIT, SLACK
from .relays import PROGRAM
from .trial import Trial, run_trial, until

# Much more than a trial takes: a false alarm on a busy machine says nothing.
pytestmark = [pytest.mark.anyio, pytest.mark.timeout(180)]

# Seconds: no relay may be ready at the end of it. The witness says so, who allows for being late
# itself at both ends.
LONGER = AGE_LIMIT + 2 * SLACK + 1.0
AGAIN = 0.05  # seconds until what was connecting at the first cut is cut too
# A statement that the network has swallowed is given up three seconds after the server would.
HURRIED = ("--set", "statement_seconds=1")
LIARS = tuple((str(Path(__file__).with_name("lying_relay.py")), way) for way in ("boasts", "sulks"))


async def seen_unready(trial: Trial) -> None:
    """Wait until every relay says that it is not ready."""
    await until(lambda: not any(each.ready for each in trial.watches), "not ready is said")


async def cut(trial: Trial, network: Network, seconds: float = LONGER) -> None:
    """Connections are reset, new ones too."""
    await trial.flow()
    assert network.cut() > 0
    with network.down(), anyio.move_on_after(seconds):
        while True:
            network.cut()
            await wait_a_while(AGAIN)
    await trial.ready()
    await trial.flow()


async def held_back(trial: Trial, network: Network) -> None:
    """Nothing passes, and nobody is told; then everything arrives late."""
    await trial.flow()
    network.hang()
    await seen_unready(trial)
    network.resume()
    await trial.ready()
    await trial.flow()


async def forgotten(trial: Trial, network: Network) -> None:
    """What is connected hears nothing any more, for good; who connects anew is served."""
    await trial.flow()
    assert network.lose() > 0
    await seen_unready(trial)
    await trial.ready()
    await trial.flow()


async def test_a_server_out_of_reach(db: DatabaseHandle, network: Network, tmp_path: Path) -> None:
    trial = await run_trial(
        db,
        tmp_path,
        lambda trial: cut(trial, network),
        reached=network.to_server(db),
    )
    assert trial.wrong == []


async def test_half_open_connections_to_the_server(
    db: DatabaseHandle, network: Network, tmp_path: Path
) -> None:
    async def fault(trial: Trial) -> None:
        await held_back(trial, network)
        await forgotten(trial, network)

    trial = await run_trial(db, tmp_path, fault, *HURRIED, reached=network.to_server(db))
    assert trial.wrong == []


async def test_a_ready_that_lies_is_caught(
    db: DatabaseHandle, network: Network, tmp_path: Path
) -> None:
    """Beside it one that tells the truth is not."""
    trial = await run_trial(
        db,
        tmp_path,
        lambda trial: cut(trial, network),
        programs=(*LIARS, PROGRAM),
        reached=network.to_server(db),
    )
    assert len(trial.wrong) == 2, trial.wrong
    [boast, alarm] = trial.wrong
    assert boast.startswith("/ready of relay 0 said ready")
    assert alarm.startswith("/ready of relay 1 said not ready")


@pytest.mark.long
@pytest.mark.timeout(900)
async def test_a_network_to_the_server_broken_many_times(
    db: DatabaseHandle, network: Network, tmp_path: Path
) -> None:
    async def fault(trial: Trial) -> None:
        for turn in range(12):
            await cut(trial, network, (0.2, LONGER)[turn % 2])
            await held_back(trial, network)
            await forgotten(trial, network)

    trial = await run_trial(db, tmp_path, fault, *HURRIED, reached=network.to_server(db))
    assert trial.wrong == []
