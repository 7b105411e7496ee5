"""The output of `ablo-pg generate`, as text: a typed client module, JSON Schema, OpenAPI. Pure.

Equal schemas give equal files, so a project can commit them and compare them in CI.
"""

from __future__ import annotations

import keyword
import sys
from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Any, Final

import orjson

from ablo_pg._version import __version__
from ablo_pg.cli.target import LONE
from ablo_pg.schema import Model, ModelSpec, SchemaSpec
from ablo_pg.wire.openapi import openapi_document
from ablo_pg.wire.openapi_models import model_components

# In every generated file; a file without it is never replaced.
MARK: Final = "Written by ablo-pg generate"
CLIENT_FILE: Final = "ablo_client.py"
_ROW: Final = "Row"  # the class of a model that has no importable one


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


def json_schema(model: ModelSpec, spec: SchemaSpec) -> dict[str, Any]:
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
    imports, names = _imports(classes)
    keys = [key for key in (model.key for model in spec.models) if _attribute(key)]
    lines = [
        f'"""{_mark(spec)}. Use these in place of ablo_pg\'s: `ablo.tasks` is typed then."""',
        "",
        "from __future__ import annotations",
        "",
        "from typing import TYPE_CHECKING",
        "",
        "import ablo_pg",
        "",
        "if TYPE_CHECKING:",
        "    from ablo_pg import Model, ModelClient, SyncModelClient",
        *(["", *(f"    {line}" for line in imports)] if imports else []),
    ]
    for client, kind in (("AsyncAblo", "ModelClient"), ("Ablo", "SyncModelClient")):
        lines += ["", "", f"class {client}(ablo_pg.{client}):"]
        lines += [f'    """As `ablo_pg.{client}`, with the models of this schema."""', ""]
        lines += ["    if TYPE_CHECKING:", ""] if keys else []
        for key in keys:
            returned = f"{kind}[{names.get(key, 'Model')}]"
            lines += ["        @property", f"        def {key}(self) -> {returned}: ...", ""]
    return "\n".join(lines).rstrip("\n") + "\n"


def _mark(spec: SchemaSpec) -> str:
    return f"{MARK}; schema {spec.hash}"


def _imports(classes: Mapping[str, type[Model]]) -> tuple[list[str], dict[str, str]]:
    """Return the import lines of the importable row classes, and their names by key."""
    taken = {"Model", "ModelClient", "SyncModelClient", "AsyncAblo", "Ablo", "ablo_pg"}
    lines, names = [], {}
    for key, cls in sorted(classes.items()):
        module, name = cls.__module__, cls.__name__
        if getattr(sys.modules.get(module), name, None) is not cls or not _attribute(name):
            continue
        known = name
        while known in taken:
            known += _ROW
        taken.add(known)
        names[key] = known
        renamed = "" if known == name else f" as {known}"
        lines.append(f"from {module.removeprefix(LONE)} import {name}{renamed}")
    return lines, names


def _attribute(name: str) -> bool:
    return name.isidentifier() and not keyword.iskeyword(name)


def _file_name(key: str) -> str:
    plain = "".join(char if char.isalnum() or char in "-_" else "_" for char in key)
    return plain if plain == key else f"{plain}_{key.encode().hex()[:8]}"


def _json(value: Any) -> str:
    return orjson.dumps(value, option=orjson.OPT_INDENT_2).decode() + "\n"
