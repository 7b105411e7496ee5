"""Pass: the triggers of a synced table, all ENABLE ALWAYS: replication roles and loads fire them too.

A constraint trigger has no `or replace`, so the set is dropped and made again when one of it is
missing, disabled or of another definition; otherwise nothing is locked. Names sort late, so that a
table's own triggers have had their say.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from ablo_pg.compile.forms import Guarded, do_block
from ablo_pg.compile.names import digest, literal, text_array
from ablo_pg.compile.plan import ModelPlan, SchemaPlan
from ablo_pg.compile.rls import CURRENT_ORG

NAMES: Final = (
    "zz_ablo_capture",
    "zz_ablo_identity",
    "zz_ablo_note",
    "zz_ablo_note_delete",
    "zz_ablo_touch",
    "zz_ablo_truncate",
)


def triggers(schema: SchemaPlan, model: ModelPlan) -> Iterator[str]:
    """Emit capture, notes of foreign organizations, and the refusals."""
    if not model.synced:
        return
    definitions = _definitions(model)
    mark = literal(f"ablo_pg {digest(chr(10).join(definitions.values()))}")
    table = model.table
    statements = [f"drop trigger if exists {name} on {table};" for name in definitions]
    statements += list(definitions.values())
    for name in definitions:
        statements.append(f"alter table {table} enable always trigger {name};")
        statements.append(f"comment on trigger {name} on {table} is {mark};")
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
    table, org = model.table, model.org.sql
    note = f"ablo.capture_note({literal(model.org.name)})"
    return {
        "zz_ablo_capture": (
            f"create constraint trigger zz_ablo_capture\n"
            f"  after insert or update or delete on {table}\n"
            f"  deferrable initially deferred for each row\n"
            f"  execute function {model.function('capture')}();"
        ),
        "zz_ablo_identity": (
            f"create trigger zz_ablo_identity before update on {table} for each row\n"
            f'  when (old."id" is distinct from new."id" or old.{org} is distinct from new.{org})\n'
            f"  execute function ablo.row_identity_refuse();"
        ),
        "zz_ablo_note": (
            f"create trigger zz_ablo_note after insert or update on {table} for each row\n"
            f"  when (new.{org}::text is distinct from {CURRENT_ORG})\n"
            f"  execute function {note};"
        ),
        "zz_ablo_note_delete": (
            f"create trigger zz_ablo_note_delete after delete on {table} for each row\n"
            f"  when (old.{org}::text is distinct from {CURRENT_ORG})\n"
            f"  execute function {note};"
        ),
        "zz_ablo_touch": (
            f"create trigger zz_ablo_touch before update on {table} for each row\n"
            f'  when (new."updated_at" is not distinct from old."updated_at")\n'
            f"  execute function ablo.row_touch();"
        ),
        "zz_ablo_truncate": (
            f"create trigger zz_ablo_truncate before truncate on {table} for each statement\n"
            f"  execute function ablo.truncate_refuse();"
        ),
    }
