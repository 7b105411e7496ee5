"""Waits that end in time: for an event, and for what must be finished after a cancellation.

The only module of `db` and `client` that uses anyio. Both run on asyncio, as psycopg does. But
their callers may be inside a cancel scope of anyio, which cancels a task again at each await until
the scope is left. Only a scope of anyio's own holds that back.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterable
from contextlib import AbstractContextManager
from typing import Any, Final, TypeVar

import anyio

# anyio imports it at a first call, in that call's thread. A process that forks meanwhile leaves its
# child with the lock of an import that goes on in no thread, and each client of the child hangs.
import anyio._backends._asyncio

# Seconds until a task that still runs is cancelled again. Longer than a statement takes to end.
AGAIN: Final = 5.0
T = TypeVar("T")


def shielded(seconds: float | None) -> AbstractContextManager[object]:
    """Let the block await inside cancelled scopes; leave it silently after so many seconds.

    asyncio cancels once. Code that catches that may await again, with or without this. It does not
    hold back a cancellation by asyncio itself (a timeout, a task group, `Task.cancel`): `finished`
    does.
    """
    return anyio.move_on_after(seconds, shield=True)


async def finished(work: Coroutine[Any, Any, T], seconds: float) -> T:
    """Await work that must not be left half done. A cancellation is raised when it has ended.

    For a request whose opposite follows on another connection, which must not overtake it. If the
    work does not end within so many seconds of the cancellation, it is cancelled too.
    """
    task = asyncio.ensure_future(work)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        with shielded(None):
            await asyncio.wait([task], timeout=seconds)
            await end([task])
        raise


async def occurs(event: asyncio.Event, seconds: float | None) -> bool:
    """Wait for an event, at most so many seconds (None: no limit); return whether it came.

    `asyncio.wait_for` of Python 3.11 loses a cancellation that arrives together with the event.
    """
    try:
        async with asyncio.timeout(seconds):
            return await event.wait()
    except TimeoutError:
        return False


async def end(tasks: Iterable[asyncio.Task[Any]]) -> None:
    """Cancel tasks, and wait until they have ended.

    Again and again: a task may lose a cancellation, see `occurs`.
    """
    left = set(tasks)
    while left:
        for task in left:
            task.cancel()
        _, left = await asyncio.wait(left, timeout=AGAIN)
