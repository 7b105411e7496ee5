"""What a schema requires of every row: rules of fields, checks and unique indexes. Pure.

Flow: `lowering` (pydantic's constraints) and `parse` (pushed JSON) make the rules of a field, in
the words of JSON Schema; `compile` makes CHECKs and indexes of them; errors and API descriptions
say them in words. The names of constraints are made here, where errors find them again.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal, InvalidOperation
from typing import Annotated, Any, Final, NamedTuple

from annotated_types import BaseMetadata, GroupedMetadata
from pydantic import Field as PydanticField
from pydantic import TypeAdapter, ValidationError
from pydantic.fields import FieldInfo

from ablo_pg.json_text import Json, dumps
from ablo_pg.schema.identifiers import shorten
from ablo_pg.schema.neutral import Check, Field, FieldType, ModelSpec, SchemaSpec
from ablo_pg.schema.patterns import PatternError, portable
from ablo_pg.schema.values import MAX_TEXT_BYTES, BadValueError, to_json_value

_EXACT: Final = (FieldType.INTEGER, FieldType.DECIMAL)
_ORDERED: Final = (*_EXACT, FieldType.NUMBER, FieldType.DATETIME, FieldType.DATE)
_TEXT: Final = (FieldType.STRING,)
_PYTHON: Final = {
    FieldType.INTEGER: int,
    FieldType.NUMBER: float,
    FieldType.DECIMAL: Decimal,
    FieldType.DATETIME: dt.datetime,
    FieldType.DATE: dt.date,
    FieldType.STRING: str,
}


class _Word(NamedTuple):
    """A rule: pydantic's name for it, the types that it applies to, and what it says."""

    python: str
    types: tuple[FieldType, ...]
    says: str


WORDS: Final[dict[str, _Word]] = {
    "minimum": _Word("ge", _ORDERED, "at least {}"),
    "exclusiveMinimum": _Word("gt", _ORDERED, "more than {}"),
    "maximum": _Word("le", _ORDERED, "at most {}"),
    "exclusiveMaximum": _Word("lt", _ORDERED, "less than {}"),
    "multipleOf": _Word("multiple_of", _EXACT, "a multiple of {}"),
    "minLength": _Word("min_length", _TEXT, "{} or more characters long"),
    "maxLength": _Word("max_length", _TEXT, "at most {} characters long"),
    "pattern": _Word("pattern", _TEXT, "text that matches {}"),
}
# Rules whose value is one of the field's own type.
ORDERING: Final = frozenset(word for word, one in WORDS.items() if one.types is not _TEXT)
# Constraints that pydantic has and no CHECK here.
_OTHERS: Final = {
    "max_digits": "limit it with ge and le",
    "decimal_places": 'use multiple_of=Decimal("0.01")',
    "ascii_only": 'use pattern="^[ -~]*$"',
}
# What to do about a broken rule.
FOLLOW: Final = "use values that the rule allows"
_VALIDATE: Final = "require it in a validator, which only Python clients run"


@dataclass(frozen=True, slots=True)
class Requirement:
    """What a constraint of a table requires, in words. field: JSON name, if it is of one."""

    field: str | None
    says: str


def lower_rules(field: Field, metadata: Iterable[object]) -> tuple[Field, list[tuple[str, str]]]:
    """Return a field with the rules in its metadata, and reason and remedy of each that fails."""
    rules: dict[str, object] = {}
    faults: list[tuple[str, str]] = []
    for item in _constraints(metadata):
        for word, (python, _, _) in WORDS.items():
            value: Any = getattr(item, python, None)
            if value is None or (python == "min_length" and value == 0):
                continue
            try:
                rules[word] = rule_value(field, word, value)
            except BadValueError as exc:
                faults.append((f"its {python}: {exc.reason}", exc.remedy))
        for python, remedy in _OTHERS.items():
            if getattr(item, python, None) is not None:
                faults.append((f"its {python} has no counterpart in the database", remedy))
    return replace(field, rules=tuple(sorted(rules.items()))), faults


def _constraints(metadata: Iterable[object]) -> Iterator[object]:
    for item in metadata:
        if isinstance(item, FieldInfo):
            yield from _constraints(item.metadata)
        elif isinstance(item, BaseMetadata | GroupedMetadata):
            yield item


def require_rules(field: Field, value: object) -> None:
    """Raise BadValueError if a field's JSON value breaks its rules. null breaks none."""
    rules: dict[str, Any] = {WORDS[word].python: rule for word, rule in field.rules}
    if not rules or value is None:
        return
    annotated: Any = Annotated[_PYTHON[field.type], PydanticField(**rules)]
    try:
        TypeAdapter(annotated).validate_python(value)
    except ValidationError:
        raise BadValueError("check_violation", f"it {say_rules(field)}", FOLLOW) from None


