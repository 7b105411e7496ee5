"""Pass: the triggers of a synced table. ENABLE ALWAYS: replication roles and loads fire them too.

A constraint trigger has no `or replace`, so the set is dropped and created again if one of it is
missing, disabled or of another definition; otherwise nothing is locked. Names sort late, so that a
table's own triggers run first. Their comments record the permissions: `kernel.pull` reads them.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from ablo_pg.compile.forms import Guarded, do_block
from ablo_pg.compile.names import digest, literal, text_array
from ablo_pg.compile.permissions import recorded
from ablo_pg.compile.plan import ModelPlan, SchemaPlan

# What is written set-wise is logged by the kernel (`many`). Postgres parses a WHEN again for every
# statement: a constant of type name takes 64 numbers, one of type text as many as it has letters.
_WHEN: Final = "when (current_user <> 'ablo_writer'::text)"


def triggers(schema: SchemaPlan, model: ModelPlan) -> Iterator[str]:
    """Emit guard, capture and the refusal of TRUNCATE."""
    if not model.synced:
        return
    definitions = _definitions(model)
    mark = literal(f"ablo_pg {digest(chr(10).join(definitions.values()))}{recorded(model)}")
    table = model.table
    statements = []
    for name, definition in definitions.items():
        statements += [
            f"drop trigger if exists {name} on {table};",
            definition,
            f"alter table {table} enable always trigger {name};",
            f"comment on trigger {name} on {table} is {mark};",
        ]
    yield do_block(
        Guarded(
            f"(\n  select count(*) from pg_catalog.pg_trigger t\n"
            f"  where t.tgrelid = {model.regclass} and t.tgenabled = 'A'\n"
            f"    and t.tgname = any ({text_array(definitions)})\n"
            f"    and pg_catalog.obj_description(t.oid, 'pg_trigger') = {mark}\n"
            f") <> {len(definitions)}",
            statements,
        )
    )


def _definitions(model: ModelPlan) -> dict[str, str]:
    table = model.table
    adopt = {}
    if model.parent_table:
        adopt["zz_ablo_adopt"] = (
            f"create trigger zz_ablo_adopt\n"
            f"  before insert or update of {model.parent_table.local_key}, {model.org.sql}\n"
            f"  on {table} for each row\n"
            f"  execute function {model.function('adopt')}();"
        )
    return adopt | {
        "zz_ablo_capture": (
            f"create constraint trigger zz_ablo_capture\n"
            f"  after insert or update or delete on {table}\n"
            f"  deferrable initially deferred for each row {_WHEN}\n"
            f"  execute function {model.function('capture')}();"
        ),
        "zz_ablo_guard": (
            f"create trigger zz_ablo_guard\n"
            f"  before insert or update or delete on {table} for each row {_WHEN}\n"
            f"  execute function {model.function('guard')}();"
        ),
        "zz_ablo_truncate": (
            f"create trigger zz_ablo_truncate before truncate on {table}\n"
            f"  for each statement execute function ablo.truncate_refuse();"
        ),
    }
