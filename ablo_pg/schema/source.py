"""A schema as a Python file: from the neutral form back to an author's spelling.

Flow: `kernel.pull` makes a SchemaSpec of tables -> here -> an importable file. Pure. Names that no
class can have are replaced, and keep their JSON and column names with `field(...)`.
"""

from __future__ import annotations

import keyword
import re
import textwrap
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from ablo_pg.schema.checks import CLIENT_NAMES
from ablo_pg.schema.kinds import KINDS
from ablo_pg.schema.names import RESERVED, column_name, wire_name
from ablo_pg.schema.neutral import (
    MISSING,
    VERBS,
    Field,
    FieldType,
    ModelSpec,
    Relation,
    SchemaSpec,
    Tenancy,
)
from ablo_pg.schema.rows import Model
from ablo_pg.schema.rules import ORDERING, WORDS

WIDTH: Final = 100
_IMPORTS: Final = (
    ("dt.", "import datetime as dt"),
    ("decimal.", "import decimal"),
    ("uuid.", "import uuid"),
    ("Literal[", "from typing import Literal"),
    ("JsonValue", "from pydantic import JsonValue"),
)
_OURS: Final = ("Model", "Tenancy", "belongs_to", "define_schema", "field", "has_many", "has_one")
_FUNCTIONS: Final = ("allow", "check", "index")
# A field of such a name would hide what later lines of its class refer to.
_USED: Final = frozenset(
    {
        *_OURS,
        "dt",
        "decimal",
        "uuid",
        "Literal",
        "JsonValue",
        "str",
        "int",
        "float",
        "bool",
        "schema",
    }
)
_INHERITED: Final = frozenset(dir(Model))
_IDENTIFIER: Final = re.compile(r"[A-Za-z][A-Za-z0-9_]*")
_PLAIN: Final = Tenancy()


@dataclass(frozen=True, slots=True)
class Notes:
    """Comments for a written schema. `before` go above a model, `inside` below its fields."""

    head: tuple[str, ...] = ()
    before: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    inside: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    tail: tuple[str, ...] = ()


def write_source(spec: SchemaSpec, notes: Notes = Notes()) -> str:
    """Write a schema as a Python file. Importing it gives the same models again.

    What only pushed JSON can express (unknown options, another author's spelling) is not written.
    """
    classes = class_names(model.key for model in spec.models)
    blocks = [_model(model, classes[model.key], notes) for model in spec.models]
    body = "\n\n\n".join([*blocks, _definition(spec, classes)])
    parts = [_comment(notes.head), _imports(body), "", "", body]
    if notes.tail:
        parts += ["", _comment(notes.tail)]
    return "\n".join(part for part in parts if part is not None).lstrip("\n") + "\n"


def class_names(keys: Iterable[str]) -> dict[str, str]:
    """Return a class name for each model key, all different: `line_items` -> `LineItems`."""
    found: dict[str, str] = {}
    taken = {*_OURS, *_USED, "EntityRole", "IdentityRole"}
    for key in keys:
        words = re.findall(r"[A-Za-z0-9]+", key)
        name = "".join(word[0].upper() + word[1:] for word in words)
        name = name if _IDENTIFIER.fullmatch(name) and not keyword.iskeyword(name) else f"Row{name}"
        found[key] = _free(name, taken)
    return found


def usable_key(name: str) -> bool:
    """Whether a model of that key can be an attribute of the client and a keyword argument."""
    fits = _IDENTIFIER.fullmatch(name) and not keyword.iskeyword(name)
    return bool(fits) and name not in CLIENT_NAMES


def attribute_names(model: ModelSpec) -> dict[str, str]:
    """Return the Python attribute of each field, by JSON name: as similar as Python allows."""
    taken = {f.wire for f in model.fields} | {r.name for r in model.relations}
    found: dict[str, str] = {}
    for each in model.fields:
        wanted = each.name if _usable(each.name) else column_name(each.wire)
        for name in (each.name, column_name(each.wire)):
            if _usable(name) and wire_name(name) == each.wire:
                wanted = name
                break
        found[each.wire] = _attribute(wanted, taken - {each.wire})
        taken.add(found[each.wire])
    return found


def _attribute(wanted: str, taken: set[str]) -> str:
    """Return a free Python name that is as similar as possible, and mark it as taken."""
    if not _usable(wanted):
        cleaned = re.sub(r"[^A-Za-z0-9_]+", "_", wanted).strip("_")
        tries = (cleaned, f"{cleaned}_", f"field_{cleaned}", "field_of_no_name")
        wanted = next(name for name in tries if _usable(name))
    return _free(wanted, taken)


def _usable(name: str) -> bool:
    if not _IDENTIFIER.fullmatch(name) or keyword.iskeyword(name):
        return False
    return name not in _USED and name not in RESERVED and name not in _INHERITED - {"archived_at"}


def _free(name: str, taken: set[str]) -> str:
    """Return the name, or with a number after it, and mark it as taken."""
    free, number = name, 1
    while free in taken:
        number += 1
        free = f"{name}_{number}"
    taken.add(free)
    return free


