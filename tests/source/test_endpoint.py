"""What an endpoint answers to a service, and to others: bytes, values, tenants, frameworks."""

from __future__ import annotations

import json
import logging
import time
from typing import Any

import psycopg
import pytest

from ablo_pg.source import Begin, Endpoint, SqlAdapter, signed_headers, signing
from ablo_pg.source.conformance import Caller, Failed

from .conftest import KEY, SCHEMA, caller


@pytest.fixture
def own(pool: Begin) -> Endpoint:
    return Endpoint(SqlAdapter(SCHEMA, pool), api_key=KEY)


@pytest.fixture
def call(own: Endpoint) -> Caller:
    return caller(own)


def commit(call: Caller, key: str, *operations: dict[str, Any], **parts: Any) -> Any:
    return call.ask("commit", operations=list(operations), correlationId=key, **parts)["rows"]


def create(id: str, **data: Any) -> dict[str, Any]:
    return {"type": "CREATE", "model": "task", "id": id, "input": {"title": id, **data}}


def test_the_signature_of_the_known_vector() -> None:
    body = b'{"type":"load","model":"tasks","id":"t1"}'
    wanted = "bxuZ2bRf32AVWD1LUyhR2effXfcqndraAGH+hEp5bUs="
    assert signing.signature("sk_test_vector", "msg_1", "1700000000", body) == wanted
    headers = {
        "webhook-id": "msg_1",
        "webhook-timestamp": "1700000000",
        "webhook-signature": f"v1,AAAA v1,{wanted}",
    }
    signing.verify(headers, body, ["another", "sk_test_vector"], now=1700000299)


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"webhook-signature": ""}, "source_signature_missing"),
        ({"webhook-id": ""}, "source_id_missing"),
        ({"webhook-timestamp": ""}, "source_timestamp_missing"),
        ({"webhook-timestamp": "soon"}, "source_timestamp_invalid"),
        ({"webhook-timestamp": "٣"}, "source_timestamp_invalid"),
        ({"webhook-timestamp": "1"}, "source_timestamp_expired"),
        ({"webhook-id": "other"}, "source_signature_invalid"),
        ({"webhook-signature": "v2,AAAA"}, "source_signature_invalid"),
        ({"webhook-signature": "v1,é"}, "source_signature_invalid"),
    ],
)
def test_who_is_not_the_service_is_refused(
    own: Endpoint, change: dict[str, str], code: str
) -> None:
    body = b'{"type":"events"}'
    answer = own.handle("POST", signed_headers(KEY, body) | change, body)
    assert (answer.status, json.loads(answer.body)["error"]) == (401, code)


def test_other_refusals_have_their_codes(own: Endpoint, call: Caller, pool: Begin) -> None:
    def told(endpoint: Endpoint, body: bytes, method: str = "POST") -> tuple[int, str]:
        answer = endpoint.handle(method, signed_headers(KEY, body), body)
        return answer.status, json.loads(answer.body)["error"]

    assert told(own, b"", "GET") == (405, "method_not_allowed")
    assert told(own, b"{") == (400, "invalid_json")
    assert told(own, b"\xff") == (400, "invalid_json")
    assert told(own, b"[" * 100_000) == (400, "unknown_source_request")
    assert told(own, b'{"type":"nope"}') == (400, "unknown_source_request")
    assert told(own, b" " * (17 << 20)) == (413, "request_too_large")
    adapter = SqlAdapter(SCHEMA, pool)
    closed = Endpoint(adapter, api_key=KEY, authorize=lambda request: request.organization == "a")
    assert told(closed, b'{"type":"events"}') == (403, "source_forbidden")
    assert told(Endpoint(adapter, api_key=""), b"{}") == (401, "source_api_key_missing")

    class OnlyLoads:
        load = adapter.load

    partial: Any = OnlyLoads()
    assert told(Endpoint(partial, api_key=KEY), b'{"type":"events"}') == (
        404, "source_events_not_configured"
    )  # fmt: skip
    assert call.refused("load", model="nope", id="1") == (404, "unknown_model")
    assert KEY not in repr(own)


def test_an_unexpected_failure_is_logged_and_not_told(
    pool: Begin, caplog: pytest.LogCaptureFixture
) -> None:
    class Broken(SqlAdapter):
        def load(self, request: Any) -> Any:
            raise RuntimeError("secret")

    with caplog.at_level(logging.ERROR):
        status, answer = caller(Endpoint(Broken(SCHEMA, pool), api_key=KEY)).raw(
            b'{"type":"load","model":"task","id":"1"}'
        )
    assert (status, answer["error"]) == (500, "source_internal_error")
    assert "secret" not in json.dumps(answer)
    assert "secret" in caplog.text


