"""Errors of a relay, from its answers' bodies, as the same values that a database raises.

Pure. The wire has its own spelling of some details (`wire.problems`); here they are translated back
to what `db.errors` makes of the kernel's, under the author's names.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from ablo_pg.db.errors import Names
from ablo_pg.errors import CODES, AbloError, error_for
from ablo_pg.json_text import loads

# The part of a body that describes the error itself; the rest are its details.
_OWN: Final = frozenset(
    {"type", "code", "message", "param", "request_id", "model", "id", "remedy", "retryable"}
)
# Meanings of answers without our body: something between us and the relay sent them.
_BY_STATUS: Final[Mapping[int, str]] = {
    401: "apikey_invalid",
    403: "forbidden",
    404: "route_not_found",
    408: "request_timeout",
    413: "request_too_large",
    429: "rate_limit_exceeded",
    502: "database_unreachable",
    503: "database_unreachable",
    504: "database_unreachable",
}


def error_of(status: int, body: bytes, names: Names) -> AbloError:
    """Return the error that an answer represents."""
    try:
        found = loads(body)
    except ValueError:
        found = None
    if not isinstance(found, dict) or not isinstance(found.get("code"), str):
        return error_for(
            _BY_STATUS.get(status, "internal_error"),
            f"The relay's address answered with HTTP {status}, but not like a relay",
            remedy="check base_url, and proxies between here and the relay",
        )
    return error_of_problem(found, names)


def error_of_problem(body: Mapping[str, object], names: Names) -> AbloError:
    """Return the error that a body describes."""
    code = str(body["code"])
    model = names.model(_text(body.get("model")))
    return error_for(
        code if code in CODES else "internal_error",
        str(body.get("message") or code),
        model=model,
        field=names.field(model, _text(body.get("param"))),
        row_id=_text(body.get("id")),
        remedy=_text(body.get("remedy")),
        details=_details(body),
    )


def unreachable(base_url: str, reason: object) -> AbloError:
    """Return the error for a relay that does not answer."""
    return error_for(
        "database_unreachable",
        f"The relay at {base_url} cannot be reached: {reason}",
        remedy="check base_url, and that the relay runs",
    )


def _details(body: Mapping[str, Any]) -> dict[str, Any]:
    details = {key: value for key, value in body.items() if key not in _OWN}
    _join_holder(details)
    for key in ("claims", "blockedBy"):
        for one in details.get(key) or ():
            if isinstance(one, dict):
                _join_holder(one)
                for extra in ("participantId", "participantKind", "reason"):
                    one.pop(extra, None)
    if "retryAfterSeconds" in details:
        details["retry_after"] = details.pop("retryAfterSeconds")
    return details


def _join_holder(found: dict[str, object]) -> None:
    """Join kind and id of a participant."""
    kind, name = found.get("heldByKind"), found.get("heldBy")
    if kind and name and not str(name).startswith(f"{kind}:"):
        found["heldBy"] = f"{kind}:{name}"


def _text(value: object) -> str | None:
    return None if value is None else str(value)