def _model(model: ModelSpec, name: str, notes: Notes) -> str:
    attributes = attribute_names(model)
    options = "".join(f", {option}" for option in _options(model))
    lines = [f"class {name}(Model{options}):"]
    lines += [f"    {line}" for line in _fields(model, attributes)]
    lines += [f"    {line}" for line in _relations(model, attributes)]
    conditions = [f"    {line}" for line in _conditions(model, attributes)]
    # A field of one of these names hides the function from the lines below it.
    at = 1 if {*_FUNCTIONS} & {*attributes.values()} else len(lines)
    lines[at:at] = conditions
    if len(lines) == 1:
        lines.append("    pass")
    inside = notes.inside.get(model.key, ())
    if inside:
        lines.append(textwrap.indent(_comment(inside), "    "))
    before = notes.before.get(model.key, ())
    return "\n".join([_comment(before), *lines] if before else lines)


def _options(model: ModelSpec) -> Iterator[str]:
    values: dict[str, object] = {
        "table": None if model.table == model.key else model.table,
        "table_schema": None if model.table_schema == "public" else model.table_schema,
        "id_column": None if model.id_column == "id" else model.id_column,
        "typename": None if model.typename == model.key else model.typename,
        "load": None if model.load == "instant" else model.load,
        "plane": None if model.plane == "tenant" else model.plane,
        "mutable": None if model.mutable else False,
        "scope": (model.scope or True) if model.is_scope_root else None,
        "grants": dict(model.grants) or None,
        "conflict": dict(model.conflict) or None,
        "claims_bind_sql": model.claims_bind_sql or None,
        "before": None if model.before else False,
    }
    yield from (f"{name}={_text(value)}" for name, value in values.items() if value is not None)
    if model.tenancy.kind in ("none", "source"):
        yield f"tenancy={_text(model.tenancy.kind)}"
    elif model.tenancy != _PLAIN:
        yield f"tenancy={_tenancy(model.tenancy)}"
    if model.entity_roles:
        roles = ", ".join(
            f"EntityRole({_text(role.kind)}, {_text(role.source_field)}, {role.multi!r})"
            for role in model.entity_roles
        )
        yield f"entity_roles=[{roles}]"


def _tenancy(tenancy: Tenancy) -> str:
    given = {
        name: getattr(tenancy, name)
        for name in ("column", "local_key", "parent_table", "parent_key", "parent_org_column")
        if getattr(tenancy, name) != getattr(_PLAIN, name)
    }
    options = "".join(f", {name}={_text(value)}" for name, value in given.items())
    return f"Tenancy({_text(tenancy.kind)}{options})"


def _fields(model: ModelSpec, attributes: Mapping[str, str]) -> Iterator[str]:
    spoken = _spoken(model, attributes)
    permits = {
        one.name: _text(one.text if one.text and spoken else one.test) for one in model.permissions
    }
    for each in model.fields:
        name = attributes[each.wire]
        line = f"{name}: {_type(each)}"
        tests = [(word, permits.get(f"{word}.{each.wire}")) for word in ("read", "write")]
        value = _value(each, name, tests)
        yield f"{line} = {value}" if value else line


def _type(each: Field) -> str:
    if each.type is FieldType.ENUM:
        kind = "Literal[" + ", ".join(_text(value) for value in each.enum_values) + "]"
    else:
        kind = KINDS[each.type].annotation
    return f"{kind} | None" if each.optional else kind


def _value(each: Field, name: str, permits: Iterable[tuple[str, str | None]]) -> str:
    """Return what follows the `=` of a field; '' for nothing. permits: its permissions, as code."""
    default = "None" if each.optional else ""
    if each.default is not MISSING:
        default = _constant(each.type, each.default)
    options = []
    if default:
        options.append(f"default={default}")
    if each.indexed:
        options.append("indexed=True")
    if each.column != column_name(name):
        options.append(f"column={_text(each.column)}")
    if each.formerly:
        options.append(f"formerly={list(each.formerly)!r}")
    if each.wire != wire_name(name):
        options.append(f"wire={_text(each.wire)}")
    for word, value in each.rules:
        typed = _constant(each.type, value) if word in ORDERING else _text(value)
        options.append(f"{WORDS[word].python}={typed}")
    if each.unique:
        options.append("unique=True")
    options += [f"{word}={test}" for word, test in permits if test]
    plain = default and len(options) == 1 and not isinstance(each.default, dict | list)
    return default if plain else f"field({', '.join(options)})" if options else ""


def _constant(kind: FieldType, value: object) -> str:
    text = _text(value)
    wrappers = {
        FieldType.DECIMAL: f"decimal.Decimal({text})",
        FieldType.DATETIME: f"dt.datetime.fromisoformat({text})",
        FieldType.DATE: f"dt.date.fromisoformat({text})",
        FieldType.UUID: f"uuid.UUID({text})",
        FieldType.NUMBER: f"float({text})" if isinstance(value, int) else text,
    }
    return wrappers.get(kind, text)


