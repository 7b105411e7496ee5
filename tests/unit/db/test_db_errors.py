"""SQLSTATE and DETAIL to the error tree: every state, the author's names, nothing foreign."""

from __future__ import annotations

import re
from pathlib import Path

import psycopg
import pytest

from ablo_pg.db.errors import ErrorReport, Names, error_of, translate
from ablo_pg.db.report import report_of
from ablo_pg.errors import (
    CLASSES,
    CODES,
    AbloConflictError,
    AbloConnectionError,
    AbloServerError,
    AbloStaleContextError,
)

NAMES = Names(
    {"task_rows": "tasks", "Task": "tasks"},
    {("tasks", "due_date"): "due", ("tasks", "dueDate"): "due", ("tasks", "project_id"): "project"},
)
CANARY = "canary-of-another-tenant"


@pytest.mark.parametrize("known", CODES.values(), ids=lambda known: known.code)
def test_every_kernel_state_becomes_its_code(known: object) -> None:
    assert known.sqlstate  # type: ignore[attr-defined]
    if not known.sqlstate.startswith("AB"):  # type: ignore[attr-defined]
        return
    error = error_of(ErrorReport(known.sqlstate, "what happened", hint="do that"))  # type: ignore[attr-defined]
    assert error.code == known.code  # type: ignore[attr-defined]
    assert type(error) is CLASSES[error.code]
    assert (error.message, error.remedy) == ("what happened", "do that")


def test_the_kernels_detail_fills_the_error() -> None:
    detail = (
        '{"code": "stale_context", "model": "Task", "id": "t1", "field": "dueDate", "readAt": 7,'
        ' "more": [1]}'
    )
    error = error_of(ErrorReport("AB061", "it moved", detail, "read again"), NAMES)
    assert isinstance(error, AbloStaleContextError)
    assert (error.model, error.row_id, error.field) == ("tasks", "t1", "due")
    assert error.details == {"readAt": 7, "more": [1]}
    assert error.http_status == 409


def test_the_rule_of_a_domain_belongs_to_no_model() -> None:
    error = error_of(ErrorReport("23514", "", constraint="positive_check"), NAMES)
    assert error.message == "A value violates the constraint 'positive_check'"


@pytest.mark.parametrize("detail", [None, "", "not json", "[]", "3", '{"code": null}', '{"code'])
def test_a_detail_that_is_none_of_ours_does_no_harm(detail: str | None) -> None:
    assert error_of(ErrorReport("AB050", "gone", detail)).code == "entity_not_found"
    assert error_of(ErrorReport("AB999", "new", detail)).code == "internal_error"


@pytest.mark.parametrize(
    ("report", "code", "model", "field"),
    [
        (ErrorReport("23505", "", None, None, "task_rows_pkey", "task_rows"),
         "unique_violation", "tasks", "id"),
        (ErrorReport("23505", "", None, None, "task_rows_due_date_key", "task_rows"),
         "unique_violation", "tasks", "due"),
        (ErrorReport("23505", "", None, None, "somebody_elses", "task_rows"),
         "unique_violation", "tasks", None),
        (ErrorReport("23503", "", None, None, "task_rows_project_id_fkey", "task_rows"),
         "foreign_key_violation", "tasks", "project"),
        (ErrorReport("23502", "", None, None, None, "task_rows", "due_date"),
         "not_null_violation", "tasks", "due"),
        (ErrorReport("23514", "", None, None, "task_rows_due_date_enum", "task_rows"),
         "check_violation", "tasks", "due"),
        (ErrorReport("23514", "", None, None, "task_rows_due_date_rules", "task_rows"),
         "check_violation", "tasks", "due"),
        (ErrorReport("23514", "", None, None, "my_rule", "task_rows"),
         "check_violation", "tasks", None),
        (ErrorReport("23P01", "", None, None, "no_overlap", "task_rows"),
         "constraint_violation", "tasks", None),
    ],
)  # fmt: skip
def test_constraints_speak_the_authors_language(
    report: ErrorReport, code: str, model: str, field: str | None
) -> None:
    error = error_of(report, NAMES)
    assert isinstance(error, CLASSES[code])
    assert (error.code, error.model, error.field) == (code, model, field)
    assert error.remedy


