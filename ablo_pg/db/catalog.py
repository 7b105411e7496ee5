"""Catalogue reads of an administrator: what is installed in a database."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import psycopg


@dataclass(frozen=True, slots=True)
class InstalledKernel:
    """The kernel that a database has: its version, and path -> SHA-256 of every file."""

    version: int
    checksums: Mapping[str, str]


def installed_kernel(conn: psycopg.Connection) -> InstalledKernel | None:
    """Return the installed kernel, or None if the database has none."""
    with conn.transaction():
        known = conn.execute("select to_regclass('ablo.kernel_version')").fetchone()
        if known is None or known[0] is None:
            return None
        row = conn.execute("select max(version) from ablo.kernel_version").fetchone()
        if row is None or row[0] is None:
            return None
        files = conn.execute("select path, checksum from ablo.kernel_file").fetchall()
    return InstalledKernel(row[0], dict(files))


@dataclass(frozen=True, slots=True)
class AdminRights:
    """What an administrative login may do with roles."""

    name: str
    superuser: bool
    creates_roles: bool
    inherits: bool
    groups_exist: bool
    owner_member: bool
    runs: bool  # programs run as it, or stream: a member of ablo_runtime or ablo_replication

    @property
    def may_install(self) -> bool:
        """Whether the install can create the roles that it needs."""
        return self.superuser or self.creates_roles or (self.groups_exist and self.owner_member)


_RIGHTS: Final = """
select r.rolname, r.rolsuper, r.rolcreaterole, r.rolinherit,
  (select count(*) = 3 from pg_catalog.pg_roles g
   where g.rolname in ('ablo_owner', 'ablo_runtime', 'ablo_replication')),
  exists (select from pg_catalog.pg_roles o
   where o.rolname = 'ablo_owner' and pg_catalog.pg_has_role(o.oid, 'member')),
  exists (select from pg_catalog.pg_roles g
   where g.rolname in ('ablo_runtime', 'ablo_replication')
     and pg_catalog.pg_has_role(g.oid, 'member'))
from pg_catalog.pg_roles r where r.rolname = current_user
"""


def admin_rights(conn: psycopg.Connection) -> AdminRights:
    """Return what the connected login may do with roles."""
    row = conn.execute(_RIGHTS).fetchone()
    assert row is not None  # the current user is always in pg_roles
    return AdminRights(*row)


def without_event_triggers(conn: psycopg.Connection) -> None:
    """Fire no table or event triggers for the rest of this transaction; superusers may do this."""
    conn.execute("set local session_replication_role = replica")


@dataclass(frozen=True, slots=True)
class RoleFacts:
    """The attributes of one role that decide whether it may be a login of ours."""

    superuser: bool
    bypasses_rls: bool
    replication: bool


def role_facts(conn: psycopg.Connection, name: str) -> RoleFacts | None:
    """Return a role's attributes, or None if there is no role of that name."""
    row = conn.execute(
        "select rolsuper, rolbypassrls, rolreplication from pg_catalog.pg_roles where rolname = %s",
        [name],
    ).fetchone()
    return RoleFacts(*row) if row else None


def role_exists(conn: psycopg.Connection, name: str) -> bool:
    """Whether a role of that name exists in the cluster."""
    return role_facts(conn, name) is not None


def server_setting(conn: psycopg.Connection, name: str) -> str | None:
    """Return a setting of the server, or None if this login may not see it."""
    row = conn.execute("select pg_catalog.current_setting(%s, true)", [name]).fetchone()
    return row[0] if row else None


def kernel_status(conn: psycopg.Connection) -> dict[str, Any]:
    """Return the kernel's status (`ablo.status()`)."""
    row = conn.execute("select ablo.status()").fetchone()
    return dict(row[0]) if row else {}


def lock_provisioning(conn: psycopg.Connection, schema: str) -> None:
    """Lock out a second migration of `schema` until the transaction ends; waits 5 s at most.

    5 s protects the writers that queue up behind our own lock requests on busy tables; a false
    alarm costs a retry of the migration.
    """
    conn.execute("set local lock_timeout = '5s'")
    conn.execute(
        "select pg_catalog.pg_advisory_xact_lock(pg_catalog.hashtext(%s))", [f"provision:{schema}"]
    )
