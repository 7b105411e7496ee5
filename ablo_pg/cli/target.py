"""What TARGET on a command line means: a schema in a file, in a module, or pushed as JSON."""

from __future__ import annotations

import importlib
import importlib.util
import sys
import traceback
from contextlib import redirect_stdout
from importlib.machinery import SourceFileLoader
from pathlib import Path
from types import CodeType, ModuleType
from typing import Final

import orjson

from ablo_pg.errors import AbloError, AbloValidationError
from ablo_pg.schema import Schema
from ablo_pg.schema.neutral import SchemaSpec

LONE: Final = "ablo_target_"  # before the name of a file that is in no package
REMEDY = "name one as TARGET: app/schema.py, app.schema, app.schema:schema or schema.json"


def load_target(target: str) -> SchemaSpec:
    """Return the schema that TARGET names: FILE.py, MODULE, either with :ATTRIBUTE, or FILE.json.

    Without :ATTRIBUTE, uses the module's only schema, or the one named `schema`. Raises:
    schema_definition_invalid, invalid_schema; the errors of a schema's own checks.
    """
    return _from_json(Path(target)) if target.endswith(".json") else load_schema(target).spec


def load_schema(target: str) -> Schema:
    """Return the schema of a Python TARGET, with its row classes."""
    place, _, attribute = target.partition(":")
    module = _load_module(place)
    return _pick(module, place, attribute)


def _from_json(path: Path) -> SchemaSpec:
    from ablo_pg.schema import parse_schema_json

    try:
        return parse_schema_json(orjson.loads(path.read_bytes()))
    except OSError as exc:
        raise _invalid(f"{path}: {exc.strerror}", "give the path of a schema file") from None
    except orjson.JSONDecodeError as exc:
        raise _invalid(f"{path} is not JSON: {exc}", "correct it at that line") from None


def _load_module(place: str) -> ModuleType:
    try:
        with redirect_stdout(sys.stderr):  # the file's own output is not our result
            if place.endswith(".py") or "/" in place:
                return _import_file(Path(place))
            _see(Path.cwd())
            return importlib.import_module(place)
    except AbloError:
        raise
    except ModuleNotFoundError as exc:
        raise _invalid(f"{place}: {exc}", REMEDY) from exc
    except SystemExit as exc:
        raise _invalid(
            f"{place} ends the program that imports it (exit code {exc.code})",
            "the file must only declare",
        ) from exc
    except Exception as exc:  # the user's own code: it can raise anything
        raise _invalid(
            f"{place} cannot be imported: {type(exc).__name__}: {exc}{_where(exc)}",
            "correct the file; `python FILE` shows the whole traceback",
        ) from exc


def _import_file(path: Path) -> ModuleType:
    """Import a file; inside a package under its full name, so that relative imports work."""
    if not path.is_file():
        raise _invalid(f"there is no file {path}", f"`ablo-pg init` creates one; or {REMEDY}")
    path = path.resolve()
    root, parts = path.parent, [path.stem]
    while (root / "__init__.py").is_file():
        parts.insert(0, root.name)
        root = root.parent
    _see(root)
    if len(parts) > 1:
        return importlib.import_module(".".join(parts))
    # A lone file must not shadow an installed module of the same name.
    name = f"{LONE}{path.stem}"
    loader = _FreshLoader(name, str(path))
    spec = importlib.util.spec_from_file_location(name, path, loader=loader)
    if spec is None:
        raise _invalid(f"{path} is not a Python file", REMEDY)
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    loader.exec_module(module)
    return module


class _FreshLoader(SourceFileLoader):
    """Reads the source each time: compiled files have a resolution of seconds, saves do not."""

    def get_code(self, fullname: str) -> CodeType:
        """Compile the file as it is now."""
        return self.source_to_code(self.get_data(self.path), self.path)


def _see(folder: Path) -> None:
    if str(folder) not in sys.path:
        sys.path.insert(0, str(folder))


def _pick(module: ModuleType, place: str, attribute: str) -> Schema:
    found: dict[str, Schema] = {
        name: value for name, value in vars(module).items() if isinstance(value, Schema)
    }
    if attribute:
        if attribute in found:
            return found[attribute]
        known = ", ".join(sorted(found)) or "none"
        raise _invalid(f"{place} has no schema {attribute!r} (it has: {known})", REMEDY)
    distinct = {id(value): value for value in found.values()}
    if len(distinct) == 1:
        return next(iter(distinct.values()))
    if "schema" in found:
        return found["schema"]
    if not found:
        raise _invalid(f"{place} declares no schema", "write schema = define_schema(tasks=Task)")
    names = ", ".join(sorted(found))
    raise _invalid(f"{place} has several schemas: {names}", f"choose one: {place}:NAME")


def _where(exc: Exception) -> str:
    """The last line of the user's file that was running, as ` (file:line)`."""
    if isinstance(exc, SyntaxError):
        return ""  # its message already contains it
    frames = traceback.extract_tb(exc.__traceback__)
    return f" ({frames[-1].filename}:{frames[-1].lineno})" if frames else ""


def _invalid(message: str, remedy: str) -> AbloValidationError:
    return AbloValidationError(message, code="schema_definition_invalid", remedy=remedy)
