"""A table's own triggers from the catalogue, and the rights that their functions lack as ours.

A write through the API fires them with the rights of ablo_owner, under `ablo.table_path`. Reads
only; the caller is in a transaction, whose search_path is set and restored here.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Final, LiteralString

import msgspec
import psycopg


class FunctionFacts(msgspec.Struct, frozen=True):
    """A function. name: quoted, with schema and arguments. path: its own search_path, if any."""

    name: str
    body: str
    language: str
    definer: bool
    path: str | None = None


class TriggerFacts(msgspec.Struct, frozen=True):
    """An enabled trigger that is not ours, and its function."""

    name: str
    function: FunctionFacts


class Missing(msgspec.Struct, frozen=True):
    """A right that ablo_owner lacks, as GRANT spells it: `insert`, `table public.audit_log`."""

    right: str
    target: str

    @property
    def sql(self) -> str:
        """The GRANT."""
        return f"grant {self.right} on {self.target} to ablo_owner;"


def own_path(function: str) -> str:
    """Return the SQL that makes a function find names in chosen schemas."""
    return f"alter function {function} set search_path = SCHEMAS;"


_FUNCTION: Final = """
  json_build_object('name', p.oid::regprocedure::text, 'body', p.prosrc, 'language', l.lanname,
    'definer', p.prosecdef, 'path', (
      select substring(c from '^search_path=(.*)$') from unnest(p.proconfig) c
      where c like 'search\\_path=%%'))"""
_TRIGGERS: Final = f"""
select coalesce(json_agg(json_build_object('name', t.tgname, 'function', {_FUNCTION})
                         order by t.tgname), '[]')::text
from pg_catalog.pg_trigger t
join pg_catalog.pg_proc p on p.oid = t.tgfoid
join pg_catalog.pg_language l on l.oid = p.prolang
where t.tgrelid = pg_catalog.to_regclass(%s) and not t.tgisinternal and t.tgenabled <> 'D'
  and t.tgname not like 'zz\\_ablo\\_%%'"""
_CALLED: Final = f"""
select coalesce(json_agg({_FUNCTION}), '[]')::text
from (select distinct pg_catalog.to_regproc(n)::oid as oid from unnest(%s::text[]) n) w
join pg_catalog.pg_proc p on p.oid = w.oid
join pg_catalog.pg_language l on l.oid = p.prolang
where p.pronamespace <> 'pg_catalog'::regnamespace and l.lanname in ('sql', 'plpgsql')"""
_COPYING: Final = f"""
select coalesce(json_agg({_FUNCTION} order by p.oid), '[]')::text
from pg_catalog.pg_proc p
join pg_catalog.pg_namespace n on n.oid = p.pronamespace
join pg_catalog.pg_language l on l.oid = p.prolang
where n.nspname not in ('pg_catalog', 'information_schema', 'ablo', 'ablo_model')
  and l.lanname in ('sql', 'plpgsql') and p.prosrc ~* 'insert\\s+into'
  and position(lower(%s) in lower(p.prosrc)) > 0"""
# A role that does not exist yet has PUBLIC's rights. An identity column needs no right.
_LACKING: Final = """
with role as (
  select case when exists (select from pg_catalog.pg_roles where rolname = 'ablo_owner')
    then 'ablo_owner' else 'public' end as name
), used as (
  select distinct pg_catalog.to_regclass(w.name)::oid as oid, w.needed
  from unnest(%s::text[], %s::text[]) w (name, needed)
), wanted as (
  select oid, needed from used
  union
  select s.oid, 'usage' from used u join pg_catalog.pg_depend d on d.refobjid = u.oid
    and d.refclassid = 'pg_class'::regclass and d.classid = 'pg_class'::regclass
    and d.deptype = 'a' and u.needed = 'insert'
  join pg_catalog.pg_class s on s.oid = d.objid and s.relkind = 'S' -- not its indexes
), lacking as (
  select w.needed as right, n.nspname, c.relname, c.relkind
  from wanted w join pg_catalog.pg_class c on c.oid = w.oid
  join pg_catalog.pg_namespace n on n.oid = c.relnamespace, role
  where n.nspname not like 'pg\\_%%' and case when c.relkind = 'S'
    then not pg_catalog.has_sequence_privilege(role.name, c.oid, 'usage')
    else not pg_catalog.has_table_privilege(role.name, c.oid, w.needed) end
  union
  select 'usage', n.nspname, null, 'n'
  from wanted w join pg_catalog.pg_class c on c.oid = w.oid
  join pg_catalog.pg_namespace n on n.oid = c.relnamespace, role
  where not pg_catalog.has_schema_privilege(role.name, n.oid, 'usage')
)
select coalesce(json_agg(json_build_object('right', l.right, 'target',
  case l.relkind when 'n' then pg_catalog.format('schema %%I', l.nspname)
    when 'S' then pg_catalog.format('sequence %%I.%%I', l.nspname, l.relname)
    else pg_catalog.format('table %%I.%%I', l.nspname, l.relname) end)
  order by l.relkind = 'n' desc, l.nspname, l.relname, l.right), '[]')::text
