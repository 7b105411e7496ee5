"""A login that is a member of one of our groups, and whom the group's rights do not reach.

A member has the rights of a group only if it inherits them: up to Postgres 15 every membership of a
role does, unless the role is NOINHERIT; since 16 each grant says so (Postgres manual, "Role
Membership"). Postgres then answers `permission denied for schema ablo`, as to a stranger. Asked for
the reason after that, so that a login that works costs nothing. A login whose setting `role` names
the group (`alter role ... set role`) acts as the group, and needs no inheritance.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final, LiteralString

from psycopg import AsyncConnection, Connection, sql
from psycopg.pq import TransactionStatus

from ablo_pg.errors import AbloError, error_for

SINCE_GRANTS_SAY: Final = 160_000
_UNREACHED: Final[LiteralString] = """
select r.rolname::text, g.rolname::text, r.rolinherit, exists (
    select from pg_catalog.pg_auth_members m where m.roleid = g.oid and m.member = r.oid)
  from pg_catalog.pg_roles r, pg_catalog.pg_roles g
 where r.rolname = current_user and g.rolname in ('ablo_runtime', 'ablo_control', 'ablo_owner')
   and pg_catalog.pg_has_role(r.oid, g.oid, 'member')
   and not pg_catalog.pg_has_role(r.oid, g.oid, 'usage')
 order by g.rolname = 'ablo_owner', g.rolname desc limit 1"""


@dataclass(frozen=True, slots=True)
class Unreached:
    """A member of a group without its rights. sql: what lets them reach it."""

    login: str
    group: str
    sql: str

    def error(self, code: str = "permission_denied") -> AbloError:
        """Return the error to raise instead of Postgres's."""
        return error_for(
            code,
            f"Login {self.login} is a member of {self.group} but does not inherit (NOINHERIT, or "
            f"INHERIT FALSE in a grant), so the rights of {self.group} do not reach it",
            remedy=f"let an administrator run: {self.sql}",
            details={"sql": self.sql},
        )


def unreached(conn: Connection) -> Unreached | None:
    """Return why a connection was denied; None if this is not the reason, or cannot be asked."""
    if conn.info.transaction_status != TransactionStatus.IDLE:
        return None
    return _read(conn.execute(_UNREACHED).fetchone(), conn.info.server_version)


async def unreached_async(conn: AsyncConnection) -> Unreached | None:
    """As `unreached`."""
    row = await (await conn.execute(_UNREACHED)).fetchone()
    return _read(row, conn.info.server_version)


def _read(row: Any, version: int) -> Unreached | None:
    if row is None:
        return None
    login, group, inherits, direct = row
    alone = version >= SINCE_GRANTS_SAY
    parts = [] if alone or inherits else [inherit_statement(login)]
    parts += [] if direct and not alone else [member_statement(group, login, version)]
    return Unreached(login, group, " ".join(f"{part};" for part in parts))


def inherit_statement(login: str) -> str:
    """Return the SQL after which a login inherits, up to Postgres 15, what its groups may do."""
    return _text("alter role {} inherit", login)


def member_statement(group: str, login: str, version: int) -> str:
    """Return the SQL that makes a login a member that inherits, as far as a grant says so."""
    if version >= SINCE_GRANTS_SAY:
        return _text("grant {} to {} with inherit true", group, login)
    return _text("grant {} to {}", group, login)


def _text(statement: LiteralString, *names: str) -> str:
    return sql.SQL(statement).format(*map(sql.Identifier, names)).as_string()
