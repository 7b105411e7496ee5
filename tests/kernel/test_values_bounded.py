"""Values that no client could read back are refused where they are written, whatever the door."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from ablo_pg.errors import AbloError
from ablo_pg.json_text import loads
from ablo_pg.testing import DatabaseHandle

from .board import Board, Door, create
from .claim_calls import Claimer, claimer

WIDE = "1" + "0" * 309
NOT_READ = {
    "exponent": '{"a": 1e131071}',
    "infinite": '{"a": [-1e309]}',
    "integer": f'{{"a": {WIDE}}}',
    "fraction": f'{{"a": 0.{"0" * 500}1}}',
    "depth": '{"a": ' + "[" * 129 + "1" + "]" * 129 + "}",
    "objects": '{"a":' * 200 + "1" + "}" * 200,
}
READ = {
    "largest": f'{{"a": -17976931348623157{"0" * 292}}}',
    "smallest": '{"a": 5e-324}',
    "precise": '{"a": 2.2250738585072014e-308}',
    "text": json.dumps({"a": "9" * 5000, WIDE: 1}),
    "depth": '{"a": ' + "[" * 120 + "1" + "]" * 120 + "}",
    "wide": json.dumps({"a": [[n] for n in range(2000)]}),
}
SQL = Path(__file__).parents[2] / "sql" / "00_base"
Write = Callable[[Claimer, str], Any]


def commit(request: str, door: Door = "commit") -> Write:
    """Return a commit of JSON text, @ in it standing for what is written."""
    return lambda who, text: who.commit_text(request.replace("@", text), uuid.uuid4().hex, door)


def routine(name: str, *arguments: str) -> Write:
    """Return a call of a routine, @ as in `commit`."""
    return lambda who, text: who._routine(name, *(one.replace("@", text) for one in arguments))


UPDATE = '{"action": "update", "model": "tasks", "id": "t1", "data": {"meta": @}}'
CREATE = '{"action": "create", "model": "tasks", "id": "new", "data": {"title": "t", "meta": @}}'
COUNT = UPDATE.replace('"meta": @', '"count": 1')
READS = '[{"model": "tasks", "where": [["meta", "=", @]], "readAt": 1, "onStale": "overwrite"}]'
# What is written -> (the door, the field that its refusal names)
DOORS: dict[str, tuple[Write, str]] = {
    "create": (commit(f'{{"operations": [{CREATE}]}}'), "meta"),
    "batch": (commit(f'{{"operations": [{UPDATE}]}}', "batch"), "meta"),
    "premise": (commit(f'{{"operations": [{COUNT}], "reads": {READS}}}'), "reads"),
    "track": (commit('{"operations": [], "track": [{"group": "tasks:t1", "why": @}]}'), "track"),
    "claim": (routine("claim_acquire", "tasks", "t1", '{"meta": @}'), "meta"),
    "beat": (routine("claim_heartbeat", "clm_own", '{"details": @}'), "details"),
    "presence": (routine("presence_beat", "s", '{"meta": @}'), "meta"),
    "activity": (routine("presence_beat", "s", '{"activity": @}'), "activity"),
}


@pytest.fixture(scope="module")
def board(board_database: DatabaseHandle) -> Iterator[Board]:
    with Board(board_database, "bounded") as made:
        yield made


@pytest.fixture(scope="module")
def who(board: Board) -> Claimer:
    made = claimer(board, "a")
    made.commit(create("t1"))
    made.acquire("t1", claimId="clm_own")
    return made


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize("name", NOT_READ)
def test_what_no_client_reads_is_refused(who: Claimer, door: str, name: str) -> None:
    write, field = DOORS[door]
    with pytest.raises(AbloError) as caught:
        write(who, NOT_READ[name])
    assert caught.value.http_status == 400
    assert (caught.value.field, bool(caught.value.remedy)) == (field, True), caught.value


@pytest.mark.parametrize("name", READ)
def test_what_clients_read_is_taken(who: Claimer, name: str) -> None:
    request = '{"operations": [' + UPDATE + "]}"
    commit(request)(who, READ[name])
    query = "select ablo.row_get(%s, %s, 'tasks', 't1')::text"
    found = loads(who.call(query, who.organization, who.participant))
    assert found["row"]["meta"] == loads(READ[name])


@pytest.mark.parametrize("bad", ["a\x1bb", "a\nb", "\x7f", "a\x9b2J"])
def test_names_hold_no_control_characters(who: Claimer, bad: str) -> None:
    def refused(write: Callable[[], Any], field: str) -> None:
        with pytest.raises(AbloError) as caught:
            write()
        assert (caught.value.http_status, caught.value.field) == (400, field), caught.value

    refused(lambda: who.commit(create("t2"), key=bad), "idempotencyKey")
    refused(lambda: who.commit(create("t2"), on_behalf_of=f"user:{bad}"), "onBehalfOf")
    refused(lambda: who.acquire("t1", claimId=bad), "claimId")
    refused(lambda: who._routine("presence_beat", bad, "{}"), "session")
    query = "select ablo.row_get(%s, %s, 'tasks', 't1')"
    refused(lambda: who.call(query, who.organization, f"agent:{bad}"), "participant")


@pytest.mark.parametrize(
    ("name", "check"),
    [
        (
            "json_fits(p_value jsonb)",
            lambda who: test_what_no_client_reads_is_refused(who, "presence", "exponent"),
        ),
        (
            "text_fits(p_text text)",
            lambda who: test_names_hold_no_control_characters(who, "a\x1bb"),
        ),
    ],
)
def test_the_checks_catch_a_kernel_where_everything_fits(
    board: Board, who: Claimer, name: str, check: Callable[[Claimer], None]
) -> None:
    """A mutant of this test's own database, put right afterwards."""
    file = SQL / f"{name.partition('(')[0]}.sql"
    board.admin.execute(
        f"create or replace function ablo.{name} returns boolean"
        " language sql immutable strict as 'select true'"
    )
    try:
        with pytest.raises(pytest.fail.Exception):
            check(who)
    finally:
        board.admin.execute(file.read_text().encode())
