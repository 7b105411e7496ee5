"""Pass: the sync groups of a row: its organization's, its own, its owners' up every parent edge.

The groups next to the row are plain expressions over it (`near_groups`). Those further up need a
lookup: `<model>__above(organization, id, groups)` adds the groups above one row to an array, each
owner once, so that a loop in the data ends. `<model>__groups(table)` tells all of a row as it
stands, for keys that are bound to some.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from ablo_pg.compile.forms import Function
from ablo_pg.compile.names import indent, literal
from ablo_pg.compile.plan import Edge, ModelPlan, Role, SchemaPlan


def groups(schema: SchemaPlan, model: ModelPlan) -> Iterator[str]:
    """Emit `<model>__above` for a model that has owners and is one."""
    owns = any(edge.target is model for other in schema.synced for edge in other.parents)
    if not (owns and model.parents and model.synced):
        return
    names = [f"v_{number}" for number, _ in enumerate(model.parents, 1)]
    declared = "\n".join(
        f"  {name} {model.table}.{edge.column.sql}%type;"
        for name, edge in zip(names, model.parents, strict=True)
    )
    columns = ", ".join(f"t.{edge.column.sql}" for edge in model.parents)
    climbs = "\n".join(_climb(name, edge) for name, edge in zip(names, model.parents, strict=True))
    yield from Function(
        name=model.function("above"),
        args=["p_organization text", "p_id text", "p_groups text[]"],
        returns="text[]",
        security="definer",
        body=f"""\
#variable_conflict use_variable
declare
  v_before text := coalesce(current_setting('app.current_org_id', true), '');
  v_id {model.table}.{model.id.sql}%type := p_id;
  v_organization {model.table}.{model.org.sql}%type := p_organization;
{declared}
begin
  if v_before <> p_organization then  -- the policies bind the owner too
    perform set_config('app.current_org_id', p_organization, true);
  end if;
  select {columns} into {", ".join(names)}
  from {model.table} t
  where t.{model.org.sql} = v_organization and t.{model.id.sql} = v_id;
  if v_before <> p_organization then
    perform set_config('app.current_org_id', v_before, true);
  end if;
{climbs}
  return p_groups;
end""",
    ).sql()


def row_groups(schema: SchemaPlan, model: ModelPlan) -> Iterator[str]:
    """Emit `<model>__groups(table)`, of a row as it stands. Only the owner may call it.

    Inlinable where the row itself tells all of them.
    """
    if not model.synced:
        return
    near, far = near_groups(model, "r"), far_groups(model, "r")
    climb = indent(f"v_groups := {near};\n{far}\nreturn v_groups;")
    yield from Function(
        name=model.function("groups"),
        args=[f"r {model.table}"],
        returns="text[]",
        language="plpgsql" if far else "sql",
        volatility="stable",
        pinned=False,
        signature=f"({model.table})",
        body=f"declare\n  v_groups text[];\nbegin\n{climb}\nend" if far else f"select {near}",
    ).sql()


def _climb(name: str, edge: Edge) -> str:
    group = edge.target.group(name)
    lines = [
        f"  if {name} is not null and {group} <> all (p_groups) then",
        f"    p_groups := p_groups || ({group});",
    ]
    if edge.target.parents:
        above = edge.target.function("above")
        lines.append(f"    p_groups := {above}(p_organization, {name}::text, p_groups);")
    return "\n".join([*lines, "  end if;"])


def is_deep(model: ModelPlan) -> bool:
    """Whether some owner of the model's rows has owners itself."""
    return any(edge.target.parents for edge in model.parents)


def near_groups(model: ModelPlan, row: str, *, moved_from: str = "") -> str:
    """Return the groups that the row itself tells: organization, own, direct owners, roles.

    moved_from: the row before the change; owners and roles that it has left are added.
    """
    fixed = [f"'org:' || {row}.{model.org.sql}", model.group(f"{row}.{model.id.sql}")]
    single = [role for role in model.roles if not role.multi]
    maybe = [_near(edge.target.group, edge.column.sql, row, moved_from) for edge in model.parents]
    maybe += [_near(_role_group(role), role.column.sql, row, moved_from) for role in single]
    flat = [text for texts in maybe for text in texts]
    array = "array[" + ", ".join(fixed) + "]"
    if flat:
        array = "array_remove(array[\n  " + ",\n  ".join(fixed + flat) + "\n], null)"
    for role in model.roles:
        if role.multi:
            for source in (row, moved_from) if moved_from else (row,):
                ids = f"{source}.{role.column.sql}"
                listed = f"ablo_model.role_groups({literal(role.kind)}, to_jsonb({ids}))"
                array += f"\n|| case when {ids} is not null then {listed} end"
    return array


def far_groups(model: ModelPlan, row: str, *, moved_from: str = "") -> str:
    """Return statements that add to v_groups what is above the direct owners."""
    lines = []
    for edge in model.parents:
        if not edge.target.parents:
            continue
        above = edge.target.function("above")
        column = edge.column.sql
        org = f"{row}.{model.org.sql}::text"
        call = f"v_groups := {above}({org}, {{0}}.{column}::text, v_groups);"
        lines += [f"if {row}.{column} is not null then", f"  {call.format(row)}", "end if;"]
        if moved_from:
            changed = f"{moved_from}.{column} is distinct from {row}.{column}"
            lines += [
                f"if {moved_from}.{column} is not null and {changed} then",
                f"  {call.format(moved_from)}",
                "end if;",
            ]
    return "\n".join(lines)


def role_support(schema: SchemaPlan) -> Iterator[str]:
    """Emit `ablo_model.role_groups`, which spells the groups of a JSON list of ids."""
    yield from Function(
        name="ablo_model.role_groups",
        args=["p_kind text", "p_ids jsonb"],
        returns="text[]",
        volatility="immutable",
        pinned=False,
        body="""\
begin
  return array(
    select p_kind || ':' || i.id
    from jsonb_array_elements_text(
      case jsonb_typeof(p_ids) when 'array' then p_ids else '[]' end
    ) i (id)
    where i.id is not null
  );
end""",
    ).sql()


def _near(group: Callable[[str], str], column: str, row: str, moved_from: str) -> list[str]:
    texts = [group(f"{row}.{column}")]
    if moved_from:
        left = f"{moved_from}.{column} is distinct from {row}.{column}"
        texts.append(f"case when {left} then {group(f'{moved_from}.{column}')} end")
    return texts


def _role_group(role: Role) -> Callable[[str], str]:
    return lambda value: f"{literal(role.kind + ':')} || {value}"
