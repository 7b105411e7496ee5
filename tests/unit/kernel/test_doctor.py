"""What the doctor makes of facts: each trouble is found, named, and comes with its fix."""

from __future__ import annotations

from typing import Any

import pytest

from ablo_pg.kernel.doctor import judge_kernel, judge_login, judge_server, judge_tables
from ablo_pg.kernel.drift import KernelState

SOUND: dict[str, Any] = {
    "version": 160004,
    "started": "2026-01-01",
    "database": "app",
    "encoding": "UTF8",
    "now": 1000.0,
    "walLevel": "logical",
    "senders": 10,
    "slotsAllowed": 10,
    "fsync": "on",
    "synchronousCommit": "on",
    "recovery": False,
    "locks": 6400,
    "relations": 300,
    "slots": [],
    "prepared": [],
    "idle": [],
    "unanswered": None,
    "standbys": "",
}
CLEAN: dict[str, Any] = {
    "logBytes": 1,
    "stray": False,
    "unsealed": None,
    "settles": True,
    "writer": True,
    "setwise": [],
    "debts": [],
    "unvalidated": [],
    "invalid": [],
    "triggers": [],
    "open": [],
}
ACTIVE = {"schema": {"version": 1, "hash": "aaaaaaaa"}}
IDLE_SLOT = {"name": "o'old", "active": False, "bytes": 5 << 30}


def test_a_sound_server_has_nothing_but_ok() -> None:
    assert {finding.level for finding in judge_server(SOUND, 1000.5)} == {"ok"}
    assert list(judge_tables(CLEAN)) == []
    assert {f.level for f in judge_kernel(KernelState(1, 1, (), (), ACTIVE), "aaaaaaaa")} == {"ok"}


@pytest.mark.parametrize(
    ("facts", "level", "words"),
    [
        ({"version": 140010}, "blocker", "PostgreSQL 14, which is too old"),
        ({"recovery": True}, "blocker", "standby"),
        ({"encoding": "SQL_ASCII"}, "blocker", "SQL_ASCII"),
        ({"encoding": "LATIN1"}, "note", "text that it cannot represent is refused"),
        ({"walLevel": "replica"}, "note", "wal_level is replica"),
        ({"senders": 0}, "note", "leaves no room"),
        ({"slotsAllowed": 1}, "note", "leaves no room"),
        ({"fsync": "off"}, "note", "fsync is off"),
        ({"synchronousCommit": "off"}, "note", "synchronous_commit is off"),
        ({"now": 1060.0}, "note", "60 s apart"),
        ({"relations": 30_000}, "note", "30000 tables and indexes"),
        ({"slots": [IDLE_SLOT]}, "note", "retains 5120 MB of WAL"),
        ({"prepared": [{"gid": "g", "seconds": 90}]}, "note", "blocks new slots"),
        ({"unanswered": 90, "standbys": "far"}, "blocker", "standby for 90 s (synchronous_st"),
        ({"idle": [{"pid": 7, "program": "", "seconds": 400}]}, "note", "process 7 (unnamed)"),
    ],
)
def test_trouble_of_a_server(facts: dict[str, Any], level: str, words: str) -> None:
    found = [f for f in judge_server(SOUND | facts, 1000.0) if f.level != "ok"]
    assert [finding.level for finding in found] == [level]
    assert words in found[0].problem
    assert found[0].fix


def test_a_slot_that_is_read_and_a_young_transaction_are_no_trouble() -> None:
    facts = {"slots": [IDLE_SLOT | {"active": True}], "prepared": [{"gid": "g", "seconds": 3}]}
    assert {f.level for f in judge_server(SOUND | facts, 1000.0)} == {"ok"}


def test_names_in_sql_are_quoted() -> None:
    statements = [f.sql for f in judge_server(SOUND | {"slots": [IDLE_SLOT]}, 1000.0) if f.sql]
    assert statements == ["select pg_drop_replication_slot('o''old');"]


@pytest.mark.parametrize(
    ("facts", "words", "safe"),
    [
        ({"triggers": [{"name": "zz_ablo_guard", "table": "tasks"}]}, "does not fire", True),
        ({"open": [{"table": "tasks", "ours": True}]}, "row-level security of tasks", True),
        ({"debts": ["Task"]}, "rows of Task", False),
        ({"unvalidated": ["c on tasks"]}, "c on tasks is not validated", False),
        ({"invalid": ["i"]}, "index i is not valid", False),
        ({"stray": True}, "outgrown", True),
        ({"unsealed": "acme"}, "changes of 'acme' in them are not sealed", False),
        ({"writer": False}, "no role ablo_writer", False),
        ({"setwise": ["grant usage on schema ablo to ablo_writer;"]}, "lacks rights", True),
        ({"settles": False}, "set constraints all immediate", False),
        ({"logBytes": 60 << 30}, "60 GB", False),
    ],
)
def test_trouble_of_tables(facts: dict[str, Any], words: str, safe: bool) -> None:
    (finding,) = judge_tables(CLEAN | facts)
    assert words in finding.problem
    assert finding.fix
    assert finding.safe is safe
    assert bool(finding.sql) is safe


@pytest.mark.parametrize(
    ("state", "words"),
    [
        (KernelState(None, 1, (), (), {}), "no kernel"),
        (KernelState(2, 1, (), (), ACTIVE), "newer"),
        (KernelState(1, 2, (), (), ACTIVE), "differs"),
        (KernelState(1, 1, ("a.sql",), (), ACTIVE), "a.sql"),
        (KernelState(1, 1, (), (), {}), "no schema"),
        (KernelState(1, 1, (), ("trigger x is missing",), ACTIVE), "trigger x is missing"),
    ],
)
def test_trouble_of_the_kernel(state: KernelState, words: str) -> None:
    (finding,) = [f for f in judge_kernel(state, None) if f.level == "blocker"]
    assert words in finding.problem
    assert finding.fix


def test_another_schema_than_the_one_given_is_a_note() -> None:
    notes = list(judge_kernel(KernelState(1, 1, (), (), ACTIVE), "bbbbbbbb"))
    assert [f.level for f in notes] == ["ok", "note"]


@pytest.mark.parametrize(
    ("rights", "words"),
    [
        ({"superuser": True, "bypassesRls": True, "runtime": True}, "bypasses"),
        ({"superuser": False, "bypassesRls": True, "runtime": True}, "bypasses"),
        ({"superuser": False, "bypassesRls": False, "runtime": False}, "not a member"),
    ],
)
def test_logins_that_must_not_run(rights: dict[str, bool], words: str) -> None:
    (finding,) = judge_login({"login": "me", "rights": {"owner": False} | rights})
    assert finding.level == "blocker"
    assert words in finding.problem


@pytest.mark.parametrize(
    ("rights", "statement"),
    [
        ({"superuser": True, "runtime": True, "owner": True}, None),
        ({"superuser": False, "runtime": True, "owner": True}, None),
        ({"superuser": False, "runtime": False, "owner": False}, None),
        ({"superuser": False, "runtime": True, "owner": False}, 'alter role "me" nobypassrls;'),
    ],
)
def test_rights_are_taken_from_no_login_that_administers(
    rights: dict[str, bool], statement: str | None
) -> None:
    (finding,) = judge_login({"login": "me", "rights": rights | {"bypassesRls": True}})
    assert finding.sql == statement
    assert "ablo-pg connect" in str(finding.fix)
