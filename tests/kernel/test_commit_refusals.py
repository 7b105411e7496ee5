"""Bad commits: each gets its code, model, field and remedy through both doors; nothing is left."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from ablo_pg.errors import AbloError
from ablo_pg.testing import DatabaseHandle

from .board import Board, Caller, Door, create
from .commit_bad import BAD, Bad

doors = pytest.mark.parametrize("door", ["commit", "batch"])


@pytest.fixture(scope="module")
def board(board_database: DatabaseHandle) -> Iterator[Board]:
    """One organization for the module: a refused commit leaves nothing for the next to see."""
    with Board(board_database, "refused") as made:
        yield made


@pytest.fixture(scope="module")
def caller(board: Board) -> Caller:
    made = board.caller()
    made.commit(create("t1"))
    return made


@doors
@pytest.mark.parametrize("bad", BAD.values(), ids=BAD.keys())
def test_a_bad_commit_is_refused(board: Board, caller: Caller, door: Door, bad: Bad) -> None:
    before = board.traces()
    with pytest.raises(AbloError) as caught:
        caller.commit_text(bad.request, bad.key or "k", door)
    error = caught.value
    told = (error.code, error.model, error.field, error.row_id)
    assert told == (bad.code, bad.model, bad.field, bad.row_id or told[3])
    assert error.remedy, error
    assert len(str(error)) < 2_000, "an error does not repeat the payload"
    assert board.traces() == before


@doors
@pytest.mark.parametrize(
    "text", ['"a\\u0000b"', "NaN", "Infinity", '"\\ud800"'], ids=["nul", "nan", "inf", "surrogate"]
)
def test_what_json_in_postgres_cannot_hold(
    board: Board, caller: Caller, door: Door, text: str
) -> None:
    before = board.traces()
    request = json.dumps({"operations": [create("t3", title="?")]}).replace('"?"', text)
    with pytest.raises(AbloError) as caught:
        caller.commit_text(request, "k", door)
    assert caught.value.code == "column_type_mismatch"
    assert caught.value.remedy
    assert board.traces() == before


@pytest.mark.parametrize("organization", ["", None])
@pytest.mark.parametrize(
    "call",
    [
        """ablo.commit(%s, 'agent:a', 'k', '{"operations": [{"action": "delete"}]}')""",
        "ablo.row_get(%s, 'agent:a', 'tasks', 't1')",
        "ablo.row_list(%s, 'agent:a', 'tasks', '{}')",
        """ablo.snapshot_read(%s, 'agent:a', '[{"model": "tasks", "id": "t1"}]')""",
    ],
)
def test_no_organization_is_refused(caller: Caller, organization: str | None, call: str) -> None:
    with pytest.raises(AbloError) as caught:
        caller.call(f"select {call}", organization)
    assert caught.value.code == "identity_missing_organization"
    assert caught.value.remedy


@doors
@pytest.mark.parametrize("participant", ["triage", "", "agent:", "robot:x", ":x", "owner", None])
def test_a_participant_is_kind_and_id(caller: Caller, door: Door, participant: str | None) -> None:
    other = Caller(caller.conn, caller.organization, participant)  # type: ignore[arg-type]
    with pytest.raises(AbloError) as caught:
        other.commit(create("t7"), door=door)
    assert (caught.value.code, caught.value.field) == ("invalid_participant_kind", "participant")


@doors
@pytest.mark.parametrize("key", ["", None])
def test_a_key_is_needed(caller: Caller, door: Door, key: str | None) -> None:
    with pytest.raises(AbloError) as caught:
        caller.commit_text(json.dumps({"operations": [create("t7")]}), key, door)
    assert (caught.value.code, caught.value.field) == ("invalid_request", "idempotencyKey")


@doors
@pytest.mark.parametrize("level", ["repeatable read", "serializable"])
def test_other_isolation_levels_are_refused(board: Board, door: Door, level: str) -> None:
    caller, before = board.caller(), board.traces()
    caller.conn.execute(f"set default_transaction_isolation = '{level}'")
    with pytest.raises(AbloError) as caught:
        caller.commit(create("t1"), door=door)
    assert caught.value.code == "isolation_level_unsupported"
    assert board.traces() == before
