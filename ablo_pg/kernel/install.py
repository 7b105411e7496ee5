"""Install or upgrade the kernel in a database, in one transaction."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import psycopg

from ablo_pg.db.blame import foreign_function
from ablo_pg.db.catalog import admin_rights, installed_kernel, without_event_triggers
from ablo_pg.errors import AbloServerError
from ablo_pg.kernel.failure import install_failure
from ablo_pg.kernel.files import KernelFile, kernel_files, kernel_version
from ablo_pg.kernel.rights import Lack, kernel_rights, lacks
from ablo_pg.kernel.script import script_body

OLDEST_SERVER: Final = 150_000


@dataclass(frozen=True, slots=True)
class Installed:
    """What an install found and left. `before` is None if there was no kernel.

    restored: rights on the kernel that had been revoked. passed_over: a function of a user's event
    trigger that failed during the install, which was therefore repeated without event triggers.
    """

    before: int | None
    version: int
    changed_files: tuple[str, ...]
    restored: tuple[Lack, ...] = ()
    passed_over: str | None = None


def require_supported(server_version: int) -> None:
    """Refuse a server that is too old. Args: server_version as libpq gives it, 150004 for 15.4.

    A newer major than we know is accepted: it is more likely to work than not.
    """
    if server_version < OLDEST_SERVER:
        raise AbloServerError(
            f"the server is PostgreSQL {server_version // 10_000}, which is too old",
            code="kernel_not_installed",
            remedy=f"use PostgreSQL {OLDEST_SERVER // 10_000} or later",
            details={"server_version": server_version},
        )


def install(conn: psycopg.Connection, files: tuple[KernelFile, ...] | None = None) -> Installed:
    """Install the kernel, or upgrade an older one; safe to repeat and to run concurrently.

    Args: conn, an administrative connection outside a transaction; its autocommit setting is kept.
    Raises: kernel_newer_than_client, kernel_checksum_mismatch, admin_role_insufficient,
    migration_failed with the SQLSTATE. Nothing partial remains.
    """
    require_supported(conn.info.server_version)
    files = files or kernel_files()
    version = kernel_version(files)
    before = installed_kernel(conn)
    if before is not None and before.version > version:
        raise AbloServerError(
            f"the database has kernel {before.version}, this is kernel {version}",
            code="kernel_newer_than_client",
            remedy="upgrade ablo_pg to the release that installed it, or a later one",
            details={"installed": before.version, "own": version},
        )
    known = dict(before.checksums) if before else {}
    changed = tuple(file.path for file in files if known.get(file.path) != file.checksum)
    restored: tuple[Lack, ...] = ()
    if not changed:  # rights that a new release adds were not revoked
        restored = lacks(conn, kernel_rights(files))
    passed_over = _run(conn, script_body(files))
    known_version = before.version if before else None
    return Installed(known_version, version, changed, restored, passed_over)


def _run(conn: psycopg.Connection, script: str) -> str | None:
    """Run the script; if an event trigger fails in it, run it again without event triggers.

    The script runs as ablo_owner, which the user's event triggers may not know. Only a superuser
    can disable them; other logins get the error, which names the function.
    """
    try:
        with conn.transaction():
            # Our own files; the text contains no outside value.
            conn.execute(script)
    except psycopg.Error as exc:
        function = foreign_function(exc.diag.context)
        if function is None or not admin_rights(conn).superuser:
            raise install_failure(exc) from exc
        with conn.transaction():
            without_event_triggers(conn)
            conn.execute(script)
        return function
    return None
