"""What a schema changes: against the active version, the existing tables, or another schema."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from ablo_pg.cli.administrator import administrator
from ablo_pg.cli.output import say, show, show_json
from ablo_pg.cli.push import line_of
from ablo_pg.cli.target import load_target
from ablo_pg.errors import error_for
from ablo_pg.kernel.fit import ModelFit, fit, sound
from ablo_pg.kernel.schema_push import preview
from ablo_pg.schema import SchemaSpec
from ablo_pg.schema.pushing import PushOptions, PushPlan, change_item, plan_push


@dataclass(frozen=True, slots=True)
class Differences:
    """The differences. items: one JSON object per change, with `flag` or `sql` if that helps."""

    before: str
    after: str
    fits: bool
    items: Sequence[dict[str, object]] = field(default=())


def differences(spec: SchemaSpec, against: str, database_url: str | None) -> Differences:
    """Compare a schema with `pushed`, `tables`, or the schema of another TARGET.

    Raises: invalid_options if a database is needed and none is given; errors of reading.
    """
    if against not in ("pushed", "tables"):
        before = load_target(against)
        return _of_plan(before.hash, spec, plan_push(before, spec, PushOptions()))
    if not database_url:
        raise error_for(
            "invalid_options",
            f"--diff {against} needs a database",
            field="database_url",
            remedy="pass --database-url, or set ABLO_ADMIN_URL or DATABASE_URL",
        )
    with administrator(database_url) as conn:
        if against == "tables":
            return _of_tables(spec, fit(conn, spec))
        active, plan = preview(conn, spec)
    name = f"version {active.version}, schema {active.hash}" if active.version else "nothing"
    return _of_plan(name, spec, plan)


def _of_plan(before: str, spec: SchemaSpec, plan: PushPlan) -> Differences:
    flags = {id(refusal.change): refusal for refusal in plan.refusals}
    items = []
    for change in plan.changes:
        refusal = flags.get(id(change))
        extra = {} if refusal is None else {"flag": refusal.flag, "detail": refusal.reason}
        items.append(change_item(change) | extra)
    return Differences(before, spec.hash, not plan.refusals, items)


def _of_tables(spec: SchemaSpec, fits: Sequence[ModelFit]) -> Differences:
    items: list[dict[str, object]] = []
    for one in fits:
        if one.new:
            items.append({"kind": "table_missing", "model": one.model, "additive": True})
        for finding in one.findings:
            item = {"kind": finding.level, "model": one.model, "detail": finding.message}
            more = {"field": finding.field, "sql": finding.sql}
            item |= {name: value for name, value in more.items() if value is not None}
            items.append({**item, "additive": finding.level == "addition"})
    return Differences("tables", spec.hash, sound(fits), items)


def show_differences(found: Differences, as_json: bool) -> None:
    """Report the differences."""
    if as_json:
        told = {"from": found.before, "to": found.after, "fits": found.fits}
        show_json(told | {"changes": list(found.items)})
        return
    for item in found.items:
        show(line_of(item))
        if item.get("flag"):
            show(f"    allow it with {item['flag']}")
        for line in str(item.get("sql", "")).splitlines():
            show(f"    {line}")
    count = len(found.items)
    say(f"{count} change{'' if count == 1 else 's'} from {found.before} to schema {found.after}")
