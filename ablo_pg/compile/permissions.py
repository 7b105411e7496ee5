"""Pass: what a schema permits, as functions: who sees a row, a row of the log, and may change one.

`<model>__reads(table, participant)` is for the read routines, which inline it, so that indexes
serve it; `<model>__sees(row, before, participant)` for the log, whose rows are JSON;
`<model>__permits(table, verb, participant)` explains, by the row as it is;
`rls` puts the same test into a policy for our logins; `guard` judges what they write, with the row
before and after. All print one predicate; `changefeed.permissions` judges the stream by it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Final

from ablo_pg.compile.forms import Function, Guarded, do_block
from ablo_pg.compile.names import indent, literal, text_array
from ablo_pg.compile.plan import Column, ModelPlan, SchemaPlan
from ablo_pg.compile.predicates import NONE, predicate_sql
from ablo_pg.compile.values import default_sql, differs
from ablo_pg.predicate.operands import Refused
from ablo_pg.predicate.permission import (
    ROWS,
    names_of,
    permission_fields,
    require_judged,
    strict,
    transition,
)
from ablo_pg.schema.neutral import READ, WRITE, FieldType, named_fields
from ablo_pg.schema.problems import Problem, schema_error
from ablo_pg.schema.wire_json import dump_condition

_EVENTS: Final = (
    ("INSERT", "create", ("new",)),
    ("UPDATE", "update", ROWS),
    ("DELETE", "delete", ("old",)),
)
_UUID: Final = "^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$"
# Who acts in a session of plain SQL, as the guard records it. session_user is of collation C: no
# index of a text column serves a comparison by that.
SESSION_ACTOR: Final = (
    "coalesce(nullif(current_setting('app.current_participant_id', true), ''), "
    "'system:' || session_user::text collate \"default\")"
)


def permissions(schema: SchemaPlan, model: ModelPlan) -> Iterator[str]:
    """Emit the functions of a model that declares permissions."""
    if model.spec.permissions:
        yield _collations(model)
        yield from _permits(model)
    if limits_reading(model):
        yield from Function(
            name=model.function("reads"),
            args=[f"r {model.table}", "p_actor text"],
            returns="boolean",
            language="sql",
            volatility="stable",
            pinned=False,
            signature=f"({model.table}, text)",
            body=f"  select {read_test(model, 'r', 'p_actor')}",
        ).sql()
        yield from Function(
            name=model.function("sees"),
            args=["p_row json", "p_before json", "p_actor text"],
            returns="boolean",
            language="sql",
            volatility="stable",
            pinned=False,
            body=f"  select {_logged_test(model)} is true",
        ).sql()


def _permits(model: ModelPlan) -> tuple[str, ...]:
    """Return what each permission says of a row as it is, for `ablo.access_judge`."""
    columns = _columns(model, "r")
    both = {f"{row}.{wire}": sql for row in ROWS for wire, sql in columns.items()}
    given = columns | both | _actor("p_actor")
    cases = [
        f"    when {literal(one.name)} then {_test(model, one.name, given)}"
        for one in model.spec.permissions
    ]
    update = model.spec.permission("update")
    if transition(update) and strict(update):  # false, though it is unknown what is written
        row = f"(null::{model.table})"
        given |= {f"new.{wire}": sql for wire, sql in _columns(model, row).items()}
        cases.append(f"    when 'never' then ({_test(model, 'update', given)}) is false")
    listed = "\n".join(cases)
    return Function(
        name=model.function("permits"),
        args=[f"r {model.table}", "p_verb text", "p_actor text"],
        returns="boolean",
        language="sql",
        volatility="stable",
        pinned=False,
        signature=f"({model.table}, text, text)",
        body=f"  select case p_verb\n{listed}\n  end",
    ).sql()


def _collations(model: ModelPlan) -> str:
    """Refuse an adopted table whose text compares as equal what the stream tells apart."""
    named = _named(model)
    columns = text_array(sorted(c.name for c in model.row_columns if c.wire in named))
    problem = f"{model.title}: its permissions name a column of a nondeterministic collation"
    return do_block(
        Guarded(
            "exists (\n  select from pg_catalog.pg_attribute a\n"
            "  join pg_catalog.pg_collation c on c.oid = a.attcollation\n"
            f"  where a.attrelid = {model.regclass} and not c.collisdeterministic\n"
            f"    and a.attname = any ({columns})\n)",
            [
                f"raise exception using errcode = 'feature_not_supported',\n"
                f"  message = {literal(problem)},\n"
                "  hint = 'the stream compares text by its characters; compare another column';"
            ],
        )
    )


def _named(model: ModelPlan) -> set[str]:
    """Return the JSON names of the fields that the permissions read."""
    names = {name for one in model.spec.permissions for name in names_of(one.test)}
    return {name.removeprefix("old.").removeprefix("new.") for name in names}


def _guarded(model: ModelPlan) -> set[str]:
    """Return the JSON names of the fields that have a permission of their own."""
    names = (one.name.partition(".") for one in model.spec.permissions)
    return {wire for _, dot, wire in names if dot}


def recorded(model: ModelPlan) -> str:
    """Return what a comment records of a model's permissions, and of their columns; '' if none."""
    if not model.spec.permissions:
        return ""
    named = _named(model) | _guarded(model)
    found = {
        "permissions": [dump_condition(one) for one in model.spec.permissions],
        "columns": {field.wire: field.column for field in model.spec.fields if field.wire in named},
    }
    return f" {json.dumps(found, ensure_ascii=False)}"