def test_values_keep_their_types_and_bad_ones_are_refused(call: Caller) -> None:
    data = {"points": 2**53 + 1, "price": "0.10", "tags": ["é", {"a": None}], "percent": "%s"}
    (row,) = commit(call, "k1", create("t1", **data))
    assert {name: row[name] for name in data} == data
    assert call.ask("load", model="task", id="t1")["row"] == row
    cases: list[tuple[dict[str, Any], str]] = [
        ({"points": "5"}, "column_type_mismatch"),
        ({"points": 1.5}, "column_type_mismatch"),
        ({"points": -1}, "check_violation"),
        ({"status": "nope"}, "check_violation"),
        ({"title": None}, "not_null_violation"),
        ({"title": "a\u0000"}, "validation_failed"),
        ({'x" = 1; drop table task; --': 1}, "unknown_field"),
    ]
    for number, (bad, code) in enumerate(cases):
        parts = {"operations": [create(f"bad{number}", **bad)], "correlationId": f"bad{number}"}
        status, found = call.refused("commit", **parts)
        assert (status, found) == (400, code), bad
    missing = [{"type": "CREATE", "model": "task", "id": "x", "input": {}}]
    assert call.refused("commit", operations=missing, correlationId="m") == (
        400, "not_null_violation"
    )  # fmt: skip
    assert call.refused("commit", operations=[create("t1")], correlationId="again") == (
        409, "source_commit_refused"
    )  # fmt: skip


def test_lists_are_filtered_ordered_and_paged(call: Caller) -> None:
    points = [3, None, 1, 3, 2, None, 3]
    commit(call, "k", *(create(f"t{n}", points=one) for n, one in enumerate(points)))
    for order in ("asc", "desc"):
        seen: list[Any] = []
        cursor = None
        while True:
            query = {"orderBy": "points", "order": order, "limit": 2, "cursor": cursor}
            page = call.ask("list", model="task", query={k: v for k, v in query.items() if v})
            seen += page["rows"]
            if (cursor := page.get("nextCursor")) is None:
                break
        found = [(one["points"], one["id"]) for one in seen]
        assert len(found) == 7
        known = [pair for pair in found if pair[0] is not None]
        assert [p for p, _ in known] == sorted((p for p, _ in known), reverse=order == "desc")
        assert [p for p, _ in found[5:]] == [None, None]

    def ids(*where: Any) -> list[str]:
        rows = call.ask("list", model="task", query={"where": list(where)})["rows"]
        return [one["id"] for one in rows]

    assert ids(["points", ">", 2]) == ["t0", "t3", "t6"]
    assert ids(["points", "IS", None]) == ["t1", "t5"]
    assert ids(["points", "IN", [1, 2]]) == ["t2", "t4"]
    assert ids(["title", "ILIKE", "T_"], ["points", "<=", 1]) == ["t2"]
    assert ids(["percent", "is not", None]) == []
    assert ids(["title", "' or true --"]) == []
    for clause, code in (
        (["nope", 1], "unknown_field"),
        (["id) or (true", 1], "unknown_field"),
        (["points", "= 1 or 1", 1], "query_unsupported_operator"),
        (["points", ">", None], "query_unsupported_operator"),
        (["points", "=", "x"], "column_type_mismatch"),
        ([1, 2], "unknown_source_request"),
    ):
        assert call.refused("list", model="task", query={"where": [clause]}) == (400, code), clause
    for cursor in ("x", "bnVsbA==", "WzEsMl0="):
        assert call.refused("list", model="task", query={"cursor": cursor}) == (
            400, "cursor_invalid"
        )  # fmt: skip


def test_related_rows_come_along(call: Caller, conn: psycopg.Connection[Any]) -> None:
    conn.execute("insert into project values ('p1', 'P')")
    commit(call, "k", create("t1", projectId="p1"), create("t2"), create("t3", projectId="p1"))
    rows = call.ask("list", model="task", query={"related": ["project"]})["rows"]
    assert [one["project"] and one["project"]["name"] for one in rows] == ["P", None, "P"]
    (project,) = call.ask("list", model="project", query={"related": ["tasks"]})["rows"]
    assert [one["id"] for one in project["tasks"]] == ["t1", "t3"]
    assert call.refused("list", model="task", query={"related": ["nope"]})[1] == "unknown_field"


