"""All checks of a schema, reported at once.

`check` reads the neutral form, so it applies to declared and pushed schemas alike; `check_python`
adds names that only cause trouble in Python. Separate modules check single models, relations and
clashes.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from pydantic import BaseModel

from ablo_pg.schema.check_clashes import check_clashes
from ablo_pg.schema.check_models import check_model, check_name
from ablo_pg.schema.check_relations import check_cycles, check_relations
from ablo_pg.schema.lowering import conditions_of, permissions_of, relations_of
from ablo_pg.schema.neutral import SchemaSpec
from ablo_pg.schema.problems import Problem
from ablo_pg.schema.rows import Model

MAX_MODELS: Final = 1_000

# Where session settings may come from.
SETTING_SOURCES: Final = (
    "orgId",
    "projectId",
    "environment",
    "sandboxId",
    "participantId",
    "participantKind",
)

# Attributes of the client, which hide a model of that key: `ablo.commits` is not a model.
CLIENT_NAMES: Final = frozenset(
    {
        "access",
        "aclose",
        "claims",
        "close",
        "closed",
        "commits",
        "logs",
        "model",
        "models",
        "on_change",
        "on_status",
        "options",
        "organization",
        "participant",
        "pending",
        "presence",
        "reader_status",
        "ready",
        "receipt",
        "schema",
        "sessions",
        "snapshot",
        "status",
        "subscribe",
        "tracks",
        "undo",
        "transaction",
    }
)

# What pydantic itself calls on an instance or class; a field of that name would replace it.
_PYDANTIC_NAMES: Final = frozenset(name for name in dir(BaseModel) if name.startswith("model_"))


def check(spec: SchemaSpec) -> list[Problem]:
    """Return every problem of a schema; an empty list means that it can be compiled."""
    problems: list[Problem] = []
    if len(spec.models) > MAX_MODELS:
        problems.append(
            Problem(
                "too_many_models",
                None,
                None,
                f"it has {len(spec.models):,} models, the limit is {MAX_MODELS:,}",
                "split it into several schemas and databases",
            )
        )
        return problems
    for model in spec.models:
        problems += check_model(model)
        problems += check_relations(model, spec)
    problems += check_clashes(spec)
    problems += check_cycles(spec)
    problems += _check_identity_roles(spec)
    problems += _check_session_settings(spec)
    return list(dict.fromkeys(problems))


def check_python(classes: Mapping[str, type[Model]]) -> list[Problem]:
    """Return the problems specific to Python: names that its attributes already use."""
    problems: list[Problem] = []
    for key, cls in classes.items():
        if key in CLIENT_NAMES or key.startswith("_"):
            problems.append(
                Problem(
                    "reserved_name",
                    key,
                    None,
                    f"the client uses the name {key!r} itself",
                    "choose another key, and keep the old name with table= and typename=",
                )
            )
        declared = (*relations_of(cls), *conditions_of(cls), *permissions_of(cls))
        names = [*cls.model_fields, *(name for name, _ in declared)]
        problems += [
            Problem(
                "reserved_name",
                key,
                name,
                f"pydantic uses the name {name!r} itself",
                f'choose another name, and keep it in JSON: field(wire="{name}")',
            )
            for name in names
            if name in _PYDANTIC_NAMES
        ]
    return problems


def _check_identity_roles(spec: SchemaSpec) -> list[Problem]:
    problems: list[Problem] = []
    seen: set[str] = set()
    for role in spec.identity_roles:
        problems += check_name(None, None, "the kind of an identity role", role.kind, group=True)
        if role.kind in seen:
            problems.append(
                Problem(
                    "name_clash",
                    None,
                    None,
                    f"two identity roles have the kind {role.kind!r}",
                    "merge them, or rename one",
                )
            )
        seen.add(role.kind)
    return problems


def _check_session_settings(spec: SchemaSpec) -> list[Problem]:
    problems: list[Problem] = []
    for name, source in spec.session_settings:
        prefix = name.partition(".")[0].lower()
        if prefix == "ablo" or name.lower() in _RESERVED_SETTINGS:
            reason, remedy = "it is reserved for ablo_pg", "choose another name"
        elif not all(part.isidentifier() and part.isascii() for part in name.split(".")):
            reason, remedy = "it is not a setting's name", "write it as prefix.name"
        elif "." not in name:
            reason, remedy = "a custom setting needs a prefix", f"write it as app.{name}"
        elif source not in SETTING_SOURCES:
            reason = f"its source {source[:40]!r} is not known"
            remedy = f"use one of: {', '.join(SETTING_SOURCES)}"
        else:
            continue
        problems.append(
            Problem(
                "invalid_setting", None, None, f"session setting {name[:80]!r}: {reason}", remedy
            )
        )
    return problems


_RESERVED_SETTINGS: Final = frozenset(
    f"app.current_{name}"
    for name in (
        *("org_id", "project_id", "environment", "sandbox_id"),
        *("participant_id", "participant_kind", "user_id"),
    )
)