def limits_reading(model: ModelPlan) -> bool:
    """Whether not every actor of the organization may read all rows."""
    return model.spec.permission("read") is not None


def read_test(model: ModelPlan, row: str, actor: str) -> str:
    """Return whether an actor may read the row `row` (an alias, or '')."""
    return _test(model, "read", _columns(model, row) | _actor(actor))


def refuses(model: ModelPlan, actor: str) -> str:
    """Return the condition, in a trigger, that an actor may not make this change; '' if any may.

    What it writes must be permitted, and an update must leave the row where it can see it.
    """
    cases = []
    for event, verb, rows in _EVENTS:
        tests = _write_tests(model, verb, rows, actor) if model.spec.permission(verb) else []
        if verb == "update" and limits_reading(model):
            tests.append(read_test(model, "new", actor))
        if tests:
            cases.append(f"when {literal(event)} then ({' and '.join(tests)}) is not true")
    listed = "\n".join(cases)
    # In parentheses: PL/pgSQL reads up to the THEN of its IF.
    return f"(case tg_op\n{indent(listed)}\n  else false\nend)" if cases else ""


def hidden_fields(model: ModelPlan) -> str:
    """Return the keys of a row's JSON that an actor (p_actor) may not read, as text[]; or null."""
    keys = [
        f"case when ({_test(model, READ + column.wire, _actor('p_actor'))}) is not true"
        f" then {key} end"
        for column in model.row_columns
        if model.spec.permission(READ + column.wire) is not None
        for key in column.keys
    ]
    listed = indent(",\n".join(keys))
    return f"nullif(array_remove(array[\n{listed}\n], null), '{{}}')"


def refused_field(model: ModelPlan, actor: str) -> str:
    """Return, in a trigger, the first field that an actor may not write so, or null; '' if none.

    Every create may leave a field at its default.
    """
    cases = []
    for column in model.row_columns:
        verb = WRITE + column.wire
        if model.spec.permission(verb) is None:
            continue
        default = default_sql(column) if column.has_default else "null"
        given = f"new.{column.sql} is distinct from {default}"
        changed = differs(column, "old", "new")
        for event, test, rows in (("INSERT", given, ROWS[1:]), ("UPDATE", changed, ROWS)):
            tests = " and ".join(_write_tests(model, verb, rows, actor))
            cases.append(
                f"when tg_op = {literal(event)} and {test}\n"
                f"    and ({tests}) is not true then {column.key}"
            )
    return f"case\n{indent(chr(10).join(cases))}\nend" if cases else ""


def _write_tests(model: ModelPlan, verb: str, rows: tuple[str, ...], actor: str) -> list[str]:
    columns = {row: _columns(model, row) for row in rows}
    if transition(model.spec.permission(verb)):
        both = {f"{row}.{wire}": sql for row in rows for wire, sql in columns[row].items()}
        return [_test(model, verb, both | _actor(actor))]
    return [_test(model, verb, columns[row] | _actor(actor)) for row in rows]