def test_a_tenant_reaches_its_rows_only(own: Endpoint, conn: psycopg.Connection[Any]) -> None:
    ann, bob = (
        caller(own, organizationId=name, participantId="ann", participantKind="agent")
        for name in ("acme", "other")
    )
    (row,) = commit(ann, "k1", create("t1"))
    assert (row["organizationId"], row["createdBy"]) == ("acme", "agent:ann")
    assert bob.ask("load", model="task", id="t1")["row"] is None
    assert bob.ask("list", model="task")["rows"] == []
    for kind in ("UPDATE", "ARCHIVE"):
        operation = {"type": kind, "model": "task", "id": "t1", "input": {"title": "mine"}}
        assert bob.refused("commit", operations=[operation], correlationId=kind) == (
            404, "entity_not_found"
        )  # fmt: skip
    commit(bob, "gone", {"type": "DELETE", "model": "task", "id": "t1"})
    assert ann.ask("load", model="task", id="t1")["row"]["title"] == "t1"
    (event, *_) = ann.ask("events")["events"]
    assert event["organizationId"] == "acme"


def test_archiving_and_the_echo(call: Caller, conn: psycopg.Connection[Any]) -> None:
    level = conn.execute("show wal_level").fetchone()
    slot = level == ("logical",)
    if slot:
        conn.execute("select pg_create_logical_replication_slot('echo', 'test_decoding', true)")
    commit(call, "k1", create("t1"), echo={"kind": "postgres-wal", "payload": '{"version":1}'})
    one = {"model": "task", "id": "t1"}
    (archived,) = commit(call, "k2", {"type": "ARCHIVE", **one})
    assert archived["archivedAt"] is not None
    (back,) = commit(call, "k3", {"type": "UNARCHIVE", **one})
    assert back["archivedAt"] is None
    if slot:
        query = "select data from pg_logical_slot_get_changes('echo', null, null)"
        found = "\n".join(row[0] for row in conn.execute(query).fetchall())
        assert 'prefix: ablo, sz: 13 content:{"version":1}' in found


def test_an_answer_that_was_lost_is_given_again(call: Caller) -> None:
    """The connection is cut after the transaction: the service sends the very bytes again."""
    body = call.body("commit", operations=[create("t1")], correlationId="k")
    first = call.raw(body)
    commit(call, "k2", {"type": "UPDATE", "model": "task", "id": "t1", "input": {"title": "x"}})
    assert call.raw(body) == first
    assert call.ask("load", model="task", id="t1")["row"]["title"] == "x"
    assert len(call.ask("events")["events"]) == 2


def test_changes_of_others_are_noted_in_their_transaction(
    begin: Begin, conn: psycopg.Connection[Any]
) -> None:
    adapter = SqlAdapter(SCHEMA, begin)
    call = caller(Endpoint(adapter, api_key=KEY))
    with begin() as tx:
        tx.run("insert into task (id, title) values (%s, %s)", ["t1", "by hand"])
        adapter.note(tx, "CREATE", "task", "t1")

    def rolled_back() -> None:
        with begin() as tx:
            adapter.note(tx, "DELETE", "task", "t1")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        rolled_back()
    (event,) = call.ask("events")["events"]
    assert (event["type"], event["entityId"], event["data"]["title"]) == ("CREATE", "t1", "by hand")
    assert "correlationId" not in event
    with pytest.raises(ValueError, match="use CREATE"), begin() as tx:
        adapter.note(tx, "I", "task", "t1")


def test_a_table_that_is_not_there_is_named(pool: Begin, conn: psycopg.Connection[Any]) -> None:
    conn.execute("drop table task")
    call = caller(Endpoint(SqlAdapter(SCHEMA, pool), api_key=KEY))
    assert call.refused("load", model="task", id="1") == (503, "source_table_missing")


def test_a_caller_that_cannot_reach_it_says_so() -> None:
    with pytest.raises(Failed, match="cannot be reached"):
        Caller("http://127.0.0.1:1/ablo", KEY).ask("events")


def test_an_old_request_is_not_taken_again(own: Endpoint) -> None:
    body = b'{"type":"events"}'
    headers = signed_headers(KEY, body, now=time.time() - 301)
    assert own.handle("POST", headers, body).status == 401
