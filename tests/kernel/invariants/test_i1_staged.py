"""I1, staged: the second commit of an organization waits until the first one is visible."""

from __future__ import annotations

from typing import LiteralString

import pytest

from . import mutants
from .order_oracle import order_problems, whole_log
from .site import Site
from .stage import Stage

FIRST: dict[str, LiteralString] = {
    "plain SQL": "update tasks set count = 1 where organization_id = 'acme' and id = 't1'",
    "serializable": (
        "set default_transaction_isolation = serializable;"
        "update tasks set count = 1 where organization_id = 'acme' and id = 't1'"
    ),
    "all organizations": "update tasks set count = 1 where id = 't1'",
}
SECOND: dict[str, LiteralString] = {
    "plain SQL": "update tasks set count = 1 where organization_id = 'acme' and id = 't2'",
    "commit": """select ablo.commit('acme', 'user:u', 'k', '{"operations":
      [{"action": "update", "model": "tasks", "id": "t2", "data": {"count": 1}}]}')""",
    "batch": """select * from ablo.commit_batch('acme',
      '[{"participant": "user:u", "key": "k", "request": {"operations":
      [{"action": "update", "model": "tasks", "id": "t2", "data": {"count": 1}}]}}]')""",
}


class Poller:
    """Polls one organization as any reader may."""

    def __init__(self, site: Site) -> None:
        self.site = site
        self.seen: list[int] = []

    def poll(self) -> list[int]:
        """Return what is new."""
        after = self.seen[-1] if self.seen else 0
        rows = self.site.admin.execute(
            "select sync_id from ablo.delta "
            "where organization_id = 'acme' and sync_id > %s order by sync_id",
            [after],
        ).fetchall()
        self.seen += [sync_id for (sync_id,) in rows]
        return [sync_id for (sync_id,) in rows]

    def problems(self) -> list[str]:
        self.poll()
        return order_problems(
            "poller", {"acme": self.seen}, {"acme": whole_log(self.site.admin)["acme"]}
        )


@pytest.mark.parametrize("second", SECOND)
@pytest.mark.parametrize("first", FIRST)
def test_the_second_commit_waits_for_the_first(site: Site, first: str, second: str) -> None:
    site.seed(per_org=2)
    poller = Poller(site)
    poller.poll()
    with Stage(site) as stage:
        one = stage.actor(held=True).starts(FIRST[first])
        two = stage.actor(runtime=second != "plain SQL").starts(SECOND[second])
        assert one.waits_for() == [stage.pid]
        assert two.waits_for() == [one.pid]
        assert poller.poll() == []
        stage.let_go()
        assert (one.ends(), two.ends()) == (None, None)
    assert poller.problems() == []


def test_another_organization_does_not_wait(site: Site) -> None:
    site.seed(per_org=2)
    with Stage(site) as stage:
        stage.actor(held=True).starts(FIRST["plain SQL"])
        stage.actor().does("update tasks set count = 1 where organization_id = 'globex'")


@pytest.mark.parametrize("name", mutants.ORDER)
def test_the_poller_misses_what_commits_late(site: Site, name: str) -> None:
    """The staged race on a build without the order lock: the checker must say so."""
    site.seed(per_org=2)
    site.admin.execute(mutants.ORDER[name])
    poller = Poller(site)
    poller.poll()
    with Stage(site) as stage:
        one = stage.actor(held=True).starts(FIRST["plain SQL"])
        two = stage.actor().starts(SECOND["plain SQL"])
        assert (two.waits_for(), two.ends()) == ([], None)
        assert len(poller.poll()) == 1
        stage.let_go()
        assert one.ends() is None
    assert any("1 of 5 missed" in text for text in poller.problems())


@pytest.mark.parametrize("end", ["commit", "rollback"])
def test_a_prepared_transaction_keeps_its_place(site: Site, end: str) -> None:
    site.seed(per_org=2)
    poller = Poller(site)
    poller.poll()
    with Stage(site) as stage:
        stage.actor().does("begin", FIRST["plain SQL"], "prepare transaction 'i1-place'")
        two = stage.actor().starts(SECOND["plain SQL"])
        assert two.waits_for() == [0]
        assert poller.poll() == []
        stage.actor().conn.execute(f"{end} prepared 'i1-place'".encode())
        assert two.ends() is None
    assert len(poller.poll()) == (2 if end == "commit" else 1)
    assert poller.problems() == []


def test_a_savepoint_rolled_back_gives_the_lock_back(site: Site) -> None:
    """Its captures ran at once; with them their ids and their place in the order are gone."""
    site.seed(per_org=2)
    poller = Poller(site)
    with Stage(site) as stage:
        one = stage.actor()
        one.does("begin", "savepoint s", "set constraints all immediate", FIRST["plain SQL"])
        two = stage.actor().starts(SECOND["plain SQL"])
        assert two.waits_for() == [one.pid]
        one.does("rollback to s")
        assert two.ends() is None
        one.does(FIRST["plain SQL"], "commit")
    assert poller.problems() == []


def test_a_batch_that_holds_the_order_lock_waits_for_no_row(site: Site) -> None:
    """It would wait for one who then waits for it: the commit leaves the batch instead."""
    site.seed(per_org=2)
    with Stage(site) as stage:
        one = stage.actor().does("begin", FIRST["plain SQL"])
        rows = (
            stage.actor(runtime=True)
            .conn.execute(
                """select error ->> 'sqlstate', receipt ->> 'status'
                     from ablo.commit_batch('acme', '[
              {"participant": "user:u", "key": "k1", "request": {"operations":
                [{"action": "update", "model": "tasks", "id": "t1", "data": {"count": 5}}]}},
              {"participant": "user:u", "key": "k2", "request": {"operations":
                [{"action": "update", "model": "tasks", "id": "t2", "data": {"count": 5}}]}}]')"""
            )
            .fetchall()
        )
        assert rows == [("55P03", None), (None, "confirmed")]
        one.does("commit")