def parse_rules(field: Field, document: Mapping[str, object]) -> Field:
    """Return a field with the rules of its pushed JSON that apply to it."""
    rules: dict[str, object] = {}
    for word in sorted(WORDS.keys() & document.keys()):
        try:
            rules[word] = rule_value(field, word, document[word])
        except BadValueError:
            continue
    unique = document.get("unique") is True and field.type is not FieldType.JSON
    return replace(field, rules=tuple(rules.items()), unique=unique)


def rule_value(field: Field, word: str, value: Any) -> Json:
    """Return a rule's value as JSON. Raises BadValueError if it does not apply to the field."""
    python, types, _ = WORDS[word]
    if field.type not in types:
        names = ", ".join(str(one) for one in types)
        raise _bad(f"it applies to {names}, and the field is {field.type}", _VALIDATE)
    if word == "pattern":
        return _pattern(value)
    if types is _TEXT:
        if (
            isinstance(value, bool)
            or not isinstance(value, int)
            or not 0 <= value <= MAX_TEXT_BYTES
        ):
            raise _bad("a length is a whole number", f"write 0 to {MAX_TEXT_BYTES}")
        return value
    found = to_json_value(replace(field, optional=False), value)
    if python == "multiple_of" and Decimal(str(found)) <= 0:
        raise _bad("it is not above 0", "write a number above 0")
    return found


def _pattern(value: object) -> str:
    text = value.pattern if isinstance(value, re.Pattern) else value
    if not isinstance(text, str):
        raise _bad("a pattern is text", 'write it as a string, for example "^[a-z]+$"')
    if isinstance(value, re.Pattern) and value.flags & ~re.UNICODE:
        raise _bad("its flags have no counterpart in the database", "write it without flags")
    try:
        portable(text)
    except PatternError as exc:
        raise _bad(exc.reason, exc.remedy) from None
    return text


def _bad(reason: str, remedy: str) -> BadValueError:
    return BadValueError("schema_definition_invalid", reason, remedy)


def looser_rule(word: str, old: object, new: object) -> bool:
    """Whether a rule's new value admits all that the old one does."""
    try:
        before, after = Decimal(str(old)), Decimal(str(new))
    except InvalidOperation:
        return old == new
    if word.startswith(("min", "exclusiveMin")):
        return after <= before
    return after == before if word == "multipleOf" else after >= before


def say_rules(field: Field) -> str:
    """Return a field's rules in words: `must be at least 0 and at most 5`; '' without any."""
    rules = dict(field.rules)
    parts = [WORDS[word].says.format(rules[word]) for word in WORDS if word in rules]
    *others, last = parts or [""]
    return f"must be {', '.join(others)}{' and ' if others else ''}{last}" if last else ""


def say_check(check: Check) -> str:
    """Return a check in words."""
    return f"must fulfil {check.text or dumps(check.test).decode()}"


def rules_name(table: str, column: str) -> str:
    """Return the name of the CHECK of a field's rules."""
    return f"{table}_{column}_rules"


def check_name(table: str, name: str) -> str:
    """Return the name of the CHECK of a `check()`."""
    return f"{table}_{name}_holds"


def index_name(table: str, name: str, *, unique: bool) -> str:
    """Return the name of the index of an `index()`, or of a unique field's column."""
    return f"{table}_{name}_{'unique' if unique else 'idx'}"


def requirements(spec: SchemaSpec) -> dict[tuple[str, str], Requirement]:
    """Return what each constraint requires, by model key and its name in Postgres."""
    return {
        (model.key, shorten(name)): one for model in spec.models for name, one in required(model)
    }


def required(model: ModelSpec) -> Iterator[tuple[str, Requirement]]:
    """Yield what each constraint of a model requires, under its name."""
    table = model.table
    for field in model.fields:
        if field.rules:
            yield rules_name(table, field.column), Requirement(field.wire, say_rules(field))
        if field.unique:
            name = index_name(table, field.column, unique=True)
            yield name, Requirement(field.wire, "must be unique")
    for check in model.checks:
        yield check_name(table, check.name), Requirement(None, say_check(check))
    for index in model.indexes:
        if index.unique:
            where = index.text or dumps(index.where).decode()
            rows = f" among rows that fulfil {where}" if index.where else ""
            says = f"must be unique in ({', '.join(index.fields)}){rows}"
            only = index.fields[0] if len(index.fields) == 1 else None
            yield index_name(table, index.name, unique=True), Requirement(only, says)
