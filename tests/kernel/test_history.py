"""row_history and row_at: a row's past from the log, exact, isolated, and honest where it ends."""

from __future__ import annotations

import datetime as dt
import json
from typing import Any

import pytest

from ablo_pg.errors import AbloError

from .board import ROW_AT, ROW_HISTORY, Board, Caller, create, op, update


@pytest.fixture
def caller(board: Board) -> Caller:
    return board.caller()


def at(caller: Caller, position: int, row_id: str = "t1", model: str = "tasks") -> Any:
    who = (caller.organization, caller.participant, model, row_id)
    return caller.call(ROW_AT, *who, position, None)


def history(
    caller: Caller, row_id: str = "t1", limit: int = 100, before: int | None = None
) -> dict[str, Any]:
    arguments = (caller.organization, caller.participant, "tasks", row_id, limit, before, None)
    found: dict[str, Any] = caller.call(ROW_HISTORY, *arguments)
    return found


def refusal(caller: Caller, position: int, row_id: str = "t1", model: str = "tasks") -> AbloError:
    with pytest.raises(AbloError) as caught:
        at(caller, position, row_id, model)
    return caught.value


def life(caller: Caller) -> list[int]:
    """Create, update, archive, unarchive, delete and make again one row; return the positions."""
    steps = [
        create("t1"),
        update("t1", count=1),
        op("archive", "tasks", "t1"),
        op("unarchive", "tasks", "t1"),
        op("delete", "tasks", "t1"),
        create("t1", count=7),
    ]
    return [caller.commit(step)["lastSyncId"] for step in steps]


def test_every_position_of_a_row_s_life(caller: Caller) -> None:
    start = caller.commit(create("other"))["lastSyncId"]
    places = life(caller)
    last = caller.commit(update("other", count=5))["lastSyncId"]
    assert at(caller, start) == {"row": None, "stamp": start}
    rows = [at(caller, place)["row"] for place in places]
    assert [row and (row["count"], row["archivedAt"] is not None) for row in rows] == [
        (0, False), (1, False), (1, True), (1, False), None, (7, False),
    ]  # fmt: skip
    assert [at(caller, place)["stamp"] for place in places] == places
    assert at(caller, last) == {"row": caller.get("tasks", "t1")["row"], "stamp": places[-1]}


def test_history_is_newest_first_and_pages(caller: Caller) -> None:
    places = life(caller)
    found = history(caller)
    assert [one["syncId"] for one in found["entries"]] == places[::-1]
    assert [one["op"] for one in found["entries"]] == list("IDVAUI")
    assert [one["row"] is None for one in found["entries"]] == [False, True] + [False] * 4
    assert found["entries"][4]["changed"] == ["updatedAt", "count"]
    assert (found["hasMore"], found["keptAfter"]) == (False, 0)
    pages = [history(caller, limit=4), history(caller, limit=4, before=places[2])]
    assert [one["syncId"] for page in pages for one in page["entries"]] == places[::-1]
    assert [page["hasMore"] for page in pages] == [True, False]
    assert history(caller, limit=6)["hasMore"] is False
    assert history(caller, "nowhere")["entries"] == []


def test_history_names_who_answers_for_it(board: Board, caller: Caller) -> None:
    capability = board.capability()
    operation = update("t1", count=2) | {"transactionId": "tx-1"}
    caller.commit(create("t1"))
    caller.commit(operation, on_behalf_of="user:boss", capability_id=capability)
    newest, oldest = history(caller)["entries"]
    assert [newest[key] for key in ("actor", "onBehalfOf", "capabilityId", "transactionId")] == [
        "agent:triage", "user:boss", capability, "tx-1",
    ]  # fmt: skip
    assert "claimId" in newest
    assert (oldest["onBehalfOf"], oldest["capabilityId"]) == (None, None)
    assert dt.datetime.fromisoformat(newest["createdAt"]).utcoffset() == dt.timedelta(0)


def test_another_organization_sees_nothing_of_it(board: Board, caller: Caller) -> None:
    places = life(caller)
    other = board.caller(f"{board.organization}-other")
    mine = other.commit(create("t1", title="mine"))["lastSyncId"]
    assert [one["syncId"] for one in history(other)["entries"]] == [mine]
    assert at(other, mine)["row"]["title"] == "mine"
    assert at(other, places[0]) == {"row": None, "stamp": places[0]}
    assert history(other, "nowhere") == history(caller, "nowhere")


