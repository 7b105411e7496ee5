"""The one table of storable types: how each is written, pushed, described, stored and read back.

A new type is a row here, a conversion in `values` (Python) and a test in `sql/` (`ablo_model.is_*`,
made by `compile.support`).
"""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from ablo_pg.schema.neutral import FieldType

_TEXT: Final = ("text", "varchar", "bpchar", "citext")


@dataclass(frozen=True, slots=True)
class Kind:
    """One storable type.

    annotation: as a declared field has it. given: what `data` of a write may be. pushed: its name
    in a pushed schema, and the `format` that tells it from others of that name. schema: of JSON
    Schema, what a value is in JSON. sql: the type of a column that we make. stored_as: base types
    (pg_type.typname) of an adopted column that work; others could be read but not written. cast:
    from the text of a JSON value.
    """

    annotation: str
    given: str
    pushed: tuple[str, str | None]
    schema: MappingProxyType[str, object]
    sql: str
    stored_as: tuple[str, ...]
    cast: str = ""


def _json(**schema: object) -> MappingProxyType[str, object]:
    return MappingProxyType(schema)


KINDS: Final[dict[FieldType, Kind]] = {
    FieldType.STRING: Kind("str", "str", ("string", None), _json(type="string"), "text", _TEXT),
    FieldType.INTEGER: Kind(
        *("int", "int", ("number", "integer"), _json(type="integer")),
        *("bigint", ("int8", "int4", "int2"), "::numeric::bigint"),  # so that 1.0 and 1e3 are too
    ),
    FieldType.NUMBER: Kind(
        *("float", "float", ("number", None), _json(type="number")),
        *("double precision", ("float8", "float4"), "::double precision"),
    ),
    FieldType.BOOLEAN: Kind(
        *("bool", "bool", ("boolean", None), _json(type="boolean")),
        *("boolean", ("bool",), "::boolean"),
    ),
    FieldType.DECIMAL: Kind(
        *("decimal.Decimal", "decimal.Decimal | float | str", ("string", "decimal")),
        *(_json(type="string", description="A decimal number"), "numeric", ("numeric",)),
        "::numeric",
    ),
    FieldType.DATETIME: Kind(
        *("dt.datetime", "dt.datetime | str", ("date", None)),
        *(_json(type="string", format="date-time"), "timestamptz", ("timestamptz", "timestamp")),
        "::timestamptz",
    ),
    FieldType.DATE: Kind(
        *("dt.date", "dt.date | str", ("string", "date"), _json(type="string", format="date")),
        *("date", ("date",), "::date"),
    ),
    FieldType.UUID: Kind(
        *("uuid.UUID", "uuid.UUID | str", ("string", "uuid"), _json(type="string", format="uuid")),
        *("uuid", ("uuid",), "::uuid"),
    ),
    # Its annotation is a Literal of its values.
    FieldType.ENUM: Kind("str", "str", ("enum", None), _json(type="string"), "text", _TEXT),
    FieldType.JSON: Kind("JsonValue", "JsonValue", ("json", None), _json(), "jsonb", ("jsonb",)),
}
