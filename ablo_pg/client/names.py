"""Names in the author's spelling and on the wire, and suggestions for unknown ones.

Pure. Built once per client from the neutral schema; used to build requests (`rows`) and by the
error translation of `db.errors`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from ablo_pg.db.errors import Names
from ablo_pg.errors import AbloError, error_for
from ablo_pg.schema.neutral import Field, ModelSpec, Relation, SchemaSpec, named_fields
from ablo_pg.schema.rows import Model
from ablo_pg.schema.rules import requirements


@dataclass(slots=True)
class Tenant:
    """The organization whose rows a client reads; over a relay the first answer has it."""

    organization: str = ""


@dataclass(frozen=True, slots=True)
class Entry:
    """One model as the client needs it; `fields` has each under its Python and its wire name.

    tenant: the organization whose rows the client reads. relations: each under both names, too;
    attributes: the author's name of each by its wire name. spec: its declaration.
    """

    key: str
    typename: str
    row: type[Model]
    fields: Mapping[str, Field]
    tenant: Tenant
    relations: Mapping[str, Relation]
    attributes: Mapping[str, str]
    spec: ModelSpec

    @property
    def organization(self) -> str:
        """The organization whose rows the client reads."""
        return self.tenant.organization

    def field(self, name: str, *, code: str = "unknown_field") -> Field:
        """Return the field of that Python or wire name; raise `code` with similar names."""
        found = self.fields.get(name) if isinstance(name, str) else None
        if found is None:
            raise error_for(
                code,
                f"{self.key} has no field {name!r}",
                model=self.key,
                field=str(name),
                remedy=did_you_mean(str(name), (f.name for f in self.fields.values())),
            )
        return found

    def python(self, wire: str) -> str:
        """Return the author's name of a wire name; an unknown one is returned unchanged."""
        found = self.fields.get(wire)
        return wire if found is None else found.name


def error_names(spec: SchemaSpec) -> Names:
    """Return the names that the error translation needs."""
    models: dict[str, str] = {}
    fields: dict[tuple[str, str], str] = {}
    for model in spec.models:
        models.update({model.table: model.key, model.typename: model.key})
        for one in named_fields(model).values():
            fields[model.key, one.column] = one.name
            fields[model.key, one.wire] = one.name
    return Names(models, fields, requirements(spec))


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Suggest known names similar to `name`, or list them."""
    import difflib  # only for an error

    names = sorted(set(known))
    near = difflib.get_close_matches(name, names, n=3, cutoff=0.6)
    if near:
        return "did you mean " + " or ".join(repr(one) for one in near) + "?"
    shown = ", ".join(names[:20]) + (", ..." if len(names) > 20 else "")
    return f"known are: {shown}"


def unknown_model(name: object, known: Iterable[str]) -> AbloError:
    """Return the error for a model that the schema does not declare."""
    return error_for(
        "server_execute_unknown_model",
        f"The schema declares no model {name!r}",
        model=str(name),
        remedy=f"{did_you_mean(str(name), known)} To add a model, declare it in the schema and "
        "apply it with `ablo-pg migrate`",
    )
