"""Projects, branches and data sources of one database: one of each. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from ablo_pg.wire.authority import BRANCH_ID

ROOT_SLUG: Final = "main"
# The root has no creation date; clients want one that they can parse.
BEGAN: Final = "2026-01-01T00:00:00.000Z"


def project_body(organization: str) -> dict[str, object]:
    """Return the one project; its id is the organization's."""
    return {
        "object": "project",
        "id": organization,
        "slug": "default",
        "name": organization,
        "default": True,
        "created_at": BEGAN,
    }


def branch_body(organization: str) -> dict[str, object]:
    """Return the root branch."""
    return {
        "object": "branch",
        "id": BRANCH_ID,
        "project_id": organization,
        "parent_branch_id": None,
        "slug": ROOT_SLUG,
        "name": None,
        "kind": "long_lived",
        "state": "ready",
        "origin": "empty",
        "root": True,
        "expires_at": None,
        "created_at": BEGAN,
        "deleted_at": None,
    }


def branch_credential_body(api_key: str, expires_at: str | None) -> dict[str, object]:
    """Return the answer of a branch's credential; the key is shown only once."""
    return {
        "object": "branch_credential",
        "branch_id": BRANCH_ID,
        "api_key": api_key,
        "expires_at": expires_at,
    }


def branch_status_body(
    organization: str, version: int, digest: str, reasons: Sequence[str]
) -> dict[str, object]:
    """Return the status of the root branch."""
    active = version > 0
    return {
        "object": "branch_status",
        "branch": branch_body(organization),
        "ready": active and not reasons,
        "schema": {
            "active": active,
            "version": version if active else None,
            "hash": digest if active else None,
            "parent_compatibility": "same",
            "changes": 0,
            "warnings": 0,
            "blockers": 0,
        },
        "storage": {
            "kind": "customer",
            "transport": "direct",
            "status": "blocked" if reasons else "ready",
        },
        "data_source": None,
        "blockers": [
            {"code": "not_ready", "problem": reason, "fix": "see /ready"} for reason in reasons
        ],
    }


def source_body(database: str, host: str | None, ready: bool) -> dict[str, object]:
    """Return the one data source: the database that the relay runs on. host: None is left out."""
    return ({} if host is None else {"host": host}) | {
        "object": "datasource",
        "id": "ds_main",
        "connection": "direct",
        "database": database,
        "schema": "public",
        "status": "ready" if ready else "pending",
        "livemode": True,
    }


def validation_body(reasons: Sequence[str]) -> dict[str, object]:
    """Return whether the database is usable, and what prevents it."""
    return {
        "reachable": True,
        "ready": not reasons,
        "failures": [{"item": reason, "fix": "see /ready of the relay"} for reason in reasons],
        "advisories": [],
        "initial_snapshot": {"status": "complete"},
    }
