"""Claims and presence in the sync client: the same with `with`."""

from __future__ import annotations

import psycopg
import pytest

from ablo_pg import Ablo, AbloClaimedError, AbloTimeoutError, ClaimStatus
from ablo_pg.testing import DatabaseHandle

from .conftest import MakeSync, wait_until
from .shared import own_organization, shared, shared_db, shared_relay  # noqa: F401 - fixtures


@pytest.fixture
def ablo(make_sync: MakeSync) -> Ablo:
    client = make_sync("agent:triage")
    client.tasks.create({"title": "Write", "count": 1}, id="task_123")
    return client


def test_work_under_a_claim(ablo: Ablo, make_sync: MakeSync) -> None:
    other = make_sync("agent:other")
    with ablo.tasks.claim(id="task_123", action="update") as claim:
        if claim.data.status != "done":
            ablo.tasks.update(id="task_123", data={"status": "done"}, wait="confirmed")
        ablo.tasks.update(id="task_123", data={"count": 2})
        state = other.tasks.claim.state(id="task_123")
        assert state is not None
        assert (state.id, state.action) == (claim.id, "update")
        assert other.tasks.claim(id="task_123", queue=False) is None
        with pytest.raises(AbloClaimedError):
            other.tasks.retrieve("task_123", if_claimed="fail")
        with pytest.raises(AbloTimeoutError):
            other.tasks.claim(id="task_123", timeout=0.2)
        assert other.tasks.claim.queue(id="task_123") == []
    assert claim.status == "released"
    claim = other.tasks.claim(id="task_123")
    assert claim.release()
    assert not claim.release()


def test_every_argument(ablo: Ablo) -> None:
    seen: list[ClaimStatus] = []
    claim = ablo.tasks.claim(
        id="task_123",
        max_queue_depth=3,
        timeout=30,
        ttl="2m",
        fields=["status"],
        meta={"run": 1},
        on_status=seen.append,
    )
    assert claim is not None
    assert (claim.state.ttl, claim.state.fields, claim.state.meta) == (
        120,
        ("status",),
        {"run": 1},
    )
    assert [one.status for one in seen] == ["held"]
    assert (claim.row, claim.fence_token > 0, claim.read_at > 0) == (claim.data, True, True)
    assert claim.expires_at == claim.state.expires_at
    assert ablo.tasks.claim.release(id="task_123")


def test_a_lost_claim(ablo: Ablo, db: DatabaseHandle, organization: str) -> None:
    seen: list[str] = []
    with ablo.tasks.claim(
        id="task_123", ttl="600ms", on_status=lambda status: seen.append(status.status)
    ) as claim:
        with psycopg.connect(db.admin_url, autocommit=True) as conn:
            broken = "select ablo.claim_break(%s, 'user:boss', %s)"
            conn.execute(broken, [organization, claim.id])
        assert claim.lost.wait(timeout=30)
        assert claim.lost.is_set()
        with pytest.raises(AbloClaimedError):
            ablo.tasks.update("task_123", {"count": 2})
        wait_until(lambda: seen == ["held", "lost"])


def test_released_on_an_exception(ablo: Ablo, make_sync: MakeSync) -> None:
    other = make_sync("agent:other")
    with pytest.raises(KeyboardInterrupt), ablo.tasks.claim(id="task_123") as claim:
        raise KeyboardInterrupt
    assert claim.status == "released"
    assert other.tasks.claim(id="task_123", queue=False) is not None


def test_a_close_inside_the_block(make_sync: MakeSync) -> None:
    client, other = make_sync("agent:a"), make_sync("agent:b")
    with client.tasks.claim(id="t") as claim:
        client.close()
        assert claim.status == "released"
        with other.tasks.claim(id="t", timeout=30):
            pass
    assert not claim.release()


def test_presence(ablo: Ablo, make_sync: MakeSync) -> None:
    boss = make_sync("user:boss")
    assert not boss.presence.is_set
    boss.presence.set(status="away", activity={"model": "tasks"}, meta={"v": 1}, ttl="30s")
    assert boss.presence.is_set
    (found,) = ablo.presence.list()
    assert (found.participant, found.status, found.activity, found.meta) == (
        "user:boss",
        "away",
        {"model": "tasks"},
        {"v": 1},
    )
    assert boss.presence.leave()
    assert ablo.presence.list() == []
