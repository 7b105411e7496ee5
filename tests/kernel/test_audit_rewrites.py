"""Rewrites that hide behind something: retention that never was, what stands in place of a table,
names that mean something else, an anchor file that was cut."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import pytest

from ablo_pg.audit import read_anchors, seal_all, verify, verify_all, write_anchors
from ablo_pg.db import audit
from ablo_pg.errors import AbloError

from .audit_log import BATCH, KEYS, SealedLog, change

CLAIMED = "update ablo.log_state set dropped_through = 9999999"
ELSEWHERE = (
    "create temp table moved on commit drop as select * from ablo.delta where {keep}",
    "alter table ablo.delta detach partition ablo.delta_p000000",
    "drop table ablo.delta_p000000",
    "insert into ablo.delta select * from moved",
)
# None of them is what retention does.
RETENTION: dict[str, list[str]] = {
    "one deleted": [CLAIMED, "delete from ablo.delta where sync_id = {i3}"],
    "no end of a partition": [
        "update ablo.log_state set dropped_through = {i9}",
        "delete from ablo.delta where sync_id <= {i9}",
    ],
    "further than the log has come": [
        "update ablo.log_state set dropped_through = 99999999",
        "delete from ablo.delta",
    ],
    "a partition renamed": [
        CLAIMED,
        "alter table ablo.delta_p000000 rename to archive",
        "delete from ablo.delta where sync_id = {i3}",
    ],
    "the newest deleted": [
        CLAIMED,
        "alter table ablo.delta_p000000 rename to archive",
        "delete from ablo.delta where organization_id = 'acme' and sync_id >= {i8}",
    ],
    "all but one in another partition": [
        CLAIMED,
        *(one.replace("{keep}", "sync_id <> {i3}") for one in ELSEWHERE),
    ],
    "only the other organization's in another partition": [
        "select setval('ablo.sync_id', 12000000)",
        CLAIMED,
        *(one.replace("{keep}", "organization_id <> 'acme'") for one in ELSEWHERE),
    ],
}


@pytest.mark.parametrize("name", RETENTION)
def test_retention_that_was_only_claimed(log: SealedLog, name: str) -> None:
    with log.tampered(*RETENTION[name]):
        assert {kind for kind, _, _ in log.broken()} == {"missing"}


def test_a_verification_that_believes_the_claim_is_caught(
    log: SealedLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The mutant: what log_state says counts."""
    monkeypatch.setattr(audit, "dropped_through", lambda conn: 9_999_999)
    missed = []
    for name, statements in RETENTION.items():
        with log.tampered(*statements):
            missed += [name] if log.verify().sound else []
    assert len(missed) >= 5


POSED: dict[str, list[str]] = {
    "a view of the log": [
        "alter table ablo.delta rename to real",
        "create view ablo.delta as select * from ablo.real",
    ],
    "a view of the seals": [
        "alter table ablo.audit_seal rename to real",
        "create view ablo.audit_seal as select * from ablo.real",
    ],
    "a view of the retention": [
        "alter table ablo.log_state rename to real",
        "create view ablo.log_state as select true as singleton, 0::bigint as dropped_through",
    ],
    "a table of another kind": [
        "alter table ablo.delta rename to real",
        "create table ablo.delta (like ablo.real)",
    ],
    "a policy that hides rows from the owner": ["alter table ablo.delta force row level security"],
    "a policy on a partition": ["alter table ablo.delta_p000000 force row level security"],
}


@pytest.mark.parametrize("name", POSED)
def test_what_stands_in_place_of_a_table(log: SealedLog, name: str) -> None:
    with log.tampered(*POSED[name]), pytest.raises(AbloError) as caught:
        log.verify()
    assert caught.value.code == "audit_broken"


MOVED: dict[str, list[str]] = {
    "a seal in a table that inherits": [
        "create table ablo.more () inherits (ablo.audit_seal)",
        "insert into ablo.more select * from only ablo.audit_seal where number = 2",
        "delete from only ablo.audit_seal where number = 2 and organization_id = 'acme'",
    ],
    "two organizations exchanged": [
        "update ablo.delta set organization_id = 'x' where organization_id = 'acme'",
        "update ablo.delta set organization_id = 'acme' where organization_id = 'globex'",
        "update ablo.delta set organization_id = 'globex' where organization_id = 'x'",
    ],
    "two organizations exchanged, seals too": [
        *(
            f"update ablo.{table} set organization_id = '{after}' where organization_id = '{old}'"
            for old, after in (("acme", "x"), ("globex", "acme"), ("x", "globex"))
            for table in ("delta", "audit_seal")
        )
    ],
    "one copied to the other organization": [
        "insert into ablo.delta select sync_id, 'globex', model, row_id, op, groups, row, changed,"
        " actor, on_behalf_of, capability_id, claim_id, transaction_id, xid, created_at"
        " from ablo.delta where sync_id = {i3}"
    ],
}


