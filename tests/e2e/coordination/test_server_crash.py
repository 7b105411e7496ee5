"""I4 and I5 over a crash of the server: what was acknowledged is there, what was held is held."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from typing import Any

import psycopg
import pytest

from ablo_pg.cluster import Cluster, ClusterSettings
from ablo_pg.testing import make_database

from . import oracle
from .fleet import Fleet, resolve_everything
from .ground import Ground, install_audit, opened, wait_until
from .models import ORGANIZATION, SCHEMA
from .plan import Plan

ACQUIRE = "select ablo.claim_acquire(%s, %s, 'counters', %s, '{\"ttl\": \"10m\"}')"
COMMIT = "select ablo.commit(%s, %s, %s, %s::jsonb)"


@pytest.fixture
def durable() -> Iterator[Cluster]:
    """A cluster to crash."""
    prefer = "system" if os.environ.get("ABLO_TEST_POSTGRES") == "system" else "embedded"
    with Cluster(prefer=prefer, settings=ClusterSettings(durable=True)) as started:
        yield started


@pytest.mark.timeout(90)
def test_a_crash_of_the_server(durable: Cluster, make_fleet: Callable[..., Fleet]) -> None:
    with make_database(SCHEMA, server=durable) as handle:
        with opened(handle) as ground:
            install_audit(ground.admin)
            rows = ground.seed(3)
            kept = held_throughout(ground)
        fleet = make_fleet(Plan(handle.database_url, ORGANIZATION, rows[:2], naps=1))
        for _ in range(3):
            fleet.add(4)
        for _ in range(2):
            acknowledged = len(fleet.marks())
            wait_until(lambda before=acknowledged: len(fleet.marks()) > before + 25)
            durable.kill()
            durable.restart()
        acknowledged = len(fleet.marks())
        wait_until(lambda: len(fleet.marks()) > acknowledged + 25)
        fleet.stop()
        assert fleet.events("lost")
        with opened(handle) as ground:
            resolve_everything(ground, ORGANIZATION, rows[:2], "counters")
            history = ground.history()
            assert oracle.problems(history) == []
            assert oracle.starved(history, fleet.stayed()) == []
            assert oracle.miscounted(history, fleet.marks()) == []
            receipts_stand(ground, fleet)
            still_held(ground, kept)


def held_throughout(ground: Ground) -> dict[str, Any]:
    """Claim a row for longer than the test takes."""
    answer = ground.rows(ACQUIRE, ORGANIZATION, "agent:keeper", "r3")[0][0]
    assert answer["claim"]["status"] == "active"
    return dict(answer["claim"])


def still_held(ground: Ground, claim: dict[str, Any]) -> None:
    """The claim from before the crashes is live, keeps others out, and lets its holder write."""
    (found,) = ground.rows(
        "select ablo.claim_get(%s, 'agent:keeper', %s) -> 'claim'", ORGANIZATION, claim["id"]
    )[0]
    assert (found["status"], found["fenceToken"]) == ("active", claim["fenceToken"])
    assert found["expiresAt"] == claim["expiresAt"]
    other = ground.rows(ACQUIRE, ORGANIZATION, "agent:other", "r3")[0][0]
    assert other["claim"]["status"] == "queued"
    operation = {"action": "update", "model": "counters", "id": "r3", "data": {"count": 1}}
    intruding = json.dumps({"operations": [operation]})
    with pytest.raises(psycopg.DatabaseError, match="agent:keeper"):
        ground.rows(COMMIT, ORGANIZATION, "agent:other", "key", intruding)
    operation |= {"claimId": claim["id"], "fenceToken": claim["fenceToken"]}
    request = json.dumps({"operations": [operation]})
    assert ground.rows(COMMIT, ORGANIZATION, "agent:keeper", "key", request)[0][0]["ops"] == 1


def receipts_stand(ground: Ground, fleet: Fleet) -> None:
    """Sending an acknowledged commit again answers its first receipt and changes nothing."""
    before = ground.rows("select count(*) from ablo.delta")
    for event in fleet.events("landed"):
        answer = ground.rows(COMMIT, ORGANIZATION, event["who"], event["key"], event["request"])
        assert answer[0][0] == event["receipt"]
    assert ground.rows("select count(*) from ablo.delta") == before
