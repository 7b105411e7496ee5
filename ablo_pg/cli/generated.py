"""The output of `ablo-pg generate`, as text: a typed client module, JSON Schema, OpenAPI. Pure.

Equal schemas give equal files, so a project can commit them and compare them in CI.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Final

import orjson

from ablo_pg._version import __version__
from ablo_pg.cli.generated_types import IMPORTS, Names, data_fields, is_name
from ablo_pg.schema import Model, ModelSpec, SchemaSpec
from ablo_pg.wire.openapi import openapi_document
from ablo_pg.wire.openapi_models import model_components

# In every generated file; a file without it is never replaced.
MARK: Final = "Written by ablo-pg generate"
CLIENT_FILE: Final = "ablo_client.py"


def generated_files(spec: SchemaSpec, classes: Mapping[str, type[Model]]) -> dict[str, str]:
    """Return every file, by its path below the output folder.

    Args: classes, the row class of each model key; empty for a pushed schema.
    """
    files = {CLIENT_FILE: client_module(spec, classes)}
    files["openapi.json"] = _json({"x-comment": _mark(spec)} | openapi_document(spec, __version__))
    for model in spec.models:
        name = f"{_file_name(model.key)}.json"
        files[str(PurePosixPath("json_schema", name))] = _json(json_schema(model, spec))
    return files


def json_schema(model: ModelSpec, spec: SchemaSpec) -> dict[str, object]:
    """Return a model as JSON Schema: `Row`, `New` for creates, `Changes` for updates."""
    parts = {name.rpartition(".")[2]: part for name, part in model_components(model).items()}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$comment": _mark(spec),
        "title": model.key,
        "$ref": "#/$defs/Row",
        "$defs": parts,
    }


def client_module(spec: SchemaSpec, classes: Mapping[str, type[Model]]) -> str:
    """Return a module whose `AsyncAblo` and `Ablo` have each model as a typed attribute."""
    names = Names()
    models = [model for model in spec.models if is_name(model.key)]
    for model in models:  # first, so that these keep their names
        _row_class(model, classes, names)
    typed = {model.key: _typed_model(model, classes, names) for model in models}
    lines = [*_head(spec, list(typed.values()), names.imports)]
    lines += [line for one in typed.values() for line in ("", one.data)]
    for client, kind in (("AsyncAblo", "ModelClient"), ("Ablo", "SyncModelClient")):
        lines += ["", "", f"class {client}(ablo_pg.{client}):"]
        lines += [f'    """As `ablo_pg.{client}`, with the models of this schema."""', ""]
        lines += ["    if TYPE_CHECKING:", ""] if typed else []
        for key, one in typed.items():
            returned = f"{kind}[{one.names}]"
            lines += ["        @property", f"        def {key}(self) -> {returned}: ...", ""]
    return "\n".join(lines).rstrip("\n") + "\n"


@dataclass(frozen=True, slots=True)
class _TypedModel:
    """The names of a model's row, new row and changes; data: the code of the last two."""

    names: str
    data: str


def _row_class(model: ModelSpec, classes: Mapping[str, type[Model]], names: Names) -> str | None:
    cls = classes.get(model.key)
    return None if cls is None else names.imported(cls)


def _typed_model(model: ModelSpec, classes: Mapping[str, type[Model]], names: Names) -> _TypedModel:
    row, cls = _row_class(model, classes, names), classes.get(model.key)
    key = "".join(part[:1].upper() + part[1:] for part in model.key.split("_"))
    name = key if cls is None or row is None else cls.__name__
    new, changes = names.new(f"New{name}"), names.new(f"{name}Changes")
    fields = data_fields(model, cls, names)
    created = [
        (one.name, repr(one.type) if one.required else f"NotRequired[{one.type!r}]")
        for one in fields
    ]
    changed = [(one.name, repr(one.type)) for one in fields]
    data = f"{_typed_dict(new, created)}\n{_typed_dict(changes, changed, ', total=False')}"
    return _TypedModel(f"{row or 'Model'}, {new}, {changes}", data)


def _typed_dict(name: str, fields: list[tuple[str, str]], option: str = "") -> str:
    """Return its code as a call, which takes any field name and types that are only strings."""
    lines = [f"    {field!r}: {kind}," for field, kind in fields]
    return "\n".join([f"{name} = TypedDict({name!r}, {{", *lines, f"}}{option})"])


def _head(spec: SchemaSpec, typed: list[_TypedModel], imports: list[str]) -> list[str]:
    """Return the docstring, and the imports of what the models and their data name."""
    text = " ".join(f"{one.names} {one.data}" for one in typed)
    checked = [line for name, line in IMPORTS.items() if re.search(rf"\b{name}\b", text)]
    checked += ["from ablo_pg import ModelClient, SyncModelClient", *imports] if typed else []
    optional = ["NotRequired"] if "NotRequired" in text else []
    return [
        f'"""{_mark(spec)}. Use these in place of ablo_pg\'s: `ablo.tasks` is typed then."""',
        "",
        "from __future__ import annotations",
        "",
        *(
            [f"from typing import {', '.join(['TYPE_CHECKING', *optional, 'TypedDict'])}", ""]
            if typed
            else []
        ),
        "import ablo_pg",
        *(["", "if TYPE_CHECKING:"] if checked else []),
        *(f"    {line}" for line in checked),
    ]


def _mark(spec: SchemaSpec) -> str:
    return f"{MARK}; schema {spec.hash}"


def _file_name(key: str) -> str:
    plain = "".join(char if char.isalnum() or char in "-_" else "_" for char in key)
    return plain if plain == key else f"{plain}_{key.encode().hex()[:8]}"


def _json(value: object) -> str:
    return orjson.dumps(value, option=orjson.OPT_INDENT_2).decode() + "\n"
