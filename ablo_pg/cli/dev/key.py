"""The key that `dev` keeps in .env: the existing one while it is live, else a new one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from ablo_pg.credentials import check_key, new_key
from ablo_pg.db.admin import admin_connection
from ablo_pg.db.keys import create_key, find_key
from ablo_pg.errors import AbloError

DEFAULT_ORGANIZATION: Final = "acme"
PARTICIPANT: Final = "user:dev"


def ensure_key(admin_url: str, organization: str, environment: Mapping[str, str]) -> str:
    """Return a live secret key of the organization."""
    known = environment.get("ABLO_API_KEY", "")
    with admin_connection(admin_url) as conn:
        if _well_formed(known):
            found = find_key(conn, known)
            if found is not None and (found.status, found.organization_id) == (
                "live",
                organization,
            ):
                return known
        key = new_key("sk")
        create_key(conn, organization, PARTICIPANT, key, {"prefix": "sk", "label": "ablo-pg dev"})
    return key


def _well_formed(key: str) -> bool:
    try:
        check_key(key)
    except AbloError:
        return False
    return True
