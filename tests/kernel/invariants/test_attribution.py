"""A delta names who made the change, also where a commit joins a transaction of plain SQL."""

from __future__ import annotations

import json

import psycopg
import pytest

from .site import Site

COMMIT = """select ablo.commit('acme', 'agent:a', 'k', '{"operations":
  [{"action": "update", "model": "tasks", "id": "t1", "data": {"count": 1},
    "transactionId": "tx-1"}]}', 'user:boss', 'cap-1')"""

KEY = """insert into ablo.api_key
  (id, key_hash, prefix, display, organization_id, participant, created_at)
values ('cap-1', repeat('0', 64), 'sk', 'sk_', 'acme', 'agent:a', now())"""


def actors(site: Site) -> list[tuple[str | None, ...]]:
    """Who made the updates."""
    return site.admin.execute(
        """select row_id, actor, on_behalf_of, capability_id, transaction_id
             from ablo.delta where op = 'U' order by xid, row_id, actor"""
    ).fetchall()


def test_a_commit_leaves_nothing_of_itself_to_what_follows(site: Site) -> None:
    site.seed(per_org=2, orgs=("acme",))
    site.admin.execute(KEY)
    with site.admin.transaction():
        site.admin.execute(COMMIT)
        site.admin.execute("update tasks set count = 2")
    assert actors(site) == [
        ("t1", "agent:a", "user:boss", "cap-1", "tx-1"),
        ("t1", "system:postgres", None, None, None),
        ("t2", "system:postgres", None, None, None),
    ]


def test_plain_sql_names_itself(site: Site) -> None:
    """By its login, or as whom the transaction says it acts."""
    site.seed(per_org=1, orgs=("acme",))
    with site.runtime() as login, login.transaction():
        by_login = f"system:{login.info.user}"
        login.execute("select set_config('app.current_org_id', 'acme', true)")
        login.execute("update tasks set count = 1")
    with site.admin.transaction():
        site.admin.execute("select set_config('app.current_participant_id', 'user:u', true)")
        site.admin.execute("update tasks set count = 2")
    assert [actor for _, actor, *_ in actors(site)] == [by_login, "user:u"]


SET = "select set_config('app.current_participant_id', %s, true)"
WRITE = "update tasks set count = count + 1 where organization_id = 'acme' and id = %s"


@pytest.mark.parametrize("later", ["", "user:b", "agent:c"])
def test_the_actor_is_who_wrote_not_who_is_set_at_the_commit(site: Site, later: str) -> None:
    site.seed(per_org=1, orgs=("acme",))
    with site.admin.transaction():
        site.admin.execute(SET, ["user:a"])
        site.admin.execute(WRITE, ["t1"])
        site.admin.execute(SET, [later])
    assert [actor for _, actor, *_ in actors(site)] == ["user:a"]


def test_each_change_of_a_transaction_has_its_own_writer(site: Site) -> None:
    """Also of one row; a delete as well; and what a savepoint takes back is nobody's."""
    site.seed(per_org=3, orgs=("acme",))
    with site.admin.transaction():
        site.admin.execute(SET, ["user:a"])
        site.admin.execute(WRITE, ["t1"])
        site.admin.execute("savepoint s")
        site.admin.execute(SET, ["user:never"])
        site.admin.execute(WRITE, ["t2"])
        site.admin.execute("rollback to s")
        site.admin.execute(WRITE, ["t2"])
        site.admin.execute(SET, [""])
        site.admin.execute(WRITE, ["t1"])
        site.admin.execute(SET, ["agent:b"])
        site.admin.execute("delete from tasks where organization_id = 'acme' and id = 't3'")
        site.admin.execute(SET, ["user:a"])
        site.admin.execute(WRITE, ["t2"])
    query = "select row_id, actor from ablo.delta where op in ('U', 'D') order by sync_id"
    assert site.admin.execute(query.encode()).fetchall() == [
        *(("t1", "user:a"), ("t2", "user:a"), ("t1", "system:postgres")),
        *(("t3", "agent:b"), ("t2", "user:a")),
    ]


def test_a_noted_writer_cannot_be_forged_ahead(site: Site) -> None:
    site.seed(per_org=1, orgs=("acme",))
    with site.runtime() as login:
        login.execute("select set_config('ablo.writer', 'user:boss', false)")
        login.execute("select set_config('app.current_org_id', 'acme', false)")
        login.execute(WRITE, ["t1"])
        assert [actor for _, actor, *_ in actors(site)] == [f"system:{login.info.user}"]


@pytest.mark.parametrize("participant", ["bob", "robot:x", "user:", ":x", "User:a", " user:a"])
def test_a_participant_is_a_kind_and_an_id_at_every_door(site: Site, participant: str) -> None:
    site.seed(per_org=1, orgs=("acme",))
    request = '{"operations": [{"action": "delete", "model": "tasks", "id": "t1"}]}'
    batch = json.dumps([{"participant": participant, "key": "k", "request": json.loads(request)}])
    doors: list[tuple[str, list[str]]] = [
        ("select ablo.commit('acme', %s, 'k', %s)", [participant, request]),
        ("select ablo.commit('acme', 'user:a', 'k', %s, %s)", [request, participant]),
        ("select ablo.claim_acquire('acme', %s, 'tasks', 't1')", [participant]),
        ("select ablo.row_get('acme', %s, 'tasks', 't1')", [participant]),
        ("select ablo.presence_list('acme', %s)", [participant]),
        ("select ablo.key_create('acme', %s, '{}')", [participant]),
    ]
    with site.runtime() as login:
        for door, values in doors:
            with pytest.raises(psycopg.Error) as caught:
                login.execute(door.encode(), values)
            assert caught.value.sqlstate == "AB017", door
        query = "select error ->> 'sqlstate' from ablo.commit_batch('acme', %s)"
        assert login.execute(query, [batch]).fetchall() == [("AB017",)]
    for statement in (WRITE, WRITE.replace("set count = count + 1", "set title = 'x'")):
        named = SET % psycopg.sql.quote(participant) + "; " + statement % "'t1'"
        with pytest.raises(psycopg.Error) as caught:
            site.admin.execute(named.encode())
        assert caught.value.sqlstate == "AB017"
    assert actors(site) == []


def test_a_capture_that_asks_at_the_commit_is_caught(site: Site) -> None:
    """The mutant: captures as they were, which name who is set by then."""
    site.seed(per_org=1, orgs=("acme",))
    site.admin.execute(
        """do $mutant$ declare
             v_is text := pg_get_functiondef('ablo_model.tasks__capture'::regproc);
             v_will text := replace(v_is, 'ablo.writer', 'app.current_participant_id');
           begin
             assert v_is <> v_will;
             execute v_will;
           end $mutant$"""
    )
    with site.admin.transaction():
        site.admin.execute(SET, ["user:a"])
        site.admin.execute(WRITE, ["t1"])
        site.admin.execute(SET, ["user:b"])
    assert [actor for _, actor, *_ in actors(site)] == ["user:b"]
