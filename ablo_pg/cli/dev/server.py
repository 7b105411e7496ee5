"""The embedded server of `dev`: started again when it has died. What it had committed, it has."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import anyio
import anyio.to_thread

from ablo_pg.cli.dev.screen import Screen
from ablo_pg.cluster import Cluster
from ablo_pg.errors import AbloError

# How soon a server that has died is started again: programs that lost it are trying meanwhile.
LOOK_SECONDS: Final = 0.5
# The processes of a server that was killed need a moment to end, and it does not start before. A
# false alarm is an error on the screen that the next try takes back.
QUIET_TRIES: Final = 10


async def follow_server(cluster: Cluster, screen: Screen, push: Callable[[], object]) -> None:
    """Look after the server for good; push once it is back: a save may have missed it."""
    screen.expect_trouble(lambda: cluster.pid is None)
    while True:
        await anyio.sleep(LOOK_SECONDS)
        if cluster.pid is None:
            screen.event("postgres_ended", "Postgres has ended; starting it again")
            await _start_again(cluster, screen)
            screen.event("postgres_started", "Postgres runs again, with everything it had")
            await anyio.to_thread.run_sync(push)


async def _start_again(cluster: Cluster, screen: Screen) -> None:
    tries = 0
    while True:
        try:
            await anyio.to_thread.run_sync(cluster.restart)
        except AbloError as error:
            tries += 1
            if tries % QUIET_TRIES == 0:
                screen.problem(error)
            await anyio.sleep(LOOK_SECONDS)
        else:
            return
