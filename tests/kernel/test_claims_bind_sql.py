"""Claims that also keep plain SQL out: every statement, isolation level and kind of writer."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, Literal

import psycopg
import pytest
from psycopg import errors

from ablo_pg import Model, define_schema
from ablo_pg.cluster import Server
from ablo_pg.errors import AbloError
from ablo_pg.testing import DatabaseHandle, make_database

from .board import Board, create, op
from .claim_calls import Claimer, claim_id, claimer

LEVELS = ("read uncommitted", "read committed", "repeatable read", "serializable")


class Deed(Model, claims_bind_sql=True, conflict={"system": "reject", "user": "overwrite"}):
    title: str
    status: Literal["open", "closed"] = "open"


SCHEMA = define_schema(deeds=Deed)


@pytest.fixture(scope="module")
def bound_database(cluster: Server, kernel_template: str) -> Iterator[DatabaseHandle]:
    with make_database(SCHEMA, server=cluster, template=kernel_template) as handle:
        yield handle


@pytest.fixture
def bound(bound_database: DatabaseHandle, request: pytest.FixtureRequest) -> Iterator[Board]:
    with Board(bound_database, f"org{abs(hash(request.node.name))}") as board:
        board.run("insert into deeds (organization_id, id, title) values ('{org}', 'd1', 'a')")
        yield board


@pytest.fixture
def holder(bound: Board) -> Claimer:
    return claimer(bound, "a")


def plain(board: Board, level: str) -> psycopg.Connection[Any]:
    """A plain SQL writer, in a transaction whose snapshot is taken, if its level keeps one."""
    conn = board.connect_admin()
    conn.autocommit = False
    conn.execute(f"set transaction isolation level {level}".encode())
    conn.execute("select count(*) from deeds")
    return conn


def write(board: Board, conn: psycopg.Connection[Any], query: str) -> None:
    conn.execute(board.text(query).encode())


STATEMENTS = {
    "update": "update deeds set title = 'x' where organization_id = '{org}'",
    "delete": "delete from deeds where organization_id = '{org}'",
    "upsert": "insert into deeds (organization_id, id, title) values ('{org}', 'd1', 'x')"
    " on conflict (organization_id, id) do update set title = 'x'",
}


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("statement", STATEMENTS)
def test_plain_sql_is_refused_by_a_claim_older_than_its_snapshot(
    bound: Board, holder: Claimer, level: str, statement: str
) -> None:
    holder.acquire("d1", "deeds", description="sign")
    conn = plain(bound, level)
    with pytest.raises(errors.LockNotAvailable) as caught:
        write(bound, conn, STATEMENTS[statement])
    diag = caught.value.diag
    assert (diag.message_primary or "").startswith("deeds d1 is claimed by agent:a (sign) until 20")
    assert "claims_bind_sql" in (diag.message_hint or "")


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize(
    "before", ["never claimed", "claimed once", "claim renewed", "expired one"]
)
def test_plain_sql_is_refused_by_a_claim_newer_than_its_snapshot(
    bound: Board, holder: Claimer, level: str, before: str
) -> None:
    if before != "never claimed":
        held = holder.acquire("d1", "deeds")
        if before == "claimed once":
            holder.release(held)
        else:
            when = "now()" if before == "expired one" else "clock_timestamp() + interval '1 s'"
            bound.run(
                f"update ablo.claim set expires_at = {when} where organization_id = '{{org}}'"
            )
    conn = plain(bound, level)
    holder.acquire("d1", "deeds", ttl="60s")
    with pytest.raises((errors.LockNotAvailable, errors.SerializationFailure)):
        write(bound, conn, STATEMENTS["update"])
    conn.rollback()
    with pytest.raises(errors.LockNotAvailable):
        write(bound, conn, STATEMENTS["update"])


@pytest.mark.parametrize("level", LEVELS)
def test_a_row_that_nobody_holds_is_written_and_leaves_no_trace_of_claims(
    bound: Board, level: str
) -> None:
    conn = plain(bound, level)
    write(bound, conn, STATEMENTS["update"])
    conn.commit()
    assert bound.count("ablo.claim_target") == 0


@pytest.mark.parametrize("level", LEVELS)
def test_a_released_claim_lets_plain_sql_through(bound: Board, holder: Claimer, level: str) -> None:
    holder.release(holder.acquire("d1", "deeds"))
    conn = plain(bound, level)
    write(bound, conn, STATEMENTS["update"])
    conn.commit()


@pytest.mark.parametrize("level", LEVELS)
def test_plain_sql_does_not_stop_the_holders_heartbeat(
    bound: Board, holder: Claimer, level: str
) -> None:
    held = holder.acquire("d1", "deeds", fields=["title"])
    conn = plain(bound, level)
    write(bound, conn, "update deeds set status = 'closed' where organization_id = '{org}'")
    holder.call("select set_config('lock_timeout', '2s', false)")
    assert holder.beat_all(held) == {claim_id(held): "held"}
    conn.commit()


@pytest.mark.parametrize("level", LEVELS)
def test_a_row_of_nobodys_is_free_until_it_would_be_a_claimed_one(
    bound: Board, holder: Claimer, level: str
) -> None:
    """As the rows of a table that was adopted: the constraints go for this transaction alone."""
    holder.acquire("d7", "deeds")
    conn = plain(bound, level)
    write(bound, conn, "alter table deeds drop constraint deeds_pkey")
    write(bound, conn, "alter table deeds alter column organization_id drop not null")
    write(bound, conn, "insert into deeds (id, title) values ('d7', 'x'), ('d8', 'x'), ('d9', 'x')")
    write(bound, conn, "update deeds set title = 'y' where organization_id is null")
    write(bound, conn, "delete from deeds where organization_id is null and id = 'd9'")
    give = "update deeds set organization_id = '{org}' where organization_id is null and id = "
    write(bound, conn, give + "'d8'")
    conn.execute("set constraints all immediate")
    with pytest.raises(errors.LockNotAvailable):
        write(bound, conn, give + "'d7'")
    conn.rollback()


def test_copy_is_refused_too(bound: Board, holder: Claimer) -> None:
    holder.acquire("d2", "deeds")
    conn = bound.connect_admin()
    with pytest.raises(errors.LockNotAvailable), conn.cursor() as cursor:  # noqa: SIM117
        with cursor.copy("copy deeds (organization_id, id, title) from stdin") as copy:
            copy.write_row((bound.organization, "d2", "x"))
    assert bound.count("deeds") == 1


def test_a_creator_in_flight_keeps_a_grant_waiting(bound: Board, holder: Claimer) -> None:
    conn = plain(bound, "read committed")
    write(bound, conn, "insert into deeds (organization_id, id, title) values ('{org}', 'd2', 'x')")
    waiting = holder.acquire("d2", "deeds")
    assert waiting["claim"]["status"] == "queued"
    conn.commit()
    granted = holder.look(waiting)
    assert (granted["claim"]["status"], granted["data"]["title"]) == ("active", "x")


def test_the_holder_itself_and_an_overwriting_kind_write_on(bound: Board, holder: Claimer) -> None:
    held = holder.acquire("d1", "deeds")
    conn = plain(bound, "repeatable read")
    conn.execute("select set_config('app.current_participant_id', 'agent:a', true)")
    write(bound, conn, STATEMENTS["update"])
    conn.commit()
    conn.execute("select set_config('app.current_participant_id', 'user:ann', true)")
    write(bound, conn, STATEMENTS["update"])
    conn.commit()
    assert holder.look(held)["claim"]["status"] == "active"


@pytest.mark.parametrize("participant", ["", "agent:x", "system:cron"])
@pytest.mark.parametrize("statement", STATEMENTS)
def test_a_named_writer_of_plain_sql_is_told_55p03_as_well(
    bound: Board, holder: Claimer, participant: str, statement: str
) -> None:
    holder.acquire("d1", "deeds")
    conn = plain(bound, "read committed")
    conn.execute("select set_config('app.current_participant_id', %s, true)", [participant])
    with pytest.raises(psycopg.errors.LockNotAvailable) as caught:
        write(bound, conn, STATEMENTS[statement])
    assert json.loads(str(caught.value.diag.message_detail))["code"] == "entity_claimed"


def test_the_api_says_entity_claimed_and_claim_lost(bound: Board, holder: Claimer) -> None:
    held, other = holder.acquire("d1", "deeds"), claimer(bound, "b")
    update = op("update", "deeds", "d1", {"title": "b"})
    for door in ("commit", "batch"):
        with pytest.raises(AbloError) as caught:
            other.commit(update, door=door)
        assert caught.value.code == "entity_claimed"
        with pytest.raises(AbloError) as caught:
            other.commit(update | {"claimId": claim_id(held)}, door=door)
        assert caught.value.code == "claim_lost"
    holder.commit(update | {"claimId": claim_id(held)})
    holder.acquire("d9", "deeds")
    with pytest.raises(AbloError) as caught:
        other.commit(create("d9", "deeds", title="x"))
    assert caught.value.code == "entity_claimed"


def test_a_plain_statement_over_many_rows_is_all_or_nothing(bound: Board, holder: Claimer) -> None:
    bound.run(
        "insert into deeds (organization_id, id, title)"
        " select '{org}', 'm' || n, 'm' from generate_series(1, 200) n"
    )
    holder.acquire("m150", "deeds")
    for level in LEVELS:
        conn = plain(bound, level)
        with pytest.raises(errors.LockNotAvailable):
            write(bound, conn, STATEMENTS["update"])
    assert (
        bound.value("select count(*) from deeds where organization_id = '{org}' and title = 'x'")
        == 0
    )