def test_positions_that_are_none(board: Board, caller: Caller) -> None:
    last = life(caller)[-1]
    assert refusal(caller, -1).code == "invalid_request"
    assert refusal(caller, last + 1).code == "cursor_ahead"
    # The sequence of another organization's ids is no position of this one's log yet.
    board.caller(f"{board.organization}-other").commit(create("x"))
    assert refusal(caller, last + 1).code == "cursor_ahead"
    assert refusal(caller, last, model="nothing").code == "server_execute_unknown_model"
    for limit in (0, 1001):
        with pytest.raises(AbloError) as caught:
            history(caller, limit=limit)
        assert caught.value.code == "invalid_request"
    with pytest.raises(AbloError):
        history(caller, before=-1)


def test_a_row_from_before_its_model_was_captured_is_unknown(own_board: Board) -> None:
    """Until its first captured change; that it was not there would be wrong."""
    caller = own_board.caller()
    start = caller.commit(create("other"))["lastSyncId"]
    own_board.run("alter table tasks disable trigger zz_ablo_capture")
    for row_id in ("t1", "t2", "t3"):
        own_board.run(
            f"insert into tasks (organization_id, id, title) values ('acme', '{row_id}', 'old')"
        )
    own_board.run("alter table tasks enable always trigger zz_ablo_capture")
    own_board.run(f"update ablo.model_adopted set sync_id = {start + 1}")
    assert at(caller, start, "t3")["row"]["title"] == "old"  # the present is known
    caller.commit(create("later"))
    changed = caller.commit(update("t1", title="new"))["lastSyncId"]
    error = refusal(caller, start)
    assert (error.code, error.model, error.row_id) == ("snapshot_required", "tasks", "t1")
    assert error.details["knownFrom"] == changed
    assert refusal(caller, start, "nowhere").code == "snapshot_required"
    assert refusal(caller, changed - 1).code == "snapshot_required"
    assert at(caller, changed)["row"]["title"] == "new"
    # Captured since then, and never changed: as it is now.
    assert at(caller, changed - 1, "t2")["row"]["title"] == "old"
    assert at(caller, changed - 1, "nowhere")["row"] is None


def test_a_model_is_captured_from_the_position_at_which_it_was_applied(own_board: Board) -> None:
    rows = own_board.rows("select typename, sync_id from ablo.model_adopted order by 1")
    assert [name for name, _ in rows] == ["ledgers", "notes", "projects", "tasks"]
    own_board.caller().commit(create("t1"))
    again = "select ablo.schema_register(schema, hash, (select jsonb_agg(definition)"
    own_board.run(f"{again} from ablo.model)) from ablo.schema_version where active")
    assert own_board.rows("select typename, sync_id from ablo.model_adopted order by 1") == rows


def test_what_retention_dropped_is_refused(own_board: Board) -> None:
    caller = own_board.caller()
    caller.commit(create("t1"), create("t2"))
    old = caller.commit(update("t1", count=1))["lastSyncId"]
    own_board.run("select setval('ablo.sync_id', 12000000)")
    own_board.run("select ablo.delta_extend()")
    last = caller.commit(create("t3"))["lastSyncId"]
    own_board.run("select ablo.delta_retain('0 s')")
    error = refusal(caller, old)
    assert (error.code, error.details["keptAfter"]) == ("snapshot_required", 9_999_999)
    assert history(caller) == {"entries": [], "hasMore": False, "keptAfter": 9_999_999}
    # Not changed since the log begins: as it is now.
    assert at(caller, last)["row"]["count"] == 1
    assert at(caller, 9_999_999)["row"]["count"] == 1
    assert at(caller, 9_999_999, "t3")["row"] is None
    changed = caller.commit(update("t2", count=4))["lastSyncId"]
    error = refusal(caller, last, "t2")
    assert (error.code, error.details["knownFrom"]) == ("snapshot_required", changed)


def test_a_row_is_as_the_log_stored_it(own_board: Board) -> None:
    """Not as today's schema would spell it: an older version's keys come through."""
    caller = own_board.caller()
    place = caller.commit(create("t1"))["lastSyncId"]
    stored = json.dumps({"id": "t1", "gone": [1.50], "title": "x"})
    own_board.admin.execute('update ablo.delta set "row" = %s', (stored,))
    assert at(caller, place)["row"] == {"id": "t1", "gone": [1.5], "title": "x"}
    assert history(caller)["entries"][0]["row"] == at(caller, place)["row"]
