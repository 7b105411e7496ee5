"""What a delta says was there before: the old row's own bytes, of each change of its own."""

from __future__ import annotations

import json
from typing import Any

import pytest

from ablo_pg import Model, define_schema, field
from ablo_pg.compile import compile_schema
from ablo_pg.json_text import members
from ablo_pg.kernel import apply, install, kernel_files

from .board import ROW_HISTORY, SCHEMA, Board, Json, create, op, update
from .setwise import ROWS, codes, filled, item, setwise, updates

FULL: Json = {
    "title": 'a "b" \\ \n ü', "status": "doing", "count": 7, "price": "12.50", "score": 0.1,
    "urgent": True, "dueAt": "2026-02-28T23:59:59.123456+05:45", "day": "2024-02-29",
    "ref": "123e4567-e89b-12d3-a456-426614174000", "meta": {"k": [1, None, "x"]},
}  # fmt: skip
OTHER: Json = {
    "title": "z", "status": "done", "count": 8, "price": None, "score": 2.5, "urgent": None,
    "dueAt": None, "day": "2024-03-01", "ref": None, "meta": {"k": []},
}  # fmt: skip


def unfaithful(board: Board) -> list[Any]:
    """Return the deltas that say something else was there before than the delta before them."""
    rows = board.rows(
        'select model, row_id, op, "row"::text, changed, before::text from ablo.delta'
        " where organization_id = '{org}' order by sync_id"
    )
    last: dict[tuple[str, str], str] = {}
    wrong = []
    for model, row_id, kind, row, changed, before in rows:
        old = last.get((model, row_id))
        if kind == "I":
            right = before is None
        elif kind == "D":
            right = before is not None and before == old
        else:
            was, said = members(str(old).encode()), members(str(before).encode())
            right = said == {name: was[name] for name in changed}
        if not right:
            wrong.append((model, row_id, kind, changed, before, old))
        last[model, row_id] = row
    return wrong


def told(board: Board, row_id: str, model: str = "tasks") -> list[Any]:
    return [
        before
        for (before,) in board.rows(
            "select before from ablo.delta where organization_id = '{org}'"
            f" and model = '{model}' and row_id = '{row_id}' order by sync_id"
        )
    ]


def test_every_kind_of_change_says_what_was_there(board: Board) -> None:
    caller = board.caller()
    caller.commit(create("t1", **FULL))
    caller.commit(update("t1", **OTHER))
    caller.commit(update("t1", count=9))
    caller.commit(op("archive", "tasks", "t1"))
    caller.commit(op("unarchive", "tasks", "t1"))
    caller.commit(op("delete", "tasks", "t1"))
    made, everything, count, archived, back, gone = told(board, "t1")
    assert made is None
    assert {name: everything[name] for name in FULL} == FULL | {
        "dueAt": "2026-02-28T18:14:59.123456+00:00"
    }
    assert (count.keys(), count["count"]) == ({"updatedAt", "count"}, 8)
    assert archived["archivedAt"] is None
    assert back["archivedAt"] is not None
    assert gone.keys() > FULL.keys() | {"id", "organizationId", "createdBy"}
    assert unfaithful(board) == []


def test_several_writes_of_a_row_in_one_transaction_each_say_their_own(board: Board) -> None:
    board.caller().commit(
        create("t1", count=1),
        update("t1", count=2),
        update("t1", count=3),
        op("delete", "tasks", "t1"),
    )
    with board.admin.transaction():
        for value in (1, 2):
            board.run(
                "insert into projects (organization_id, id, name) values ('{org}', 'p', '0')"
                if value == 1
                else "delete from projects where organization_id = '{org}' and id = 'p'"
            )
            board.run(f"update projects set name = '{value}' where organization_id = '{{org}}'")
    assert [each and each.get("count") for each in told(board, "t1")] == [None, 1, 2, 3]
    assert [each and each["name"] for each in told(board, "p", "projects")] == [None, "0", "1"]
    assert unfaithful(board) == []


def test_a_cascade_says_what_each_child_was(board: Board) -> None:
    board.caller().commit(
        create("p", "projects", name="x"), create("a", projectId="p"), create("b", projectId="p")
    )
    board.run("update projects set name = 'y' where organization_id = '{org}'")
    board.run("delete from projects where organization_id = '{org}'")
    assert [told(board, each)[-1]["projectId"] for each in ("a", "b")] == ["p", "p"]
    assert told(board, "p", "projects")[-1]["name"] == "y"
    assert unfaithful(board) == []


