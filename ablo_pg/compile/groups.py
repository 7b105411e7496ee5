"""Pass: the sync groups of a row: its organization's, its own, its owners' along every parent edge.

The groups next to the row are plain expressions over it (`near_groups`). Those further up need a
lookup: `<model>__above(organization, id, groups)` adds the groups above one row to an array, each
owner once, so that it terminates if the data has a loop. `<model>__groups(table)` returns all
groups of a row as it is, for keys that are limited to some.
"""

from __future__ import annotations

from collections.abc import Iterator

from ablo_pg.compile.forms import Function
from ablo_pg.compile.names import indent, literal
from ablo_pg.compile.plan import Edge, ModelPlan, SchemaPlan


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
        settings=("row_security",),  # a restore disables it, and reading the owners would fail
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
    """Emit `<model>__groups(table)`, for a row as it is. Only the owner may call it.

    Inlinable if the row itself has all of them.
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


def near_groups(model: ModelPlan, row: str) -> str:
    """Return the groups that the row itself has: organization, own, direct owners, roles."""
    fixed = [f"'org:' || {row}.{model.org.sql}", model.group(f"{row}.{model.id.sql}")]
    single = [role for role in model.roles if not role.multi]
    flat = [edge.target.group(f"{row}.{edge.column.sql}") for edge in model.parents]
    flat += [f"{literal(role.kind + ':')} || {row}.{role.column.sql}" for role in single]
    flat += grant_groups(model, row)
    array = "array[" + ", ".join(fixed) + "]"
    if flat:
        array = "array_remove(array[\n  " + ",\n  ".join(fixed + flat) + "\n], null)"
    for role in model.roles:
        if role.multi:
            ids = f"{row}.{role.column.sql}"
            listed = f"ablo_model.role_groups({literal(role.kind)}, to_jsonb({ids}))"
            array += f"\n|| case when {ids} is not null then {listed} end"
    return array


def grant_groups(model: ModelPlan, row: str) -> list[str]:
    """Return the two groups that tell streams what a row grants: whose it is, and the group.

    `~user:<user>` and `~grants:<length of user>:<user>:<group>`; an archived row grants nothing.
    """
    grant = model.grant
    if grant is None:
        return []
    user, scope = f"{row}.{grant.subject.sql}::text", f"{row}.{grant.scope.sql}"
    pair = f"'~grants:' || length({user}) || ':' || {user} || {literal(f':{grant.kind}:')}"
    live = f"case when {row}.{model.archived.sql} is null and {scope} is not null then"
    return [f"{live}\n    '~user:' || {user} end", f"{live}\n    {pair} || {scope} end"]


def far_groups(model: ModelPlan, row: str, *, into: str = "v_groups") -> str:
    """Return statements that add to `into` what is above the direct owners."""
    lines = []
    for edge in model.parents:
        if edge.target.parents:
            above, column = edge.target.function("above"), f"{row}.{edge.column.sql}"
            call = f"{above}({row}.{model.org.sql}::text, {column}::text, {into})"
            lines += [f"if {column} is not null then", f"  {into} := {call};", "end if;"]
    return "\n".join(lines)


def _moved(model: ModelPlan, old: str, new: str) -> str:
    columns = [edge.column for edge in model.parents] + [role.column for role in model.roles]
    if model.grant is not None:
        columns += [model.grant.subject, model.grant.scope, model.archived]
    columns = list(dict.fromkeys(columns))
    return "\n  or ".join(f"{old}.{c.sql} is distinct from {new}.{c.sql}" for c in columns)


def left_expression(model: ModelPlan, old: str, new: str) -> str:
    """Return the groups that an update removes the row from, for a model that is not deep."""
    if not (model.parents or model.roles):
        return "null::text[]"
    only = only_in(near_groups(model, old), near_groups(model, new))
    return f"case when {_moved(model, old, new)} then {only} end"


def only_in(groups: str, others: str) -> str:
    """Return the groups that are not among others; null if all of them are."""
    only = f"select g from unnest({groups}) g\n  where g <> all ({others})"
    return f"nullif(array(\n  {only}\n), '{{}}')"


def left_groups(model: ModelPlan) -> str:
    """Return statements that set v_left to the groups that an update removes the row from, and
    v_entered to those that it adds; the latter is up to the caller for a model that is deep."""
    moved = _moved(model, "old", "new")
    lines = [f"v_left := {near_groups(model, 'old')};", far_groups(model, "old", into="v_left")]
    if (model.spec.before or model.grant) and not is_deep(model):
        lines.append(f"v_entered := {only_in('v_groups', 'v_left')};")
    lines.append(f"v_left := {only_in('v_left', 'v_groups')};")
    return f"if {moved} then\n{indent(chr(10).join(filter(None, lines)))}\nend if;"


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
