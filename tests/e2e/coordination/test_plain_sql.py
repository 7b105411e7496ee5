"""I4 against writers of plain SQL: under claims_bind_sql none passes a claim, at any level."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import psycopg
import pytest

from ablo_pg.db.errors import translate

from . import oracle
from .fleet import Fleet, resolve_everything
from .ground import Ground, wait_until
from .models import ORGANIZATION
from .mutants import BINDING
from .plain_writers import LEVELS, WRITERS, Writer, copy, crowd, driver
from .plan import Plan

MakeFleet = Callable[..., Fleet]
# A good deal more than a test takes: a false alarm on a busy machine says nothing.
pytestmark = pytest.mark.timeout(180)
HOLDER = "agent:holder"
UPDATE = "update {} set note = 'plain' where organization_id = %s and id = 'r1'"


def acquire(ground: Ground, row: str = "r1", model: str = "accounts") -> dict[str, Any]:
    """Claim a row in a transaction of its own."""
    answer = ground.rows(
        "select ablo.claim_acquire(%s, %s, %s, %s)", ORGANIZATION, HOLDER, model, row
    )[0][0]
    assert answer["claim"]["status"] == "active"
    return dict(answer["claim"])


def old_snapshot(ground: Ground, level: str, *, table: str = "accounts") -> str | None:
    """A writer whose snapshot is older than the grant writes after it; how did that end?"""
    with psycopg.connect(ground.handle.admin_url) as writer:
        writer.execute(f"set transaction isolation level {level}".encode())
        writer.execute(f"select note from {table}".encode())
        acquire(ground, model=table)
        try:
            writer.execute(UPDATE.format(table).encode(), [ORGANIZATION])
        except psycopg.Error as error:
            writer.rollback()
            return error.sqlstate
    return None


@pytest.mark.parametrize("claimed_before", [True, False])
@pytest.mark.parametrize("level", LEVELS)
def test_a_snapshot_from_before_the_grant(ground: Ground, level: str, claimed_before: bool) -> None:
    ground.seed(1, table="accounts")
    if claimed_before:
        release(ground, acquire(ground))
    wanted = "55P03" if level == "read committed" else "40001"
    assert old_snapshot(ground, level) == wanted
    assert oracle.intruders(ground.history()) == []


def release(ground: Ground, claim: dict[str, Any]) -> None:
    ground.rows("select ablo.claim_release(%s, %s, %s)", ORGANIZATION, HOLDER, claim["id"])


@pytest.mark.parametrize("name", BINDING)
@pytest.mark.parametrize("level", LEVELS[1:])
def test_a_naive_trigger_is_passed_by(ground: Ground, level: str, name: str) -> None:
    """What the binding trigger would be worth without its locks: the oracle sees the write land."""
    BINDING[name].install(ground.admin)
    ground.seed(1, table="accounts")
    assert old_snapshot(ground, level) is None
    assert len(oracle.intruders(ground.history())) == 1


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("name", [*WRITERS, "copy"])
def test_while_it_is_held_nobody_writes(ground: Ground, name: str, level: str) -> None:
    ground.seed(1, table="accounts")
    row = "new" if name == "copy" else "r1"
    claim = acquire(ground, row)
    writer = WRITERS.get(name, copy)
    assert writer(ground.handle.admin_url, level, row) == "55P03"
    release(ground, claim)
    assert writer(ground.handle.admin_url, level, row) is None


REFUSE_COMMIT = """
create function refuse() returns trigger language plpgsql as
  $$ begin raise serialization_failure; end $$;
