"""Errors as response bodies: `{type, code, message, param?, request_id?, ...details}`.

Clients decide by `code`; `type` is its class in our client. A body contains only what the error
has: its message, names and details never hold another organization's data, nor a row's values (see
`db.errors`).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from ablo_pg.errors import CLASSES, AbloError, error_for
from ablo_pg.wire.claims import http_summary
from ablo_pg.wire.participants import split_participant

# Keys of the body itself; a detail of that name would hide it.
OWN: Final = frozenset({"type", "code", "message", "param", "doc_url", "request_id", "retryable"})
SUMMARIES: Final = frozenset({"claims", "blockedBy"})
# Internals of the server, of no use to clients.
INNER: Final = frozenset({"sqlstate", "statement", "sql", "log", "constraint", "table", "column"})


def problem_body(error: AbloError, request_id: str | None = None) -> dict[str, object]:
    """Return the body of an error."""
    body: dict[str, object] = {
        "type": CLASSES.get(error.code, type(error)).__name__,
        "code": error.code,
        "message": error.message,
        "retryable": error.retryable,
    }
    given = {
        "param": error.field,
        "request_id": request_id,
        "model": error.model,
        "id": error.row_id,
        "remedy": error.remedy,
    }
    body.update({key: value for key, value in given.items() if value is not None})
    body.update(problem_details(error.details))
    return body


def problem_details(details: Mapping[str, object]) -> dict[str, object]:
    """Return the details of an error in their wire form."""
    found: dict[str, object] = {}
    for key, value in details.items():
        if key in OWN or key in INNER:
            continue
        if key in SUMMARIES and isinstance(value, list):
            found[key] = [http_summary(one) for one in value if isinstance(one, dict)]
        elif key in ("heldBy", "held_by") and isinstance(value, str):
            found["heldByKind"], found["heldBy"] = split_participant(value)
        elif key == "retry_after":
            found["retryAfterSeconds"] = value
        else:
            found[key] = value
    return found


def unexpected_error() -> AbloError:
    """Return the body for an unexpected failure, without its details."""
    return error_for(
        "internal_error",
        "The server failed; its log has the cause under the request id",
        remedy="try again; nothing was written unless a receipt says so",
    )
