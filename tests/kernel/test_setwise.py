"""A batch that is applied set-wise answers, writes and logs what it would one by one."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from typing import Any, Final

import pytest

from ablo_pg.cluster import Server
from ablo_pg.kernel import install
from ablo_pg.testing import make_database

from .board import Board, Json, create, op, update
from .setwise import ONE_BY_ONE, REWORDED, ROWS, codes, filled, item, setwise, unlogged, updates
from .staging import holding

_MOMENTS: Final = ("createdAt", "updatedAt", "archivedAt", "statusAt", "serverTxId", "lastSyncId")
_LOG: Final = (
    'select model, row_id, op, groups, left_groups, "row", changed, before, entered_groups,'
    " actor, on_behalf_of, capability_id is null, transaction_id, login is null from ablo.delta"
    " where organization_id = '{org}' order by model, row_id, sync_id"
)
_RECEIPTS: Final = (
    "select participant, key, transport, reads, capability_id is null, response"
    " from ablo.receipt where organization_id = '{org}' and key like 'k%' order by participant, key"
)


@pytest.fixture
def twins(cluster: Server, board_template: str) -> Iterator[tuple[Board, Board]]:
    """Two databases; the second applies every commit of a batch one by one."""
    with (
        make_database(server=cluster, template=board_template) as one,
        make_database(server=cluster, template=board_template) as other,
        Board(one) as plain,
        Board(other) as reference,
    ):
        reference.run(ONE_BY_ONE)
        yield plain, reference


def steady(value: Any) -> Any:
    """Return a value without what no two databases have in common: moments and positions."""
    if isinstance(value, dict):
        return {
            name: name if name in _MOMENTS and each is not None else steady(each)
            for name, each in value.items()
            if name not in ("stamp", "observedSyncId", "readAt")
        }
    return [steady(each) for each in value] if isinstance(value, list | tuple) else value


class Deck:
    """Random commits, the same for both twins: reads of rows are resolved for each of them."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.made = 0

    def batch(self) -> list[Callable[[Board, str], Json]]:
        """Return 40 commits, most of them plain."""
        drawn = [self._commit(self.random.choice(self._KINDS)) for _ in range(36)]
        return drawn + self.random.sample(drawn, 4)  # the same key again

    _KINDS = ("update",) * 40 + (
        "create", "create", "delete", "archive", "unarchive", "stale", "unfit", "missing",
        "taken", "move", "several", "returning", "unknown", "note", "policy", "behalf", "key",
        "claimed", "orphan", "transaction", "several returning",
    )  # fmt: skip

    def _commit(self, kind: str) -> Callable[[Board, str], Json]:
        self.made += 1
        number, row = self.made, f"t{self.random.randrange(ROWS * 3)}"
        other, actor = f"t{self.random.randrange(ROWS * 3)}", self.random.choice("abc")

        def made(board: Board, key_id: str) -> Json:
            stamp = board.value(
                "select coalesce(max(sync_id), 0) from ablo.delta where row_id = "
                f"'{row}' and organization_id = '{{org}}'"
            )
            commit: Json = {"participant": f"user:{actor}", "transport": None}
            operations: dict[str, list[Any]] = {
                "create": [create(f"n{number}", count=number, dueAt="2026-01-31T12:00:00+02:00")],
                "delete": [op("delete", "tasks", row)],
                "archive": [op("archive", "tasks", row)],
                "unarchive": [op("unarchive", "task", row)],
                "stale": [update(row, max(0, stamp - 1), count=number)],
                "unfit": [update(row, count="three")],
                "missing": [update("nowhere", count=1)],
                "taken": [create(row)],
                "move": [update(row, projectId=self.random.choice(["p1", "p2"]))],
                "several": [update(row, count=1), create(f"n{number}"), update(other, count=1)],
                "several returning": [create(f"n{number}"), update(row, score=1e-7)],
                "unknown": [op("update", "nothing", row, {})],
                "note": [create(f"x{number}", "notes", text="a")],
                "policy": [op("update", "projects", "p1", {"name": f"P{number}"})],
                "orphan": [create(f"n{number}", projectId="nowhere")],
                "transaction": [op("update", "tasks", row, {"count": 3}, transactionId="mine")],
            }
            found = operations.get(kind, [update(row, stamp, count=number, meta={"n": [1, None]})])
            request = {"operations": found} | ({"returning": True} if "returning" in kind else {})
            if kind == "behalf":
                commit |= {"onBehalfOf": "user:boss"}
            elif kind == "key":
                commit |= {"participant": "agent:keyed", "capabilityId": key_id}
            elif kind == "claimed":
                request["operations"] = [update("t0", count=number)]
            return commit | {"key": f"k{number}", "request": request}

        return made


