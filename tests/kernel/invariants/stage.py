"""Stop commits half-way: between the moment a capture has drawn its id and the end of the commit.

`Stage` adds a deferred trigger that sorts after the capture. In a session with `stage.hold` set it
waits for a lock that the stage holds, so the test can look at who waits for whom, and let go.
"""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from typing import Any, Final, LiteralString, Self

import psycopg

from ..staging import blockers, wait_until
from .site import Connection, Site

KEY: Final = 4711
HOLD: Final[LiteralString] = f"""
create function stage_hold() returns trigger language plpgsql as $$
begin
  if current_setting('stage.hold', true) = 'on' then
    perform pg_advisory_xact_lock_shared({KEY});
  end if;
  return null;
end $$;
create constraint trigger zzz_stage_hold after insert or update or delete on tasks
  deferrable initially deferred for each row execute function stage_hold()"""


class Actor:
    """A session in a thread of its own."""

    def __init__(self, conn: Connection, pool: ThreadPoolExecutor, admin: Connection) -> None:
        self.conn = conn
        self.pid = conn.info.backend_pid
        self._pool = pool
        self._admin = admin
        self.running: Future[Any] | None = None

    def does(self, *statements: LiteralString) -> Self:
        """Run statements to their end."""
        for statement in statements:
            self.conn.execute(statement)
        return self

    def starts(self, statement: LiteralString) -> Self:
        """Begin a statement, and return when it waits for somebody or has ended."""
        self.running = future = self._pool.submit(self.conn.execute, statement)
        wait_until(lambda: future.done() or blockers(self._admin, self.pid))
        return self

    def waits_for(self) -> list[int]:
        """The sessions that this one waits for; 0 is a prepared transaction."""
        return sorted(set(blockers(self._admin, self.pid)))

    def ends(self) -> psycopg.Error | None:
        """Let the statement that was begun end; return the error it ended with."""
        assert self.running is not None
        failure = self.running.exception(timeout=30)
        if failure is not None and not isinstance(failure, psycopg.Error):
            raise failure
        return failure


class Stage:
    """Holds back the commits of sessions that ask for it, until `let_go` or the block's end."""

    def __init__(self, site: Site) -> None:
        self.site = site
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        self._pool = self._stack.enter_context(ThreadPoolExecutor(8))
        self._holder = self._stack.enter_context(self.site.connect())
        self.pid = self._holder.info.backend_pid
        self.site.admin.execute(HOLD)
        self._holder.execute("select pg_advisory_lock(%s)", [KEY])
        return self

    def __exit__(self, *exc: object) -> None:
        self.let_go()
        self._stack.close()

    def let_go(self) -> None:
        """Let the held commits end."""
        self._holder.execute("select pg_advisory_unlock_all()")

    def actor(self, *, held: bool = False, runtime: bool = False) -> Actor:
        """Open a session; a held one stops in its commit."""
        conn = self.site.runtime() if runtime else self.site.connect()
        self._stack.callback(conn.close)
        if held:
            conn.execute("set stage.hold = 'on'")
        return Actor(conn, self._pool, self.site.admin)
