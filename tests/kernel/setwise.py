"""Batches that are large enough to be applied set-wise, and what their tests look at."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from typing import Any, Final, LiteralString

from ablo_pg.errors import AbloError

from .board import Board, Caller, Json, create, update
from .staging import holding, threads, wait_blocked

Answers = list[tuple[Json, AbloError | None]]
ROWS: Final = 20
GATE: Final = 4711  # the advisory lock that a paused build waits for

# The reference: every commit of a batch by itself.
ONE_BY_ONE: Final[LiteralString] = """
create or replace function ablo.batch_apply(
  p_organization text, p_commits jsonb, out receipts json[], out rows text[])
language plpgsql as 'begin end'"""

# A routine of the kernel with other words in place of some.
REWORDED: Final[LiteralString] = """
do $mutant$ declare
  v_is text := pg_get_functiondef('{function}'::regproc);
  v_will text := replace(v_is, $a${words}$a$, $b${others}$b$);
begin
  assert v_is <> v_will;
  execute v_will;
end $mutant$"""

# The batch waits for the gate at the start of a routine, or before it returns.
_WAIT: Final[LiteralString] = f"""
  perform set_config('lock_timeout', '0', true);
  perform pg_advisory_xact_lock({GATE});
  perform set_config('lock_timeout', '1ms', true);
"""
PAUSED: Final[dict[str, LiteralString]] = {
    "before it is judged": REWORDED.format(
        function="ablo.batch_judge", words="begin\n", others=f"begin{_WAIT}"
    ),
    "after it was judged": REWORDED.format(
        function="ablo.batch_judge",
        words="  return v_operations;",
        others=f"{_WAIT}  return v_operations;",
    ),
    "before its rows are written": REWORDED.format(
        function="ablo.batch_rows", words="begin\n", others=f"begin{_WAIT}"
    ),
    "after its rows were written": REWORDED.format(
        function="ablo.batch_rows", words="  end loop;", others=f"  end loop;{_WAIT}"
    ),
    "after its log was written": REWORDED.format(
        function="ablo.batch_write",
        words="  if v_written <> array",
        others=f"{_WAIT}  if v_written <> array",
    ),
}


def item(*operations: Any, key: str | None = None, **more: Any) -> Json:
    """Return a commit of a batch; more: of its request."""
    named = {} if key is None else {"key": key}
    return {"request": {"operations": list(operations), **more}} | named


def codes(answers: Answers) -> list[str | None]:
    """Return the error code of each answer."""
    assert all((receipt is None) != (error is None) for receipt, error in answers)
    return [error.code if error else None for _, error in answers]


def filled(board: Board, count: int = ROWS) -> Caller:
    """Make the tasks t0, t1, ... in one batch; return the caller."""
    caller = board.caller()
    assert codes(caller.batch(item(create(f"t{n}")) for n in range(count))) == [None] * count
    return caller


def updates(count: int, read_at: int | None = None, start: int = 0) -> list[Json]:
    """Return one commit a task, each with a key of its own."""
    return [
        item(update(f"t{n}", read_at, count=start + n), key=f"{start}k{n}") for n in range(count)
    ]


def setwise(board: Board) -> int:
    """Count the commits that were applied set-wise: they share their moment."""
    return int(
        board.value(
            "select coalesce(sum(n), 0) from (select count(*) as n from ablo.receipt"
            " where organization_id = '{org}' group by created_at having count(*) > 1) x"
        )
    )


def unlogged(board: Board, tables: Iterable[str] = ("projects", "tasks", "notes")) -> list[Any]:
    """Return the rows that differ from their last delta, and deltas that repeat one."""
    found: list[Any] = []
    board.run("set timezone = 'UTC'")  # as deltas are written
    for table in tables:
        found += board.rows(
            f"select '{table}', coalesce(t.id, d.row_id), d.op from"
            f" (select * from {table} where organization_id = '{{org}}') t"
            " full join (select distinct on (row_id) * from ablo.delta"
            f" where organization_id = '{{org}}' and model = '{table}'"
            " order by row_id, sync_id desc) d on d.row_id = t.id"
            f' where d."row"::jsonb is distinct from ablo_model.{table}__row(t)::jsonb'
            " and not (t.id is null and d.op = 'D')"
        )
    return found + board.rows(
        'select model, row_id, sync_id from (select *, lag("row"::jsonb)'
        " over (partition by model, row_id order by sync_id) as earlier from ablo.delta"
        " where organization_id = '{org}') d where earlier = \"row\"::jsonb"
    )


@contextmanager
def paused(
    board: Board, stage: str, caller: Caller, items: list[Json]
) -> Iterator[Future[Answers]]:
    """Run a batch that waits at a stage until the block ends; yields its future."""
    board.run(PAUSED[stage])
    gate = board.connect_admin()
    with threads() as start, holding(gate, f"select pg_advisory_xact_lock({GATE})"):
        flying = start(caller.batch, items)
        wait_blocked(board.admin, caller.pid, by=gate.info.backend_pid)
        yield flying
