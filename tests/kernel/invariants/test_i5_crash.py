"""I5: a crash between any two statements of a commit leaves all of it or nothing."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

import psycopg
import pytest

from ablo_pg.cluster import Cluster, ClusterSettings
from ablo_pg.errors import AbloConnectionError, AbloError
from ablo_pg.testing import make_database

from ..board import SCHEMA, Board, Caller, Json, create
from ..staging import holding, threads, wait_blocked, wait_gone
from .i5_stages import KEY, OPERATIONS, STAGES

stages = pytest.mark.parametrize("held", STAGES.values(), ids=STAGES.keys())


@pytest.fixture
def seeded(board: Board) -> Board:
    board.caller().commit(create("t1"), create("t3"))
    return board


def nothing_happened(board: Board, before: object) -> None:
    """Check that no row, delta, receipt or lock is left, then that the key still works."""
    assert board.traces() == before
    locks = "select count(*) from pg_locks l join pg_database d on d.oid = l.database"
    mine = " where locktype = 'advisory' and datname = current_database()"
    assert board.value(locks + mine) == 0
    assert board.caller().commit(*OPERATIONS, key=KEY)["ops"] == 3


@stages
def test_a_commit_killed_where_it_stands_still(seeded: Board, held: str) -> None:
    before, victim = seeded.traces(), seeded.caller()
    with threads() as start, holding(seeded.connect_admin(), seeded.text(held)) as pid:
        flying = start(victim.commit, *OPERATIONS, key=KEY)
        wait_blocked(seeded.admin, victim.pid, by=pid)
        seeded.value(f"select pg_terminate_backend({victim.pid})")
        assert isinstance(flying.exception(), AbloConnectionError)
        wait_gone(seeded.admin, victim.pid)
    nothing_happened(seeded, before)


@stages
def test_a_commit_cancelled_where_it_stands_still(seeded: Board, held: str) -> None:
    before, victim = seeded.traces(), seeded.caller()
    with threads() as start, holding(seeded.connect_admin(), seeded.text(held)) as pid:
        flying = start(victim.commit, *OPERATIONS, key=KEY)
        wait_blocked(seeded.admin, victim.pid, by=pid)
        seeded.value(f"select pg_cancel_backend({victim.pid})")
        error = flying.exception()
    assert isinstance(error, AbloError)
    assert error.code == "wait_for_timeout"
    nothing_happened(seeded, before)


def test_a_batch_killed_before_its_order_lock(seeded: Board) -> None:
    before, victim = seeded.traces(), seeded.caller()
    items = [{"key": f"b{n}", "request": {"operations": [create(f"b{n}")]}} for n in range(5)]
    held = seeded.text(STAGES["the order lock"])
    with threads() as start, holding(seeded.connect_admin(), held) as pid:
        flying = start(victim.batch, items)
        wait_blocked(seeded.admin, victim.pid, by=pid)
        seeded.value(f"select pg_terminate_backend({victim.pid})")
        assert isinstance(flying.exception(), AbloConnectionError)
        wait_gone(seeded.admin, victim.pid)
    nothing_happened(seeded, before)


@pytest.mark.parametrize("door", ["commit", "batch"])
def test_a_commit_killed_when_it_has_returned_but_not_landed(seeded: Board, door: str) -> None:
    before, victim = seeded.traces(), seeded.caller()
    victim.conn.execute("begin")
    victim.commit(*OPERATIONS, key=KEY, door=door)  # type: ignore[arg-type]
    seeded.value(f"select pg_terminate_backend({victim.pid})")
    wait_gone(seeded.admin, victim.pid)
    nothing_happened(seeded, before)


@contextmanager
def client(board: Board) -> Iterator[tuple[subprocess.Popen[str], int]]:
    """Run a client process with the commit; yields it and its backend's process id."""
    program = Path(__file__).with_name("i5_client.py")
    arguments = [board.handle.database_url, board.organization, KEY, json.dumps(OPERATIONS)]
    command = [sys.executable, str(program), *arguments]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True) as process:
        try:
            assert process.stdout
            yield process, int(process.stdout.readline())
        finally:
            process.kill()


@pytest.mark.parametrize("held", ["the last row", "the order lock"])
def test_a_client_killed_while_its_commit_waits(seeded: Board, held: str) -> None:
    before = seeded.traces()
    held = seeded.text(STAGES[held])
    with holding(seeded.connect_admin(), held) as pid, client(seeded) as (process, backend):
        wait_blocked(seeded.admin, backend, by=pid)
        process.kill()
        wait_gone(seeded.admin, backend)  # while what it waits for is still held
    nothing_happened(seeded, before)


def test_a_client_killed_before_it_commits(seeded: Board) -> None:
    before = seeded.traces()
    with client(seeded) as (process, backend):
        assert process.stdout
        assert process.stdout.readline() == "returned\n"
        process.kill()
        wait_gone(seeded.admin, backend)
    nothing_happened(seeded, before)


@pytest.fixture
def durable() -> Iterator[Cluster]:
    prefer: Literal["embedded", "system"] = (
        "system" if os.environ.get("ABLO_TEST_POSTGRES") == "system" else "embedded"
    )
    with Cluster(prefer=prefer, settings=ClusterSettings(durable=True)) as started:
        yield started


def test_a_server_that_crashes_keeps_whole_commits_only(durable: Cluster) -> None:
    """Every acknowledged commit is there after recovery, and sending all again adds the others."""
    sent = [f"{writer}-{n}" for writer in range(4) for n in range(500)]
    acknowledged: dict[str, Json] = {}

    def write(caller: Caller, writer: int) -> None:
        for key in (key for key in sent if key.startswith(f"{writer}-")):
            try:
                acknowledged[key] = caller.commit(create(f"a{key}"), create(f"b{key}"), key=key)
            except (AbloConnectionError, psycopg.OperationalError):
                return

    with make_database(SCHEMA, server=durable) as handle:
        with threads(4) as start, Board(handle) as board:
            for writer in range(4):
                start(write, board.caller(), writer)
            while len(acknowledged) < 60:
                assert board.value("select true")
            durable.kill()
        assert len(acknowledged) < len(sent), "it crashed in the middle"
        durable.restart()
        with Board(handle) as board:
            tasks, deltas, receipts = board.traces()
            assert tasks == deltas == 2 * receipts
            found: dict[str, Any] = dict(board.rows("select key, response from ablo.receipt"))
            assert acknowledged.items() <= found.items()
            rows = {row for (row,) in board.rows("select id from tasks")}
            assert rows == {f"{letter}{key}" for letter in "ab" for key in found}
            again = [key for key in sent if key.endswith(("07", "50"))]
            caller = board.caller()
            for key in again:
                receipt = caller.commit(create(f"a{key}"), create(f"b{key}"), key=key)
                assert receipt == found.get(key, receipt)
            whole = len(found.keys() | set(again))
            assert board.traces() == (2 * whole, 2 * whole, whole)