@pytest.mark.parametrize(
    ("state", "code"),
    [
        ("22P02", "column_type_mismatch"),
        ("22003", "column_type_mismatch"),
        ("22007", "column_type_mismatch"),
        ("22008", "column_type_mismatch"),
        ("22P05", "column_type_mismatch"),
        ("22021", "column_type_mismatch"),
        ("22025", "query_invalid_like_pattern"),
        ("40001", "write_conflict"),
        ("40P01", "write_conflict"),
        ("55P03", "lock_timeout"),
        ("57014", "wait_for_timeout"),
        ("53300", "connection_limit_exceeded"),
        ("54000", "request_too_large"),
        ("42501", "permission_denied"),
        ("25006", "database_unreachable"),
        ("28P01", "database_unreachable"),
        ("3D000", "database_unreachable"),
        ("57P01", "database_unreachable"),
        ("08006", "database_unreachable"),
        ("P0001", "constraint_violation"),
        ("XX000", "internal_error"),
        ("99999", "internal_error"),
        (None, "internal_error"),
    ],
)
def test_postgres_own_states(state: str | None, code: str) -> None:
    error = error_of(ErrorReport(state, "as Postgres says"))
    assert error.code == code
    assert isinstance(error, CLASSES[code])
    assert error.remedy


@pytest.mark.parametrize(
    ("state", "message", "code"),
    [
        ("42883", "function ablo.commit(text) does not exist", "kernel_not_installed"),
        ("3F000", 'schema "ablo" does not exist', "kernel_not_installed"),
        ("42P01", 'relation "ablo.delta" does not exist', "kernel_not_installed"),
        ("42883", "function ablo_model.write(text) does not exist", "model_not_provisioned"),
        ("42P01", 'relation "public.tasks" does not exist', "model_not_provisioned"),
        ("42703", 'column "x" does not exist', "model_not_provisioned"),
    ],
)
def test_what_is_missing_decides_the_remedy(state: str, message: str, code: str) -> None:
    error = error_of(ErrorReport(state, message))
    assert error.code == code
    assert "ablo-pg" in (error.remedy or "")


STATES = ["23505", "23503", "23502", "23514", "22P02", "40001", "57014", "XX000", "42P01", "42501"]


@pytest.mark.parametrize("state", STATES)
def test_no_row_value_reaches_a_message(state: str) -> None:
    """Postgres puts whole rows and keys into DETAIL, and values into some messages."""
    report = ErrorReport(
        state,
        f'invalid input syntax for type integer: "{CANARY}"',
        f"Key (organization_id, email)=(acme, {CANARY}) already exists.",
        f"Failing row contains ({CANARY}).",
        "task_rows_x_key",
        "task_rows",
    )
    error = error_of(report, NAMES)
    assert CANARY not in f"{error} {error.details} {error.remedy} {error.row_id}"


def test_psycopgs_exceptions_are_translated() -> None:
    unreachable = translate(psycopg.OperationalError("connection refused\nIs the server running?"))
    assert isinstance(unreachable, AbloConnectionError)
    assert unreachable.retryable
    assert "Is the server" not in unreachable.message
    assert isinstance(translate(psycopg.errors.UniqueViolation("x")), AbloConflictError)
    assert isinstance(translate(psycopg.InterfaceError("closed")), AbloServerError)


def test_a_batch_reports_the_same_way() -> None:
    report = report_of(
        b'{"sqlstate":"AB050","message":"gone","detail":"{\\"id\\":\\"t1\\"}","hint":"",'
        b'"constraint":"","table":"","column":""}'
    )
    error = error_of(report)
    assert (error.code, error.row_id, error.remedy) == ("entity_not_found", "t1", None)


def test_the_kernel_and_the_tree_agree_on_states() -> None:
    sql = Path(__file__).parents[3].joinpath("sql/00_base/error_state.sql").read_text()
    states = dict(re.findall(r"when '(\w+)'\s+then '(\w{5})'", sql))
    ours = {known.code: known.sqlstate for known in CODES.values()}
    assert states
    assert {code: ours.get(code) for code in states} == states


@pytest.mark.parametrize(
    "said",
    [
        'connection failed: FATAL:  password authentication failed for user "a"',
        'connection failed: FATAL:  role "a" does not exist',
        "connection failed: fe_sendauth: no password supplied",
        'connection failed: FATAL:  no pg_hba.conf entry for host "::1", user "a"',
    ],
)
def test_a_refused_login_is_told_apart_from_a_server_that_is_gone(said: str) -> None:
    error = translate(psycopg.OperationalError(said))
    assert error.code == "database_unreachable"
    assert "user and password" in str(error.remedy)
    gone = translate(psycopg.OperationalError("connection failed: Connection refused"))
    assert "that the server runs" in str(gone.remedy)