def _logged_test(model: ModelPlan) -> str:
    """Return whether an actor may read a row of the log, as `before` has it, else `row`.

    What a test names and the row does not have is unknown: an earlier schema may not have had the
    field, or had it under a name that is not kept (`formerly`), or in another type.
    """
    columns = {c.wire: c for c in model.row_columns if not c.native}
    values = {wire: _out_of_json(column) for wire, column in columns.items()}
    known = {wire: _in_json(column) for wire, column in columns.items()}
    return _test(model, "read", values | _actor("p_actor"), known)


def _test(
    model: ModelPlan, verb: str, columns: Mapping[str, str], known: Mapping[str, str] = NONE
) -> str:
    named = permission_fields(named_fields(model.spec), verb)
    fields = {field.wire: field for field in named.values()}
    test = model.spec.permission(verb)
    try:
        found = predicate_sql(test, fields, columns, known)
        require_judged(test, fields)
    except Refused as exc:
        problem = Problem(
            "invalid_permission", model.spec.key, None, f"{verb}: {exc.reason}", exc.remedy
        )
        raise schema_error([problem], code="schema_definition_invalid") from None
    return found


def _columns(model: ModelPlan, row: str) -> dict[str, str]:
    """Return the model's columns by JSON name; none of an enum type or an array."""
    prefix = f"{row}." if row else ""
    return {c.wire: prefix + c.sql for c in model.row_columns if not c.native}


def _logged(column: Column) -> str:
    pairs = [f"p_before -> {key}, p_row -> {key}" for key in column.keys]
    return f"coalesce({', '.join(pairs)})"


def _in_json(column: Column) -> str:
    """Return whether a row of the log has the field, with null or a value of its type."""
    found = _logged(column)
    text = f"({found} #>> '{{}}')"
    match column.type:
        case FieldType.INTEGER:
            kind = "number"
            bounds = "between -9223372036854775808 and 9223372036854775807"
            digits = f"{text} ~ '^-?[0-9]{{1,19}}$'"
            fits = f"case when {digits} then {text}::numeric {bounds} end"
        case FieldType.BOOLEAN:
            kind, fits = "boolean", ""
        case FieldType.UUID:
            kind, fits = "string", f"{text} ~ {literal(_UUID)}"
        case FieldType.STRING | FieldType.ENUM:
            kind, fits = "string", ""
        case _:  # only whether it is null
            return f"{found} is not null"
    typed = f"when {literal(kind)} then {fits or 'true'}"
    return f"case json_typeof({found}) when 'null' then true {typed} end"


def _out_of_json(column: Column) -> str:
    """Return the field as the column has it, of a row of the log that has it."""
    casts = {
        FieldType.INTEGER: "::bigint",
        FieldType.BOOLEAN: "::boolean",
        FieldType.UUID: "::uuid",
    }
    return f"({_logged(column)} #>> '{{}}'){casts.get(column.type, '')}"


def _actor(participant: str) -> dict[str, str]:
    """Return the actor's values of a participant `kind:id`, as SQL."""
    name = f"substr({participant}, strpos({participant}, ':') + 1)"
    kind = f"split_part({participant}, ':', 1)"
    return {
        "actor.id": _once(name, participant),
        "actor.kind": _once(kind, participant),
        "actor.user_id": _once(f"case when {kind} = 'user' then {name} end", participant),
    }


def _once(value: str, participant: str) -> str:
    """Return it as a subselect in a policy, which the planner evaluates once a statement."""
    return f"(select {value})" if participant == SESSION_ACTOR else f"({value})"


def dispatch_sees(schema: SchemaPlan) -> Iterator[str]:
    """Emit `ablo_model.sees`, unless no model limits reading: then the kernel has its own.

    Without a row it tells whether everyone may read the model, without a model whether any limits
    reading.
    """
    models = [one for one in schema.synced if limits_reading(one) or one.spec.hides_fields]
    if not models:
        return
    cases = "\n".join(
        f"    when {model.typename} then p_row is not null"
        + (
            f"\n      and {model.function('sees')}(p_row, p_before, p_actor)"
            if limits_reading(model)
            else ""
        )
        for model in models
    )
    yield from Function(
        name="ablo_model.sees",
        args=["p_model text", "p_row json", "p_before json", "p_actor text"],
        returns="boolean",
        language="sql",
        volatility="stable",
        pinned=False,
        body=(
            "  select case when p_model is null then false else case p_model\n"
            f"{cases}\n    else p_model <> all (ablo_model.closed())\n  end end"
        ),
    ).sql()
