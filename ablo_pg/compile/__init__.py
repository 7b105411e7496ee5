"""The compiler: from the neutral form of a schema to its SQL. Pure, deterministic.

Flow: `schema` lowers what authors write to a SchemaSpec; `compile_schema` plans it (`plan`) and
runs the passes, each in its own file; `kernel.apply` or psql runs the statements on a database that
has the kernel. Running them again changes nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from ablo_pg.compile.capture import capture
from ablo_pg.compile.checks import checks, foreign_keys
from ablo_pg.compile.dispatch import dispatch
from ablo_pg.compile.grants import grants
from ablo_pg.compile.groups import groups, role_support, row_groups
from ablo_pg.compile.guard import guard
from ablo_pg.compile.indexes import indexes
from ablo_pg.compile.many import many
from ablo_pg.compile.names import comment
from ablo_pg.compile.permissions import dispatch_sees, permissions
from ablo_pg.compile.plan import NO_NATIVE, ModelPlan, Native, SchemaPlan, plan_schema
from ablo_pg.compile.registry import registry
from ablo_pg.compile.rls import rls
from ablo_pg.compile.row import read, row
from ablo_pg.compile.support import support
from ablo_pg.compile.tables import required, tables, types
from ablo_pg.compile.triggers import triggers
from ablo_pg.compile.write import write
from ablo_pg.schema.neutral import SchemaSpec

__all__ = [
    "CompiledSchema",
    "Switch",
    "calm_statements",
    "compile_schema",
    "locking_statements",
]

ModelPass = Callable[[SchemaPlan, ModelPlan], Iterator[str]]
SchemaPass = Callable[[SchemaPlan], Iterator[str]]

# title and pass, in the order in which a model's statements run
_MODEL_PASSES: Final[tuple[tuple[str, ModelPass], ...]] = (
    ("types of its columns", types),
    ("required fields", required),
    ("checks", checks),
    ("indexes", indexes),
    ("permissions", permissions),
    ("row-level security", rls),
    ("grants", grants),
    ("a row as JSON", row),
    ("reading a row", read),
    ("groups of its owners", groups),
    ("groups of a row", row_groups),
    ("capture", capture),
    ("guard", guard),
    ("writes", write),
    ("writes of many rows", many),
    ("triggers", triggers),
)
_BEFORE: Final[tuple[tuple[str, SchemaPass], ...]] = (
    ("tests of values, shared by all models", support),
    ("groups out of a list", role_support),
)
_AFTER: Final[tuple[tuple[str, SchemaPass], ...]] = (
    ("who sees a row of the log", dispatch_sees),
    ("from a model's name to its functions", dispatch),
    ("registration", registry),
)
# Passes that lock a table and read all of it.
_WHEN_IDLE: Final[tuple[ModelPass, ...]] = (required, checks, indexes)
_SETTINGS: Final = (
    "set local client_min_messages = warning;",
    # The user's event triggers fire here: they find names as a session does.
    "select pg_catalog.set_config('search_path', ablo.table_path(null), true);",
    "do $$ begin perform pg_advisory_xact_lock(hashtext('provision:public')); end $$;",
)


@dataclass(frozen=True, slots=True)
class CompiledSchema:
    """A compiled schema. `statements` run in one transaction, in order, each one command.

    `sql` is the same as a script for psql, with begin and commit around it.
    """

    hash: str
    statements: tuple[str, ...]

    @property
    def sql(self) -> str:
        """The whole script."""
        return "\n\n".join(["begin;", *self.statements, "commit;"]) + "\n"


def compile_schema(spec: SchemaSpec, native: Native = NO_NATIVE) -> CompiledSchema:
    """Compile a schema to SQL for a database that has the kernel. Equal schemas give equal text.

    The statements need the rights of ablo_owner, and of the owners of adopted tables. native: see
    `plan_schema`.
    """
    schema = plan_schema(spec, native)
    statements = (*calm_statements(schema), *locking_statements(schema))
    return CompiledSchema(schema.hash, statements)


@dataclass(frozen=True, slots=True)
class Switch:
    """The compiled script's part of a migration of tables in use.

    live: keys of models whose tables exist; their NOT NULLs, constraints and indexes are not in the
    script. changed: those of them that `changes` locks: they come last, so that their writers wait
    as briefly as possible.
    """

    live: frozenset[str] = frozenset()
    changed: frozenset[str] = frozenset()
    changes: tuple[str, ...] = ()


_IDLE: Final = Switch()


def calm_statements(schema: SchemaPlan, switch: Switch = _IDLE) -> Iterator[str]:
    """Write the first part of the script: no writer of a table in use waits for it."""
    yield from _SETTINGS
    for title, schema_pass in _BEFORE:
        yield from _titled(_heading(title), schema_pass(schema))
    calm = [model for model in schema.stored if model.spec.key not in switch.changed]
    yield from _models(schema, calm, switch.live)


def locking_statements(schema: SchemaPlan, switch: Switch = _IDLE) -> Iterator[str]:
    """Write the rest of the script: the changes of tables in use, and what follows them."""
    yield from _titled(_heading("changes of tables in use"), switch.changes)
    others = [model for model in schema.stored if model.spec.key in switch.changed]
    yield from _models(schema, others, switch.live)
    yield from _titled(_heading("foreign keys"), foreign_keys(schema, switch.live))
    for title, schema_pass in _AFTER:
        yield from _titled(_heading(title), schema_pass(schema))


def _models(schema: SchemaPlan, models: Iterable[ModelPlan], live: frozenset[str]) -> Iterator[str]:
    models = tuple(models)
    for model in models:
        yield from _titled(_heading(f"table of {_named(model)}"), tables(schema, model))
    for model in models:
        heading = _heading(f"model {_named(model)}") + "\n\n"
        for title, model_pass in _MODEL_PASSES:
            if model.spec.key in live and model_pass in _WHEN_IDLE:
                continue
            statements = tuple(model_pass(schema, model))
            yield from _titled(heading + comment(f"{model.spec.key}: {title}"), statements)
            heading = "" if statements else heading


def _named(model: ModelPlan) -> str:
    return f"{model.spec.key} ({model.spec.table_schema}.{model.spec.table})"


def _heading(title: str) -> str:
    return comment(f"{'=' * 8} {title} {'=' * 8}")


def _titled(title: str, statements: Iterable[str]) -> Iterator[str]:
    for number, statement in enumerate(statements):
        yield statement if number else f"{title}\n{statement}"