from lacking l"""
_PATH: Final[LiteralString] = "select ablo.table_path(%s::regclass, %s)"
_KNOWN: Final[LiteralString] = (
    "select pg_catalog.to_regprocedure('ablo.table_path(regclass, boolean)')::text"
)
_UNSEEN: Final[LiteralString] = "select n from unnest(%s::text[]) n where to_regclass(n) is null"

_TRIGGER_LIST: Final = msgspec.json.Decoder(tuple[TriggerFacts, ...])
_FUNCTION_LIST: Final = msgspec.json.Decoder(tuple[FunctionFacts, ...])
_MISSING_LIST: Final = msgspec.json.Decoder(tuple[Missing, ...])


def own_triggers(conn: psycopg.Connection, table: str) -> tuple[TriggerFacts, ...]:
    """Return the triggers of a table (a quoted name) that are not ours."""
    return _TRIGGER_LIST.decode(_one(conn, _TRIGGERS, table) or "[]")


def table_path(conn: psycopg.Connection, table: str, *, of_session: bool = False) -> str | None:
    """Return where its triggers find names in a write through the API; None without a kernel.

    of_session: where they find them in a session of the table's owner.
    """
    return _one(conn, _PATH, table, of_session) if _one(conn, _KNOWN) else None


@contextmanager
def names_found_by(conn: psycopg.Connection, path: str | None) -> Iterator[None]:
    """Look names up by this search_path in the block; None keeps the session's.

    An error in the block ends the transaction, and the setting with it.
    """
    before = _one(conn, "select current_setting('search_path')")
    if path is not None:
        conn.execute("select set_config('search_path', %s, true)", [path])
    yield
    conn.execute("select set_config('search_path', %s, true)", [before])


def called(conn: psycopg.Connection, names: Iterable[str]) -> tuple[FunctionFacts, ...]:
    """Return the names that are user functions, in SQL or PL/pgSQL."""
    return _FUNCTION_LIST.decode(_one(conn, _CALLED, list(names)) or "[]")


def copying(conn: psycopg.Connection, table: str) -> tuple[FunctionFacts, ...]:
    """Return the user's functions that insert, and name a table."""
    return _FUNCTION_LIST.decode(_one(conn, _COPYING, table) or "[]")


def lacking(conn: psycopg.Connection, used: Sequence[tuple[str, str]]) -> tuple[Missing, ...]:
    """Return what ablo_owner lacks of (relation, right); other names are ignored."""
    names, rights = [name for name, _ in used], [right for _, right in used]
    return _MISSING_LIST.decode(_one(conn, _LACKING, names, rights) or "[]")


def unseen(conn: psycopg.Connection, names: Iterable[str]) -> frozenset[str]:
    """Return the names that are not relations under the current search_path."""
    return frozenset(name for (name,) in conn.execute(_UNSEEN, [list(names)]))


def _one(conn: psycopg.Connection, query: str, *values: object) -> str | None:
    row = conn.execute(query.encode(), values or None).fetchone()
    return row[0] if row else None
