"""Writers who have never heard of claims: psycopg, an ORM, psql, COPY; each at any isolation level.

One call is one transaction: it reads the row, and changes its note a moment later. It returns the
SQLSTATE that it was refused with, or None when it landed.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import threading
import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from typing import Final

import psycopg
from sqlalchemy import String, create_engine, select
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column
from sqlalchemy.pool import NullPool

from ablo_pg.cluster import find_binaries

from .models import ORGANIZATION

LEVELS: Final = ("read committed", "repeatable read", "serializable")
PLACE: Final = f"organization_id = '{ORGANIZATION}' and id = %s"

Writer = Callable[[str, str, str], str | None]


class Base(DeclarativeBase):
    pass


class AccountRow(Base):
    """An account, as somebody maps it who has never heard of claims."""

    __tablename__ = "accounts"

    organization_id: Mapped[str] = mapped_column(String, primary_key=True)
    id: Mapped[str] = mapped_column(String, primary_key=True)
    note: Mapped[str | None]


@contextmanager
def connected(url: str) -> Iterator[psycopg.Connection]:
    """A transaction, and its connection, which ends with it.

    psycopg's own `with` leaves the connection open where the COMMIT itself is refused.
    """
    with closing(psycopg.connect(url)) as conn, conn:
        yield conn


def driver(url: str, level: str, row: str) -> str | None:
    """SELECT, think, UPDATE."""
    try:
        with connected(url) as conn:
            conn.execute(f"set transaction isolation level {level}".encode())
            conn.execute(f"select note, pg_sleep(0.01) from accounts where {PLACE}".encode(), [row])
            conn.execute(f"update accounts set note = 'driver' where {PLACE}".encode(), [row])
    except psycopg.Error as error:
        return error.sqlstate
    return None


def orm(url: str, level: str, row: str) -> str | None:
    """A unit of work of SQLAlchemy."""
    with closing(psycopg.connect(url)) as conn:
        engine = create_engine(
            "postgresql+psycopg://",
            creator=lambda: conn,
            isolation_level=level.upper(),
            poolclass=NullPool,
        )
        try:
            with Session(engine) as session:
                account = session.scalars(select(AccountRow).where(AccountRow.id == row)).one()
                account.note = uuid.uuid4().hex
                session.commit()
        except DBAPIError as error:
            return str(getattr(error.orig, "sqlstate", error))
    return None


def psql(url: str, level: str, row: str) -> str | None:
    """A script in a process of its own, as cron runs it."""
    script = f"""
begin isolation level {level};
select note, pg_sleep(0.01) from accounts where organization_id = '{ORGANIZATION}' and id = '{row}';
update accounts set note = 'psql' where organization_id = '{ORGANIZATION}' and id = '{row}';
commit;
"""
    program = shutil.which("psql", path=str(find_binaries().bin)) or "psql"
    command = [program, "-XqAt", "-v", "ON_ERROR_STOP=1", "-v", "VERBOSITY=verbose", "-d", url]
    done = subprocess.run(command, input=script, capture_output=True, text=True, timeout=15)
    if done.returncode == 0:
        return None
    told = re.search(r"ERROR:  (\w{5}):", done.stderr)
    assert told, done.stderr
    return told[1]


def copy(url: str, level: str, row: str) -> str | None:
    """COPY of a row that is not there."""
    try:
        with connected(url) as conn, conn.cursor() as cursor:
            cursor.execute(f"set transaction isolation level {level}".encode())
            cursor.execute("select count(*) from accounts")
            with cursor.copy("copy accounts (organization_id, id, count) from stdin") as lines:
                lines.write_row((ORGANIZATION, row, 0))
    except psycopg.Error as error:
        return error.sqlstate
    return None


WRITERS: Final[dict[str, Writer]] = {"driver": driver, "orm": orm, "psql": psql}


@dataclass(slots=True)
class Crowd:
    """What became of the writes of a crowd: how often each SQLSTATE, or None, at each level."""

    ends: Counter[tuple[str, str | None]] = field(default_factory=Counter)
    failures: list[BaseException] = field(default_factory=list)


@contextmanager
def crowd(url: str, rows: list[str], writers: dict[str, Writer]) -> Iterator[Crowd]:
    """Every writer at every level, each in a thread, again and again until the block ends."""
    found, stop = Crowd(), threading.Event()

    def work(writer: Writer, level: str) -> None:
        number = 0
        while not stop.is_set():
            number += 1
            try:
                found.ends[level, writer(url, level, rows[number % len(rows)])] += 1
            except BaseException as failure:
                found.failures.append(failure)
                return

    threads = [threading.Thread(target=work, args=(writer, level))
               for writer in writers.values() for level in LEVELS]  # fmt: skip
    for thread in threads:
        thread.start()
    try:
        yield found
    finally:
        stop.set()
        for thread in threads:
            thread.join()
