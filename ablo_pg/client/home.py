"""The process and event loop that a client belongs to: those of its first call.

Its connections, tasks and threads belong to both. After a fork the child has none of the parent's
threads, and its sockets belong to the parent; a second event loop never wakes waiters of the first.
A call from elsewhere is refused at once: otherwise it would hang.
"""

from __future__ import annotations

import asyncio
import os
from typing import NoReturn

from ablo_pg.errors import error_for


class Home:
    """Bound by the first `check` inside an event loop. Before that a client may be moved."""

    def __init__(self) -> None:
        self._pid: int | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    @property
    def here(self) -> bool:
        """Whether the running code may use the client's connections."""
        return self._pid is None or (self._pid == os.getpid() and self._loop is _running())

    def check(self) -> None:
        """Bind the client to this process and event loop. Raises invalid_options anywhere else."""
        loop = _running()
        if self._pid is None and loop is not None:
            self._pid, self._loop = os.getpid(), loop
        if self._pid is not None:
            check_process(self._pid)
        if loop is not self._loop:
            ended = self._loop is not None and self._loop.is_closed()
            raise error_for(
                "invalid_options",
                "The client was first used in another event loop" + (", which ended" * ended),
                remedy="make a client in each event loop, and close it there: `async with "
                "AsyncAblo(...)` inside the function passed to asyncio.run",
            )


def check_process(pid: int) -> None:
    """Raise invalid_options in any other process, that is, in a forked child."""
    if pid != os.getpid():
        raise error_for(
            "invalid_options",
            f"The client was first used in process {pid}, before this one was forked from it",
            remedy="make a client in each process: in gunicorn's post_fork hook, in Celery's "
            "worker_process_init signal, or at its first use in the child",
        )


class Rooted:
    """Base of the clients: a pickle, or a copy, would be a client without connections."""

    def __reduce__(self) -> NoReturn:
        raise error_for(
            "invalid_options",
            "A client cannot be copied, or passed to another process",
            remedy="pass the arguments that it was made with, and make a client there",
        )


def _running() -> asyncio.AbstractEventLoop | None:
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None
