"""Checks the values of a class's options, which no type checker sees in class keyword arguments."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Final

from ablo_pg.schema.declare import ModelOptions
from ablo_pg.schema.neutral import EntityRole, Tenancy
from ablo_pg.schema.problems import Problem
from ablo_pg.schema.values import shape


def check_options(key: str, options: ModelOptions) -> tuple[ModelOptions, list[Problem]]:
    """Return the valid options, and a problem for each invalid one."""
    good: dict[str, object] = {}
    problems: list[Problem] = []
    for name, value in options.items():
        wanted, fits = _RULES[name]
        if fits(value):
            good[name] = value
        else:
            reason = f"its option {name} must be {wanted}, got {shape(value)}"
            problems.append(
                Problem("invalid_option", key, None, reason, f"write {name}={_EXAMPLES[name]}")
            )
    return ModelOptions(**good), problems  # type: ignore[typeddict-item]


def _is_text(value: object) -> bool:
    return isinstance(value, str)


def _is_mapping(value: object) -> bool:
    return isinstance(value, Mapping) and all(isinstance(name, str) for name in value)


def _is_roles(value: object) -> bool:
    return (
        isinstance(value, Sequence)
        and not isinstance(value, str)
        and all(isinstance(item, EntityRole) for item in value)
    )


_RULES: Final[dict[str, tuple[str, Callable[[object], bool]]]] = {
    "table": ("a string", _is_text),
    "table_schema": ("a string", _is_text),
    "id_column": ("a string", _is_text),
    "typename": ("a string", _is_text),
    "tenancy": (
        "a Tenancy, 'none' or 'source'",
        lambda value: isinstance(value, Tenancy) or value in ("none", "source"),
    ),
    "load": ("'instant' or 'lazy'", lambda value: value in ("instant", "lazy")),
    "plane": ("'tenant' or 'control'", lambda value: value in ("tenant", "control")),
    "mutable": ("True or False", lambda value: isinstance(value, bool)),
    "scope": ("True or a sync group kind", lambda value: isinstance(value, bool | str)),
    "grants": ("a mapping", _is_mapping),
    "entity_roles": ("a list of EntityRole", _is_roles),
    "conflict": ("a mapping", _is_mapping),
    "claims_bind_sql": ("True or False", lambda value: isinstance(value, bool)),
    "before": ("True or False", lambda value: isinstance(value, bool)),
    "options": ("a mapping", _is_mapping),
}

_EXAMPLES: Final[dict[str, str]] = {
    "table": '"Tasks"',
    "table_schema": '"app"',
    "id_column": '"film_id"',
    "typename": '"Task"',
    "tenancy": 'Tenancy(column="org_id")',
    "load": '"lazy"',
    "plane": '"tenant"',
    "mutable": "False",
    "scope": "True",
    "grants": '{"subject": "userId", "scope": "projectId"}',
    "entity_roles": '[EntityRole("team", "team_id")]',
    "conflict": '{"agent": "reject"}',
    "claims_bind_sql": "True",
    "before": "False",
    "options": '{"bootstrapLimit": 100}',
}