@pytest.mark.parametrize("name", MOVED)
def test_what_was_moved(log: SealedLog, name: str) -> None:
    with log.tampered(*MOVED[name]):
        found = list(verify_all(log.conn, KEYS, log.anchors))
        assert not all(one.sound for one in found)


def test_names_that_mean_something_else(log: SealedLog) -> None:
    """A schema before Postgres's own makes what is altered compare equal, and counts nothing."""
    evil = [
        "create schema evil",
        "create function evil.same(text, text) returns boolean language sql as 'select false'",
        "create operator evil.= (leftarg = text, rightarg = text, function = evil.same)",
        "create function evil.min(bigint) returns bigint language sql as 'select 1::bigint'",
        "delete from ablo.delta where sync_id = {i3}",
        "set local search_path to evil, pg_catalog",
    ]
    with log.tampered(*evil), audit.prepared(log.conn):
        assert [kind for kind, _, _ in log.broken()] == ["missing"]


KEEPS_NOTHING = """create function ablo.nothing() returns trigger language plpgsql
  as $$ begin {} end $$"""
INSERTS: dict[str, list[str]] = {
    "a trigger that drops seals": [
        KEEPS_NOTHING.format("return null;"),
        "create trigger nothing before insert on ablo.audit_seal for each row"
        " execute function ablo.nothing()",
    ],
    "a trigger that deletes seals": [
        KEEPS_NOTHING.format("delete from ablo.audit_seal where mac = new.mac; return new;"),
        "create trigger nothing after insert on ablo.audit_seal for each row"
        " execute function ablo.nothing()",
    ],
    "a trigger that alters seals": [
        KEEPS_NOTHING.format("new.delta_count := 99; return new;"),
        "create trigger nothing before insert on ablo.audit_seal for each row"
        " execute function ablo.nothing()",
    ],
    "a rule that drops seals": [
        "create rule nothing as on insert to ablo.audit_seal do instead nothing"
    ],
    "a routine that appends nothing": [
        "create or replace function ablo.audit_append(text, bigint, bigint, bigint, bigint, text,"
        " bytea, bytea, timestamptz, bytea) returns boolean language sql as 'select true'"
    ],
}


@pytest.mark.parametrize("name", INSERTS)
def test_a_seal_that_the_database_does_not_keep(log: SealedLog, name: str) -> None:
    with log.conn.transaction(force_rollback=True):
        log.conn.execute("drop function if exists ablo.nothing()")
        if "routine" in name:
            log.conn.execute(
                "drop function ablo.audit_append(text, bigint, bigint, bigint, bigint, text,"
                " bytea, bytea, timestamptz, bytea)"
            )
        for statement in INSERTS[name]:
            log.conn.execute(statement.encode())
        change(log.conn, "acme", "t1", 11)
        done = seal_all(log.conn, KEYS, {}, organization="acme", batch=BATCH)
        assert [one.code for one in done.refused] == ["audit_broken"]


def test_an_anchor_file_that_was_cut(
    log: SealedLog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "anchor"
    write_anchors(path, log.anchors)
    for kept in (0, 1, len(path.read_bytes()) // 2, len(path.read_bytes()) - 3):
        (tmp_path / "cut").write_bytes(path.read_bytes()[:kept])
        with pytest.raises(AbloError) as caught:
            read_anchors(tmp_path / "cut")
        assert caught.value.code == "invalid_options"

    without = {name: one for name, one in log.anchors.items() if name != "acme"}
    assert kinds(log, without) == set()  # its first seal is of a moment ago
    monkeypatch.setattr(verify, "NEW", dt.timedelta())
    assert kinds(log, without) == {"not_anchored"}
    assert kinds(log, {}) == {"not_anchored"}
    assert kinds(log, log.anchors) == kinds(log, None) == set()


def kinds(log: SealedLog, anchors: Any) -> set[str]:
    found = verify_all(log.conn, KEYS, anchors)
    return {broken.kind for one in found for broken in one.broken}
