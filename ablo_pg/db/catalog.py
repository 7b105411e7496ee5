"""Catalogue reads of an administrator: what is installed in a database."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import psycopg


@dataclass(frozen=True, slots=True)
class InstalledKernel:
    """The kernel that a database has: its version, and path -> SHA-256 of every file."""

    version: int
    checksums: Mapping[str, str]


def installed_kernel(conn: psycopg.Connection) -> InstalledKernel | None:
    """Return the installed kernel, or None when the database has none."""
    with conn.transaction():
        known = conn.execute("select to_regclass('ablo.kernel_version')").fetchone()
        if known is None or known[0] is None:
            return None
        row = conn.execute("select max(version) from ablo.kernel_version").fetchone()
        if row is None or row[0] is None:
            return None
        files = conn.execute("select path, checksum from ablo.kernel_file").fetchall()
    return InstalledKernel(row[0], dict(files))
