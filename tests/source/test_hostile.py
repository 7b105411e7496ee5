"""Requests that are signed and still wrong; databases that are busy, old or down."""

from __future__ import annotations

import base64
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Any

import psycopg
import pytest

from ablo_pg.cluster import Server
from ablo_pg.source import TABLES, Begin, Endpoint, SqlAdapter, psycopg_transactions
from ablo_pg.source.conformance import Caller
from ablo_pg.source.transactions import PsycopgTransactions

from .conftest import KEY, SCHEMA, caller
from .test_endpoint import commit, create

# The tables of a TypeScript SDK of 0.14.
OLD = """
create table ablo_idempotency (
  client_tx_id text primary key, response jsonb not null,
  created_at timestamptz not null default now());
create table ablo_outbox (
  cursor bigserial primary key, id text not null unique, model text not null,
  entity_id text not null, type text not null, data jsonb, organization_id text,
  client_tx_id text, occurred_at bigint, created_at timestamptz not null default now());
insert into ablo_idempotency (client_tx_id, response) values ('then', '{"rows": [{"id": "t0"}]}')"""
WAITING = "select count(*) from pg_locks where not granted and pid <> pg_backend_pid()"


@pytest.fixture
def own(pool: Begin) -> Endpoint:
    return Endpoint(SqlAdapter(SCHEMA, pool), api_key=KEY)


@pytest.fixture
def call(own: Endpoint) -> Caller:
    return caller(own)


def encoded(text: str) -> str:
    return base64.urlsafe_b64encode(text.encode()).decode()


@pytest.mark.parametrize(
    ("type", "parts"),
    [
        ("load", {"model": "task", "id": "a\0"}),
        ("load", {"model": "task", "id": "t", "scope": {"organizationId": "\0"}}),
        ("list", {"model": "task", "query": {"where": [["title", "LIKE", "a\0"]]}}),
        ("list", {"model": "task", "query": {"where": [["id", "IN", ["a", "\0"]]]}}),
        ("list", {"model": "task", "query": {"cursor": encoded(r'["1", "\u0000"]')}}),
        ("commit", {"operations": [create("a")], "correlationId": "\0"}),
        ("commit", {"operations": [create("a") | {"id": "\0"}], "correlationId": "k"}),
        ("commit", {"operations": [create("a") | {"transactionId": "\0"}], "correlationId": "k"}),
        ("commit", {"operations": [create("a")], "correlationId": "k",
                    "echo": {"kind": "postgres-wal", "payload": "\0"}}),
    ],
)  # fmt: skip
def test_a_nul_character_is_refused_wherever_it_is(
    begin: Begin, type: str, parts: dict[str, Any]
) -> None:
    call = caller(Endpoint(SqlAdapter(SCHEMA, begin), api_key=KEY))
    status, answer = call.raw(json.dumps({"type": type, **parts}).encode())
    assert status == 400, answer
    assert call.ask("events")["events"] == []


@pytest.mark.parametrize("cursor", ["[" * 100_000, '["x", 1]', '[1, "a"]', "{}", '"ab"', "[1e400]"])
def test_a_cursor_of_another_make_is_refused(call: Caller, cursor: str) -> None:
    found = call.refused("list", model="task", query={"cursor": encoded(cursor)})
    assert found == (400, "cursor_invalid")


def test_long_lists_of_values_are_not_cut(call: Caller) -> None:
    commit(call, "k", *(create(f"t{n}", points=n) for n in range(3)))
    many = [*range(100, 5000), 1]

    def ids(*where: Any) -> list[str]:
        rows = call.ask("list", model="task", query={"where": list(where)})["rows"]
        return [one["id"] for one in rows]

    assert ids(["points", "IN", many]) == ["t1"]
    assert ids(["points", "NOT IN", many]) == ["t0", "t2"]
    assert ids(*[["points", "IN", many]] * 40) == ["t1"]
    assert ids(["tags", "IN", [[], ["x"]]], ["price", "NOT IN", ["1.5"]]) == []
    assert ids(["tags", "IN", [[], ["x"]]]) == ["t0", "t1", "t2"]
    assert ids(["points", "IN", []]) == []
    assert ids(["points", "NOT IN", []]) == ["t0", "t1", "t2"]
    assert ids(["createdAt", "IN", ["2020-01-01T00:00:00Z"]]) == []


def test_a_tenant_is_not_given_the_rows_of_another_s_commit(own: Endpoint) -> None:
    """0.14 sends the client's own transaction id, and no hash of what the commit means."""
    acme, other = (caller(own, organizationId=name) for name in ("acme", "other"))
    parts = {"operations": [create("t1")], "clientTxId": "same"}
    first = acme.ask("commit", **parts)
    assert acme.ask("commit", **parts) == first
    assert other.refused("commit", **parts) == (409, "idempotency_conflict")


def test_times_are_of_utc_whatever_the_database_s_zone(
    call: Caller, conn: psycopg.Connection[Any]
) -> None:
    assert conn.execute("show timezone").fetchone() != ("UTC",)
    (row,) = commit(call, "k", create("t1"))
    assert row["createdAt"].endswith("+00:00")