def _relations(model: ModelSpec, attributes: Mapping[str, str]) -> Iterator[str]:
    taken = {*attributes.values()}
    for relation in model.relations:
        name = column_name(relation.name)
        name = name if wire_name(name) == relation.name else relation.name
        if not _usable(name) or name in taken:
            yield f"# The relation {relation.name!r} to {relation.target!r} has no name in Python."
            continue
        taken.add(name)
        yield f"{name} = {_relation(relation, attributes)}"


def _relation(relation: Relation, attributes: Mapping[str, str]) -> str:
    calls = {"belongsTo": "belongs_to", "hasMany": "has_many", "hasOne": "has_one"}
    options = [_text(relation.target)]
    key = relation.foreign_key
    own = attributes.get(key, key) if relation.kind == "belongsTo" else key
    options.append(f"field={_text(own)}")
    options += [f"{name}=True" for name in ("parent", "fk", "index") if getattr(relation, name)]
    if relation.order_by is not None:
        options.append(f"order_by={_text(relation.order_by)}")
    if relation.options:
        options.append(f"options={dict(relation.options)!r}")
    return f"{calls[relation.kind]}({', '.join(options)})"


def _spoken(model: ModelSpec, attributes: Mapping[str, str]) -> bool:
    """Whether conditions may stand as their author wrote them: the fields keep their names."""
    return all(attributes[field.wire] == field.name for field in model.fields)


def _conditions(model: ModelSpec, attributes: Mapping[str, str]) -> Iterator[str]:
    spoken = _spoken(model, attributes)
    # Their names may be any text: of pushed JSON, or of a comment in the database.
    taken = {*attributes.values(), *(one.name for one in model.relations), *_FUNCTIONS}
    for check in model.checks:
        test = check.text if check.text and spoken else check.test
        yield f"{_attribute(check.name, taken)} = check({_text(test)})"
    for index in model.indexes:
        options = [_text(attributes.get(wire, wire)) for wire in index.fields]
        options += ["unique=True"] if index.unique else []
        if index.where is not None:
            options.append(f"where={_text(index.text if index.text and spoken else index.where)}")
        yield f"{_attribute(index.name, taken)} = index({', '.join(options)})"
    permissions = [one for one in model.permissions if one.name in VERBS]
    if permissions:
        yield f"{_attribute('permissions', taken)} = allow("
        for one in permissions:
            yield f"    {one.name}={_text(one.text if one.text and spoken else one.test)},"
        yield ")"


def _definition(spec: SchemaSpec, classes: Mapping[str, str]) -> str:
    words = [f"{key}={name}" for key, name in classes.items() if key.isidentifier()]
    words = [word for word in words if not keyword.iskeyword(word.partition("=")[0])]
    odd = [f"{_text(key)}: {name}" for key, name in classes.items() if f"{key}={name}" not in words]
    arguments = ([f"{{{', '.join(odd)}}}"] if odd else []) + words
    if spec.identity_roles:
        roles = (
            f"IdentityRole({_text(role.kind)}, {_text(role.source)})"
            for role in spec.identity_roles
        )
        arguments.append(f"identity_roles=[{', '.join(roles)}]")
    if spec.session_settings:
        arguments.append(f"session_settings={dict(spec.session_settings)!r}")
    line = f"schema = define_schema({', '.join(arguments)})"
    if len(line) <= WIDTH:
        return line
    return "schema = define_schema(\n" + "".join(f"    {one},\n" for one in arguments) + ")"


def _imports(body: str) -> str:
    code = "\n".join(line for line in body.split("\n") if not line.lstrip().startswith("#"))
    lines = [line for mark, line in _IMPORTS if mark in code]
    ours = sorted({*_OURS, "EntityRole", "IdentityRole", *_FUNCTIONS}, key=str.lower)
    names = [name for name in ours if re.search(rf"\b{name}\(", code) or name == "Model"]
    classes, functions = ([n for n in names if n[0].isupper() is up] for up in (True, False))
    plain = [line for line in lines if line.startswith("import")]
    typed = [line for line in lines if line.startswith("from typing")]
    outer = [line for line in lines if line.startswith("from pydantic")]
    groups = ["\n".join([*plain, *typed]), "\n".join([*outer])]
    own = f"from ablo_pg import {', '.join([*classes, *functions])}"
    last = "\n".join(part for part in (own, groups[1]) if part)
    return "\n\n".join(part for part in (groups[0], last) if part)


def _text(value: object) -> str:
    """Write a value in Python, a string in double quotes if that needs no escape."""
    text = repr(value)
    if isinstance(value, str) and text[0] == "'" and '"' not in text:
        return f'"{text[1:-1]}"'
    return text


def _comment(lines: Iterable[str]) -> str:
    """Write lines as comments; a line break in one (of a name, say) cannot end the comment."""
    plain = (part for line in lines for part in re.split(r"[\x00-\x1f\x7f\x85\u2028\u2029]+", line))
    return "\n".join(f"# {part}".rstrip() for part in plain)


__all__ = ["Notes", "attribute_names", "class_names", "usable_key", "write_source"]