def test_a_stored_out_of_line_value_is_told_only_if_it_changed(board: Board) -> None:
    caller, long = board.caller(), "".join(chr(33 + n * n % 90) for n in range(200_000))
    caller.commit(create("t1", title=long))
    board.run("update tasks set count = 5 where organization_id = '{org}'")
    board.run("update tasks set title = 'short' where organization_id = '{org}'")
    _, kept, changed = told(board, "t1")
    assert kept.keys() == {"updatedAt", "count"}
    assert changed.keys() == {"updatedAt", "title"}
    assert changed["title"] == long
    assert unfaithful(board) == []


def test_a_batch_that_goes_set_wise_says_it_too(board: Board) -> None:
    caller = filled(board)
    before = setwise(board)
    assert codes(caller.batch(updates(ROWS))) == [None] * ROWS
    assert codes(caller.batch(item(update(f"t{n}", **OTHER)) for n in range(ROWS))) == [None] * ROWS
    assert codes(caller.batch(item(op("archive", "tasks", f"t{n}")) for n in range(ROWS))) == (
        [None] * ROWS
    )
    assert codes(caller.batch(item(op("delete", "tasks", f"t{n}")) for n in range(ROWS))) == (
        [None] * ROWS
    )
    assert setwise(board) == before + 4 * ROWS
    assert unfaithful(board) == []


def test_a_row_that_gets_another_organization_says_nothing_of_it_there(own_board: Board) -> None:
    own_board.caller().commit(create("t1", title="theirs"))
    own_board.run("set session_replication_role = replica")  # the guard refuses it otherwise
    own_board.run("alter table tasks disable trigger zz_ablo_guard")
    own_board.run("update tasks set organization_id = 'globex', title = 'ours'")
    deltas = own_board.rows(
        "select organization_id, op, before ->> 'title', entered_groups from ablo.delta"
        " order by sync_id"
    )
    assert deltas[1:] == [("acme", "D", "theirs", None), ("globex", "I", None, None)]


def test_a_row_whose_table_lost_a_column_says_the_rest(own_board: Board) -> None:
    own_board.caller().commit(create("t1", count=1, price="1.5"))
    own_board.run("alter table tasks drop column price")
    own_board.run("update tasks set count = 2")
    own_board.run("delete from tasks")
    _, changed, gone = told(own_board, "t1")
    assert changed["count"] == 1
    assert "price" not in changed
    assert (gone["count"], gone["title"], "price" in gone) == (2, "t1", False)


class Memo(Model):
    memo: str = field(formerly="note")


def test_a_renamed_field_is_told_under_both_names(own_board: Board) -> None:
    apply(own_board.admin, compile_schema(define_schema(memos=Memo).spec))
    own_board.caller().commit(
        op("create", "memos", "m", {"memo": "a"}), op("update", "memos", "m", {"memo": "b"})
    )
    _, changed = told(own_board, "m", "memos")
    assert (changed.keys(), changed["memo"]) == ({"updatedAt", "memo", "note"}, "a")
    assert unfaithful(own_board) == []


class Quiet(Model, before=False):
    text: str


def test_a_model_can_do_without(own_board: Board) -> None:
    on, off = define_schema(quiets=declared(True)), define_schema(quiets=Quiet)
    for number, schema in enumerate((off, on, off)):
        apply(own_board.admin, compile_schema(schema.spec))
        caller = own_board.caller()
        caller.commit(op("create", "quiets", f"q{number}", {"text": "a"}))
        caller.commit(op("update", "quiets", f"q{number}", {"text": "b"}))
        caller.commit(op("delete", "quiets", f"q{number}"))
        said = told(own_board, f"q{number}", "quiets")
        assert [each and each.get("text") for each in said] == (
            [None, "a", "b"] if schema is on else [None, None, None]
        )


def test_the_log_tells_what_to_undo_without_it(own_board: Board) -> None:
    apply(own_board.admin, compile_schema(define_schema(quiets=Quiet).spec))
    caller = own_board.caller()
    caller.commit(op("create", "quiets", "q", {"text": "a"}))
    after = caller.commit(op("update", "quiets", "q", {"text": "b"}))["lastSyncId"]
    caller.commit(op("delete", "quiets", "q"))

    def plan(after: int) -> Any:
        choice = json.dumps({"model": "quiets", "id": "q", "after": after})
        return caller.call(
            "select ablo.undo_plan(%s, %s, %s)", caller.organization, caller.participant, choice
        )

    (step,) = plan(after)["operations"]
    assert (step["action"], step["data"]) == ("create", {"text": "b"})
    (step,) = plan(after - 1)["operations"]
    assert (step["action"], step["data"]) == ("create", {"text": "a"})
    own_board.run("delete from ablo.delta where sync_id = (select min(sync_id) from ablo.delta)")
    own_board.run(f"update ablo.log_state set dropped_through = {after - 1}")
    assert plan(after)["left"] == []
    own_board.run(f"delete from ablo.delta where sync_id = {after}")
    (left,) = plan(after)["left"]
    assert (plan(after)["operations"], left["reason"]) == ([], "unknown")


