"""Run the steps of a migration, by kind, and undo what a failure leaves."""

from __future__ import annotations

import random
import time
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Protocol

import psycopg

from ablo_pg.compile.migration import Alone, AnyStep, Batches, MigrationPlan, Step
from ablo_pg.db import migrate as db
from ablo_pg.db.event_triggers import failing, passing_over, without_triggers
from ablo_pg.errors import AbloError, AbloServerError, AbloTimeoutError

_BUSY = ("55P03", "40P01", "AB062")  # a lock, a deadlock, a claim: retry
_TOO_LONG = "57014"  # holds rows or tables for longer than their writers may wait
_OVERRUNS = 3  # attempts of a step that takes too long; each makes writers wait
_FEWEST = 2  # rows of a page: each row, and where the next page begins


@dataclass(frozen=True, slots=True)
class Pace:
    """How considerate a migration is.

    lock_timeout_ms: how long a writer may wait behind a lock request of ours; a false alarm costs
    another attempt. hold_ms: how long the switch may hold tables that others wait for, including
    its own waits for locks; a false alarm costs another attempt, three of them the migration.
    patience: seconds of such attempts before a step is given up. batch_seconds: about how long one
    page of rows is held.
    """

    lock_timeout_ms: int = 400
    patience: float = 60.0
    batch_seconds: float = 0.1

    @property
    def hold_ms(self) -> int:
        """How long a writer may wait in all: under a second by default."""
        return self.lock_timeout_ms + 500

    @property
    def page_ms(self) -> int:
        """When a page is given up and made smaller: after four times its target duration."""
        return round(self.batch_seconds * 4000)


DEFAULT_PACE = Pace()


class Report(Protocol):
    """Receives the progress of a migration: step from 0, rows done and about how many there are."""

    def __call__(self, step: int, done: int, total: int) -> None:
        """Report progress."""


class _Hold:
    """How long others may have waited for a transaction; counts from the first check."""

    def __init__(self, limit_ms: int) -> None:
        self._limit = limit_ms / 1000
        self._since: float | None = None

    def left_ms(self) -> int:
        """Return what is left; at least 1, since 0 would mean no limit."""
        now = time.monotonic()
        self._since = self._since or now
        return max(1, round((self._since + self._limit - now) * 1000))

    @property
    def half_over(self) -> bool:
        """Whether it is time to check for waiters."""
        return self._since is not None and self.left_ms() < self._limit * 500

    def nobody_waited(self) -> None:
        """Start over: a new waiter has not waited yet."""
        self._since = None

    @property
    def over(self) -> bool:
        """Whether nothing is left."""
        return self._since is not None and self.left_ms() == 1


