"""Tables as the catalogue describes them, for an administrator: `check`, `pull`, and pushes.

One query reads everything about the tables of a database; nothing here changes anything.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Final, Literal, NamedTuple

import msgspec
import psycopg

UNLOGGED: Final = "it is unlogged: a crash of the server empties it, and the log keeps its rows"


class ColumnFacts(msgspec.Struct, frozen=True):
    """One column. `type` as people write it, `base` the pg_type name under any domain.

    default: its expression. generated: the writer cannot choose the value; identity: unless the
    insert overrides it. labels: of an enum type, else empty. exact: equal values are the same text,
    whatever the collation. native: an enum type, or an array of scalars.
    """

    name: str
    type: str
    base: str
    not_null: bool
    default: str | None
    generated: bool
    labels: tuple[str, ...]
    comment: str | None
    exact: bool = True
    identity: bool = False
    native: bool = False


class ConstraintFacts(msgspec.Struct, frozen=True):
    """A CHECK, key or FOREIGN KEY: its columns, definition, and what a foreign key points at."""

    name: str
    kind: Literal["c", "p", "u", "f", "x", "t"]
    columns: tuple[str, ...]
    definition: str
    target_schema: str | None
    target: str | None
    target_columns: tuple[str, ...]
    cascades: bool
    comment: str | None = None
    valid: bool = True  # checked for every row


class IndexFacts(msgspec.Struct, frozen=True):
    """A plain or unique index without a condition; expressions are left out."""

    name: str
    unique: bool
    columns: tuple[str, ...]


class MarkedIndex(msgspec.Struct, frozen=True):
    """An index with a comment; any index of ours that an author named has one."""

    name: str
    valid: bool
    comment: str


class TableFacts(msgspec.Struct, frozen=True):
    """One relation: kind r (table), p (partitioned), v, m (views), f (foreign table).

    children: quoted names of the tables that inherit from it, without its partitions. guard: the
    comment on the trigger that guards a model's table, '' without one; None: no model guards it.
    """

    schema: str
    name: str
    kind: Literal["r", "p", "v", "m", "f"]
    is_partition: bool
    is_logged: bool
    rows: float  # as last estimated; below 0 is unknown
    columns: tuple[ColumnFacts, ...]
    constraints: tuple[ConstraintFacts, ...]
    indexes: tuple[IndexFacts, ...]
    comment: str | None
    children: tuple[str, ...] = ()
    marked: tuple[MarkedIndex, ...] = ()
    guard: str | None = None

    @property
    def key(self) -> tuple[str, ...]:
        """The columns of the primary key."""
        return next((one.columns for one in self.constraints if one.kind == "p"), ())

    def column(self, name: str) -> ColumnFacts | None:
        """Return the column of that name."""
        return next((one for one in self.columns if one.name == name), None)


_TABLES: Final = r"""
with relations as (
  select c.oid, n.nspname, c.relname, c.relkind, c.relispartition, c.relpersistence, c.reltuples
  from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
  where c.relkind in ('r', 'p', 'v', 'm', 'f')
    and (%(schemas)s::text[] is null or n.nspname = any (%(schemas)s))
    and n.nspname not in ('ablo', 'ablo_model', 'pg_catalog', 'information_schema')
    and n.nspname !~ '^pg_(toast|temp)'
    and not exists (
      select from pg_catalog.pg_depend d
      where d.classid = 'pg_catalog.pg_class'::regclass and d.objid = c.oid and d.deptype = 'e')
)
select coalesce(json_agg(json_build_object(
  'schema', r.nspname, 'name', r.relname, 'kind', r.relkind, 'is_partition', r.relispartition,
  'is_logged', r.relpersistence = 'p',
  'guard', (
    select coalesce(pg_catalog.obj_description(t.oid, 'pg_trigger'), '')
    from pg_catalog.pg_trigger t where t.tgrelid = r.oid and t.tgname = 'zz_ablo_guard'),
  'rows', r.reltuples, 'comment', pg_catalog.obj_description(r.oid, 'pg_class'),
  'children', (
    select coalesce(json_agg(pg_catalog.format('%%I.%%I', n.nspname, c.relname)
                             order by n.nspname, c.relname), '[]')
    from pg_catalog.pg_inherits i
    join pg_catalog.pg_class c on c.oid = i.inhrelid
    join pg_catalog.pg_namespace n on n.oid = c.relnamespace
    where i.inhparent = r.oid and r.relkind = 'r'),
  'columns', (
    select coalesce(json_agg(json_build_object(
      'name', a.attname, 'type', pg_catalog.format_type(a.atttypid, a.atttypmod),
      'base', b.typname,
      'native', b.typtype = 'e' or b.typcategory = 'A' and exists (
        select from pg_catalog.pg_type e where e.oid = b.typelem
          and e.typtype in ('b', 'e') and e.typname not in ('json', 'jsonb', 'bytea')),
      'not_null', a.attnotnull,
      'default', ( -- NULL::text is what there is without one
        select one from pg_catalog.pg_get_expr(d.adbin, d.adrelid) one
        where one !~ '^NULL::[\w "().,\[\]]+$'),
      'generated', a.attgenerated <> '' or a.attidentity = 'a',
      'identity', a.attidentity <> '',
      'labels', (
        select coalesce(json_agg(e.enumlabel order by e.enumsortorder), '[]')
        from pg_catalog.pg_enum e where e.enumtypid = b.oid),
      'exact', b.typname <> 'citext' and not exists (
        select from pg_catalog.pg_collation o
        where o.oid = a.attcollation and not o.collisdeterministic),
      'comment', pg_catalog.col_description(r.oid, a.attnum)
    ) order by a.attnum), '[]')
    from pg_catalog.pg_attribute a
    join pg_catalog.pg_type b on b.oid = (
      with recursive under (oid, base) as (
        select t.oid, t.typbasetype from pg_catalog.pg_type t where t.oid = a.atttypid
        union all
        select t.oid, t.typbasetype from under u join pg_catalog.pg_type t on t.oid = u.base
      )
      select u.oid from under u where u.base = 0)
    left join pg_catalog.pg_attrdef d on d.adrelid = r.oid and d.adnum = a.attnum
    where a.attrelid = r.oid and a.attnum > 0 and not a.attisdropped),
  'constraints', (
    select coalesce(json_agg(json_build_object(
      'name', c.conname, 'kind', c.contype,
      'columns', (
        select coalesce(json_agg(a.attname order by k.n), '[]')
        from unnest(c.conkey) with ordinality as k (attnum, n)
        join pg_catalog.pg_attribute a on a.attrelid = r.oid and a.attnum = k.attnum),
      'definition', pg_catalog.pg_get_constraintdef(c.oid),
      'target_schema', fn.nspname, 'target', f.relname,
      'target_columns', (
        select coalesce(json_agg(a.attname order by k.n), '[]')
        from unnest(c.confkey) with ordinality as k (attnum, n)
        join pg_catalog.pg_attribute a on a.attrelid = c.confrelid and a.attnum = k.attnum),
      'cascades', c.contype = 'f' and c.confdeltype = 'c',
      'comment', pg_catalog.obj_description(c.oid, 'pg_constraint'), 'valid', c.convalidated
    ) order by c.conname), '[]')
    from pg_catalog.pg_constraint c
    left join pg_catalog.pg_class f on f.oid = c.confrelid
    left join pg_catalog.pg_namespace fn on fn.oid = f.relnamespace
    where c.conrelid = r.oid and c.contype in ('c', 'p', 'u', 'f')),
  'indexes', (
    select coalesce(json_agg(json_build_object(
      'name', x.relname, 'unique', i.indisunique,
      'columns', (
        select coalesce(json_agg(a.attname order by k.n), '[]')
        from unnest(i.indkey::int2[]) with ordinality as k (attnum, n)
        join pg_catalog.pg_attribute a on a.attrelid = r.oid and a.attnum = k.attnum
        where k.n <= i.indnkeyatts)
    ) order by x.relname), '[]')
    from pg_catalog.pg_index i join pg_catalog.pg_class x on x.oid = i.indexrelid
    where i.indrelid = r.oid and i.indpred is null and i.indexprs is null and i.indisvalid),
  'marked', (
    select coalesce(json_agg(json_build_object(
      'name', x.relname, 'valid', i.indisvalid, 'comment', o.comment) order by x.relname), '[]')
    from pg_catalog.pg_index i join pg_catalog.pg_class x on x.oid = i.indexrelid,
      pg_catalog.obj_description(x.oid, 'pg_class') as o (comment)
    where i.indrelid = r.oid and o.comment is not null)
) order by r.nspname, r.relname), '[]')::text
from relations r
"""

_DECODER: Final = msgspec.json.Decoder(tuple[TableFacts, ...])


def read_tables(
    conn: psycopg.Connection, schemas: Sequence[str] | None = None
) -> tuple[TableFacts, ...]:
    """Return every table and view of these schemas (default: all but the kernel's and Postgres's).

    Tables that an extension owns are left out.
    """
    parameters = {"schemas": None if schemas is None else list(schemas)}
    row = conn.execute(_TABLES, parameters).fetchone()
    return _DECODER.decode(row[0]) if row else ()


class TextFacts(NamedTuple):
    """The database's encoding, and the time zone of sessions that pin none."""

    encoding: str
    zone: str