@pytest.mark.parametrize("seed", range(3))
def test_a_mixed_batch_is_as_it_would_be_one_by_one(twins: tuple[Board, Board], seed: int) -> None:
    for board in twins:
        caller = filled(board, ROWS * 3)
        caller.commit(create("p1", "projects", name="P"), create("p2", "projects", name="Q"))
        board.run(
            "select ablo.claim_acquire('{org}', 'user:a', 'tasks', 't0', '{\"ttl\": \"1h\"}')"
        )
    keys = [board.capability("agent:keyed") for board in twins]
    before = setwise(twins[0])
    decks = [Deck(seed), Deck(seed)]
    for _ in range(2):
        answers = []
        for board, deck, key in zip(twins, decks, keys, strict=True):
            commits = [commit(board, key) for commit in deck.batch()]
            found = board.caller().batch(commits)
            answers.append(
                [(steady(receipt), error and (error.code, error.model)) for receipt, error in found]
            )
        assert answers[0] == answers[1]
        for query in (_LOG, _RECEIPTS):
            assert steady(twins[0].rows(query)) == steady(twins[1].rows(query))
    assert unlogged(twins[0]) == []
    assert setwise(twins[0]) > before + 12
    assert setwise(twins[1]) == 0


def test_the_oracle_catches_a_mutant(twins: tuple[Board, Board]) -> None:
    twins[0].run(
        REWORDED.format(
            function="ablo_model.tasks__many", words="is distinct from t.\"count\"",
            others="is not distinct from t.\"count\"",
        )
    )  # fmt: skip
    with pytest.raises(AssertionError):
        test_a_mixed_batch_is_as_it_would_be_one_by_one(twins, 1)


NOT_PLAIN: Final = {
    "a trigger": "create function public.f() returns trigger language plpgsql as"
    " 'begin new.title := upper(new.title); return new; end';"
    "create trigger own before insert or update on tasks for each row execute function public.f()",
    "a rule": "create rule own as on insert to tasks do also notify own",
    "a policy": "create policy own on tasks as restrictive using (count < 100)",
    "a default that depends on who writes": "alter table tasks add column made_by text"
    " default current_setting('app.current_participant_id', true)",
    "a default that depends on the role": "alter table tasks add column made_by text"
    " default current_user",
    "a default of the user's": "create function public.f() returns int language sql as 'select 1';"
    "alter table tasks add column f int default public.f()",
    "a check of the user's": "create function public.f(bigint) returns boolean language sql"
    " immutable as 'select $1 >= 0'; alter table tasks add check (public.f(count))",
    "an index of the user's": "create function public.f(bigint) returns bigint language sql"
    " immutable as 'select $1'; create index own on tasks (public.f(count))",
    "a type of the user's": "create domain public.mood as text;"
    "alter table tasks add column mood public.mood",
    "a child": "create table tasks_old () inherits (tasks)",
    "a capture without the writer": "drop trigger zz_ablo_capture on tasks;"
    "create constraint trigger zz_ablo_capture after insert or update or delete on tasks"
    " deferrable initially deferred for each row execute function ablo_model.tasks__capture()",
    "a write function of the owner's": "alter function ablo_model.tasks__many"
    "(text, text, timestamptz, int[], text[], jsonb[], text[]) owner to ablo_owner",
}


