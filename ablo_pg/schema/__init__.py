"""Schemas: what authors write, the neutral form, checks, and differences as data. Pure: no I/O."""

from ablo_pg.schema.author import Schema, define_schema, model
from ablo_pg.schema.checks import check
from ablo_pg.schema.declare import (
    ModelOptions,
    belongs_to,
    field,
    has_many,
    has_one,
    indexed,
)
from ablo_pg.schema.neutral import (
    EntityRole,
    Field,
    FieldType,
    IdentityRole,
    ModelSpec,
    Relation,
    SchemaSpec,
    Tenancy,
)
from ablo_pg.schema.problems import Problem
from ablo_pg.schema.rows import Evidence, Model, evidence_of, row_from_json, set_evidence
from ablo_pg.schema.wire_json import dump_schema_json, model_hash, schema_hash

__all__ = [
    "EntityRole",
    "Evidence",
    "Field",
    "FieldType",
    "IdentityRole",
    "Model",
    "ModelOptions",
    "ModelSpec",
    "Problem",
    "Relation",
    "Schema",
    "SchemaSpec",
    "Tenancy",
    "belongs_to",
    "check",
    "define_schema",
    "dump_schema_json",
    "evidence_of",
    "field",
    "has_many",
    "has_one",
    "indexed",
    "model",
    "model_hash",
    "row_from_json",
    "schema_hash",
    "set_evidence",
]
