"""The embedded server of `dev`: restarted if it dies. It keeps everything it had committed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import anyio
import anyio.to_thread

from ablo_pg.cli.dev.screen import Screen
from ablo_pg.cluster import Cluster
from ablo_pg.errors import AbloError

# How soon a dead server is restarted: programs that lost it are retrying meanwhile.
LOOK_SECONDS: Final = 0.5
# The processes of a killed server need a moment to end, and it does not start before. A false alarm
# is an error on the screen, which the next attempt clears.
QUIET_TRIES: Final = 10


async def follow_server(cluster: Cluster, screen: Screen, push: Callable[[], object]) -> None:
    """Keep the server running; push when it is back, because a save may have been missed."""
    screen.expect_trouble(lambda: cluster.pid is None)
    while True:
        await anyio.sleep(LOOK_SECONDS)
        if cluster.pid is None:
            screen.event("postgres_ended", "Postgres has ended; restarting it")
            await _start_again(cluster, screen)
            screen.event("postgres_started", "Postgres runs again, with all its data")
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