@pytest.fixture
def old_url(cluster: Server) -> Iterator[str]:
    name = cluster.create_database()
    with psycopg.connect(cluster.url(name), autocommit=True) as conn:
        conn.execute(b"create table task (id text primary key, title text not null)")
        conn.execute(OLD.encode())
        for _ in range(2):
            conn.execute(TABLES.encode())
    yield cluster.url(name)
    cluster.drop_database(name)


def test_tables_of_an_earlier_sdk_are_brought_up_to_date(old_url: str) -> None:
    with closing(psycopg_transactions(old_url)) as begin:
        call = caller(Endpoint(SqlAdapter(SCHEMA, begin), api_key=KEY))
        assert commit(call, "k", create("t1")) == [{"id": "t1", "title": "t1"}]
        assert commit(call, "then", create("t0")) == [{"id": "t0"}]  # a replay of before
        (event,) = call.ask("events")["events"]
    assert (event["correlationId"], event["entityId"]) == ("k", "t1")


def test_a_database_that_is_down_can_be_tried_again(
    begin: Begin, url: str, cluster: Server, conn: psycopg.Connection[Any]
) -> None:
    call = caller(Endpoint(SqlAdapter(SCHEMA, begin), api_key=KEY))
    if isinstance(begin, PsycopgTransactions):
        begin._pool.timeout = 3.5  # 10 s otherwise; its pool has tried at 0, 1 and 2 s, not 3 and 7
    database = conn.info.dbname
    conn.close()
    with psycopg.connect(cluster.url("postgres"), autocommit=True) as admin:
        admin.execute(f'alter database "{database}" allow_connections false'.encode())
        try:
            status, answer = call.raw(call.body("events"))
        finally:
            admin.execute(f'alter database "{database}" allow_connections true'.encode())
    assert (status, answer["error"]) == (503, "source_unavailable")
    assert database not in json.dumps(answer)
    if isinstance(begin, PsycopgTransactions):
        begin._pool.timeout = 2.0
    assert call.ask("events")["events"] == []  # at once: no attempt of before is waited for


def in_thread(work: Callable[[], Any]) -> tuple[threading.Thread, list[Any]]:
    found: list[Any] = []
    thread = threading.Thread(target=lambda: found.append(work()))
    thread.start()
    return thread, found


def until_one_waits(conn: psycopg.Connection[Any], thread: threading.Thread) -> None:
    while thread.is_alive():
        row = conn.execute(WAITING).fetchone()
        if row is not None and row[0]:
            return
    raise AssertionError("it did not wait")


def test_no_cursor_becomes_visible_before_a_lower_one(
    pool: Begin, call: Caller, url: str, conn: psycopg.Connection[Any]
) -> None:
    """Another writer of the outbox has drawn its cursor, and commits late."""
    insert = (
        "insert into ablo_outbox (id, model, entity_id, type) values ('by hand', 'task', 't0', 'U')"
    )
    with psycopg.connect(url) as late:
        late.execute(insert.encode())
        thread, found = in_thread(lambda: commit(call, "k", create("t1")))
        until_one_waits(conn, thread)
        assert call.ask("events") == {"events": []}
    thread.join()
    assert found[0][0]["id"] == "t1"
    assert [one["entityId"] for one in call.ask("events")["events"]] == ["t0", "t1"]


def test_two_sends_of_one_commit_at_once_apply_once(
    call: Caller, conn: psycopg.Connection[Any], url: str
) -> None:
    """The first is staged before its end; the second waits for it, and is given what it was."""
    send = lambda: commit(call, "k", create("t1"))  # noqa: E731
    with psycopg.connect(url) as late:  # holds the outbox, so that the first cannot end
        late.execute(b"select pg_advisory_xact_lock(7235422064520298)")
        first, found = in_thread(send)
        until_one_waits(conn, first)
        second, again = in_thread(send)
        while second.is_alive():
            row = conn.execute(WAITING).fetchone()
            if row == (2,):
                break
    first.join()
    second.join()
    assert found == again
    assert len(call.ask("events")["events"]) == 1


def test_a_writer_that_never_ends_does_not_hold_a_commit_forever(
    call: Caller, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ablo_pg.source.sql.LOCK_TIMEOUT", "50ms")
    with psycopg.connect(url) as stuck:
        stuck.execute(b"select pg_advisory_xact_lock(7235422064520298)")
        refused = call.refused("commit", operations=[create("t1")], correlationId="k")
        assert refused == (503, "source_unavailable")
    assert commit(call, "k", create("t1"))[0]["id"] == "t1"  # nothing was left of the first


def test_a_commit_that_is_cut_in_its_transaction_leaves_nothing_and_can_be_sent_again(
    call: Caller, url: str, conn: psycopg.Connection[Any]
) -> None:
    body = call.body("commit", operations=[create("t1")], correlationId="k")
    with psycopg.connect(url) as late:
        late.execute(b"select pg_advisory_xact_lock(7235422064520298)")
        thread, found = in_thread(lambda: call.raw(body))
        until_one_waits(conn, thread)  # the row and its record are written, the event is not
        conn.execute("select pg_terminate_backend(pid) from pg_locks where not granted")
        thread.join()
    assert found[0][0] == 503
    assert conn.execute("select count(*) from task").fetchone() == (0,)
    assert conn.execute("select count(*) from ablo_idempotency").fetchone() == (0,)
    status, answer = call.raw(body)
    assert (status, answer["rows"][0]["id"]) == (200, "t1")
    assert len(call.ask("events")["events"]) == 1
