"""The one exception tree, and the stable codes that SQL, HTTP and Python share.

    AbloError
      AbloAuthenticationError      401  the caller is unknown
      AbloPermissionError          403  a right is missing (also database_role_cannot_enforce_rls)
      AbloValidationError          400  the request is wrong; nothing was written
      AbloNotFoundError            404  no such row, model or claim
      AbloConflictError            409  a constraint or a schema prevents it
        AbloIdempotencyError       409  the key was used for a different request
        AbloStaleContextError      409  something that was read has changed
        AbloClaimedError           409  another participant holds the row, or the claim is lost
        AbloContentionError        409  the retries of a functional update are exhausted
      AbloRateLimitError           429  slow down
      AbloConnectionError          503  the server cannot be reached, or the connection broke
      AbloTimeoutError             504  a wait reached its deadline
      AbloServerError              500  our fault

Every error carries `code` (stable), `http_status`, `sqlstate`, `retryable`, and where they apply
`model`, `field`, `row_id`, `remedy` and `details`. SQL raises SQLSTATE class AB with a JSON DETAIL;
`db.errors` turns that, and Postgres's own states, into this tree.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Final


@dataclass(frozen=True, slots=True)
class ErrorCode:
    """The fixed attributes of a code: its SQLSTATE, HTTP status, and whether a retry can help."""

    code: str
    sqlstate: str
    http_status: int
    retryable: bool


class AbloError(Exception):
    """Every deliberate error of ablo_pg.

    Args: message states what happened, with the ids; `remedy` states what to do about it.
    """

    default_code: ClassVar[str] = "internal_error"

    def __init__(
        self,
        message: str,
        *,
        code: str | None = None,
        model: str | None = None,
        field: str | None = None,
        row_id: str | None = None,
        remedy: str | None = None,
        details: Mapping[str, Any] | None = None,
    ) -> None:
        self.code: str = code or self.default_code
        known = CODES.get(self.code, CODES["internal_error"])
        self.http_status: int = known.http_status
        self.sqlstate: str = known.sqlstate
        self.retryable: bool = known.retryable
        self.message = message
        self.model = model
        self.field = field
        self.row_id = row_id
        self.remedy = remedy
        self.details: dict[str, Any] = dict(details or {})
        super().__init__(f"{message} ({remedy})" if remedy else message)


class AbloAuthenticationError(AbloError):
    """The caller is unknown, or the credential has ended."""

    default_code = "apikey_invalid"


class AbloPermissionError(AbloError):
    """The caller is known but lacks the right to do this."""

    default_code = "permission_denied"


class AbloValidationError(AbloError):
    """The request is wrong: unknown model or field, wrong type, bad filter, too large."""

    default_code = "validation_failed"


class AbloNotFoundError(AbloError):
    """The named row, model or claim does not exist, or not for this organization."""

    default_code = "entity_not_found"


class AbloConflictError(AbloError):
    """A constraint or the database's state prevents the request."""

    default_code = "constraint_violation"


class AbloIdempotencyError(AbloConflictError):
    """The idempotency key was used before, for a different request."""

    default_code = "idempotency_conflict"


class AbloStaleContextError(AbloConflictError):
    """A premise no longer holds: a row, field or group that was read has changed since."""

    default_code = "stale_context"


class AbloClaimedError(AbloConflictError):
    """Another participant holds the row, or the write's own claim is no longer live."""

    default_code = "entity_claimed"


class AbloContentionError(AbloConflictError):
    """A functional update lost its race more often than its retry budget allows."""

    default_code = "contention_exhausted"


class AbloRateLimitError(AbloError):
    """Too many requests; `details["retry_after"]` is in seconds."""

    default_code = "rate_limit_exceeded"


class AbloConnectionError(AbloError):
    """The database or relay cannot be reached; a commit may have landed: retry with its key."""

    default_code = "database_unreachable"


class AbloTimeoutError(AbloError):
    """A wait reached its deadline. A commit's outcome is then unknown: retry its key."""

    default_code = "wait_for_timeout"


class AbloServerError(AbloError):
    """A failure that is not the caller's."""

    default_code = "internal_error"


