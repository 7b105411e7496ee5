"""Schemas: what authors write, the neutral form, checks, and differences as data. Pure: no I/O."""

from ablo_pg.schema.author import Schema, define_schema, model
from ablo_pg.schema.checks import check
from ablo_pg.schema.columns import Column, Condition, actor, col, new, old
from ablo_pg.schema.declare import (
    ModelOptions,
    belongs_to,
    field,
    has_many,
    has_one,
    indexed,
)
from ablo_pg.schema.diff import Change, diff
from ablo_pg.schema.inputs import encode_value, find_field, validate_create, validate_update
from ablo_pg.schema.neutral import (
    MISSING,
    EntityRole,
    Field,
    FieldType,
    IdentityRole,
    ModelSpec,
    Relation,
    SchemaSpec,
    Tenancy,
)
from ablo_pg.schema.parse import parse_schema_json
from ablo_pg.schema.problems import Problem
from ablo_pg.schema.rows import (
    Evidence,
    Model,
    evidence_of,
    row_from_json,
    set_evidence,
    unread_fields,
)
from ablo_pg.schema.wire_json import dump_schema_json, model_hash, schema_hash

__all__ = [
    "MISSING",
    "Change",
    "Column",
    "Condition",
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
    "actor",
    "belongs_to",
    "check",
    "col",
    "define_schema",
    "diff",
    "dump_schema_json",
    "encode_value",
    "evidence_of",
    "field",
    "find_field",
    "has_many",
    "has_one",
    "indexed",
    "model",
    "model_hash",
    "new",
    "old",
    "parse_schema_json",
    "row_from_json",
    "schema_hash",
    "set_evidence",
    "unread_fields",
    "validate_create",
    "validate_update",
]