@pytest.mark.parametrize("change", NOT_PLAIN)
def test_a_table_with_objects_of_its_own_is_written_one_by_one(
    own_board: Board, change: str
) -> None:
    filled(own_board)
    before = setwise(own_board)
    own_board.run(NOT_PLAIN[change])
    caller = own_board.caller()
    assert codes(caller.batch(updates(ROWS))) == [None] * ROWS
    assert codes(caller.batch(item(create(f"n{n}")) for n in range(ROWS))) == [None] * ROWS
    assert setwise(own_board) == before == ROWS
    assert own_board.count("ablo.delta") == 3 * ROWS
    if change != "a default that depends on the role":
        assert unlogged(own_board) == []


def test_what_cascades_is_written_one_by_one_and_captured(own_board: Board) -> None:
    caller = own_board.caller()
    caller.batch(item(create(f"p{n}", "projects", name="P")) for n in range(ROWS))
    caller.batch(item(create(f"t{n}", projectId=f"p{n}")) for n in range(ROWS))
    assert setwise(own_board) == 2 * ROWS
    gone = caller.batch(item(op("delete", "projects", f"p{n}")) for n in range(ROWS))
    assert codes(gone) == [None] * ROWS
    assert setwise(own_board) == 2 * ROWS
    assert own_board.count("tasks") == 0
    assert own_board.count("ablo.delta") == 4 * ROWS
    assert unlogged(own_board) == []


def test_a_locked_row_leaves_the_batch_and_the_others_land(own_board: Board) -> None:
    caller = filled(own_board)
    with holding(own_board.connect_admin(), "select from tasks where id = 't3' for update"):
        found = codes(caller.batch(updates(ROWS)))
    assert found == [None] * 3 + ["lock_timeout"] + [None] * (ROWS - 4)
    assert setwise(own_board) == 2 * ROWS - 1


def test_a_piece_that_fails_is_halved(own_board: Board) -> None:
    own_board.run("alter table tasks add check (count <> 3)")
    caller = filled(own_board, 40)
    found = codes(caller.batch(updates(40)))
    assert found == [None] * 3 + ["check_violation"] + [None] * 36
    assert 40 + 30 <= setwise(own_board) < 40 + 40
    assert unlogged(own_board) == []


def test_few_rows_are_written_one_by_one(own_board: Board) -> None:
    caller = filled(own_board)
    before = setwise(own_board)
    assert codes(caller.batch(updates(11))) == [None] * 11
    again = caller.batch(item(update("t1", count=n)) for n in range(40))
    assert codes(again) == [None] * 40
    assert setwise(own_board) == before
    assert caller.get("tasks", "t1")["row"]["count"] == 39


@pytest.mark.parametrize("actor", ["agent", "agent:", ":a", "robot:a", ""])
def test_a_malformed_participant_is_refused_among_many(board: Board, actor: str) -> None:
    caller = filled(board)
    commits = updates(ROWS, start=1)
    commits[3]["participant"] = actor
    refused = [None] * 3 + ["invalid_participant_kind"] + [None] * (ROWS - 4)
    assert codes(caller.batch(commits)) == refused


def test_an_upgraded_kernel_writes_one_by_one_until_the_schema_is_applied(own_board: Board) -> None:
    own_board.run(
        "drop function ablo_model.setwise, ablo_model.many; delete from ablo.kernel_version"
    )
    install(own_board.admin)
    caller = own_board.caller()
    assert codes(caller.batch(item(create(f"t{n}")) for n in range(ROWS))) == [None] * ROWS
    assert setwise(own_board) == 0
    assert unlogged(own_board) == []


def test_a_batch_of_large_commits_is_judged_in_little_space(board: Board) -> None:
    """Each operation with a copy of its request would take half a gigabyte here."""
    caller = board.caller()
    text = "x" * 500
    rows = [[create(f"c{n}-{m}", title=text) for m in range(300)] for n in range(12)]
    before = spilled(board)
    answers = caller.batch(item(*each) for each in rows)
    assert codes(answers) == [None] * 12
    caller.call("select pg_stat_force_next_flush()::text")
    assert spilled(board) - before < 50_000_000


def spilled(board: Board) -> int:
    """Bytes that queries have written to temporary files in the database."""
    query = "select temp_bytes from pg_stat_database where datname = current_database()"
    return int(board.value(query))