create constraint trigger refuse after insert or update on accounts
  deferrable initially deferred for each row execute function refuse()"""


@pytest.mark.parametrize("writer", [*WRITERS.values(), copy])
def test_a_writer_that_is_refused_at_its_commit_hangs_up(ground: Ground, writer: Writer) -> None:
    """A connection that it forgot is told by the garbage collector, in whatever test runs then."""
    ground.seed(1, table="accounts")
    ground.admin.execute(REFUSE_COMMIT)
    row = "new" if writer is copy else "r1"
    assert writer(ground.handle.admin_url, LEVELS[0], row) == "40001"


@pytest.mark.parametrize("level", LEVELS)
def test_a_cascade_does_not_pass_either(ground: Ground, level: str) -> None:
    """A row that goes with its parent goes through its own trigger."""
    ground.seed(1, table="accounts")
    ground.rows("insert into entries (organization_id, id, account_id)"
                " values (%s, 'e1', 'r1') returning id", ORGANIZATION)  # fmt: skip
    acquire(ground, "e1", "entries")
    with psycopg.connect(ground.handle.admin_url) as writer:
        writer.execute(f"set transaction isolation level {level}".encode())
        with pytest.raises(psycopg.errors.LockNotAvailable, match="entries e1 is claimed"):
            writer.execute("delete from accounts")


def test_the_refusal_tells_who_and_for_how_long(ground: Ground) -> None:
    ground.seed(1, table="accounts")
    claim = acquire(ground)
    with pytest.raises(psycopg.errors.LockNotAvailable, match=f"claimed by {HOLDER}") as caught:
        ground.rows("update accounts set note = 'plain'")
    assert translate(caught.value).code == "entity_claimed"
    told = json.loads(caught.value.diag.message_detail or "")["claims"][0]
    assert (told["claimId"], told["expiresAt"]) == (claim["id"], claim["expiresAt"])


def test_a_crowd_of_plain_writers(ground: Ground, make_fleet: MakeFleet) -> None:
    mix(ground, make_fleet, sections=60, landed=4)


@pytest.mark.long
@pytest.mark.timeout(240)
def test_a_crowd_of_plain_writers_for_long(ground: Ground, make_fleet: MakeFleet) -> None:
    mix(ground, make_fleet, sections=1000, landed=50)


def mix(ground: Ground, make_fleet: MakeFleet, *, sections: int, landed: int) -> None:
    """Agents count under claims while psycopg, an ORM and psql write beside them, at all levels."""
    rows = ground.seed(4, table="accounts")
    url = ground.handle.database_url
    fleet = make_fleet(Plan(url, ORGANIZATION, rows, model="accounts", ttl=2.0))
    fleet.add(4)
    with crowd(ground.handle.admin_url, rows, WRITERS) as others:
        wait_until(
            lambda: others.failures or (
                len(fleet.marks()) >= sections
                and all(others.ends[level, None] >= landed for level in LEVELS)
                and all(others.ends[level, "40001"] >= landed for level in LEVELS[1:])
                and others.ends["read committed", "55P03"] >= landed
            ),
            patience=200,
        )  # fmt: skip
    fleet.stop()
    resolve_everything(ground, ORGANIZATION, rows, "accounts")
    history = ground.history()
    assert others.failures == []
    assert {state for _, state in others.ends} <= {None, "55P03", "40001"}
    assert oracle.problems(history) == []
    assert oracle.miscounted(history, fleet.marks()) == []
    assert fleet.events("refused") == []


@pytest.mark.parametrize("name", BINDING)
def test_the_crowd_catches_the_mutant(ground: Ground, make_fleet: MakeFleet, name: str) -> None:
    BINDING[name].install(ground.admin)
    rows = ground.seed(2, table="accounts")
    fleet = make_fleet(Plan(ground.handle.database_url, ORGANIZATION, rows, model="accounts"))
    fleet.add(2)
    with crowd(ground.handle.admin_url, rows, {"driver": driver}):
        wait_until(lambda: oracle.intruders(ground.history()), pause=0.1)


def test_without_binding_the_holder_finds_out(ground: Ground) -> None:
    """The default: plain SQL lands, and the holder's next guarded write is refused as stale."""
    ground.seed(1)
    claim = acquire(ground, model="counters")
    ground.admin.execute(UPDATE.format("counters").encode(), [ORGANIZATION])
    operation = {"action": "update", "model": "counters", "id": "r1", "data": {"count": 1},
                 "claimId": claim["id"], "fenceToken": claim["fenceToken"]}  # fmt: skip
    with pytest.raises(psycopg.DatabaseError) as caught:
        commit(ground, operation | {"readAt": claim["readAt"]})
    assert translate(caught.value).code == "stale_context"
    commit(ground, operation)


def commit(ground: Ground, operation: dict[str, Any]) -> None:
    request = json.dumps({"operations": [operation]})
    ground.rows(
        "select ablo.commit(%s, %s, gen_random_uuid()::text, %s)", ORGANIZATION, HOLDER, request
    )
