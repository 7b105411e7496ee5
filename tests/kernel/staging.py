"""Stage races: start a call in a thread, and see its backend wait for another one."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any, Final, TypeVar

import psycopg

T = TypeVar("T")
# Seconds. Protects the test run from a wait that never comes; a false alarm fails the test.
PATIENCE: Final = 10.0


def wait_until(test: Callable[[], T]) -> T:
    """Return the first true answer of `test`; each call of it is a question to the server."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        if answer := test():
            return answer
        time.sleep(0.002)
    raise AssertionError("it did not happen in time")


def blockers(admin: psycopg.Connection[Any], pid: int) -> list[int]:
    """Return the backends that a backend waits for."""
    row = admin.execute("select pg_blocking_pids(%s)", (pid,)).fetchone()
    return list(row[0]) if row else []


def wait_blocked(admin: psycopg.Connection[Any], pid: int, by: int) -> None:
    """Return when backend `pid` waits for backend `by`."""
    wait_until(lambda: by in blockers(admin, pid))


def wait_gone(admin: psycopg.Connection[Any], pid: int) -> None:
    """Return when a backend has ended."""
    query = "select 1 from pg_stat_activity where pid = %s"
    wait_until(lambda: admin.execute(query, (pid,)).fetchone() is None)


@contextmanager
def threads(count: int = 8) -> Iterator[Callable[..., Future[Any]]]:
    """Yield a function that starts calls in threads; all have ended on exit."""
    with ThreadPoolExecutor(count) as pool:
        yield pool.submit


@contextmanager
def holding(conn: psycopg.Connection[Any], query: str, *args: object) -> Iterator[int]:
    """Hold what a statement locks until the block ends (rolled back); yields the backend's pid."""
    with conn.transaction(force_rollback=True):
        conn.execute(query.encode(), args or None)
        yield conn.info.backend_pid
