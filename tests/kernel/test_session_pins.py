"""Entry points answer alike whatever the caller's session says: for callers that come by psql."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

import psycopg
import pytest

from .board import Board, Caller, create, update

PINNED: Final = {
    "TimeZone=UTC", "DateStyle=ISO, MDY", "IntervalStyle=postgres", "extra_float_digits=1",
    "bytea_output=hex", "row_security=on", "standard_conforming_strings=on",
}  # fmt: skip
ENTRY_POINTS: Final = """
select p.oid::regprocedure::text, coalesce(p.proconfig, '{}')
  from pg_proc p
 where p.pronamespace in ('ablo'::regnamespace, 'ablo_model'::regnamespace)
   and (p.prosecdef or has_function_privilege('ablo_runtime', p.oid, 'execute'))"""
# Returns a number; plain expressions that lists and the policy of the log inline, and that no other
# entry point needs; the set-wise writes, which only ablo.commit_batch can call.
UNPINNED: Final = ("ablo.log_head(text)", "__row(", "ablo_model.sees(", "__many(")
ODD: Final = {
    "timezone": "Asia/Kathmandu", "datestyle": "German, DMY", "intervalstyle": "sql_standard",
    "extra_float_digits": "-15", "bytea_output": "escape", "standard_conforming_strings": "off",
    "row_security": "off", "quote_all_identifiers": "on", "array_nulls": "off",
    "search_path": "pg_temp",
}  # fmt: skip
READS: Final = {
    "row": "select ablo.row_get(%(o)s, %(p)s, 'tasks', 'a')",
    "list": "select ablo.row_list(%(o)s, %(p)s, 'tasks', %(query)s)",
    "snapshot": """select ablo.snapshot_read(%(o)s, %(p)s, '[{"model": "tasks", "id": "a"}]')""",
    "past": "select ablo.row_at(%(o)s, %(p)s, 'tasks', 'a', %(at)s)",
    "history": "select ablo.row_history(%(o)s, %(p)s, 'tasks', 'a')",
    "log": "select json_agg(d) from ablo.delta_read(%(o)s, 0, 100) d",
    "commits": "select ablo.commit_list(%(o)s, %(p)s, '{}')",
    "commit": "select ablo.commit_get(%(o)s, %(p)s, 'k1')",
    "receipt": "select ablo.receipt_get(%(o)s, %(p)s, 'k1')",
    "claims": "select ablo.claim_list(%(o)s, %(p)s)",
    "events": "select ablo.claim_events(%(o)s, %(p)s, 0, 0, 100) -> 'events'",
    "tracks": "select ablo.track_list(%(o)s, %(p)s)",
    "present": "select ablo.presence_list(%(o)s, %(p)s, '{}')",
}  # fmt: skip
QUERY: Final = {
    "where": [
        ["dueAt", ">", "2026-02-01T00:00"], ["day", "<", "2026-03-04"], ["title", "like", "\\a%"],
    ],
    "orderBy": [["score", "asc"]], "limit": 1,
}  # fmt: skip


def test_every_entry_point_pins_what_text_depends_on(board: Board) -> None:
    open_ = {
        name: missing
        for name, settings in board.admin.execute(ENTRY_POINTS)
        if not any(part in name for part in UNPINNED) and (missing := needed(name) - set(settings))
    }
    assert open_ == {}


def needed(name: str) -> set[str]:
    """What an entry point depends on; those of a model run at every row, and pin no more."""
    if "__capture" in name:
        return {"TimeZone=UTC", "DateStyle=ISO, MDY", "extra_float_digits=1"}
    if "__guard" in name:
        return {"TimeZone=UTC"}
    return {"row_security=on"} if "__above" in name else PINNED


@contextmanager
def odd_session(conn: psycopg.Connection[Any]) -> Iterator[None]:
    for name, value in ODD.items():
        conn.execute("select pg_catalog.set_config(%s, %s, false)", [name, value])
    yield
    conn.execute("reset all")


def written(board: Board) -> Caller:
    """Write under an odd session whatever the reads are about."""
    caller = board.caller()
    with odd_session(caller.conn):
        values = {"dueAt": "2026-02-03T04:05:06.789+02:00", "day": "2026-03-03", "score": 0.1 + 0.2}
        caller.commit(create("a", "projects", name="p"), create("a", **values), key="k1")
        caller.commit(
            create("ab", **values | {"score": 1 / 3}), track=[{"model": "tasks", "id": "a"}]
        )
        caller.commit(update("a", price="1.50"))
        arguments = (caller.organization, caller.participant)
        caller.conn.execute(
            "select ablo.claim_acquire(%s, %s, 'tasks', 'a', '{\"ttl\": \"1m\"}')", arguments
        )
        caller.conn.execute("select ablo.presence_beat(%s, %s, 'x', '{}')", arguments)
    return caller


def read(caller: Caller, conn: psycopg.Connection[Any]) -> dict[str, str]:
    given = {"o": caller.organization, "p": caller.participant, "query": json.dumps(QUERY)}
    head = conn.execute("select ablo.log_head(%(o)s)", given).fetchone()
    assert head is not None
    given["at"] = head[0]
    seen = {}
    for name, query in READS.items():
        row = conn.execute(f"select x::text from ({query}) y (x)".encode(), given).fetchone()
        assert row is not None
        seen[name] = row[0]
    return seen


def test_reads_are_the_same_to_the_byte(board: Board) -> None:
    caller = written(board)
    neutral = read(caller, caller.conn)
    row = json.loads(neutral["row"])["row"]
    assert (row["score"], row["day"], row["dueAt"]) == (
        0.1 + 0.2, "2026-03-03", "2026-02-03T02:05:06.789+00:00",
    )  # fmt: skip
    page = json.loads(neutral["list"])
    assert ([r["id"] for r in page["data"]], page["hasMore"]) == (["a"], True)
    with odd_session(caller.conn):
        assert read(caller, caller.conn) == neutral


@pytest.mark.parametrize(
    ("routine", "settings", "read_by"),
    [
        ("ablo.row_get(text, text, text, text, text)", ("timezone",), "row"),
        (
            "ablo.row_list(text, text, text, jsonb, text)",
            ("datestyle", "extra_float_digits"),
            "list",
        ),
        ("ablo.row_history(text, text, text, text, int, bigint, text)", ("timezone",), "history"),
    ],
)
def test_a_routine_that_does_not_pin_is_caught(
    own_board: Board, routine: str, settings: tuple[str, ...], read_by: str
) -> None:
    caller = written(own_board)
    neutral = read(caller, caller.conn)
    for name in settings:
        own_board.admin.execute(f"alter function {routine} reset {name}".encode())
    with odd_session(caller.conn):
        assert read(caller, caller.conn)[read_by] != neutral[read_by]


def test_a_moment_without_a_zone_is_of_utc(own_board: Board) -> None:
    for column in ("due_at", "created_at", "updated_at"):
        own_board.admin.execute(f"alter table tasks alter column {column} type timestamp".encode())
    caller = written(own_board)
    own_board.admin.execute("set timezone = 'Asia/Kathmandu'")
    own_board.admin.execute("update tasks set title = 'plain' where id = 'ab'")
    own_board.admin.execute("reset timezone")
    found = own_board.admin.execute(
        """select due_at::text, created_at <= updated_at,
                  abs(extract(epoch from clock_timestamp() at time zone 'UTC' - updated_at)) < 60
             from tasks order by id"""
    ).fetchall()
    assert found == [("2026-02-03 02:05:06.789", True, True)] * 2
    own_board.admin.execute(
        "alter function ablo.commit(text, text, text, jsonb, text, text, text) reset timezone"
    )
    with odd_session(caller.conn):
        caller.commit(update("ab", dueAt="2026-02-03T02:05:06Z"))
    shifted = own_board.admin.execute("select due_at::text from tasks where id = 'ab'").fetchone()
    assert shifted == ("2026-02-03 07:50:06",), "the mutant is caught"
