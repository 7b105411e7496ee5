"""Sealing runs beside everything else: two at once, killed in the middle, commits unaware of it."""

from __future__ import annotations

import tracemalloc
from contextlib import closing
from typing import Any

import psycopg
import pytest

from ablo_pg.audit import heads, seal_all, verify_all
from ablo_pg.audit import seal as seal_module
from ablo_pg.audit.chain import seal_of
from ablo_pg.db import audit
from ablo_pg.db.audit import prepared

from .audit_log import BATCH, KEYS, SealedLog, change
from .board import Board
from .staging import threads, wait_blocked, wait_until

COUNT = "select count(*), max(number) from ablo.audit_seal where organization_id = 'acme'"


def second(log: SealedLog) -> psycopg.Connection[Any]:
    return psycopg.connect(log.conn.info.dsn, autocommit=True)


def seals(log: SealedLog) -> tuple[int, int]:
    row = log.conn.execute(COUNT).fetchone()
    assert row is not None
    return row[0], row[1]


def test_of_two_sealers_one_wins_and_the_other_goes_on(own_log: SealedLog) -> None:
    """Staged: the second has read the same end of the chain, and waits for the first's insert."""
    for number in range(11, 11 + BATCH + 2):
        change(own_log.conn, "acme", "t1", number)
    with second(own_log) as other, prepared(other), threads() as start:
        with own_log.conn.transaction():
            end = audit.chain_end(own_log.conn, "acme")
            assert end is not None
            entries = seal_module._entries(own_log.conn, KEYS, "acme", seal_of(end), BATCH)
            assert seal_module._append(own_log.conn, KEYS, "acme", seal_of(end), entries)
            running = start(seal_all, other, KEYS, {}, organization="acme", batch=BATCH)
            wait_blocked(own_log.conn, other.info.backend_pid, own_log.conn.info.backend_pid)
        done = running.result()
    assert (done.seals, done.deltas, done.refused) == (1, 3, ())  # 4 of 7 were the other's
    assert seals(own_log) == (5, 5)
    found = own_log.verify()
    assert (found.sound, found.deltas, found.unsealed) == (True, 17, 0)


def test_many_sealers_at_once_make_one_chain(own_log: SealedLog) -> None:
    for number in range(11, 41):
        change(own_log.conn, "acme", "t1", number)

    def run() -> int:
        with second(own_log) as conn, prepared(conn):
            return seal_all(conn, KEYS, {}, batch=2).deltas

    with threads(4) as start:
        sealed = sum(each.result() for each in [start(run) for _ in range(4)])
    found = own_log.verify()
    assert (sealed, found.sound, found.deltas, found.unsealed) == (31, True, 41, 0)


def test_the_database_takes_only_the_next_seal_of_a_chain(log: SealedLog) -> None:
    """Also from a sealer that does not know what it is doing."""
    end = audit.chain_end(log.conn, "acme")
    assert end is not None
    last = seal_of(end)
    good = [4, last.last_sync_id + 1, last.last_sync_id + 9, 1, "k1", last.mac, bytes(24)]
    refused = [(0, 3), (0, 5), (1, last.last_sync_id), (5, None), (5, bytes(32))]
    with log.conn.transaction(force_rollback=True):
        now = audit.now(log.conn)
        for place, value in refused:
            columns = [*good[:place], value, *good[place + 1 :]]
            assert not audit.append(log.conn, "acme", *columns, now, bytes(32))
        assert audit.append(log.conn, "acme", *good, now, bytes(32))
        assert not audit.append(log.conn, "acme", *good, now, bytes(32))
    malformed = [(2, good[1] - 1), (3, 0), (3, 2), (6, bytes(23))]  # type: ignore[operator]
    for place, value in malformed:  # type: ignore[assignment]
        columns = [*good[:place], value, *good[place + 1 :]]
        with pytest.raises(psycopg.Error) as caught:
            audit.append(log.conn, "acme", *columns, now, bytes(32))
        assert caught.value.sqlstate == "AB009"


