"""The login of a connection, and its rights."""

from __future__ import annotations

from typing import Any, Final, LiteralString

import psycopg

_FACTS: Final[LiteralString] = """
select json_build_object(
  'login', session_user,
  'database', current_database(),
  'server', current_setting('server_version'),
  'rights', json_build_object(
    'superuser', r.rolsuper,
    'bypassesRls', r.rolsuper or r.rolbypassrls,
    'runtime', exists (select from pg_catalog.pg_roles g where g.rolname = 'ablo_runtime'
      and pg_catalog.pg_has_role(session_user, g.oid, 'member')),
    'owner', exists (select from pg_catalog.pg_roles g where g.rolname = 'ablo_owner'
      and pg_catalog.pg_has_role(session_user, g.oid, 'member')),
    'replication', r.rolsuper or r.rolreplication))
from pg_catalog.pg_roles r where r.rolname = session_user"""


def login_facts(conn: psycopg.Connection) -> dict[str, Any]:
    """Return login, database, server and rights: superuser, bypassesRls, runtime, owner, ..."""
    row = conn.execute(_FACTS).fetchone()
    return dict(row[0]) if row else {}
