"""Batches that are applied set-wise keep every promise, and a checker catches each mutant."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import psycopg
import pytest

from ablo_pg.errors import AbloError

from ..board import Board, create, op, update
from ..setwise import (
    PAUSED,
    REWORDED,
    ROWS,
    codes,
    filled,
    item,
    paused,
    setwise,
    unlogged,
    updates,
)
from ..staging import blockers, threads, wait_blocked, wait_gone, wait_until
from .mutants import NO_LOCK, RECREATE

CAPTURED_TWICE: Final = RECREATE.format(
    events="insert or update or delete", when="deferrable initially deferred"
)
NO_PREMISE: Final = REWORDED.format(
    function="ablo.batch_judge", words="x.sync_id > read_at::bigint", others="false"
)
NO_SECOND_LOOK: Final = REWORDED.format(
    function="ablo.batch_write", words="c.status = 'active'", others="false"
)
NO_LOG: Final = REWORDED.format(
    function="ablo.batch_write",
    words="w.entered_groups\n      from w",
    others="w.entered_groups\n      from w where false",
)
NO_RECEIPTS: Final = REWORDED.format(
    function="ablo.batch_write",
    words="r.capability from r\n",
    others="r.capability from r where false\n",
)
EVERY_TABLE: Final = """
create or replace function ablo.table_plain(p_table regclass, p_deletes boolean) returns boolean
language sql as 'select true'"""
# Who sets a setting is not captured, in place of who writes as ablo_writer.
BY_A_SETTING: Final = """
drop trigger zz_ablo_capture on tasks;
create constraint trigger zz_ablo_capture after insert or update or delete on tasks
  deferrable initially deferred for each row
  when (current_setting('ablo.bulk', true) is distinct from 'on')
  execute function ablo_model.tasks__capture()"""


def caught(checker: Callable[[Board], None], board: Board) -> bool:
    """Whether a checker fails."""
    try:
        checker(board)
    except (AssertionError, AbloError, psycopg.Error):
        return True
    return False


def captures(board: Board) -> None:
    """Every change of a row is in the log once, whichever way it was written."""
    caller = filled(board)
    caller.batch(updates(ROWS, start=1))
    caller.batch(
        [
            *(item(op("archive", "tasks", f"t{n}")) for n in range(6)),
            *(item(op("delete", "tasks", f"t{n}")) for n in range(6, 13)),
            item(create("n1", "notes", text="a")),
        ]
    )
    assert setwise(board) >= 2 * ROWS + 12
    assert unlogged(board) == []
    assert board.count("ablo.delta") == 2 * ROWS + 14


def judges(board: Board) -> None:
    """What was read is compared with what a writer has changed before the batch's turn."""
    caller = filled(board)
    read_at = caller.stamp(f"t{ROWS - 1}")
    writer = board.caller()
    with threads() as start:
        with writer.conn.transaction():
            writer.commit(update("t3", count=77))
            flying = start(caller.batch, updates(ROWS, read_at))
            wait_blocked(board.admin, caller.pid, by=writer.pid)
        found = codes(flying.result())
    assert found == [None] * 3 + ["stale_context"] + [None] * (ROWS - 4)
    assert caller.get("tasks", "t3")["row"]["count"] == 77
    assert setwise(board) == 2 * ROWS - 1


def claims(board: Board) -> None:
    """A claim that is granted after the batch was judged keeps others from its row."""
    caller = filled(board)
    with paused(board, "before its rows are written", caller, updates(ROWS)) as flying:
        taken = board.caller(participant="user:ann")
        claim = "select ablo.claim_acquire(%s, %s, 'tasks', 't3')"
        taken.call(claim, board.organization, "user:ann")
        assert board.rows("select status from ablo.claim") == [("active",)]
    assert codes(flying.result()) == [None] * 3 + ["entity_claimed"] + [None] * (ROWS - 4)
    assert caller.get("tasks", "t3")["row"]["count"] == 0


def orders(board: Board) -> None:
    """Who commits after the batch has taken its turn comes after it in the log."""
    caller = filled(board)
    board.run("insert into notes (organization_id, id, text) values ('{org}', 'n', 'x')")
    writer = board.connect_admin()
    with threads() as start:
        with paused(board, "after its log was written", caller, updates(ROWS)) as flying:
            late = start(writer.execute, board.text("update notes set text = 'y'").encode())
            pid = writer.info.backend_pid
            wait_until(lambda: late.done() or caller.pid in blockers(board.admin, pid))
            assert not late.done(), "a commit has passed the batch"
        assert codes(flying.result()) == [None] * ROWS
        late.result()
    last = "select model from ablo.delta where organization_id = '{org}' order by sync_id desc"
    assert board.value(last) == "notes"


def repeats(board: Board) -> None:
    """A batch that is sent again changes nothing, and its answers are the same."""
    caller = filled(board)
    first = caller.batch(updates(ROWS))
    before = board.traces()
    assert codes(first) == [None] * ROWS
    assert caller.batch(updates(ROWS)) == first
    assert board.traces() == before


def defaults(board: Board) -> None:
    """A default that writes another table is captured, as in any other commit."""
    board.run(
        "create function public.noted() returns text language plpgsql as $$ begin"
        " insert into public.notes (organization_id, id, text)"
        " values (current_setting('app.current_org_id'), gen_random_uuid()::text, 'x');"
        " return 'y'; end $$;"
        "alter table tasks add column noted text;"
        "alter table tasks alter column noted set default public.noted();"
        "grant execute on function public.noted() to public;"
        "grant insert on notes to ablo_writer"
    )
    filled(board)
    assert board.count("notes") == ROWS
    assert unlogged(board) == []


