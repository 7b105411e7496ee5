"""No text that a caller may choose is run as SQL: models, fields, values, ids, keys, cursors."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ablo_pg.errors import AbloError
from ablo_pg.testing import DatabaseHandle

from .board import Board, Caller, create, op

ATTACKS = [
    "' or true --",
    "') or true --",
    "' or organization_id <> ''--",
    '" or true --',
    '"; drop table tasks; --',
    "'; delete from tasks; --",
    "\\'; delete from tasks; --",
    "\\",
    "title) or (true",
    "title = title or t.title",
    "t.title::int = 1 or t.title",
    "id asc, (select 1/0)",
    "asc nulls first; select 1",
    "= any(array(select title from tasks)) or ''",
    "= '' or 1 =",
    "pg_sleep(9)",
    "(select title from tasks limit 1)",
    "%s",
    "%L",
    "%1$I",
    "$1",
    "$$ || $$",
    "E'\\x27'",
    "\x1f",
    "\u2019 or true --",
    "ａ' or true --",
    "*/ or true /*",
    "--",
    "tasks; select 1",
    "public.tasks",
    "ablo.receipt",
    "ablo_model.write('tasks','delete','t0','{}')",
]
LETTERS = [*"'\"\\;-%$(){}[]*/= \x1f\na", "’", "😀"]
hostile = st.sampled_from(ATTACKS) | st.text(st.sampled_from(LETTERS), max_size=12)
# What a refused text may be answered with; anything else would mean that it had reached the parser.
TYPED = {
    "server_execute_unknown_model",
    "query_invalid_identifier",
    "query_unsupported_operator",
    "query_invalid_like_pattern",
    "column_type_mismatch",
    "cursor_invalid",
    "invalid_request",
    "invalid_id",
    "invalid_participant_kind",
    "identity_missing_organization",
    "commit_operation_unsupported",
    "commit_operation_action_required",
    "entity_not_found",
    "unknown_field",
    "check_violation",
}


@pytest.fixture(scope="module")
def victim(board_database: DatabaseHandle) -> Iterator[tuple[Board, Caller]]:
    with Board(board_database, "injected") as board:
        caller = board.caller()
        caller.commit(*[create(f"t{n}", title=f"title {n}", meta={"k": n}) for n in range(4)])
        board.caller("bystander").commit(create("b1", title="theirs"))
        yield board, caller


def refused(call: Any, *arguments: Any) -> str | None:
    """Run a call with a hostile text in it; return the code of its typed error, or None."""
    try:
        call(*arguments)
    except AbloError as error:
        if error.code not in TYPED:
            raise
        return error.code
    return None


def printable(text: str) -> str:
    """Return a text as keys and participants can have it."""
    return re.sub("[\x00-\x1f]", "_", text)


def unharmed(board: Board) -> bool:
    rows = "select count(*), min(title), bool_and(organization_id = 'injected') from tasks"
    mine = board.rows(f"{rows} where organization_id = 'injected' and id in ('t0','t1','t2','t3')")
    theirs = "select title from tasks where organization_id = 'bystander'"
    return mine == [(4, "title 0", True)] and board.rows(theirs) == [("theirs",)]


many = settings(max_examples=80, deadline=None)
Victim = tuple[Board, Caller]


@many
@given(text=hostile, field=st.sampled_from(["title", "id", "status", "projectId", "createdBy"]))
def test_filter_values_are_values(victim: Victim, text: str, field: str) -> None:
    board, caller = victim
    for word in ("=", "like", "ilike", "in"):
        value = [text] if word == "in" else text
        query = {"where": [[field, word, value]]}
        if refused(caller.list, "tasks", query) is None:
            found = caller.list("tasks", query)["data"]
            assert found == [] or "like" in word
            assert all(row["organizationId"] == "injected" for row in found)
    opposite = caller.list("tasks", {"where": [["title", "!=", text]]})["data"]
    assert len(opposite) == 4
    assert unharmed(board)


@many
@given(text=hostile)
def test_names_are_looked_up_not_run(victim: Victim, text: str) -> None:
    board, caller = victim
    for query in (
        {"where": [[text, "=", "x"]]},
        {"where": [["title", text, "x"]]},
        {"orderBy": [[text, "asc"]]},
        {"orderBy": [["title", text]]},
    ):
        if text in ("title", "=", "asc"):
            continue
        assert refused(caller.list, "tasks", query) is not None, (query, text)
    for call in (caller.get, lambda name, _: caller.list(name, {})):
        assert refused(call, text, "t0") == "server_execute_unknown_model"
    assert unharmed(board)


@many
@given(text=hostile, field=st.sampled_from(["count", "price", "score", "urgent", "dueAt", "ref"]))
def test_values_of_other_types_are_checked(victim: Victim, text: str, field: str) -> None:
    board, caller = victim
    assert refused(caller.list, "tasks", {"where": [[field, "=", text]]}) == "column_type_mismatch"
    assert unharmed(board)


@many
@given(text=hostile)
def test_json_values_are_compared_as_json(victim: Victim, text: str) -> None:
    board, caller = victim
    for value in (text, [text], {text: text}, {"k": text}):
        assert caller.list("tasks", {"where": [["meta", "=", value]]})["data"] == []
    assert unharmed(board)


@many
@given(text=hostile, wrap=st.booleans())
def test_page_cursors_are_values(victim: Victim, text: str, wrap: bool) -> None:
    board, caller = victim
    cursor = base64.b64encode(json.dumps([text, text]).encode()).decode() if wrap else text
    query = {"after": cursor, "orderBy": [["title", "asc"]]}
    if refused(caller.list, "tasks", query) is None:
        for row in caller.list("tasks", query)["data"]:
            assert row["organizationId"] == "injected"
    assert unharmed(board)


@many
@given(text=hostile)
def test_ids_keys_and_data_are_stored_as_they_are(victim: Victim, text: str) -> None:
    board, caller = victim
    row_id, name = f"i{text}", printable(text)
    receipt = caller.commit(
        create(row_id, title=text, meta={text: [text]}) | {"transactionId": text},
        key=f"k{name}{len(text)}",
        reads=[{"model": "tasks", "id": f"absent{text}", "absent": True}],
        on_behalf_of=f"user:{name}" if name else None,
    )
    assert receipt["clientTxId"] == f"k{name}{len(text)}"
    row = caller.get("tasks", row_id)["row"]
    assert (row["id"], row["title"], row["meta"]) == (row_id, text, {text: [text]})
    (found,) = board.admin.execute(
        "select row_id, actor, on_behalf_of, transaction_id, \"row\" ->> 'title'"
        " from ablo.delta where organization_id = 'injected' and sync_id = %s",
        (receipt["lastSyncId"],),
    ).fetchall()
    assert found == (row_id, "agent:triage", f"user:{name}" if name else None, text, text)
    with pytest.raises(AbloError, match="there is no such key") as denied:
        caller.commit(create("never"), capability_id=text)
    assert denied.value.code == "capability_invalid"
    for nobody in (text, f"boss:{text}", f"user:{text}\x1f"):
        if nobody:  # which is the same as not given
            with pytest.raises(AbloError) as denied:
                caller.commit(create("never"), on_behalf_of=nobody)
            assert denied.value.code == "invalid_participant_kind"
    caller.commit(op("delete", "tasks", row_id), key=f"gone {receipt['serverTxId']}")
    board.run("delete from ablo.receipt where organization_id = 'injected'")
    assert unharmed(board)


@many
@given(text=hostile)
def test_the_rest_of_a_commit_is_data_too(victim: Victim, text: str) -> None:
    board, caller = victim
    head = caller.snapshot([])["stamp"]
    for operation in (
        op(text, "tasks", "t0"),
        op("delete", text, "t0"),
        op("update", "tasks", f"t{text}", {"count": 1}),
        op("update", "tasks", "t0", {f"{text}'": 1}),
        op("update", "tasks", "t0", {"status": f"{text}'"}),
        op("update", "tasks", "t0", {"count": 1}, readAt=text),
        op("update", "tasks", "t0", {"count": 1}, readAt=head, onStale=f"{text}'"),
    ):
        assert refused(caller.commit, operation) is not None, operation
    fields = [{"model": "tasks", "id": "t0", "readAt": head, "fields": [f"{text}'"]}]
    groups = [{"group": text, "readAt": head}]
    assert refused(lambda: caller.commit(op("delete", "tasks", "-"), reads=fields)) is not None
    assert refused(lambda: caller.commit(op("delete", "tasks", "-"), reads=groups)) is None
    assert unharmed(board)


@many
@given(text=hostile.filter(bool))
def test_organizations_and_participants_are_data(victim: Victim, text: str) -> None:
    board, caller = victim
    name = f"agent:{printable(text)}"
    other = Caller(caller.conn, f"o{text}", name)
    other.commit(create("x", title="only here"))
    assert [row["id"] for row in other.list("tasks", {})["data"]] == ["x"]
    assert other.get("tasks", "x")["row"]["createdBy"] == name
    assert other.get("tasks", "t0")["row"] is None
    other.commit(op("delete", "tasks", "x"))
    bad = Caller(caller.conn, "injected", text)
    assert refused(bad.get, "tasks", "t0") == "invalid_participant_kind"
    assert unharmed(board)
