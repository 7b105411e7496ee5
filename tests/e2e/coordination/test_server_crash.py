"""I4 and I5 over crashes of the server: what was acknowledged is there, what was held is held."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from typing import Any, Literal, LiteralString

import psycopg
import pytest

from ablo_pg.cluster import Cluster, ClusterSettings
from ablo_pg.db.errors import translate
from ablo_pg.testing import make_database

from . import oracle
from .fleet import Fleet, resolve_everything
from .ground import Ground, install_audit, opened, wait_until
from .models import ORGANIZATION, SCHEMA
from .plan import Plan

ACQUIRE = "select ablo.claim_acquire(%s, %s, 'counters', %s, '{\"ttl\": \"10m\"}') -> 'claim'"
GET = "select ablo.claim_get(%s, %s, %s) -> 'claim'"
COMMIT = "select ablo.commit(%s, %s, %s, %s::jsonb)"

MakeFleet = Callable[..., Fleet]
# A good deal more than a test takes: a false alarm on a busy machine says nothing.
pytestmark = pytest.mark.timeout(180)

# Kernels that forget when the server crashes, and what is seen of it.
FORGETFUL: dict[str, tuple[LiteralString, str]] = {
    "claims": ("alter table ablo.claim set unlogged", "the claim is gone"),
    "receipts": ("alter table ablo.receipt set unlogged", "answered otherwise"),
    "tracks": ("alter table ablo.track set unlogged", "the track"),
    "deltas": (
        "do $$ declare t text; begin for t in select inhrelid::regclass::text from pg_inherits "
        "where inhparent = 'ablo.delta'::regclass loop "
        "execute 'alter table ' || t || ' set unlogged'; end loop; end $$",
        "section",
    ),
}


@pytest.fixture(scope="module")
def durable() -> Iterator[Cluster]:
    """A cluster to crash, each time with a database of its own.

    Its processes crash, not the machine: what they have written stays, fsync or not. Whole pages
    are logged, as one that is killed may have written half of a page.
    """
    prefer: Literal["embedded", "system"] = (
        "system" if os.environ.get("ABLO_TEST_POSTGRES") == "system" else "embedded"
    )
    settings = ClusterSettings(durable=False, extra={"full_page_writes": "on"})
    with Cluster(prefer=prefer, settings=settings) as started:
        yield started


def test_nothing_is_lost_in_a_crash(durable: Cluster, make_fleet: MakeFleet) -> None:
    assert crashed(durable, make_fleet, crashes=2) == []


@pytest.mark.long
@pytest.mark.timeout(240)
def test_nothing_is_lost_in_many_crashes(durable: Cluster, make_fleet: MakeFleet) -> None:
    assert crashed(durable, make_fleet, crashes=20) == []


@pytest.mark.parametrize("name", FORGETFUL)
def test_a_kernel_that_forgets_is_caught(
    durable: Cluster, make_fleet: MakeFleet, name: str
) -> None:
    mutant, told = FORGETFUL[name]
    assert any(told in problem for problem in crashed(durable, make_fleet, mutant, crashes=1))


def crashed(
    durable: Cluster, make_fleet: MakeFleet, mutant: LiteralString | None = None, *, crashes: int
) -> list[str]:
    """Stop the server as a crash would while agents work, start it, and again; what is wrong?"""
    with make_database(SCHEMA, server=durable) as handle:
        with opened(handle) as ground:
            install_audit(ground.admin)
            if mutant:
                ground.admin.execute(mutant)
            rows = ground.seed(3)
            kept = ground.rows(ACQUIRE, ORGANIZATION, "agent:keeper", "r3")[0][0]
            tracker_commits(ground, "before", track=[{"model": "counters", "id": "r1"}])
        fleet = make_fleet(Plan(handle.database_url, ORGANIZATION, rows[:2], naps=1))
        for _ in range(2):
            fleet.add(5)
        for _ in range(crashes):
            wait_for_more(fleet)
            durable.kill()
            durable.restart()
        wait_for_more(fleet)
        fleet.stop()
        assert fleet.events("lost")
        with opened(handle) as ground:
            resolve_everything(ground, ORGANIZATION, rows[:2], "counters")
            history = ground.history()
            return [
                *oracle.problems(history),
                *oracle.starved(history, fleet.stayed()),
                *oracle.miscounted(history, fleet.marks()),
                *receipts_fail(ground, fleet),
                *holder_lost(ground, kept),
                *track_silent(ground),
            ]


def wait_for_more(fleet: Fleet) -> None:
    """Until the agents have got a good deal more done."""
    before = len(fleet.marks())
    wait_until(lambda: len(fleet.marks()) > before + 25)


def holder_lost(ground: Ground, claim: dict[str, Any]) -> list[str]:
    """The claim from before the crashes is live, keeps others out, and lets its holder write."""

    def end_of(who: str, **guard: object) -> str:
        operation = {"action": "update", "model": "counters", "id": "r3", "data": {"count": 1}}
        request = json.dumps({"operations": [operation | guard]})
        try:
            ground.rows(COMMIT, ORGANIZATION, who, "after", request)
        except psycopg.Error as error:
            return translate(error).code
        return "landed"

    try:
        found = ground.rows(GET, ORGANIZATION, "agent:keeper", claim["id"])[0][0]
    except psycopg.Error as error:
        return [f"the claim is gone: {error}"]
    same = all(found[key] == claim[key] for key in ("status", "fenceToken", "expiresAt"))
    other = ground.rows(ACQUIRE, ORGANIZATION, "agent:other", "r3")[0][0]["status"]
    intruder = end_of("agent:other")
    own = end_of("agent:keeper", claimId=claim["id"], fenceToken=claim["fenceToken"])
    ends = (other, intruder, own)
    wanted = ("queued", "entity_claimed", "landed")
    return [] if same and ends == wanted else [f"the claim is {found}, and then {ends}"]


def tracker_commits(ground: Ground, row: str, **more: object) -> dict[str, Any]:
    """Make a row as somebody who tracks another one; return the receipt."""
    operation = {"action": "create", "model": "counters", "id": row, "data": {"count": 0}}
    request = json.dumps({"operations": [operation], **more})
    return dict(ground.rows(COMMIT, ORGANIZATION, "agent:tracker", row, request)[0][0])


def track_silent(ground: Ground) -> list[str]:
    """Who tracked a row before the crashes is told, once, that it has moved."""
    told = [tracker_commits(ground, row).get("notifications", []) for row in ("once", "twice")]
    rows = [[notification["target"]["id"] for notification in each] for each in told]
    return [] if rows == [["r1"], []] else [f"the track told {rows}"]


def receipts_fail(ground: Ground, fleet: Fleet) -> list[str]:
    """Sending an acknowledged commit again answers its first receipt and changes nothing."""
    found = []
    before = ground.rows("select count(*) from ablo.delta")
    for event in fleet.events("landed"):
        values = (ORGANIZATION, event["who"], event["key"], event["request"])
        try:
            again = ground.rows(COMMIT, *values)[0][0]
        except psycopg.Error as error:
            again = str(error)
        if again != event["receipt"]:
            found.append(f"{event['key']} is answered otherwise: {again}")
    if ground.rows("select count(*) from ablo.delta") != before:
        found.append("sending it again has changed something")
    return found