@pytest.mark.parametrize(
    ("checker", "mutant"),
    [
        (captures, CAPTURED_TWICE),
        (captures, NO_LOG),
        (judges, NO_PREMISE),
        (claims, NO_SECOND_LOOK),
        (orders, NO_LOCK),
        (repeats, NO_RECEIPTS),
        (defaults, EVERY_TABLE),
    ],
)
def test_the_mutant_is_caught(
    own_board: Board, checker: Callable[[Board], None], mutant: str
) -> None:
    own_board.run(mutant)
    assert caught(checker, own_board)


@pytest.mark.parametrize("checker", [captures, judges, claims, orders, repeats, defaults])
def test_a_batch_keeps_the_promise(own_board: Board, checker: Callable[[Board], None]) -> None:
    checker(own_board)


@pytest.mark.parametrize("ended", ["pg_cancel_backend", "pg_terminate_backend"])
@pytest.mark.parametrize("stage", PAUSED)
def test_a_batch_that_ends_between_two_statements_leaves_nothing(
    own_board: Board, stage: str, ended: str
) -> None:
    board, caller = own_board, filled(own_board)
    before = board.traces()
    with paused(board, stage, caller, updates(ROWS)) as flying:
        board.rows(f"select {ended}({caller.pid})")
        with pytest.raises(AbloError):
            flying.result()
    if ended == "pg_terminate_backend":
        wait_gone(board.admin, caller.pid)
        caller = board.caller()
    assert board.traces() == before
    caller.conn.execute("select set_config('app.current_org_id', 'acme', false)")
    caller.conn.execute("update tasks set count = 5 where id = 't1'")
    assert codes(caller.batch(updates(ROWS))) == [None] * ROWS
    assert unlogged(board) == []
    assert board.traces() == (ROWS, before[1] + ROWS + 1, before[2] + ROWS)


FORGERIES: Final = [
    "set role ablo_writer",
    "set session authorization ablo_writer",
    "set session_replication_role = replica",
    "select * from ablo_model.tasks__many('update', 'acme', now(), array[1], array['t1'],"
    " array['{\"count\": 9}'::jsonb], array['agent:a'])",
    "select * from ablo_model.many('tasks', 'update', 'acme', now(), array[1], array['t1'],"
    " array['{\"count\": 9}'::jsonb], array['agent:a'])",
    "select * from ablo.batch_apply('acme', '[]')",
    "select * from ablo.batch_write('acme', '{}')",
    "create function pg_temp.f() returns void language sql security definer as"
    " 'update tasks set count = 9';"
    " alter function pg_temp.f() owner to ablo_writer; select pg_temp.f()",
    "create schema authorization ablo_writer",
    "grant ablo_writer to current_user",
]


def forges(board: Board) -> None:
    """Nothing that the runtime login can set or call keeps a write from the log."""
    caller = filled(board)
    caller.commit(create("p1", "projects", name="P"))
    caller.batch(item(create(f"c{n}", projectId="p1")) for n in range(ROWS))
    session: psycopg.Connection[Any] = board.connect()
    for forgery in FORGERIES:
        with pytest.raises(psycopg.Error):
            session.execute(forgery.encode())
    session.execute(
        "select set_config('app.current_org_id', 'acme', false),"
        " set_config('app.current_participant_id', 'user:ablo_writer', false),"
        " set_config('ablo.bulk', 'on', false), set_config('ablo.writer', 'ablo_writer', false)"
    )
    session.execute("update tasks set count = 5 where id = 't1'")
    with session.transaction():
        batch = "select count(*) from ablo.commit_batch('acme', %s)"
        commits = [f'{{"participant": "agent:a", "key": "f{n}"}}' for n in range(ROWS)]
        session.execute(batch, (f"[{','.join(commits)}]",))
        session.execute("update tasks set count = 6 where id = 't2'")
    session.execute("delete from projects where id = 'p1'")  # its tasks go by cascade
    caller.commit(create("p2", "projects", name="P"), create("d1", projectId="p2"))
    caller.batch([item(op("delete", "projects", "p2")), *updates(ROWS)])
    assert unlogged(board) == []
    deleted = "select count(*) from ablo.delta where op = 'D' and organization_id = '{org}'"
    assert board.value(deleted) == ROWS + 3


def test_capture_cannot_be_switched_off(own_board: Board) -> None:
    forges(own_board)


def test_a_setting_that_switches_it_off_is_caught(own_board: Board) -> None:
    own_board.run(BY_A_SETTING)
    assert caught(forges, own_board)


def test_a_login_that_may_act_as_the_writer_is_drift(own_board: Board) -> None:
    drift = "select ablo.status() -> 'drift'"
    assert own_board.value(drift) == []
    login = own_board.connect().info.user
    own_board.run(f"grant ablo_writer to {login}")
    (found,) = own_board.value(drift)
    assert "may act as ablo_writer" in found
    own_board.run(found.splitlines()[-1])
    assert own_board.value(drift) == []
    own_board.run("alter table ledgers owner to ablo_writer")
    assert any("owns something else" in one for one in own_board.value(drift))
