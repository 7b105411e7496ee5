"""Pass: from a model's name to its functions: `resolve`, `conflict`, `setwise`, `read`, `write`,
`lock`, `many` of ablo_model; and what the kernel asks of a schema: `roles`, `session_settings`,
`hidden`: which fields of a model an actor may not read.

Every commit uses this, so a schema of many models branches in halves instead of trying one name
after the other, and `resolve` looks names up in one JSON constant.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Final

from ablo_pg.compile.forms import Function
from ablo_pg.compile.many import dispatch_many, leaf, setwise
from ablo_pg.compile.names import indent, json_literal, literal, text_array
from ablo_pg.compile.permissions import hidden_fields
from ablo_pg.compile.plan import ModelPlan, SchemaPlan

_CHAIN: Final = 6  # names that are tried one by one


def dispatch(schema: SchemaPlan) -> Iterator[str]:
    """Emit the dispatchers over all models."""
    models = sorted(schema.models, key=lambda m: m.spec.typename.encode())
    yield from _resolve(schema)
    yield from _conflict(models)
    yield from Function(
        name="ablo_model.write",
        args=["p_model text", "p_action text", "p_id text", "p_data jsonb"],
        returns="boolean",
        pinned=False,
        body=_body(models, "write", "p_action, p_id, p_data"),
    ).sql()
    yield from Function(
        name="ablo_model.read",
        args=["p_model text", "p_id text"],
        returns="json",
        volatility="stable",
        pinned=False,
        body=_body(models, "read", "p_id", "null"),
    ).sql()
    yield from Function(
        name="ablo_model.lock",
        args=["p_model text", "p_id text"],
        returns="boolean",
        pinned=False,
        body=_body(models, "lock", "p_id"),
    ).sql()
    plain = [model for model in models if setwise(model)]
    mapped = dict(schema.spec.session_settings)
    settings = json_literal(mapped) if mapped else "null"
    typenames = text_array(m.spec.typename for m in plain)
    hiding = [model for model in models if model.spec.hides_fields]
    cases = "\n".join(f"when {m.typename} then {indent(hidden_fields(m)).lstrip()}" for m in hiding)
    hidden = f"case p_model\n{cases}\nend" if hiding else "null::text[]"
    for name, args, returns, value in (
        ("roles", [], "boolean", "true" if schema.spec.identity_roles else "false"),
        ("session_settings", [], "jsonb", f"{settings}::jsonb"),
        ("hidden", ["p_model text", "p_actor text"], "text[]", indent(hidden).lstrip()),
        ("setwise", ["p_model text"], "boolean", f"p_model = any ({typenames})"),
    ):
        yield from Function(
            name=f"ablo_model.{name}",
            args=args,
            returns=returns,
            language="sql",
            volatility="stable",  # sessions would keep an immutable one's value, which plans hold
            pinned=False,
            body=f"  select {value}",
        ).sql()
    yield from dispatch_many(_branch(plain, leaf))


def _resolve(schema: SchemaPlan) -> tuple[str, ...]:
    names = {
        spelling: model.spec.typename
        for spellings in (_tables, _keys, _typenames)  # the later ones win
        for model in schema.models
        for spelling in spellings(model)
    }
    return Function(
        name="ablo_model.resolve",
        args=["p_name text"],
        returns="text",
        language="sql",
        volatility="immutable",
        pinned=False,
        body=(
            f"  select coalesce(\n"
            f"    {json_literal(names)}::jsonb ->> p_name,\n"
            f"    {json_literal(names)}::jsonb ->> lower(p_name)\n  )"
        ),
    ).sql()


def _conflict(models: Sequence[ModelPlan]) -> tuple[str, ...]:
    policies = {m.spec.typename: dict(m.spec.conflict) for m in models if m.spec.conflict}
    chosen = f"{json_literal(policies)}::jsonb -> p_model ->> p_kind" if policies else "null::text"
    return Function(
        name="ablo_model.conflict",
        args=["p_model text", "p_kind text"],
        returns="text",
        language="sql",
        volatility="immutable",
        pinned=False,
        body=f"  select {chosen}",
    ).sql()


def _tables(model: ModelPlan) -> tuple[str, ...]:
    return model.spec.table.lower(), model.spec.table


def _keys(model: ModelPlan) -> tuple[str, ...]:
    return model.spec.key.lower(), model.spec.key


def _typenames(model: ModelPlan) -> tuple[str, ...]:
    return model.spec.typename.lower(), model.spec.typename


def _body(
    models: Sequence[ModelPlan], function: str, arguments: str, otherwise: str = "false"
) -> str:
    branch = _branch(models, lambda model: _action(model, function, arguments))
    return (
        f"begin\n{indent(branch)}\n"
        f"  perform ablo.model_unknown(p_model);\n  return {otherwise};\nend"
    )


def _branch(models: Sequence[ModelPlan], action: Callable[[ModelPlan], str]) -> str:
    if len(models) <= _CHAIN:
        return "\n".join(
            f"if p_model = {model.typename} then\n{indent(action(model))}\nend if;"
            for model in models
        )
    middle = len(models) // 2
    low = indent(_branch(models[:middle], action))
    high = indent(_branch(models[middle:], action))
    pivot = literal(models[middle].spec.typename)
    return f'if p_model < {pivot} collate "C" then\n{low}\nelse\n{high}\nend if;'


def _action(model: ModelPlan, function: str, arguments: str) -> str:
    kind = model.spec.tenancy.kind
    if model.synced or (function == "read" and kind != "source"):
        return f"return {model.function(function)}({arguments});"
    where = "behind a data source" if kind == "source" else "shared by all"
    return (
        f"perform ablo.raise_error('model_not_tenant_scoped',\n"
        f"  {literal(f'{model.title} is {where}, and is not written here')},\n"
        f"  'give the model a tenancy column, or write it where it lives',\n"
        f"  jsonb_build_object('model', {literal(model.title)}));"
    )
