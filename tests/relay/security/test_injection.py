"""Injection: SQL through every name, filter, order and value; no answer is a failure of ours."""

from __future__ import annotations

import os
from collections.abc import Iterator
from functools import partial
from typing import Any

import httpx
import psycopg
import pytest
from anyio.from_thread import start_blocking_portal
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ablo_pg.cluster import Server
from ablo_pg.credentials import new_key
from ablo_pg.db.keys import create_key
from ablo_pg.kernel.push import push_schema
from ablo_pg.relay.daemon import serving
from ablo_pg.relay.settings import RelaySettings
from ablo_pg.testing import DatabaseHandle, make_database

CANARY = "canary-of-the-other-organization"
STRUCTURE = """
    select string_agg(c.oid::text || c.relname || coalesce(c.relacl::text, ''), ',' order by c.oid)
      from pg_class c join pg_namespace n on n.oid = c.relnamespace
     where n.nspname in ('public', 'ablo', 'ablo_model') and c.relkind in ('r', 'p', 'v')"""
PAYLOADS = [
    "'; drop table tasks; --",
    "' or '1'='1",
    '" or ""="',
    "title') or 1=1 --",
    "$$; select pg_sleep(5); $$",
    "%s",
    "%I",
    "%L %1$s",
    "{0}",
    "\\'; --",
    "title; select * from ablo.api_key",
    "organization_id",
    "t.organization_id",
    "id::text",
    "pg_sleep(5)",
    "\x00",
    "a\u202eb",
    "🎉" * 50,
    "x" * 5000,
    "../../etc/passwd",
    "NULL",
    "-1",
    "1e308",
    "true",
    "[]",
    "{}",
]
TEXTS = st.one_of(
    st.sampled_from(PAYLOADS),
    st.text(st.characters(exclude_categories=("Cs",)), max_size=40),  # type: ignore[arg-type]
    st.sampled_from(["title", "status", "id", "createdAt", "organizationId", "tasks"]),
)
EXAMPLES = settings(
    max_examples=int(os.environ.get("ABLO_TEST_EXAMPLES", "8")),
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)


class Target:
    """A relay in a thread, a caller of acme, and another organization whose rows nobody sees."""

    def __init__(self, url: str, key: str, db: DatabaseHandle) -> None:
        self.client = httpx.Client(
            base_url=url, headers={"authorization": f"Bearer {key}"}, timeout=60
        )
        self.db = db
        self.structure = self.ask(STRUCTURE)

    def ask(self, query: str) -> Any:
        with psycopg.connect(self.db.admin_url, autocommit=True) as conn:
            row = conn.execute(query).fetchone()
        return row[0] if row else None

    def check(self, answer: httpx.Response) -> None:
        """Neither a failure nor anybody else's data."""
        assert answer.status_code < 500, (str(answer.request.url), answer.text[:500])
        assert CANARY not in answer.text
        assert "psycopg" not in answer.text
        assert "SQLSTATE" not in answer.text

    def check_unharmed(self) -> None:
        """The database is as it was, and the other organization's rows too."""
        assert self.ask(STRUCTURE) == self.structure
        assert self.ask("select count(*) from tasks where organization_id = 'other'") == 3
        assert self.ask("select count(*) from tasks where title = 'untouched'") == 3


@pytest.fixture(scope="module")
def target(cluster: Server, http_template: str) -> Iterator[Target]:
    with make_database(server=cluster, template=http_template) as db:
        key = new_key()
        with psycopg.connect(db.admin_url, autocommit=True) as conn:
            create_key(conn, "acme", "system:a", key, {"prefix": "sk"})
            conn.execute(
                "insert into tasks (id, organization_id, title, status) select %s || n,"
                " 'other', 'untouched', 'todo' from generate_series(1, 3) n",
                [CANARY],
            )
        made = RelaySettings(
            port=0,
            database_url=db.database_url,
            replication_url=db.replication_url,
            admin_url=db.admin_url,
            requests_per_second=100_000,
            request_burst=100_000,
        )
        with (
            start_blocking_portal() as portal,
            portal.wrap_async_context_manager(
                serving(made, partial(push_schema, db.admin_url))
            ) as relay,
        ):
            found = Target(relay.url, key, db)
            with found.client:
                yield found


@pytest.fixture(autouse=True)
def unharmed(target: Target) -> Iterator[None]:
    """After each test the database is as it was."""
    yield
    target.check_unharmed()


@given(name=TEXTS, value=TEXTS, order=TEXTS, after=TEXTS, limit=TEXTS)
@EXAMPLES
def test_through_filters_and_orders(
    target: Target, name: str, value: str, order: str, after: str, limit: str
) -> None:
    lists: list[dict[str, str]] = [
        {name: value},
        {"order_by": order, "order": "desc"},
        {"starting_after": after},
        {"starting_after": after, "order_by": "title"},
        {"limit": limit},
        {"title": value, "status": value},
    ]
    for query in lists:
        target.check(target.client.get("/api/v1/models/tasks", params=query))


