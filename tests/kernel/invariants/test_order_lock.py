"""`ablo.order_lock`: many organizations in one transaction, and notifications beside two phases."""

from __future__ import annotations

import pytest

from . import mutants
from .site import Connection, Site
from .stage import Stage

GATE = 7001000000000001


def many(count: int) -> tuple[str, ...]:
    return tuple(f"org{number:03}" for number in range(count))


def by_key(site: Site) -> tuple[str, str]:
    """Two organizations, the one whose lock comes first in key order first."""
    rows = site.admin.execute(
        "select o from unnest('{acme,globex}'::text[]) o order by ablo.order_key(o)"
    ).fetchall()
    (low,), (high,) = rows
    return low, high


def locks(conn: Connection, pid: int) -> tuple[int, list[str]]:
    """How many order locks of organizations a session holds, and how it holds the gate."""
    rows = conn.execute(
        """select (classid::bigint << 32) | objid::bigint, mode from pg_locks
            where pid = %s and locktype = 'advisory' and granted and objsubid = 1""",
        [pid],
    ).fetchall()
    kernel = [(key, mode) for key, mode in rows if not GATE < key <= GATE + 10]
    gate = [mode for key, mode in kernel if key == GATE]
    return sum(key != GATE for key, _ in kernel), gate


@pytest.mark.parametrize("count", [2, 64])
def test_up_to_64_organizations_take_a_lock_each(site: Site, count: int) -> None:
    site.seed(per_org=1, orgs=many(count))
    with Stage(site) as stage:
        one = stage.actor(held=True).starts("update tasks set count = 1")
        assert locks(site.admin, one.pid) == (count, ["ShareLock"])
        stage.actor().does(
            "insert into projects (organization_id, id, name) values ('elsewhere', 'p', '')"
        )


@pytest.mark.parametrize("count", [65, 500])
def test_more_take_the_gate_alone(site: Site, count: int) -> None:
    """Then whoever commits anywhere waits, and nobody is waited for by key."""
    site.seed(per_org=1, orgs=many(count))
    with Stage(site) as stage:
        one = stage.actor(held=True).starts("update tasks set count = 1")
        assert locks(site.admin, one.pid) == (0, ["ExclusiveLock"])
        two = stage.actor().starts(
            "insert into projects (organization_id, id, name) values ('elsewhere', 'p', '')"
        )
        assert two.waits_for() == [one.pid]
        stage.let_go()
        assert (one.ends(), two.ends()) == (None, None)


def test_the_gate_waits_for_commits_under_way(site: Site) -> None:
    site.seed(per_org=1, orgs=many(70))
    with Stage(site) as stage:
        one = stage.actor(held=True).starts(
            "insert into tasks (organization_id, id, title) values ('elsewhere', 't', '')"
        )
        two = stage.actor().starts("update tasks set count = 1")
        assert two.waits_for() == [one.pid]
        stage.let_go()
        assert (one.ends(), two.ends()) == (None, None)


def test_a_note_is_rolled_back_with_its_savepoint(site: Site) -> None:
    site.seed(per_org=1, orgs=many(70))
    with Stage(site) as stage:
        one = stage.actor(held=True).does(
            "begin",
            "update tasks set count = 1 where organization_id = 'org000'",
            "savepoint s",
            "update tasks set count = 2",
            "rollback to s",
        )
        one.starts("commit")
        assert locks(site.admin, one.pid) == (1, ["ShareLock"])


@pytest.mark.parametrize("set_first", [False, True], ids=["none set", "one set"])
def test_two_superusers_in_opposite_order_do_not_deadlock(site: Site, set_first: bool) -> None:
    """Each is held between its two captures. All locks are taken by then, in key order.

    One set: a session that has one of the organizations set notes only the other one.
    """
    low, high = by_key(site)
    site.seed(per_org=2)
    with Stage(site) as stage:
        one, two = stage.actor(held=True), stage.actor(held=True)
        if set_first:
            one.conn.execute("select set_config('app.current_org_id', %s, false)", [low])
        for actor, task, order in ((one, "t1", (high, low)), (two, "t2", (low, high))):
            actor.does("begin")
            for organization in order:
                actor.conn.execute(
                    "update tasks set count = 1 where organization_id = %s and id = %s",
                    [organization, task],
                )
        one.starts("commit")
        assert one.waits_for() == [stage.pid]
        two.starts("commit")
        assert two.waits_for() == [one.pid]
        stage.let_go()
        assert (one.ends(), two.ends()) == (None, None)


def test_without_notes_they_do_deadlock(site: Site) -> None:
    """The mutant that shows that the test above could fail."""
    low, high = by_key(site)
    site.seed(per_org=2)
    site.admin.execute(mutants.NO_NOTES)
    with Stage(site) as stage:
        one, two = stage.actor(held=True), stage.actor(held=True)
        for actor, task, order in ((one, "t1", (high, low)), (two, "t2", (low, high))):
            actor.does("set deadlock_timeout = '10ms'", "begin")
            for organization in order:
                actor.conn.execute(
                    "update tasks set count = 1 where organization_id = %s and id = %s",
                    [organization, task],
                )
            actor.starts("commit")
            assert actor.waits_for() == [stage.pid]
        stage.let_go()
        failures = [failure for failure in (one.ends(), two.ends()) if failure]
    assert [failure.sqlstate for failure in failures] == ["40P01"]


@pytest.mark.parametrize("writer", ["plain SQL", "ablo.commit"])
def test_notify_never_breaks_prepare_transaction(site: Site, writer: str) -> None:
    """One that has notified cannot be prepared, and somebody may be listening all the time."""
    site.seed(per_org=1)
    with site.connect() as listener, site.connect() as conn:
        listener.execute("listen ablo_delta")
        listener.execute("select pg_advisory_lock(ablo.listen_key())")
        conn.execute("begin")
        if writer == "plain SQL":
            conn.execute("update tasks set count = 1")
        else:
            conn.execute(
                """select ablo.commit('acme', 'user:u', 'k', '{"operations":
                  [{"action": "update", "model": "tasks", "id": "t1", "data": {"count": 1}}]}')"""
            )
        conn.execute("prepare transaction 'i1-notify'")
        conn.execute("commit prepared 'i1-notify'")


@pytest.mark.parametrize("notify", ["off", "on"])
def test_a_commit_notifies_where_nothing_is_prepared(site: Site, notify: str) -> None:
    """The server has two-phase commit, so the session must have said that it prepares nothing."""
    site.seed(per_org=1)
    with site.connect() as listener, site.runtime() as conn:
        listener.execute("listen ablo_delta")
        listener.execute("select pg_advisory_lock(ablo.listen_key())")
        conn.execute("select set_config('ablo.notify', %s, false)", [notify])
        conn.execute(
            """select ablo.commit('acme', 'user:u', 'k', '{"operations":
              [{"action": "update", "model": "tasks", "id": "t1", "data": {"count": 1}}]}')"""
        )
        listener.execute("select pg_notify('ablo_delta', 'last')")
        payloads = []
        for notification in listener.notifies(timeout=30, stop_after=1):
            payloads.append(notification.payload)
    assert payloads[0] == ("acme" if notify == "on" else "last")
