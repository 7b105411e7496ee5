"""Why there is no WAL, in an administrator's words."""

from __future__ import annotations

import psycopg
import pytest

from ablo_pg.changefeed.refusal import explain
from ablo_pg.db.errors import translate
from ablo_pg.errors import AbloError, error_for

E = psycopg.errors
RIGHT = "the REPLICATION attribute"
FATAL = 'connection to server at "::1", port 5432 failed: FATAL:  '


@pytest.mark.parametrize(
    ("cause", "remedy", "lasting"),
    [
        (E.ObjectNotInPrerequisiteState('requires "wal_level" >= "logical"'), "wal_level", True),
        (E.InsufficientPrivilege("permission denied to use replication slots"), RIGHT, True),
        (psycopg.OperationalError(FATAL + "permission denied to start WAL sender"), RIGHT, True),
        (psycopg.OperationalError(FATAL + "must be superuser or replication role"), RIGHT, True),
        (E.ConfigurationLimitExceeded("alle Slots belegt"), "max_replication_slots", True),
        (psycopg.OperationalError(FATAL + "exceeds max_wal_senders"), "max_wal_senders", True),
        (E.SyntaxError('at or near "CREATE_REPLICATION_SLOT"'), "not through a pooler", True),
        (psycopg.OperationalError("unsupported startup parameter: replication"), "pooler", True),
        (E.UndefinedObject('publication "ablo_delta" does not exist'), "ablo-pg connect", True),
        (psycopg.OperationalError(FATAL + "no pg_hba.conf entry for"), "let pg_hba.conf", True),
        (psycopg.OperationalError(FATAL + "password authentication failed"), "password", True),
        # No cause is named where the answer proves none.
        (E.ProtocolViolation("extended query protocol not supported"), "", False),
        (E.SyntaxError('at or near "SHOW"'), "", False),
        (E.UndefinedObject('replication slot "ablo_1" does not exist'), "", False),
        (E.ObjectNotInPrerequisiteState("cannot do this now"), "", False),
        (E.InsufficientPrivilege("permission denied for function x"), "", False),
        (psycopg.OperationalError("connection refused"), "", False),
        (psycopg.OperationalError(FATAL + "sorry, too many clients already"), "", False),
        (E.AdminShutdown("terminating connection"), "", False),
        (psycopg.ProgrammingError('invalid connection option "x"'), "", False),
    ],
)
def test_reasons(cause: psycopg.Error, remedy: str, lasting: bool) -> None:
    try:
        raise translate(cause) from cause
    except AbloError as error:
        refusal = explain(error)
    shown = str(cause) + (f" (SQLSTATE {cause.sqlstate})" if cause.sqlstate else "")
    assert refusal.lasting is lasting
    if remedy:
        said, _, answer = refusal.reason.partition("; the server says: ")
        assert (remedy in said, answer) == (True, shown)
    else:
        assert refusal.reason == shown


def test_a_refusal_of_the_log_is_not_taken_for_one_of_the_stream() -> None:
    """DATABASE_URL's password is no reason to correct replication_url's."""
    refused = psycopg.OperationalError(FATAL + "password authentication failed")
    try:
        try:
            raise translate(refused) from refused
        except AbloError as exc:
            raise error_for(exc.code, f"The log cannot be asked: {exc.message}") from exc
    except AbloError as error:
        refusal = explain(error)
    assert refusal.reason.startswith("The log cannot be asked: The login or its password was")
    assert not refusal.lasting
