"""Deliberately broken builds: SQL that breaks one promise of the kernel in a test's own database.

Each must be caught by the checker of the invariant it breaks.
"""

from __future__ import annotations

from typing import Final, LiteralString

from .site import TABLES

NOBODYS: Final = "rows of nobody, and those that are given to somebody"
RECREATE: Final = """
drop trigger zz_ablo_capture on tasks;
create constraint trigger zz_ablo_capture after {events} on tasks {when}
  for each row execute function ablo_model.tasks__capture();
alter table tasks enable always trigger zz_ablo_capture"""

DEFERRED: Final = "deferrable initially deferred"

# A function of notes with other words in place of some.
REWORDED: Final = """
do $mutant$ declare
  v_is text := pg_get_functiondef('ablo_model.notes__{function}'::regproc);
  v_will text := replace(v_is, {words}, {others});
begin
  assert v_is <> v_will;
  execute v_will;
end $mutant$"""

# name -> the mutant, and the scenario of `capture_scenarios` that shows it
CAPTURE: Final[dict[str, tuple[LiteralString, str]]] = {
    "skipped under session_replication_role = replica": (
        "alter table tasks enable trigger zz_ablo_capture",
        "session_replication_role = replica",
    ),
    "disabled": (
        "alter table tasks disable trigger zz_ablo_capture",
        "update without where",
    ),
    "deletes are not captured": (
        RECREATE.format(events="insert or update", when=DEFERRED),
        "cascade",
    ),
    "inserts are not captured": (
        RECREATE.format(events="update or delete", when=DEFERRED),
        "on conflict do update",
    ),
    "updates of one column only": (
        RECREATE.format(events="insert or delete or update of count", when=DEFERRED),
        "on conflict do update",
    ),
    "captured twice": (
        """create constraint trigger zz_ablo_capture_again after insert or update or delete
             on tasks deferrable initially deferred for each row
             execute function ablo_model.tasks__capture()""",
        "merge",
    ),
    "a row of nobody's that is given away is told as an update": (
        REWORDED.format(
            function="capture",
            words="'if not v_made then'",
            others="$$if tg_op = 'UPDATE' then$$",
        ),
        NOBODYS,
    ),
    "a row of nobody's that is given away is not told": (
        REWORDED.format(
            function="capture",
            words="""'old."organization_id") is null then'""",
            others="""$$old."organization_id") is null
              or tg_op = 'UPDATE' and old."organization_id" is null then$$""",
        ),
        NOBODYS,
    ),
    "one delta a statement": (
        """create function one_a_statement() returns trigger language plpgsql as $$
           begin
             insert into ablo.delta (sync_id, organization_id, model, row_id, op, groups, "row",
                                     xid, created_at)
             select nextval('ablo.sync_id'), organization_id, 'tasks', id, 'U', '{}',
                    ablo_model.tasks__row(n), pg_current_xact_id(), now()
               from changed n limit 1;
             return null;
           end $$;
           drop trigger zz_ablo_capture on tasks;
           create trigger zz_ablo_capture after update on tasks
             referencing new table as changed for each statement
             execute function one_a_statement()""",
        "update without where",
    ),
}

# The guard of notes lets a row go from one organization to another.
MOVABLE: Final[LiteralString] = REWORDED.format(
    function="guard", words="""'or old."organization_id" is not null'""", others="'or false'"
)

NO_LOCK: Final[LiteralString] = """
create or replace function ablo.order_lock(p_organization text) returns void
language plpgsql volatile as 'begin end'"""
AT_ONCE: Final[LiteralString] = ";".join(
    f"""
drop trigger zz_ablo_capture on {table};
create trigger zz_ablo_capture after insert or update or delete on {table}
  for each row execute function ablo_model.{table}__capture()"""
    for table in TABLES
)

# name -> the mutant; each takes ids at a moment that says nothing about the order of commits
ORDER: Final[dict[str, LiteralString]] = {
    "ids taken by the statement, not at the commit point": f"{NO_LOCK};{AT_ONCE}",
    "ids taken at the commit point, without the order lock": NO_LOCK,
}

# Order locks in the order of the captures, not of their keys.
NO_NOTES: Final[LiteralString] = """
create or replace function ablo.capture_note(p_organization text) returns void
language plpgsql volatile as 'begin end'"""
