"""Why the WAL cannot be streamed, in words for an administrator, and whether waiting can help.

What the server has said is always shown. A cause is named only where the answer proves it, so a
match is of a name that no language translates, or of a SQLSTATE that has one meaning here; what
matches nothing is shown as it is.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import psycopg

from ablo_pg.db.errors import said_by
from ablo_pg.errors import AbloError


@dataclass(frozen=True, slots=True)
class Refusal:
    """reason: for status and log. lasting: it stays so until somebody changes something."""

    reason: str
    lasting: bool


_STRAIGHT: Final = (
    "what answers at replication_url is no WAL sender: it must lead straight to the server, "
    "not through a pooler"
)
_RIGHT: Final = "give the login of replication_url the REPLICATION attribute"
# SQLSTATE (Postgres manual, appendix A), a part of the message, what to do. libpq gives no SQLSTATE
# for a connection that is not made, only the server's words.
_KNOWN: Final[tuple[tuple[str | None, str, str], ...]] = (
    (None, "wal_level", "set wal_level = logical and restart the server"),
    (None, "WAL sender", _RIGHT),
    (None, "replication role", _RIGHT),
    ("42501", "replication slots", _RIGHT),
    (None, "no pg_hba.conf entry", "let pg_hba.conf admit the login of replication_url"),
    (None, "password authentication failed", "correct the password in replication_url"),
    (None, "max_wal_senders", "all WAL senders are in use: raise max_wal_senders"),
    ("53400", "", "all replication slots are in use: raise max_replication_slots"),
    # Asked for replication, what answers takes no command of it, or not even the request.
    ("42601", "CREATE_REPLICATION_SLOT", _STRAIGHT),
    (None, "unsupported startup parameter", _STRAIGHT),
    (None, "replication connections are not", _STRAIGHT),
    ("42704", '"ablo_delta"', "run `ablo-pg connect` again: it makes the publication"),
)


def explain(error: AbloError) -> Refusal:
    """Say why a stream could not be opened, or broke."""
    cause = error.__cause__
    if not isinstance(cause, psycopg.Error):
        return Refusal(error.message, lasting=False)
    state, said = cause.sqlstate, said_by(cause)
    shown = f"{said} (SQLSTATE {state})" if state else said
    for wanted, part, remedy in _KNOWN:
        if wanted in (None, state) and part in said:
            return Refusal(f"{remedy}; the server says: {shown}", lasting=True)
    return Refusal(shown, lasting=False)
