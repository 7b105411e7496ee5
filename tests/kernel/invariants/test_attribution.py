"""A delta names who made the change, also where a commit joins a transaction of plain SQL."""

from __future__ import annotations

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
