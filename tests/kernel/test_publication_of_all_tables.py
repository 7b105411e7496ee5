"""A publication FOR ALL TABLES of the user's: Postgres then refuses updates without an identity."""

from __future__ import annotations

from typing import Final

import psycopg
import pytest

from .board import Board, create, update
from .claim_calls import claimer

# Tables whose rows could not be updated or deleted under such a publication (Postgres manual,
# "Logical Replication", "Publication"): neither a primary key nor another replica identity.
WITHOUT_IDENTITY: Final = """
select c.oid::regclass::text from pg_class c
 where c.relnamespace in ('ablo'::regnamespace, 'ablo_model'::regnamespace)
   and c.relkind in ('r', 'p')
   and not exists (select from pg_index i where i.indrelid = c.oid and i.indisvalid
                      and (c.relreplident = 'd' and i.indisprimary
                        or c.relreplident = 'i' and i.indisreplident))
   and c.relreplident <> 'f'"""


def test_every_kernel_table_has_a_replica_identity(kernel_db: psycopg.Connection) -> None:
    assert kernel_db.execute(WITHOUT_IDENTITY).fetchall() == []


@pytest.mark.parametrize(
    "table",
    ["(n int)", "(n int unique)", "(n int not null unique)", "(n int) partition by range (n)"],
)
def test_a_table_without_one_is_found(kernel_db: psycopg.Connection, table: str) -> None:
    kernel_db.execute(f"create table ablo.added {table}".encode())
    assert kernel_db.execute(WITHOUT_IDENTITY).fetchall() == [("ablo.added",)]


def test_all_goes_on_under_it(own_board: Board) -> None:
    """Writes, a replay, claims, and the sweep of each."""
    own_board.run("create publication everything for all tables")
    agent = claimer(own_board, "a")
    agent.commit(create("t1"), key="once")
    agent.commit(create("t1"), key="once")
    agent.release(agent.acquire(claimId="one"))
    agent.commit(update("t1", title="new"))
    own_board.run("update ablo.receipt set created_at = created_at - interval '25 hours'")
    own_board.run("update ablo.receipt_replay set replayed_at = replayed_at - interval '99 days'")
    own_board.run("update ablo.claim set ended_at = ended_at - interval '25 hours'")
    assert own_board.rows("select count(*) from ablo.receipt_replay") == [(1,)]
    own_board.caller().call("select ablo.housekeep()")
    for table in ("receipt", "receipt_replay", "claim"):
        assert own_board.rows(f"select count(*) from ablo.{table}") == [(0,)], table
