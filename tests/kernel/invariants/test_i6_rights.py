"""I6: what the runtime role may do at all, read from the catalogue, and who is no runtime role."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
import pytest

from ablo_pg.db.errors import translate

from ..board import Board

ENTRY_POINTS = {
    "commit", "commit_batch", "commit_refusal", "row_get", "row_list", "snapshot_read",
    "delta_read", "log_head", "listen_key", "status", "identity_check", "delta_extend", "row_at",
    "row_history", "receipt_get", "track_list", "track_remove", "claim_acquire", "claim_break",
    "claim_events", "claim_get", "claim_heartbeat", "claim_heartbeat_all", "claim_list",
    "claim_release", "claim_release_row", "claim_reorder", "presence_beat", "presence_leave",
    "presence_list", "housekeep", "schema_active", "schema_history", "canary_emit", "live_key",
    "live_read", "commit_get", "commit_list", "delta_tail", "bootstrap_note", "bootstrap_start",
    "key_create", "key_find", "key_get", "key_list", "key_mint", "key_revoke", "key_rotate",
    "key_states", "access_explain", "row_aggregate", "sight_at", "sight_rows", "sight_since",
    "sees", "delta_readable", "undo_plan", "commit_preview", "claim_next",
}  # fmt: skip
MODEL_RIGHTS = {"SELECT", "INSERT", "UPDATE", "DELETE"}


def executable_by(board: Board, role: str) -> set[str]:
    return {
        name
        for (name,) in board.rows(
            "select p.proname from pg_proc p"
            f" where has_function_privilege('{role}', p.oid, 'execute')"
            " and p.pronamespace in ('ablo'::regnamespace, 'ablo_model'::regnamespace)"
        )
    }


def rights(board: Board, role: str) -> set[tuple[str, str]]:
    """Return (relation, privilege) of a role on all relations that are ours."""
    privileges = ["SELECT", "INSERT", "UPDATE", "DELETE", "TRUNCATE", "REFERENCES", "TRIGGER"]
    return {
        (name, privilege)
        for name, privilege in board.rows(
            "select c.oid::regclass::text, privilege from pg_class c,"
            f" unnest('{{{','.join(privileges)}}}'::text[]) privilege"
            " where c.relnamespace in ('ablo'::regnamespace, 'public'::regnamespace)"
            " and c.relkind in ('r', 'p', 'v', 'm', 'f')"
            f" and has_table_privilege('{role}', c.oid, privilege)"
        )
    } | {
        (name, "sequence")
        for (name,) in board.rows(
            "select c.oid::regclass::text from pg_class c"
            " where c.relnamespace in ('ablo'::regnamespace, 'public'::regnamespace)"
            " and case c.relkind when 'S'"
            f" then has_sequence_privilege('{role}', c.oid, 'USAGE, SELECT, UPDATE') end"
        )
    }


def forbidden(board: Board) -> list[str]:
    """Return the rights that somebody has and should not, one line each."""
    allowed = {("tasks", r) for r in MODEL_RIGHTS} | {("ablo.delta", "SELECT")}
    for table in ("projects", "notes", "ledgers"):
        allowed |= {(table, right) for right in MODEL_RIGHTS}
    allowed.add(("countries", "SELECT"))
    runtime = {one for one in executable_by(board, "ablo_runtime") if not one.endswith("__row")}
    return [
        *(f"runtime may execute {name}" for name in runtime - ENTRY_POINTS),
        *(f"public may execute {name}" for name in executable_by(board, "public")),
        *(f"runtime: {one}" for one in rights(board, "ablo_runtime") - allowed),
        *(f"public: {one}" for one in rights(board, "public")),
        *(
            f"replication: {o}"
            for o in rights(board, "ablo_replication") - {("ablo.delta", "SELECT")}
        ),
        *(f"replication may execute {name}" for name in executable_by(board, "ablo_replication")),
    ]


def test_nobody_has_more_rights_than_listed(own_board: Board) -> None:
    assert forbidden(own_board) == []
    assert executable_by(own_board, "ablo_runtime") >= ENTRY_POINTS


@pytest.mark.parametrize(
    "mutant",
    [
        "grant execute on function ablo.order_lock(text) to public",
        "grant execute on all functions in schema ablo_model to ablo_runtime",
        "grant insert on ablo.receipt to ablo_runtime",
        "grant truncate on tasks to ablo_runtime",
        "grant usage on sequence ablo.sync_id to ablo_runtime",
    ],
)
def test_the_scan_catches_mutants(own_board: Board, mutant: str) -> None:
    own_board.run(mutant)
    assert forbidden(own_board) != []


@pytest.mark.parametrize("command", ["all", "select", "insert", "update", "delete"])
def test_a_policy_beside_ours_is_drift(own_board: Board, command: str) -> None:
    test = "with check (true)" if command == "insert" else "using (true)"
    for to in ("public", "ablo_runtime", "ablo_owner"):
        own_board.run(f"create policy other on tasks for {command} to {to} {test}")
        (told,) = own_board.value("select ablo.status()")["drift"]
        assert "policy other of table public.tasks" in told
        own_board.run(told.splitlines()[-1])
        assert own_board.value("select ablo.status()")["drift"] == []
    own_board.run(f"create policy other on tasks as restrictive for {command} {test}")
    own_board.run("create policy theirs on tasks to ablo_replication using (true)")
    own_board.run("create policy shared on countries using (true)")
    assert own_board.value("select ablo.status()")["drift"] == []


def test_no_role_of_ours_can_pass_the_policies(board: Board) -> None:
    names = "select rolname from pg_roles where rolname ~ '^ablo_'"
    over = " and (rolsuper or rolbypassrls or rolcreaterole or rolcreatedb)"
    assert board.rows(names + over) == []
    assert board.rows("select rolcanlogin from pg_roles where rolname = 'ablo_owner'") == [(False,)]
    login = board.connect().info.user
    assert board.value(f"select pg_has_role('{login}', 'ablo_owner', 'member')") is False
    assert board.value(f"select pg_has_role('{login}', 'ablo_runtime', 'usage')") is True


def test_functions_that_run_as_their_owner_pin_their_search_path(board: Board) -> None:
    found = board.rows(
        "select p.oid::regprocedure::text, p.proowner::regrole::text, p.proconfig"
        " from pg_proc p where p.prosecdef"
        " and p.pronamespace in ('ablo'::regnamespace, 'ablo_model'::regnamespace)"
    )
    assert len(found) > 8
    for name, owner, config in found:
        assert owner == ("ablo_writer" if "__many(" in name else "ablo_owner"), name
        assert any(one.startswith("search_path=") for one in config or ()), name


def test_every_tenant_table_forces_its_policy_and_has_tenant_keys(board: Board) -> None:
    for table in ("tasks", "projects", "notes", "ledgers"):
        flags = "select relrowsecurity and relforcerowsecurity from pg_class"
        assert board.value(f"{flags} where oid = '{table}'::regclass") is True
        keys = board.rows(
            "select i.indexrelid::regclass::text, a.attname from pg_index i"
            " join pg_attribute a on a.attrelid = i.indrelid and a.attnum = i.indkey[0]"
            f" where i.indrelid = '{table}'::regclass"
        )
        assert {name for _, name in keys} == {"organization_id"}, keys


@contextmanager
def login(
    board: Board, name: str, options: str
) -> Iterator[psycopg.Connection[tuple[object, ...]]]:
    """Make a login for a moment; yields a connection of it."""
    board.run(f"create role {name} login password 'x' {options}")
    try:
        url = board.handle.database_url
        info = psycopg.conninfo.conninfo_to_dict(url) | {"user": name, "password": "x"}
        with psycopg.connect(**info, autocommit=True) as conn:  # type: ignore[arg-type]
            yield conn
    finally:
        board.run(f"drop role {name}")


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ("superuser", "superuser"),
        ("superuser in role ablo_runtime", "superuser"),
        ("bypassrls in role ablo_runtime", "BYPASSRLS"),
        ("in role ablo_runtime, ablo_owner", "ablo_owner"),
        ("in role ablo_runtime, ablo_writer", "ablo_writer"),
    ],
)
def test_a_login_that_could_pass_them_is_refused(board: Board, options: str, why: str) -> None:
    with login(board, "ablo_test_over", options) as conn:
        for role in ("none", "ablo_runtime"):  # SET ROLE can be undone, so it does not help
            conn.execute(f"set role {role}".encode())
            with pytest.raises(psycopg.Error) as caught:
                conn.execute("select ablo.identity_check()")
            error = translate(caught.value)
            assert error.code == "database_role_cannot_enforce_rls", error
            assert why in str(error)
            assert error.remedy


def test_the_logins_that_connect_makes_are_accepted(board: Board) -> None:
    with login(board, "ablo_test_plain", "in role ablo_runtime") as conn:
        conn.execute("select ablo.identity_check()")
    board.connect().execute("select ablo.identity_check()")
