"""Which rights of the group roles are missing, and the GRANT that restores them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final, LiteralString

import psycopg
from psycopg.types.json import Jsonb


@dataclass(frozen=True, slots=True)
class Right:
    """One right of a role. name: as SQL. table: the one that a function is about, if any."""

    kind: str
    right: str
    name: str
    role: str
    table: str | None = None


# A missing object (a table, a function of another release, a role) is not a missing right: other
# checks report that. Before release 16 a signature whose table is gone is an error, hence `table`.
_MISSING: Final[LiteralString] = """
select (w.n - 1)::int from pg_catalog.jsonb_array_elements(%s) with ordinality as w (a, n)
join pg_catalog.pg_roles r on r.rolname = w.a ->> 'role'
where not case
  when w.a ->> 'table' is not null and to_regclass(w.a ->> 'table') is null then true
  when w.a ->> 'kind' = 'function' then
    coalesce(has_function_privilege(r.oid, to_regprocedure(w.a ->> 'name'), w.a ->> 'right'), true)
  when w.a ->> 'kind' = 'schema' then
    coalesce(has_schema_privilege(r.oid, to_regnamespace(w.a ->> 'name'), w.a ->> 'right'), true)
  else coalesce(has_table_privilege(r.oid, to_regclass(w.a ->> 'name'), w.a ->> 'right'), true)
end
order by w.n"""


def missing_rights(conn: psycopg.Connection, wanted: Sequence[Right]) -> tuple[Right, ...]:
    """Return the wanted rights that a role lacks although the object exists."""
    asked = [
        {"kind": w.kind, "right": w.right, "name": w.name, "role": w.role, "table": w.table}
        for w in wanted
    ]
    return tuple(wanted[n] for (n,) in conn.execute(_MISSING, [Jsonb(asked)]))


def grant_statement(kind: str, rights: Iterable[str], names: Iterable[str], role: str) -> str:
    """Return the SQL that gives a role rights on objects of one kind."""
    return f"grant {', '.join(rights)} on {kind} {', '.join(names)} to {role};"
