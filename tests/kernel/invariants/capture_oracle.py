"""I2's oracle: what the log has to hold, found without the log.

An ordinary AFTER trigger of the test's own writes each row change into `public.audit`, in the
changing transaction, so that what is rolled back is gone from it too. Each of its lines must have
exactly one delta, with the same row in the same words; and replaying the log must end with the
tables as they are. A row that belongs to no organization is in no log: it begins with the change
that gives it one.
"""

from __future__ import annotations

from psycopg import sql

from .site import TABLES, Connection

AUDIT_TABLE = """
create table public.audit (
  organization_id text not null, model text not null, row_id text not null, op text not null,
  "row" text not null
)"""
AUDIT_FUNCTION = """
create function public.{function}() returns trigger
language plpgsql security definer set timezone = 'UTC' set extra_float_digits = 1
as $$
begin
  if coalesce(new.organization_id, old.organization_id) is null then
    return null;
  elsif tg_op = 'DELETE' then
    insert into public.audit values (old.organization_id, {model}, old.id, 'D', '');
  else
    insert into public.audit
    select new.organization_id, {model}, new.id,
           case when tg_op = 'INSERT' or old.organization_id is null then 'I'
                when (old.archived_at is null) = (new.archived_at is null) then 'U'
                when new.archived_at is null then 'V' else 'A' end,
           ablo_model.{row}(new)::text;
  end if;
  return null;
end
$$"""
AUDIT_TRIGGER = """
create trigger audit after insert or update or delete on public.{table}
  for each row execute function public.{function}();
alter table public.{table} enable always trigger audit"""

DIFFERENCE = """
with audited as (
  select organization_id, model, row_id, op, "row", count(*) as n
    from public.audit group by 1, 2, 3, 4, 5
), logged as (
  select organization_id, model, row_id, op, coalesce("row"::text, '') as "row", count(*) as n
    from ablo.delta group by 1, 2, 3, 4, 5
)
select concat_ws(' ', op, organization_id, model, row_id) || ': changed '
       || coalesce(a.n, 0) || ' times, ' || coalesce(l.n, 0) || ' deltas'
  from audited a full join logged l using (organization_id, model, row_id, op, "row")
 where a.n is distinct from l.n
 limit 20"""
LOG = """
select organization_id || ' ' || model || ' ' || row_id, op, "row"::text
  from ablo.delta order by sync_id"""
ROWS = """
select organization_id || ' ' || {model} || ' ' || id, ablo_model.{row}(t)::text
  from public.{table} t where organization_id is not null"""


def install_audit(conn: Connection) -> None:
    """Watch every model table."""
    conn.execute(AUDIT_TABLE)
    for table in TABLES:
        names = {
            "table": sql.Identifier(table),
            "function": sql.Identifier(f"audit_{table}"),
            "row": sql.Identifier(f"{table}__row"),
            "model": sql.Literal(table),
        }
        conn.execute(sql.SQL(AUDIT_FUNCTION).format(**names))
        conn.execute(sql.SQL(AUDIT_TRIGGER).format(**names))


def capture_problems(conn: Connection) -> list[str]:
    """Return where the log is not what the audit and the tables say; empty when I2 holds."""
    return [text for (text,) in conn.execute(DIFFERENCE)] + fold_problems(conn)


def fold_problems(conn: Connection) -> list[str]:
    """Return where replaying the log goes wrong, or does not end with the tables as they are."""
    problems: list[str] = []
    folded = _fold(conn, problems)
    rows = _rows(conn)
    for key in sorted(folded.keys() | rows.keys()):
        if folded.get(key) != rows.get(key):
            problems.append(f"{key}: the log says {folded.get(key)}, the table {rows.get(key)}")
    return problems


def _fold(conn: Connection, problems: list[str]) -> dict[str, str]:
    """Replay the log; what cannot be done in that order is a problem."""
    folded: dict[str, str] = {}
    for key, op, row in conn.execute(LOG):
        if (op == "I") == (key in folded):
            problems.append(f"{key}: {op} where the row {'exists' if op == 'I' else 'does not'}")
        if op == "D":
            folded.pop(key, None)
        else:
            folded[key] = row
    return folded


def _rows(conn: Connection) -> dict[str, str]:
    rows: dict[str, str] = {}
    with conn.transaction():
        conn.execute("set local timezone = 'UTC'")
        for table in TABLES:
            query = sql.SQL(ROWS).format(
                table=sql.Identifier(table),
                row=sql.Identifier(f"{table}__row"),
                model=sql.Literal(table),
            )
            rows.update(dict(conn.execute(query).fetchall()))
    return rows


def deltas(conn: Connection) -> dict[str, int]:
    """Count the log's deltas by op."""
    return dict(conn.execute("select op, count(*)::int from ablo.delta group by op").fetchall())