def test_a_commit_does_not_wait_for_a_sealer_nor_a_sealer_for_it(own_log: SealedLog) -> None:
    """A seal that is being written, and a transaction that holds the order lock, side by side."""
    with second(own_log) as other, prepared(other), own_log.conn.transaction():
        seal_all(own_log.conn, KEYS, {})  # not committed: holds whatever sealing holds
        other.execute("set lock_timeout = '1ms'")
        with other.transaction():
            change(other, "acme", "t1", 20)  # holds the order lock until it ends
            with second(own_log) as third, prepared(third):
                third.execute("set lock_timeout = '1ms'")
                seal_all(third, KEYS, {}, organization="globex")
    seal_all(own_log.conn, KEYS, {})
    assert own_log.verify().sound


def test_nothing_of_it_is_on_the_path_of_a_commit(board: Board) -> None:
    assert board.rows("select tgname from pg_trigger where tgrelid = 'ablo.delta'::regclass") == []
    query = (
        "select proname from pg_proc where regexp_replace(prosrc, '--[^\n]*', '', 'g') ~ '{0}'"
        " and proname !~ '^{0}'"
        " and pronamespace in ('ablo'::regnamespace, 'ablo_model'::regnamespace)"
    )
    # Who breaks a claim is noted; no other routine breaks one. Retention asks what is sealed.
    assert board.rows(query.format("audit_") + " order by 1") == [
        ("claim_break",),
        ("delta_retain",),
    ]
    assert board.rows(query.format("delta_retain")) == []
    assert board.rows(query.format("claim_break")) == []


def test_a_service_cannot_seal_nor_read_seals(board: Board) -> None:
    caller = board.connect()
    for query in (
        "select from ablo.audit_seal",
        "select from ablo.log_state",
        "select ablo.audit_append('acme', 1, 1, 1, 1, 'k', null, '', now(), '')",
    ):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            caller.execute(query.encode())


def test_a_member_of_the_owner_can(own_board: Board) -> None:
    """It needs no superuser: row-level security has no hold on the log's owner."""
    own_board.caller().conn.execute("select 1")
    change(own_board.admin, "acme", "t1", 0)
    with own_board.admin.transaction(force_rollback=True), prepared(own_board.admin) as conn:
        conn.execute("create role sealer login; grant ablo_owner to sealer")
        conn.execute("set local role sealer")
        assert seal_all(conn, KEYS, {}).deltas == 1
        (found,) = verify_all(conn, KEYS, heads(conn, {}))
        assert (found.sound, found.deltas) == (True, 1)


def test_a_sealer_that_is_cut_off_leaves_whole_seals(own_log: SealedLog) -> None:
    """Its connection ends while it waits to append: what it had appended stays."""
    for number in range(11, 20):
        change(own_log.conn, "acme", "t1", number)
    gate = second(own_log)
    with (
        closing(second(own_log)) as other,
        gate,
        prepared(other),
        threads() as start,
        gate.transaction(),
    ):
        gate.execute("lock table ablo.audit_seal in share mode")
        running = start(seal_all, other, KEYS, {}, batch=2)
        wait_blocked(own_log.conn, other.info.backend_pid, gate.info.backend_pid)
        own_log.conn.execute("select pg_terminate_backend(%s)", (other.info.backend_pid,))
        assert wait_until(running.exception) is not None
    assert own_log.verify().sound
    assert seal_all(own_log.conn, KEYS, {}, batch=BATCH).deltas == 10
    assert own_log.verify().sound


def test_memory_does_not_grow_with_the_log(own_log: SealedLog) -> None:
    """60 MB of rows pass through a few at a time."""
    fill = """
        insert into ablo.delta (sync_id, organization_id, model, row_id, op, groups, "row", xid,
                                created_at)
        select nextval('ablo.sync_id'), 'acme', 'tasks', 'big', 'U', '{}',
               json_build_object('t', repeat('x', 20000)), pg_current_xact_id(), now()
          from generate_series(1, 3000)"""
    own_log.conn.execute(fill)
    tracemalloc.start()
    try:
        assert seal_all(own_log.conn, KEYS, {}).deltas == 3001
        assert own_log.verify().deltas == 3011
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 4_000_000


def test_an_interrupt_in_the_middle_of_a_stream_ends_at_once(log: SealedLog) -> None:
    """The traceback keeps the stream alive, and the stream the connection's lock."""

    def interrupted() -> None:
        with opened, prepared(opened):
            stream = audit.deltas(opened, "acme", audit.LOWEST)
            next(stream)
            raise KeyboardInterrupt

    opened = psycopg.connect(log.conn.info.dsn, autocommit=False)
    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert opened.closed
