"""Why the WAL cannot be streamed, in words for an administrator, and whether waiting can help."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import psycopg

from ablo_pg.errors import AbloError


@dataclass(frozen=True, slots=True)
class Refusal:
    """reason: for status and log. lasting: it stays so until somebody changes something."""

    reason: str
    lasting: bool


# SQLSTATEs: Postgres manual, appendix A.
_BY_STATE: Final[dict[str, str]] = {
    "55000": "wal_level is not logical; set wal_level = logical and restart the server",
    "42501": "the login of replication_url has no REPLICATION attribute",
    "28000": "the server refuses replication for this login; see pg_hba.conf",
    "28P01": "the password of replication_url is wrong",
    "53400": "all replication slots are in use; raise max_replication_slots",
    "53300": "all WAL senders are in use; raise max_wal_senders",
    "42601": "replication_url leads to a pooler; it must lead straight to the server",
    "08P01": "replication_url leads to a pooler; it must lead straight to the server",
    "42704": "the publication ablo_delta is missing; run `ablo-pg connect` again",
}
# libpq gives no SQLSTATE for a login that fails, only the server's words.
_BY_WORDS: Final[tuple[tuple[str, str], ...]] = (
    ("replication role", "42501"),
    ("REPLICATION attribute", "42501"),
    ("pg_hba.conf", "28000"),
    ("password authentication failed", "28P01"),
    ("max_wal_senders", "53300"),
    ("startup parameter", "08P01"),
    ("replication connections are not", "08P01"),
    ("publication", "42704"),
)


def explain(error: AbloError) -> Refusal:
    """Say why a stream could not be opened, or broke."""
    cause = error.__cause__
    state = cause.sqlstate if isinstance(cause, psycopg.Error) else None
    if state is None:
        words = f"{error.message} {cause or ''}"
        state = next((state for part, state in _BY_WORDS if part in words), None)
    known = _BY_STATE.get(state or "")
    if known is None and error.code == "internal_error" and cause is not None:
        return Refusal(str(cause).strip(), lasting=False)
    return Refusal(known or error.message, known is not None)
