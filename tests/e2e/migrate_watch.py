"""Writers of three kinds beside a migration, and who watches what they have to wait for."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import psycopg
from psycopg.types.json import Jsonb

from ablo_pg.db.errors import translate
from ablo_pg.errors import AbloError
from ablo_pg.testing import DatabaseHandle

# The longest that a writer waits for any lock right now; the migration's own waits do not count.
WAITS = """
select coalesce(max(extract(epoch from clock_timestamp() - l.waitstart)), 0)
from pg_locks l join pg_stat_activity a on a.pid = l.pid
where not l.granted and a.application_name = 'writer' and a.datname = current_database()"""


@dataclass
class Watch:
    """What writers and watcher saw. longest_write: seconds of the slowest statement."""

    writes: int = 0
    refused: dict[str, AbloError] = field(default_factory=dict)
    failures: list[str] = field(default_factory=list)
    tried: int = 0
    longest_wait: float = 0.0
    longest_write: float = 0.0


@dataclass
class Writers:
    """Threads that write until they are stopped."""

    handle: DatabaseHandle
    seen: Watch = field(default_factory=Watch)
    _stop: threading.Event = field(default_factory=threading.Event)
    _threads: list[threading.Thread] = field(default_factory=list)

    @contextmanager
    def running(self) -> Iterator[Watch]:
        """Let three writers and the watcher run; every one has begun when this returns."""
        started = threading.Barrier(5)
        for work in (self._api, self._plain, self._admin, self._watch):
            thread = threading.Thread(target=self._guarded, args=(work, started), daemon=True)
            thread.start()
            self._threads.append(thread)
        started.wait(20)
        try:
            yield self.seen
            self._until_more(60)
        finally:
            self._stop.set()
            for thread in self._threads:
                thread.join(30)

    def _until_more(self, count: int) -> None:
        """Wait until so many further writes were tried, at most 20 s: they meet what is new."""
        until = time.monotonic() + 20
        goal = self.seen.tried + count
        while self.seen.tried < goal and not self.seen.failures and time.monotonic() < until:
            time.sleep(0.01)

    def _guarded(
        self, work: Callable[[threading.Barrier], None], started: threading.Barrier
    ) -> None:
        try:
            work(started)
        except Exception as exc:  # shown by the test: a writer must not end
            self.seen.failures.append(f"{work.__name__}: {exc!r}")

    def _api(self, started: threading.Barrier) -> None:
        """Commits of someone who knows the first schema."""
        with self._connect(self.handle.database_url) as conn:
            started.wait(20)
            for number in self._turns():
                data = {"title": f"t{number}", "status": "doing", "note": "n", "count": number}
                operation = {"action": "update", "model": "tasks", "id": f"r{3 * (number % 200)}"}
                if number % 10 == 0:
                    operation = {"action": "create", "model": "tasks", "id": f"new{number}"}
                    data["projectId"] = "p0"  # so that no change finds a row without a parent
                request = Jsonb({"operations": [{**operation, "data": data}]})
                arguments = ["o0", "user:ann", f"k{number}", request]
                self._write(conn, "select ablo.commit(%s, %s, %s, %s)", arguments)

    def _plain(self, started: threading.Barrier) -> None:
        """Plain SQL under row-level security, on columns that no change here touches."""
        with self._connect(self.handle.database_url) as conn:
            conn.execute("set app.current_org_id = 'o1'")
            started.wait(20)
            for number in self._turns():
                query = "update tasks set count = count + 1 where id = %s"
                self._write(conn, query, [f"r{3 * (number % 300) + 1}"])

    def _admin(self, started: threading.Barrier) -> None:
        """An administrator's statement over rows of several organizations."""
        with self._connect(self.handle.admin_url) as conn:
            started.wait(20)
            for number in self._turns():
                query = "update tasks set count = count + 1 where id = any (%s)"
                self._write(conn, query, [[f"r{900 + number % 50}", f"r{1000 + number % 50}"]])

    def _watch(self, started: threading.Barrier) -> None:
        with psycopg.connect(self.handle.admin_url, autocommit=True) as conn:
            started.wait(20)
            waited = 0.0
            # Closely once somebody waits: what counts are waits of a second.
            while not self._stop.wait(0.01 if waited else 0.05):
                row = conn.execute(WAITS).fetchone()
                assert row is not None
                waited = float(row[0])
                self.seen.longest_wait = max(self.seen.longest_wait, waited)

    def _connect(self, url: str) -> psycopg.Connection[Any]:
        return psycopg.connect(url, autocommit=True, application_name="writer")

    def _turns(self) -> Iterator[int]:
        number = 0
        while not self._stop.wait(0.003):
            number += 1
            yield number

    def _write(self, conn: psycopg.Connection[Any], query: str, arguments: list[Any]) -> None:
        began = time.monotonic()
        try:
            conn.execute(query, arguments)
        except psycopg.Error as exc:
            error = translate(exc)
            self.seen.refused[error.code] = error
            if error.code == "internal_error":
                self.seen.failures.append(f"{exc.sqlstate}: {exc}")
        else:
            self.seen.writes += 1
        self.seen.tried += 1
        self.seen.longest_write = max(self.seen.longest_write, time.monotonic() - began)
