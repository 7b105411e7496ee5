"""Settings that a schema maps: an application's own policies and triggers see who acts."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, Final

import psycopg
import pytest

from ablo_pg import Model, define_schema
from ablo_pg.cluster import Server
from ablo_pg.schema.unenforced import require_enforced
from ablo_pg.testing import DatabaseHandle, apply_schema, install_kernel, make_database


class Note(Model, table="notes"):
    text: str
    writer: str | None = None


SCHEMA: Final = define_schema(
    notes=Note,
    session_settings={
        "myapp.tenant": "orgId",
        "myapp.person": "participantId",
        "myapp.kind": "participantKind",
    },
)
TABLE: Final = """
create table notes (id text primary key, organization_id text not null, text text not null,
  writer text, created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(), created_by text);
insert into notes (id, organization_id, text, writer) values
  ('ann', 'acme', 'a', 'ann'), ('bob', 'acme', 'b', 'bob'), ('other', 'other', 'c', 'ann');
alter table notes enable row level security;
create policy everybody on notes using (true);
create policy own on notes as restrictive
  using (organization_id = current_setting('myapp.tenant', true)
    and writer = current_setting('myapp.person', true)
    and current_setting('app.current_user_id', true) in (writer, '*'));
create function stamp() returns trigger language plpgsql as $$
begin
  new.text := concat_ws(' ', new.text, current_setting('myapp.kind', true),
    current_setting('app.current_participant_kind', true));
  return new;
end $$;
create trigger stamp before insert on notes for each row execute function stamp();
"""


@pytest.fixture(scope="module")
def site(cluster: Server) -> Iterator[DatabaseHandle]:
    with make_database(server=cluster) as handle:
        with psycopg.connect(handle.admin_url) as conn:
            conn.execute(TABLE)
        install_kernel(handle.admin_url)
        apply_schema(handle.admin_url, SCHEMA)
        yield handle


@pytest.fixture
def conn(site: DatabaseHandle) -> Iterator[psycopg.Connection[Any]]:
    with psycopg.connect(site.database_url, autocommit=True) as made:
        yield made


def asked(conn: psycopg.Connection[Any], routine: str, *arguments: object) -> Any:
    places = ", ".join(["%s"] * len(arguments))
    row = conn.execute(f"select ablo.{routine}({places})".encode(), arguments).fetchone()
    return row and row[0]


def ids(conn: psycopg.Connection[Any], organization: str, participant: str) -> list[str]:
    page = asked(conn, "row_list", organization, participant, "notes", "{}")
    return [row["id"] for row in page["data"]]


def test_reads_are_those_of_who_acts(conn: psycopg.Connection[Any]) -> None:
    assert ids(conn, "acme", "user:ann") == ["ann"]
    assert ids(conn, "acme", "user:bob") == ["bob"]
    assert ids(conn, "acme", "system:ann") == ["ann"], "user_id is * for a system"
    assert ids(conn, "acme", "agent:ann") == [], "and empty for an agent"
    assert ids(conn, "other", "user:ann") == ["other"]
    assert asked(conn, "row_get", "acme", "user:ann", "notes", "bob")["row"] is None


def commit(*operations: dict[str, Any]) -> str:
    return json.dumps({"operations": operations})


def test_writes_too_one_by_one_and_in_a_batch(conn: psycopg.Connection[Any]) -> None:
    made = {
        "action": "create",
        "model": "notes",
        "id": "n1",
        "data": {"text": "x", "writer": "ann"},
    }
    asked(conn, "commit", "acme", "user:ann", "k1", commit(made))
    row = asked(conn, "row_get", "acme", "user:ann", "notes", "n1")["row"]
    assert row["text"] == "x user user"
    batch = [
        {
            "participant": f"user:{who}", "key": f"b{n}",
            "request": {"operations": [
                {"action": "update", "model": "notes", "id": "n1", "data": {"text": f"{who}{n}"}}
            ]},
        }
        for n, who in enumerate(["bob", "ann", "bob"] * 5)
    ]  # fmt: skip
    found = conn.execute("select * from ablo.commit_batch('acme', %s)", [json.dumps(batch)])
    done = [error is None and not receipt.get("missingIds") for _, receipt, error in found]
    assert done == [one["participant"] == "user:ann" for one in batch]
    assert asked(conn, "row_get", "acme", "user:ann", "notes", "n1")["row"]["text"] == "ann13"


@pytest.mark.parametrize("before", ["", "mine"])
def test_a_callers_transaction_gets_its_own_back(
    conn: psycopg.Connection[Any], before: str
) -> None:
    names = ["myapp.tenant", "myapp.person", "myapp.kind", "app.current_user_id"]
    with conn.transaction():
        for name in names:
            conn.execute("select set_config(%s, %s, true)", [name, before])
        assert ids(conn, "acme", "user:ann")[0] == "ann"
        asked(conn, "commit", "acme", "user:ann", f"t{before}", commit(
            {"action": "update", "model": "notes", "id": "ann", "data": {"text": before}}
        ))  # fmt: skip
        found = [conn.execute("select current_setting(%s)", [name]).fetchone() for name in names]
    assert found == [(before,)] * 4
    for name in names:
        assert conn.execute("select current_setting(%s, true)", [name]).fetchone() in (
            (None,),
            ("",),
        )


def test_a_push_changes_and_ends_them(site: DatabaseHandle, conn: psycopg.Connection[Any]) -> None:
    assert ids(conn, "acme", "user:ann")[0] == "ann", "the session has its plans"
    apply_schema(site.admin_url, define_schema(notes=Note))
    try:
        assert ids(conn, "acme", "user:ann") == []
    finally:
        apply_schema(site.admin_url, SCHEMA)
    assert ids(conn, "acme", "user:ann")[0] == "ann"


@pytest.mark.parametrize("source", ["projectId", "environment", "sandboxId"])
def test_what_has_no_meaning_here_is_refused(source: str) -> None:
    with pytest.raises(Exception, match="sessionSettings is not enforced here") as refused:
        require_enforced(define_schema(notes=Note, session_settings={"app.x": source}).spec)
    assert source in str(refused.value)