def text_facts(conn: psycopg.Connection) -> TextFacts:
    """Return how a database treats text beyond the types of its columns."""
    row: Any = conn.execute("""
        select pg_catalog.current_setting('server_encoding'), s.reset_val
          from pg_catalog.pg_settings s where s.name = 'TimeZone'""").fetchone()
    return TextFacts(*row)


def schema_names(conn: psycopg.Connection) -> tuple[str, ...]:
    """Return the schemas that may contain the user's tables."""
    query = """
    select nspname from pg_catalog.pg_namespace
    where nspname not in ('ablo', 'ablo_model', 'information_schema') and nspname !~ '^pg_'
    order by 1"""
    return tuple(name for (name,) in conn.execute(query))


@contextmanager
def snapshot(conn: psycopg.Connection) -> Iterator[None]:
    """Read one state of the database in this block, and change nothing."""
    with conn.transaction():
        conn.execute("set transaction isolation level repeatable read read only")
        yield


def count_rows(conn: psycopg.Connection, table: str, condition: str) -> int | None:
    """Count a table's rows that match a condition; None if it does not exist or may not be read.

    Args: both as SQL, made by the compiler, which quotes every name in them.
    """
    return count_each(conn, table, {"": condition}).get("")


def count_each(
    conn: psycopg.Connection, table: str, conditions: Mapping[str, str]
) -> dict[str, int]:
    """Count a table's rows that match several conditions in one pass; empty if it cannot be read.

    Row-level security must not hide rows: without the right to see all, there is no count.
    """
    if not conditions:
        return {}
    counts = ", ".join(f"count(*) filter (where {condition})" for condition in conditions.values())
    try:
        with conn.transaction():
            conn.execute("set local row_security = off")
            row: Any = conn.execute(f"select {counts} from {table}").fetchone()
            conn.execute("set local row_security = on")
    except (psycopg.errors.InsufficientPrivilege, psycopg.errors.UndefinedTable):
        return {}
    except (psycopg.errors.UndefinedColumn, psycopg.errors.DatatypeMismatch):
        return {}
    except (psycopg.errors.UndefinedFunction, psycopg.DataError):  # a column of another type
        return {}
    return dict(zip(conditions, row, strict=True))
