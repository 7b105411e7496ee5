"""Why the WAL cannot be streamed, for an administrator, and whether waiting can help.

The server's message is always shown. A cause is named only if the answer proves it: matches are on
names that are never translated, or on SQLSTATEs that have one meaning here. Other messages are
shown unchanged.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import psycopg

from ablo_pg.db.errors import said_by
from ablo_pg.errors import AbloError


@dataclass(frozen=True, slots=True)
class Refusal:
    """reason: for status and log. lasting: it stays until an administrator changes something."""

    reason: str
    lasting: bool


_STRAIGHT: Final = (
    "replication_url does not lead to a WAL sender: it must lead directly to the server, not "
    "through a pooler"
)
_RIGHT: Final = "give the login of replication_url the REPLICATION attribute"
# SQLSTATE (Postgres manual, appendix A), a part of the message, remedy. libpq gives no SQLSTATE for
# a failed connection attempt, only the server's message.
_KNOWN: Final[tuple[tuple[str | None, str, str], ...]] = (
    (None, "wal_level", "set wal_level = logical and restart the server"),
    (None, "WAL sender", _RIGHT),
    (None, "replication role", _RIGHT),
    ("42501", "replication slots", _RIGHT),
    (None, "no pg_hba.conf entry", "let pg_hba.conf admit the login of replication_url"),
    (None, "password authentication failed", "correct the password in replication_url"),
    (None, "max_wal_senders", "all WAL senders are in use: raise max_wal_senders"),
    ("53400", "", "all replication slots are in use: raise max_replication_slots"),
    # The peer refuses a replication command, or the request for replication itself.
    ("42601", "CREATE_REPLICATION_SLOT", _STRAIGHT),
    (None, "unsupported startup parameter", _STRAIGHT),
    (None, "replication connections are not", _STRAIGHT),
    ("42704", '"ablo_delta"', "run `ablo-pg connect` again: it creates the publication"),
)


def explain(error: AbloError) -> Refusal:
    """Explain why a stream could not be opened, or broke."""
    cause = error.__cause__
    if not isinstance(cause, psycopg.Error):
        return Refusal(error.message, lasting=False)
    state, said = cause.sqlstate, said_by(cause)
    shown = f"{said} (SQLSTATE {state})" if state else said
    for wanted, part, remedy in _KNOWN:
        if wanted in (None, state) and part in said:
            return Refusal(f"{remedy}; the server says: {shown}", lasting=True)
    return Refusal(shown, lasting=False)
