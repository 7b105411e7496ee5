"""Deliberately broken builds: SQL that breaks one promise of the kernel in a test's own database.

Each must be caught by the checker of the invariant it breaks.
"""

from __future__ import annotations

from typing import Final, LiteralString

from .site import Connection

RECREATE: Final = """
drop trigger zz_ablo_capture on tasks;
create constraint trigger zz_ablo_capture after {events} on tasks {when}
  for each row execute function ablo_model.tasks__capture();
alter table tasks enable always trigger zz_ablo_capture"""

DEFERRED: Final = "deferrable initially deferred"

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


def apply(conn: Connection, mutant: LiteralString) -> None:
    """Break the database that `conn` is in."""
    conn.execute(mutant)