class Runner:
    """One run of a plan on an administrative connection (autocommit)."""

    def __init__(
        self, conn: psycopg.Connection, plan: MigrationPlan, pace: Pace, report: Report
    ) -> None:
        self._conn = conn
        self._plan = plan
        self._pace = pace
        self._report = report
        self._undo: list[str] = []
        self._written = 0
        self.passed_over: list[str] = []  # functions of event triggers of the user's that failed
        self.effective = 0  # steps besides the switch that had something to do

    def run(self) -> int:
        """Run all steps; return how many rows were written. Raises: see `kernel.migrate`."""
        for number, step in enumerate(self._plan.steps):
            self._report(number, 0, 0)
            try:
                self._run(number, step)
            except BaseException:
                self._take_back()
                raise
            if step.phase == "switch":
                self._undo.clear()  # from here on there is no way back
            elif not isinstance(step, Batches):
                self._undo += step.undo
        return self._written

    def _run(self, number: int, step: AnyStep) -> None:
        written = self._written
        if isinstance(step, Batches):
            self._pages(number, step)
            self.effective += self._written > written
            return
        if isinstance(step, Alone):
            self._alone(number, step)
        elif step.unless and db.count(self._conn, step.unless):
            return
        else:
            self._transaction(number, step)
        self.effective += step.phase != "switch"

    def _transaction(self, number: int, step: Step) -> None:
        """One transaction. A step that locks several tables waits less for each: the sum holds."""
        timeout = max(50, self._pace.lock_timeout_ms // max(1, step.tables))
        until = time.monotonic() + self._pace.patience
        overruns = 0
        while True:
            index, statement, hold = -1, "", _Hold(self._pace.hold_ms)
            try:
                with self._conn.transaction(), passing_over(self._conn, self.passed_over):
                    db.set_lock_timeout(self._conn, timeout)
                    for index, statement in enumerate(step.statements):
                        if step.short_from is not None and index >= step.short_from:
                            if hold.half_over and not db.is_waited_for(self._conn):
                                hold.nobody_waited()
                            db.set_statement_timeout(self._conn, hold.left_ms())
                        self._conn.execute(statement)
                    statement = "(commit)"
                return
            except psycopg.Error as exc:
                if exc.sqlstate == _TOO_LONG and hold.over:
                    overruns += 1
                    if overruns == _OVERRUNS:
                        raise self._held_too_long(number, step, index, statement) from exc
                elif self._passes_over(exc):
                    continue
                elif exc.sqlstate not in _BUSY or time.monotonic() > until:
                    raise self._failed(exc, number, step, index, statement) from exc
            _pause()

    def _alone(self, number: int, step: Alone) -> None:
        """A statement that waits for running transactions, while writers continue."""
        db.set_session_patience(self._conn, round(self._pace.patience * 1000))
        bare = without_triggers(self._conn) if self.passed_over else nullcontext()
        try:
            with bare:
                self._conn.execute(step.statement)
        except psycopg.Error as exc:
            if step.broken and not self._conn.closed:
                self._conn.execute(step.broken)
            if self._passes_over(exc):
                return self._alone(number, step)
            raise self._failed(exc, number, step, 0, step.statement) from exc
        finally:
            if not self._conn.closed:
                db.set_session_patience(self._conn, 0)

    def _passes_over(self, exc: psycopg.Error) -> bool:
        """Continue without a failed user's event trigger. False: another error, or impossible."""
        function = failing(self._conn, exc)
        if function is None or function in self.passed_over:
            return False
        self.passed_over.append(function)
        return True

    def _pages(self, number: int, step: Batches) -> None:
        """Rounds over the rows until none is left; each round skips locked rows."""
        until = time.monotonic() + self._pace.patience
        done = 0
        while True:
            before = done
            done = self._round(number, step, done)
            if not db.count(self._conn, step.left):
                break
            if done > before:
                until = time.monotonic() + self._pace.patience
            elif time.monotonic() > until:
                raise self._stuck(number, step)
            else:
                _pause()
        if step.paid:
            self._conn.execute(step.paid)

    def _round(self, number: int, step: Batches, done: int) -> int:
        row = self._conn.execute(step.first).fetchone()
        at = row[0] if row else None
        limit, until = 200, time.monotonic() + self._pace.patience
        while at is not None:
            started = time.monotonic()
            query = step.page_from(tuple(at), limit)
            try:
                with self._conn.transaction():
                    db.set_lock_timeout(self._conn, self._pace.lock_timeout_ms)
                    db.write_as_migration(self._conn, keep_updated_at=step.typename is not None)
                    db.write_briefly(self._conn, self._pace.page_ms if limit > _FEWEST else None)
                    found = self._conn.execute(query).fetchone()
            except psycopg.Error as exc:
                if exc.sqlstate not in (*_BUSY, _TOO_LONG) or started > until:
                    raise self._failed(exc, number, step, 0, query) from exc
                limit = max(_FEWEST, limit // 2)
                _pause()
                continue
            until = time.monotonic() + self._pace.patience  # of this page, not the round
            written, seen, after = found or (0, 0, None)
            done += written
            self._written += written
            self._report(number, done, step.rows)
            if seen < 2 or after == at:
                break
            at = after
            limit = _next_limit(limit, time.monotonic() - started, self._pace.batch_seconds)
        return done

    def _take_back(self) -> None:
        """Undo what was prepared; what cannot be undone is harmless, and used by the next run."""
        for statement in reversed(self._undo):
            if self._conn.closed:
                return
            db.set_session_patience(self._conn, self._pace.lock_timeout_ms)
            try:
                self._conn.execute(statement)
            except psycopg.Error:
                continue
            finally:
                if not self._conn.closed:
                    db.set_session_patience(self._conn, 0)

    def _failed(
        self, exc: psycopg.Error, number: int, step: AnyStep, index: int, statement: str
    ) -> AbloError:
        message = exc.diag.message_primary or str(exc).strip()
        details: dict[str, object] = {
            "step": number,
            "phase": step.phase,
            "index": index,
            "statement": statement,
            "sqlstate": exc.sqlstate,
            "message": message,
        }
        if exc.sqlstate == "55P03":
            return self._waited(step, details)
        return AbloServerError(
            f"step {number + 1} ({step.title}), statement {index} failed with SQLSTATE "
            f"{exc.sqlstate}: {message}",
            code="migration_failed",
            remedy=exc.diag.message_hint or self._remedy(step),
            details=details,
        )

    def _waited(self, step: AnyStep, details: dict[str, object]) -> AbloTimeoutError:
        holders = [] if self._conn.closed else db.lock_holders(self._conn, self._plan.tables)
        who = "; ".join(map(str, holders))
        return AbloTimeoutError(
            f"{step.title}: others held what it needs for {self._pace.patience:g} s"
            + (f": {who}" if who else ""),
            code="lock_timeout",
            remedy=self._remedy(step) + "; pg_terminate_backend(PID) ends a session that hangs",
            details={**details, "holders": [h.pid for h in holders]},
        )

    def _held_too_long(
        self, number: int, step: AnyStep, index: int, statement: str
    ) -> AbloTimeoutError:
        return AbloTimeoutError(
            f"{step.title}: in {_OVERRUNS} attempts it did not finish with its tables within "
            f"{self._pace.hold_ms} ms, for which their writers wait",
            code="lock_timeout",
            remedy=self._remedy(step) + ": change fewer models at a time, run it at a quieter "
            "hour, or let writers wait longer with --lock-timeout",
            details={"step": number, "phase": step.phase, "index": index, "statement": statement},
        )

    def _stuck(self, number: int, step: Batches) -> AbloTimeoutError:
        details: dict[str, object] = {"step": number, "phase": step.phase, "statement": step.left}
        return self._waited(step, details)

    def _remedy(self, step: AnyStep) -> str:
        if step.phase in ("expand", "switch"):
            return "nothing was changed; correct the cause and run it again"
        return "the schema is active; correct the cause and run it again to finish"


def _next_limit(limit: int, took: float, wanted: float) -> int:
    """Double or halve the page, so that one takes about its target duration."""
    if took > wanted:
        return max(_FEWEST, limit // 2)
    return min(5000, limit * 2) if took < wanted / 2 else limit


def _pause() -> None:
    """Let the sessions through that queued behind us: nothing tells when they are."""
    time.sleep(random.uniform(0.05, 0.25))