# code, SQLSTATE, HTTP status, retryable, class. One row per code; sql/00_base/error_state.sql has
# the same SQLSTATEs, and a test compares the two. Codes of Postgres's own states carry those.
_TABLE: Final[tuple[tuple[str, str, int, bool, type[AbloError]], ...]] = (
    ("internal_error", "XX000", 500, True, AbloServerError),
    ("commit_failed", "AB500", 500, True, AbloServerError),
    ("kernel_not_installed", "AB501", 503, False, AbloServerError),
    ("kernel_newer_than_client", "AB502", 503, False, AbloServerError),
    ("kernel_checksum_mismatch", "AB503", 500, False, AbloServerError),
    ("migration_failed", "AB504", 500, False, AbloServerError),
    ("embedded_postgres_unavailable", "AB505", 500, False, AbloServerError),
    ("audit_broken", "AB506", 500, False, AbloServerError),
    ("transaction_pooler", "AB507", 503, False, AbloServerError),
    ("trigger_failed", "AB508", 500, False, AbloServerError),
    ("extra_not_installed", "AB509", 500, False, AbloServerError),
    ("apikey_invalid", "AB401", 401, False, AbloAuthenticationError),
    ("identity_missing_organization", "AB402", 401, False, AbloAuthenticationError),
    ("api_key_required", "AB407", 401, False, AbloAuthenticationError),
    ("apikey_expired", "AB408", 401, False, AbloAuthenticationError),
    ("apikey_revoked", "AB409", 401, False, AbloAuthenticationError),
    ("permission_denied", "AB403", 403, False, AbloPermissionError),
    ("database_role_cannot_enforce_rls", "AB404", 403, False, AbloPermissionError),
    ("admin_role_insufficient", "AB405", 403, False, AbloPermissionError),
    ("organization_mismatch", "AB406", 403, False, AbloPermissionError),
    ("capability_scope_denied", "AB410", 403, False, AbloPermissionError),
    ("capability_invalid", "AB412", 403, False, AbloPermissionError),
    ("forbidden", "AB413", 403, False, AbloPermissionError),
    ("validation_failed", "AB001", 400, False, AbloValidationError),
    ("server_execute_unknown_model", "AB002", 400, False, AbloValidationError),
    ("model_not_tenant_scoped", "AB003", 400, False, AbloValidationError),
    ("unknown_field", "AB004", 400, False, AbloValidationError),
    ("column_type_mismatch", "AB005", 400, False, AbloValidationError),
    ("not_null_violation", "AB006", 400, False, AbloValidationError),
    ("check_violation", "AB007", 400, False, AbloValidationError),
    ("invalid_id", "AB008", 400, False, AbloValidationError),
    ("invalid_request", "AB009", 400, False, AbloValidationError),
    ("commit_operation_required", "AB010", 400, False, AbloValidationError),
    ("commit_operation_action_required", "AB011", 400, False, AbloValidationError),
    ("commit_operation_unsupported", "AB012", 400, False, AbloValidationError),
    ("commit_operation_model_required", "AB013", 400, False, AbloValidationError),
    ("commit_too_many_operations", "AB014", 400, False, AbloValidationError),
    ("commit_operation_invalid", "AB015", 400, False, AbloValidationError),
    ("idempotency_key_too_long", "AB016", 400, False, AbloValidationError),
    ("invalid_participant_kind", "AB017", 400, False, AbloValidationError),
    ("query_invalid_identifier", "AB018", 400, False, AbloValidationError),
    ("query_unsupported_operator", "AB019", 400, False, AbloValidationError),
    ("query_invalid_like_pattern", "AB020", 400, False, AbloValidationError),
    ("model_query_failed", "AB021", 400, False, AbloValidationError),
    ("cursor_invalid", "AB022", 400, False, AbloValidationError),
    ("cursor_ahead", "AB023", 400, False, AbloValidationError),
    ("snapshot_required", "AB024", 410, False, AbloValidationError),
    ("request_too_large", "AB025", 413, False, AbloValidationError),
    ("response_too_large", "AB035", 413, False, AbloValidationError),
    ("relation_not_included", "AB036", 400, False, AbloValidationError),
    ("invalid_schema", "AB026", 400, False, AbloValidationError),
    ("schema_definition_invalid", "AB027", 400, False, AbloValidationError),
    ("isolation_level_unsupported", "AB028", 400, False, AbloValidationError),
    ("truncate_refused", "AB029", 400, False, AbloValidationError),
    ("row_identity_immutable", "AB030", 400, False, AbloValidationError),
    ("invalid_options", "AB031", 400, False, AbloValidationError),
    ("write_options_invalid", "AB032", 400, False, AbloValidationError),
    ("duration_invalid", "AB033", 400, False, AbloValidationError),
    ("narrow_scope_required", "AB414", 400, False, AbloValidationError),
    ("foreign_tenant_row", "AB034", 403, False, AbloPermissionError),
    ("invalid_json", "AB101", 400, False, AbloValidationError),
    ("invalid_body", "AB102", 400, False, AbloValidationError),
    ("route_not_found", "AB103", 404, False, AbloNotFoundError),
    ("method_not_allowed", "AB104", 405, False, AbloValidationError),
    ("request_timeout", "AB105", 408, True, AbloTimeoutError),
    ("datasource_connection_unsupported", "AB124", 400, False, AbloValidationError),
    ("schema_provisioning_forbidden", "AB106", 403, False, AbloPermissionError),
    ("instance_at_capacity", "AB107", 503, True, AbloConnectionError),
    ("malformed_subscription", "AB120", 400, False, AbloValidationError),
    ("queries_required", "AB121", 400, False, AbloValidationError),
    ("claim_id_required", "AB123", 400, False, AbloValidationError),
    ("query_unknown_relation", "AB122", 400, False, AbloValidationError),
    ("protocol_version_unsupported", "AB108", 426, False, AbloValidationError),
    ("constraint_violation", "23000", 400, False, AbloConflictError),
    ("unique_violation", "23505", 409, False, AbloConflictError),
    ("foreign_key_violation", "23503", 409, False, AbloConflictError),
    ("incompatible_change", "AB040", 409, False, AbloConflictError),
    ("model_not_provisioned", "AB041", 409, False, AbloConflictError),
    ("write_suppressed", "AB042", 409, False, AbloConflictError),
    ("write_conflict", "40001", 409, True, AbloConflictError),
    ("entity_not_found", "AB050", 404, False, AbloNotFoundError),
    ("model_not_found", "AB051", 404, False, AbloNotFoundError),
    ("claim_not_found", "AB052", 404, False, AbloNotFoundError),
    ("capability_not_found", "AB411", 404, False, AbloNotFoundError),
    ("idempotency_conflict", "AB060", 409, False, AbloIdempotencyError),
    ("stale_context", "AB061", 409, False, AbloStaleContextError),
    ("entity_claimed", "AB062", 409, False, AbloClaimedError),
    ("claim_lost", "AB063", 409, False, AbloClaimedError),
    ("contention_exhausted", "AB064", 409, False, AbloContentionError),
    ("claim_conflict", "AB065", 409, False, AbloClaimedError),
    ("model_claimed", "AB066", 409, False, AbloClaimedError),
    ("fence_token_stale", "AB067", 409, False, AbloClaimedError),
    ("queue_too_deep", "AB073", 503, True, AbloClaimedError),
    ("rate_limit_exceeded", "AB070", 429, True, AbloRateLimitError),
    ("quota_exceeded", "AB074", 429, True, AbloRateLimitError),
    ("connection_limit_exceeded", "53300", 429, True, AbloRateLimitError),
    ("database_unreachable", "08000", 503, True, AbloConnectionError),
    ("subscriber_too_slow", "AB071", 503, True, AbloConnectionError),
    ("wait_for_timeout", "57014", 504, True, AbloTimeoutError),
    ("lock_timeout", "55P03", 504, True, AbloTimeoutError),
    ("grant_timeout", "AB072", 504, True, AbloTimeoutError),
)

CODES: Final[dict[str, ErrorCode]] = {
    code: ErrorCode(code, sqlstate, status, retryable)
    for code, sqlstate, status, retryable, _ in _TABLE
}
CLASSES: Final[dict[str, type[AbloError]]] = {row[0]: row[4] for row in _TABLE}


def error_for(code: str, message: str, **context: Any) -> AbloError:
    """Build the error of the class that owns `code`; an unknown code makes an AbloServerError.

    Args: context as AbloError's keyword arguments (model, field, row_id, remedy, details).
    """
    return CLASSES.get(code, AbloServerError)(message, code=code, **context)