@given(model=TEXTS, row=TEXTS, word=TEXTS)
@EXAMPLES
def test_through_names_and_ids(target: Target, model: str, row: str, word: str) -> None:
    paths = [
        httpx.URL("/", params={"m": model}).query.decode().removeprefix("m="),
        httpx.URL("/", params={"m": row}).query.decode().removeprefix("m="),
    ]
    name, row_id = (path.replace("+", "%20") or "x" for path in paths)
    for path in (
        f"/api/v1/models/{name}",
        f"/api/v1/models/{name}/{row_id}",
        f"/api/v1/models/tasks/{row_id}",
        f"/api/v1/claims/{row_id}",
        f"/api/v1/commits/{row_id}",
        f"/api/v1/capabilities/{row_id}",
    ):
        target.check(target.client.get(path))
    for query in ({"model": word, "id": word}, {"actorId": word, "field": word}):
        target.check(target.client.get("/api/v1/claims", params=query))
    logs = {"model": word, "op": word, "since": word, "after": word}
    for key, given_value in logs.items():
        target.check(target.client.get("/api/v1/logs", params={key: given_value}))
    target.check(target.client.get("/api/v1/commits", params={"cursor": word, "actorId": word}))
    target.check(target.client.delete(f"/api/v1/models/tasks/{row_id}/claim"))


VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=8,
)


def send_all(target: Target, key: str, bodies: list[tuple[str, str, Any]]) -> None:
    for method, path, body in bodies:
        headers = {"idempotency-key": key}
        target.check(target.client.request(method, path, json=body, headers=headers))


@given(field=TEXTS, value=VALUES, row=TEXTS, key=st.sampled_from(PAYLOADS[:10]), guard=VALUES)
@EXAMPLES
def test_through_writes(
    target: Target, field: str, value: Any, row: str, key: str, guard: Any
) -> None:
    data = {"title": "x", field: value}
    operation = {"action": row, "model": "tasks", "id": row, "data": data, "readAt": guard}
    bodies: list[tuple[str, str, Any]] = [
        ("POST", "/api/v1/models/tasks", {"id": row, "data": data}),
        ("PATCH", "/api/v1/models/tasks/t1", {"data": {field: value}, "onStale": field}),
        ("PATCH", "/api/v1/models/tasks/t1", {"data": {"title": "x"}, "reads": guard}),
        ("POST", "/api/v1/commits", {"operations": [operation]}),
        ("POST", "/api/v1/commits", {"operations": guard, "track": value}),
        ("POST", "/api/v1/commits", {"track": [{"model": field, "id": row, "readAt": 0}]}),
        ("POST", "/api/v1/commits", {"operations": [], "reads": [{"group": field, "readAt": 0}]}),
    ]
    send_all(target, key, bodies)


@given(field=TEXTS, value=VALUES, row=TEXTS)
@EXAMPLES
def test_through_claims_keys_and_schemas(target: Target, field: str, value: Any, row: str) -> None:
    claim = "/api/v1/models/tasks/t1/claim"
    bodies: list[tuple[str, str, Any]] = [
        ("POST", claim, {"description": field, "meta": value}),
        ("POST", claim, {"claimId": row, "target": {"field": field}}),
        ("POST", f"{claim}/reorder", {"order": [{"claimId": row}]}),
        ("POST", "/api/v1/claims/heartbeat", {"ttl": value}),
        ("POST", "/api/v1/capabilities", {"operations": [field], "syncGroups": [row]}),
        ("POST", "/api/v1/ephemeral_keys", {"user": {"id": row}, "operations": [field]}),
        ("POST", "/api/v1/datasources", {"connectionString": row}),
        ("POST", "/api/schema", {"schema": value}),
    ]
    send_all(target, "k", bodies)


def probe(target: Target) -> None:
    for payload in PAYLOADS[:5]:
        target.check(target.client.get("/api/v1/models/tasks", params={"title": payload}))


def test_the_check_catches_a_kernel_that_quotes_badly(target: Target) -> None:
    name = "ablo.filter_literal(ablo.model, ablo.field, text, jsonb)"
    sound = target.ask(f"select pg_get_functiondef('{name}'::regprocedure)")
    broken = sound.replace("'%L::%s'", "'''%s''::%s'")
    assert broken != sound
    with psycopg.connect(target.db.admin_url, autocommit=True) as conn:
        conn.execute(broken)
        try:
            with pytest.raises(AssertionError):
                probe(target)
        finally:
            conn.execute(sound)
