"""Why there is no WAL, in an administrator's words."""

from __future__ import annotations

import psycopg
import pytest

from ablo_pg.db.errors import translate
from ablo_pg.relay.refusal import explain


@pytest.mark.parametrize(
    ("cause", "words", "lasting"),
    [
        (psycopg.errors.ObjectNotInPrerequisiteState("logical decoding"), "wal_level", True),
        (psycopg.errors.InsufficientPrivilege("must be superuser"), "REPLICATION attribute", True),
        (psycopg.errors.ConfigurationLimitExceeded(""), "max_replication_slots", True),
        (psycopg.errors.SyntaxError('at or near "CREATE_REPLICATION_SLOT"'), "pooler", True),
        (psycopg.errors.UndefinedObject('publication "ablo_delta"'), "publication", True),
        (psycopg.OperationalError("FATAL: no pg_hba.conf entry for replication"), "pg_hba", True),
        (psycopg.OperationalError("FATAL: password authentication failed"), "password", True),
        (psycopg.OperationalError("FATAL: unsupported startup parameter"), "pooler", True),
        (psycopg.OperationalError("connection refused"), "connection refused", False),
        (psycopg.errors.AdminShutdown("terminating"), "terminating", False),
        (psycopg.ProgrammingError('invalid connection option "x"'), "invalid connection", False),
    ],
)
def test_reasons(cause: psycopg.Error, words: str, lasting: bool) -> None:
    try:
        raise translate(cause) from cause
    except Exception as error:
        refusal = explain(error)  # type: ignore[arg-type]
    assert words in refusal.reason
    assert refusal.lasting is lasting