def declared(before: bool) -> type[Model]:
    class Quiet(Model, before=before):
        text: str

    return Quiet


@pytest.mark.parametrize("setwise_off", [False, True])
def test_an_upgraded_kernel_keeps_old_deltas_and_begins_to_say_it(
    own_board: Board, setwise_off: bool
) -> None:
    caller = filled(own_board)
    assert codes(caller.batch(updates(ROWS))) == [None] * ROWS
    downgrade(own_board)
    install(own_board.admin)
    assert own_board.value("select count(*) from ablo.delta where before is not null") == 0
    who = (caller.organization, caller.participant, "tasks", "t1", 10, None, None)
    assert [one["before"] for one in caller.call(ROW_HISTORY, *who)["entries"]] == [None, None]
    old = own_board.rows(f"select * from ablo.delta_read('acme', 0, 10, {ROWS + 5}, null)")
    assert len(old) == 10
    logged = setwise(own_board)
    if not setwise_off:
        apply(own_board.admin, compile_schema(SCHEMA.spec))
    caller = own_board.caller()
    assert codes(caller.batch(updates(ROWS, start=100))) == [None] * ROWS
    assert (setwise(own_board) == logged) == setwise_off
    said = [told(own_board, f"t{n}")[-1] for n in range(ROWS)]
    assert [each["count"] for each in said] == list(range(ROWS))


def downgrade(board: Board) -> None:
    """Give the database the log, and the functions, of the kernel that did not say it."""
    board.run("drop policy delta_readers on ablo.delta")
    board.run("alter table ablo.delta drop column before, drop column entered_groups")
    board.run("delete from ablo.kernel_file where path like 'migrations/0019%'")
    board.run("drop function ablo.delta_read, ablo.delta_tail, ablo.row_drifted, ablo.batch_rows")
    board.run(
        "create function ablo.delta_read(text, bigint, int default 1000, bigint default null,"
        " text default null) returns setof ablo.delta language sql as 'select * from ablo.delta'"
    )
    for name in ("tasks__many", "many"):
        model = "" if name == "tasks__many" else "p_model text, "
        board.run(
            "do $$ declare v_name text; begin for v_name in"
            " select p.oid::regprocedure from pg_proc p"
            f" where p.pronamespace = 'ablo_model'::regnamespace and p.proname = '{name}'"
            " loop execute 'drop function ' || v_name; end loop; end $$"
        )
        board.run(
            f"create function ablo_model.{name}({model}p_action text, p_organization text,"
            " p_now timestamptz, p_ords int[], p_ids text[], p_items jsonb[],"
            " p_participants text[])"
            " returns table (ord int, op text, row_id text, groups text[], left_groups text[],"
            " \"row\" json, changed text[]) language plpgsql as 'begin return; end'"
        )


def test_every_migration_is_part_of_the_kernel() -> None:
    """The test above names one."""
    assert any(file.path.startswith("migrations/0019") for file in kernel_files())


def test_the_matter_of_a_page_counts_what_was_before(board: Board) -> None:
    """A page of deletes has no rows, and is bounded all the same; older callers count rows only."""
    caller, text = board.caller(), "x" * 700_000
    for number in range(8):
        caller.commit(create(f"t{number}", title=text))
    head = board.value("select max(sync_id) from ablo.delta where organization_id = '{org}'")
    board.run("delete from tasks where organization_id = '{org}'")
    query = f"select count(before), count(*) from ablo.delta_read('{{org}}', {head}, 100%s)"
    assert board.rows(query % ", null, null, true") == [(6, 6)]
    assert board.rows(query % "") == [(0, 8)]
    who = (caller.organization, caller.participant, "tasks", "t1", 10, None, None)
    (gone, _) = caller.call(ROW_HISTORY, *who)["entries"]
    assert len(json.dumps(gone["before"])) > len(text)
