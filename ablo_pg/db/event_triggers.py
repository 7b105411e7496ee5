"""The user's event triggers that fail under our statements, and how to continue without them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Final

import psycopg
from psycopg import sql

from ablo_pg.db.blame import foreign_function

_CALLING: Final = """
select e.evtname, case e.evtenabled when 'A' then ' always' when 'R' then ' replica' else '' end
from pg_catalog.pg_event_trigger e
join pg_catalog.pg_proc p on p.oid = e.evtfoid
join pg_catalog.pg_namespace n on n.oid = p.pronamespace
where e.evtenabled <> 'D'
  and (format('%%I()', p.proname) = any (%(names)s)
    or format('%%I.%%I()', n.nspname, p.proname) = any (%(names)s))
"""
_RAISED: Final = "P0001"  # a deliberate refusal
PASSED_OVER: Final = (
    "{} has not seen all of it: an event trigger calls it, and it fails here (see the names that "
    "it uses; alter function ... set search_path)"
)


def failing(conn: psycopg.Connection, exc: psycopg.Error) -> str | None:
    """Return the function of a failed event trigger, if this login can continue without it."""
    function = foreign_function(exc.diag.context)
    if function is None or exc.sqlstate == _RAISED or conn.closed:
        return None
    row = conn.execute("select rolsuper from pg_catalog.pg_roles where rolname = current_user")
    if row.fetchone() != (True,) or not _calling(conn, [function]):
        return None
    return function


@contextmanager
def passing_over(conn: psycopg.Connection, functions: Iterable[str]) -> Iterator[None]:
    """Disable the event triggers that call these, in the current transaction of a superuser."""
    found = _calling(conn, [*functions])
    for name, _ in found:
        conn.execute(sql.SQL("alter event trigger {} disable").format(sql.Identifier(name)))
    yield
    for name, mode in found:
        enable = sql.SQL("alter event trigger {} enable {}")
        conn.execute(enable.format(sql.Identifier(name), sql.SQL(mode)))


@contextmanager
def without_triggers(conn: psycopg.Connection) -> Iterator[None]:
    """Fire no trigger outside a transaction, where triggers cannot be disabled temporarily."""
    conn.execute("set session_replication_role = replica")
    try:
        yield
    finally:
        if not conn.closed:
            conn.execute("reset session_replication_role")


def _calling(conn: psycopg.Connection, functions: list[str]) -> list[tuple[str, str]]:
    return conn.execute(_CALLING, {"names": functions}).fetchall() if functions else []
