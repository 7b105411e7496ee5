"""One model's table as an adapter reads and writes it, with the schema compiler's own SQL."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Final

from ablo_pg.compile.names import literal
from ablo_pg.compile.plan import Column, ModelPlan
from ablo_pg.compile.values import from_json, to_json
from ablo_pg.json_text import dumps
from ablo_pg.schema.kinds import KINDS
from ablo_pg.schema.neutral import Field, FieldType, named_fields
from ablo_pg.schema.rules import require_rules
from ablo_pg.schema.values import BadValueError, to_json_value
from ablo_pg.source.refused import Refused
from ablo_pg.source.requests import Row
from ablo_pg.source.transactions import Transaction

_COLUMNS: Final = """
select a.attname from pg_catalog.pg_attribute a
 where a.attrelid = to_regclass(%s) and a.attnum > 0 and not a.attisdropped"""
_ORDERED: Final = ("=", "!=", "<>", "<", "<=", ">", ">=")
_PATTERNS: Final = ("LIKE", "NOT LIKE", "ILIKE", "NOT ILIKE")
_SYSTEM: Final = ("id", "createdAt", "updatedAt", "organizationId", "createdBy")
_PAIRS: Final = 50  # json_build_object takes 100 arguments


class Table:
    """The table of one model. Of its columns, those that it has when it is first used."""

    def __init__(self, tx: Transaction, model: ModelPlan) -> None:
        there = {name for (name,) in tx.run(_COLUMNS, [model.table])}
        if model.id.name not in there:
            raise Refused(
                503, "source_table_missing", f"{model.title}: there is no table {model.table}"
            )
        self.model = model
        self.name = model.table
        self.columns = [column for column in model.row_columns if column.name in there]
        self.org = model.org if model.synced and model.org.name in there else None
        self._fields = named_fields(model.spec)
        self._by_name = {column.wire: column for column in self.columns}
        self._by_name |= {
            column.name: column for column in self.columns if column.name not in self._by_name
        }
        self.row = escaped(_row(self.columns))

    def has(self, wire: str) -> bool:
        """Whether the table has the column of a field."""
        return any(column.wire == wire for column in self.columns)

    def column(self, name: str) -> Column:
        """Return a column by its field's JSON name or its own. Raises Refused."""
        found = self._by_name.get(name)
        if found is None:
            known = ", ".join(column.wire for column in self.columns)
            raise Refused(
                400, "unknown_field", f"{self.model.title} has no field {name[:80]!r}; use {known}"
            )
        return found

    def values(self, given: Row | None) -> Row:
        """Return what an operation writes, by JSON name, checked. Raises Refused."""
        found = {}
        for name, value in (given or {}).items():
            if name in _SYSTEM:
                continue  # the table's, or the service's
            column = self.column(name)
            field = self._fields[column.wire]
            try:
                found[column.wire] = to_json_value(field, value)
                require_rules(field, found[column.wire])
            except BadValueError as exc:
                reason = f"{self.model.title}.{name}: {exc.reason}"
                raise Refused(400, exc.code, f"{reason} ({exc.remedy})") from None
        return found

    def missing(self, values: Row) -> Field | None:
        """Return a required field that a create leaves out, if there is one."""
        for field in self.model.spec.fields:
            column = self._by_name.get(field.wire)
            needed = column is not None and column.required and not column.has_default
            if needed and field.wire not in values:
                return field
        return None

    def assigned(self, wire: str) -> str:
        """Return the SQL of a column's value out of the parameter `d.v`, a jsonb object."""
        return escaped(from_json(self._by_name[wire], self.name, "d.v"))

    def within(self, organization: str | None) -> tuple[str, list[object]]:
        """Return the condition that limits rows to a tenant, if there is one."""
        if organization is None or self.org is None:
            return "", []
        return f" and t.{escaped(self.org.sql)}::text = %s", [organization]

    def condition(self, clause: list[object]) -> tuple[str, list[object]]:
        """Return [column, value] or [column, operator, value] as SQL. Raises Refused."""
        if len(clause) not in (2, 3) or not isinstance(clause[0], str):
            raise Refused(400, "unknown_source_request", "where: [column, operator, value] each")
        column = self.column(clause[0])
        word = "=" if len(clause) == 2 else " ".join(str(clause[1]).upper().split())
        value, name = clause[-1], f"t.{escaped(column.sql)}"
        if value is None and word in ("=", "IS", "!=", "<>", "IS NOT"):
            return f"{name} is {'' if word in ('=', 'IS') else 'not '}null", []
        if word in ("IN", "NOT IN") and isinstance(value, list):
            listed = dumps([self._checked(column, one) for one in value]).decode()
            each = "e.v" if column.type is FieldType.JSON else f"(e.v #>> '{{}}'){_cast(column)}"
            test = "= any" if word == "IN" else "<> all"
            values = f"array(select {each} from jsonb_array_elements(%s::jsonb) e(v))"
            return f"{name} {test} ({values})", [listed]  # one parameter, however long it is
        if word in _PATTERNS and isinstance(value, str):
            return f"{name}::text {word.lower()} %s", [value]
        if word in _ORDERED and value is not None:
            text, given = typed(column, dumps(self._checked(column, value)).decode())
            return f"{name} {'<>' if word == '!=' else word} {text}", given
        raise Refused(
            400, "query_unsupported_operator", f"{clause[0]}: {word[:20]} does not take this value"
        )

    def _checked(self, column: Column, value: object) -> object:
        if column.wire in _SYSTEM:
            return value
        try:
            return to_json_value(self._fields[column.wire], value)
        except BadValueError as exc:
            raise Refused(400, exc.code, f"{column.wire}: {exc.reason}") from None


def typed(column: Column, text: str) -> tuple[str, list[object]]:
    """Return a value, as JSON text, as SQL of its column's type."""
    if column.type is FieldType.JSON:
        return "%s::jsonb", [text]
    return f"(%s::jsonb #>> '{{}}'){_cast(column)}", [text]


def _cast(column: Column) -> str:
    return "" if column.type is FieldType.ENUM else KINDS[column.type].cast


def escaped(sql: str) -> str:
    """Return SQL text in which a percent sign is not a parameter."""
    return sql.replace("%", "%%")


def decoded(text: str) -> Row:
    """Return a row's JSON, as Postgres wrote it, as a value."""
    row: Row = json.loads(text)
    return row


def _row(columns: Iterable[Column]) -> str:
    pairs = [f"{literal(one.wire)}, {to_json(one, 't')}" for one in columns]
    parts = [pairs[at : at + _PAIRS] for at in range(0, len(pairs), _PAIRS)]
    objects = [f"pg_catalog.jsonb_build_object({', '.join(part)})" for part in parts]
    return f"({' || '.join(objects)})::text"
