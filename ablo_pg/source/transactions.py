"""How an adapter gets its transactions: from psycopg, SQLAlchemy 2 or Django.

Each gives a context manager whose transaction commits when it ends without an error. All three run
the same SQL, with `%s` for parameters, on a Postgres of their own configuration.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import TYPE_CHECKING, Any, Final, Protocol, TypeAlias

from psycopg.rows import tuple_row
from psycopg_pool import ConnectionPool

from ablo_pg.source.refused import Refused

if TYPE_CHECKING:
    from sqlalchemy import Engine

CONNECT: Final = 10.0  # seconds to wait for a connection: less than the service waits for an answer
RECONNECT: Final = 2.0
"""Seconds for which the pool tries to connect before it leaves that to the next request.

Its attempts get rarer: with the default of 300 s, it would find a database that is back late.
"""
Found: TypeAlias = list[tuple[Any, ...]]


class Transaction(Protocol):
    """An open transaction."""

    def run(self, query: str, parameters: Sequence[object] = ()) -> Found:
        """Run a statement; return its rows, none if it returns none."""


Begin: TypeAlias = Callable[[], AbstractContextManager[Transaction]]


class _Cursor:
    """A transaction on a DB-API cursor of psycopg, also of one that a framework made."""

    def __init__(self, cursor: Any) -> None:
        self._cursor = cursor

    def run(self, query: str, parameters: Sequence[object] = ()) -> Found:
        if any(isinstance(one, str) and "\0" in one for one in parameters):
            raise Refused(
                400, "validation_failed",
                "a text contains a NUL character, which Postgres cannot store: remove U+0000",
            )  # fmt: skip
        self._cursor.execute(query, tuple(parameters))
        return [] if self._cursor.description is None else list(self._cursor.fetchall())


class PsycopgTransactions:
    """A pool of psycopg's connections, opened by the first request; `close` ends it."""

    def __init__(self, url: str, max_size: int) -> None:
        self._pool = ConnectionPool(
            url,
            min_size=0,
            max_size=max_size,
            open=False,
            name="source",
            timeout=CONNECT,
            reconnect_timeout=RECONNECT,
        )

    @contextmanager
    def __call__(self) -> Iterator[Transaction]:
        """Begin a transaction."""
        self._pool.open()
        with (
            self._pool.connection() as conn,
            conn.transaction(),
            conn.cursor(row_factory=tuple_row) as cursor,
        ):
            yield _Cursor(cursor)

    def close(self) -> None:
        """End its connections."""
        self._pool.close()


def psycopg_transactions(url: str, *, max_size: int = 10) -> PsycopgTransactions:
    """Use a pool of psycopg's connections, at most so many."""
    return PsycopgTransactions(url, max_size)


def sqlalchemy_transactions(engine: Engine) -> Begin:
    """Use an engine of SQLAlchemy 2 (`create_engine("postgresql+psycopg://...")`)."""

    @contextmanager
    def begin() -> Iterator[Transaction]:
        with engine.begin() as connection:
            cursor = connection.connection.cursor()
            try:
                yield _Cursor(cursor)
            finally:
                cursor.close()

    return begin


def django_transactions(using: str = "default") -> Begin:
    """Use one of Django's databases; needs `django.setup()` to have run."""
    from django.db import connections, transaction  # its users have it

    @contextmanager
    def begin() -> Iterator[Transaction]:
        with transaction.atomic(using=using, durable=True), connections[using].cursor() as cursor:
            yield _Cursor(cursor)

    return begin
