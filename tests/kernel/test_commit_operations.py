"""ablo.commit and ablo.commit_batch: what each operation does, and what the receipt says of it."""

from __future__ import annotations

import datetime as dt
import re

import pytest

from ablo_pg.errors import AbloNotFoundError

from .board import Board, Caller, Door, create, op, update

doors = pytest.mark.parametrize("door", ["commit", "batch"])


@pytest.fixture
def caller(board: Board) -> Caller:
    return board.caller()


def row(caller: Caller, row_id: str = "t1", model: str = "tasks") -> dict[str, object]:
    found: dict[str, object] = caller.get(model, row_id)["row"]
    return found


@doors
def test_a_receipt_has_exactly_the_ten_keys(caller: Caller, door: Door) -> None:
    receipt = caller.commit(create("t1"), create("t2"), key="k-1", door=door)
    head = caller.call("select ablo.log_head(%s)", caller.organization)
    assert re.fullmatch(r"stx_\w+", receipt.pop("serverTxId"))
    created, status = (dt.datetime.fromisoformat(receipt.pop(k)) for k in ("createdAt", "statusAt"))
    assert created.tzinfo is not None
    assert status >= created
    assert receipt == {
        "object": "commit_receipt",
        "clientTxId": "k-1",
        "success": True,
        "ops": 2,
        "status": "confirmed",
        "lastSyncId": head,
    }


@doors
def test_create_fills_the_base_fields_and_defaults(caller: Caller, door: Door) -> None:
    caller.commit(create("t1", title="Write", dueAt="2026-05-01T12:00:00+05:45"), door=door)
    made = row(caller)
    assert made["organizationId"] == caller.organization
    assert made["createdBy"] == "agent:triage"
    assert made["createdAt"] == made["updatedAt"]
    assert (made["title"], made["status"], made["count"]) == ("Write", "todo", 0)
    assert made["archivedAt"] is made["price"] is None
    due = dt.datetime.fromisoformat(str(made["dueAt"]))
    assert due == dt.datetime(2026, 5, 1, 6, 15, tzinfo=dt.UTC)
    assert due.utcoffset() == dt.timedelta(0)


@doors
def test_update_changes_only_what_it_names(caller: Caller, door: Door) -> None:
    caller.commit(create("t1", count=3, price="1.50"))
    before = row(caller)
    caller.commit(update("t1", count=4, price=None), door=door)
    after = row(caller)
    assert str(after["updatedAt"]) > str(before["updatedAt"])
    assert after == before | {"count": 4, "price": None, "updatedAt": after["updatedAt"]}


@doors
def test_archive_and_unarchive(caller: Caller, door: Door) -> None:
    caller.commit(create("t1"))
    for action, letter in (("archive", "A"), ("unarchive", "V")):
        receipt = caller.commit(op(action, "tasks", "t1"), door=door)
        assert (row(caller)["archivedAt"] is None) == (action == "unarchive")
        listed = caller.list("tasks", {})["data"]
        assert bool(listed) == (action == "unarchive")
        assert len(caller.list("tasks", {"archived": True})["data"]) == 1
        delta = caller.conn.execute(
            "select op, changed from ablo.delta_read(%s, %s)",
            (caller.organization, receipt["lastSyncId"] - 1),
        ).fetchone()
        assert delta is not None
        assert (delta[0], set(delta[1])) == (letter, {"archivedAt", "updatedAt"})


@doors
def test_archiving_twice_keeps_the_first_time(caller: Caller, door: Door) -> None:
    caller.commit(create("t1"), op("archive", "tasks", "t1"), door=door)
    first = row(caller)["archivedAt"]
    caller.commit(op("archive", "tasks", "t1"), door=door)
    assert row(caller)["archivedAt"] == first


@doors
def test_delete_names_the_ids_it_missed(caller: Caller, door: Door) -> None:
    caller.commit(create("t1"))
    head = caller.commit(op("delete", "tasks", "t1"), op("delete", "tasks", "t9"), door=door)
    assert head["ops"] == 1
    assert head["missingIds"] == ["t9"]
    assert row(caller) is None
    nothing = caller.commit(op("delete", "tasks", "t9"), door=door)
    assert (nothing["ops"], nothing["missingIds"]) == (0, ["t9"])
    assert nothing["lastSyncId"] == head["lastSyncId"]


@doors
def test_operations_apply_in_order(caller: Caller, door: Door) -> None:
    receipt = caller.commit(
        create("p1", "projects", name="P"),
        create("t1", projectId="p1"),
        update("t1", count=1),
        op("delete", "projects", "p1"),
        create("p1", "projects", name="again"),
        door=door,
    )
    assert receipt["ops"] == 5
    assert row(caller) is None, "the task went with its project"
    assert row(caller, "p1", "projects")["name"] == "again"


@doors
@pytest.mark.parametrize("name", ["tasks", "TASKS", "Tasks"])
def test_a_model_is_found_whatever_the_case(caller: Caller, door: Door, name: str) -> None:
    caller.commit(op("create", name, "t1", {"title": "x"}), door=door)
    assert row(caller) is not None


@doors
def test_deltas_say_who_and_under_what(board: Board, caller: Caller, door: Door) -> None:
    capability = board.capability()
    operation = create("t1") | {"transactionId": "tx-7"}
    caller.commit(
        operation, create("t2"), door=door, on_behalf_of="user:ann", capability_id=capability
    )
    caller.commit(create("t3"), door=door)
    found = caller.conn.execute(
        "select row_id, actor, on_behalf_of, capability_id, transaction_id, created_at"
        " from ablo.delta_read(%s, 0)",
        (caller.organization,),
    ).fetchall()
    assert [delta[:5] for delta in found] == [
        ("t1", "agent:triage", "user:ann", capability, "tx-7"),
        ("t2", "agent:triage", "user:ann", capability, None),
        ("t3", "agent:triage", None, None, None),
    ]


@doors
def test_sync_ids_rise_through_a_commit(caller: Caller, door: Door) -> None:
    receipt = caller.commit(*[create(f"t{n}") for n in range(20)], door=door)
    ids = [
        sync_id
        for (sync_id,) in caller.conn.execute(
            "select sync_id from ablo.delta_read(%s, 0)", (caller.organization,)
        )
    ]
    assert ids == sorted(ids)
    assert len(ids) == 20
    assert receipt["lastSyncId"] == ids[-1]


@doors
def test_a_commit_is_all_or_nothing(board: Board, caller: Caller, door: Door) -> None:
    caller.commit(create("t1"))
    before = board.traces()
    with pytest.raises(AbloNotFoundError):
        caller.commit(create("t2"), update("t1", count=9), update("nope", count=1), door=door)
    assert board.traces() == before
    assert row(caller)["count"] == 0


def test_the_limits_themselves_are_allowed(caller: Caller) -> None:
    long_key = "k" * 255
    receipt = caller.commit(*[create(f"t{n}") for n in range(500)], key=long_key)
    assert receipt["ops"] == 500
    assert receipt["clientTxId"] == long_key
    text = "x" * 1_048_576
    caller.commit(update("t1", title=text))
    assert row(caller)["title"] == text
