"""The compiler's text: golden/tasks.sql is what the smallest schema makes, in full.

golden/features/NAME.diff is what a feature changes of it. NAME.json has the feature as a merge
patch (RFC 7386) of tasks.json: `with`, on top of `before`. All of them together are
everything.json; its text is known by its digest only, parsed here, and installed in
tests/kernel/compile.

ABLO_UPDATE_GOLDEN=1 writes them again; read the difference before committing it.
"""

from __future__ import annotations

import difflib
import hashlib
import json
import os
import re
from collections.abc import Iterator
from dataclasses import replace
from itertools import groupby
from pathlib import Path
from typing import Any

import pglast
import pytest
from pglast.parser import parse_plpgsql_json

from ablo_pg.compile import CompiledSchema, compile_schema
from ablo_pg.schema import SchemaSpec, parse_schema_json

GOLDEN = Path(__file__).parent / "golden"
NAMES = sorted(path.stem for path in GOLDEN.glob("*.json"))
FEATURES = sorted(path.stem for path in (GOLDEN / "features").glob("*.json"))
REVIEWABLE = 300  # lines of a feature's difference that a reader takes in
SHOWN = 4  # lines of a longer run that a feature takes away
DEFINER = "security definer"


def load(name: str) -> SchemaSpec:
    return parse_schema_json(json.loads((GOLDEN / f"{name}.json").read_text()))


def functions(compiled: CompiledSchema) -> list[str]:
    return [text for text in compiled.statements if "create or replace function" in text]


def golden(path: Path, text: str) -> str:
    """Return the golden text, written again if asked for."""
    if os.environ.get("ABLO_UPDATE_GOLDEN"):
        path.write_text(text)
    return path.read_text()


def patched(document: Any, patch: Any) -> Any:
    """Apply a JSON merge patch (RFC 7386)."""
    if not isinstance(patch, dict):
        return patch
    found = dict(document) if isinstance(document, dict) else {}
    for key, value in patch.items():
        if value is None:
            found.pop(key, None)
        else:
            found[key] = patched(found.get(key), value)
    return found


def difference(before: str, after: str) -> Iterator[str]:
    """Yield the changed lines, each place with a line around; long runs of removed lines cut."""
    lines = list(difflib.unified_diff(before.split("\n"), after.split("\n"), n=1, lineterm=""))[2:]
    for removed, run in groupby(lines, lambda line: line.startswith("-")):
        found = ["@@" if line.startswith("@@") else line for line in run]
        if removed and len(found) > 2 * SHOWN:
            found[SHOWN:] = [f"- ({len(found) - SHOWN} more lines)"]
        yield from found


def test_the_smallest_schema_has_the_golden_text() -> None:
    text = compile_schema(load("tasks")).sql
    assert text == golden(GOLDEN / "tasks.sql", text)


@pytest.mark.parametrize("name", FEATURES)
def test_a_feature_changes_what_its_golden_difference_says(name: str) -> None:
    feature = json.loads((GOLDEN / "features" / f"{name}.json").read_text())
    base = json.loads((GOLDEN / "tasks.json").read_text())
    without = patched(base, feature.get("before", {}))
    before, after = (
        compile_schema(parse_schema_json(each)).sql
        for each in (without, patched(without, feature["with"]))
    )
    found = list(difference(before, after))
    assert 0 < len(found) < REVIEWABLE
    text = "\n".join(found) + "\n"
    assert text == golden(GOLDEN / "features" / f"{name}.diff", text)


def test_all_features_together_have_the_golden_digest() -> None:
    text = compile_schema(load("everything")).sql
    digest = hashlib.sha256(text.encode()).hexdigest() + "\n"
    assert digest == golden(GOLDEN / "everything.sha256", digest)


def test_same_schema_same_text_whatever_the_order_of_models() -> None:
    spec = load("everything")
    turned = replace(spec, models=spec.models[::-1])
    ours, theirs = compile_schema(spec), compile_schema(turned)
    assert ours.statements[:-1] == theirs.statements[:-1]  # the last one holds the pushed JSON


@pytest.mark.parametrize("name", NAMES)
def test_postgres_parses_every_statement(name: str) -> None:
    for statement in compile_schema(load(name)).statements:
        assert len(pglast.parse_sql(statement)) == 1


@pytest.mark.parametrize("name", NAMES)
def test_postgres_parses_every_body(name: str) -> None:
    for statement in functions(compile_schema(load(name))):
        if "language plpgsql" in statement:
            assert parse_plpgsql_json(statement) != "[]"


@pytest.mark.parametrize("name", NAMES)
def test_every_function_says_what_it_is(name: str) -> None:
    """Volatility, security, owner and the revoke are written out; definers pin their path."""
    compiled = compile_schema(load(name))
    found = functions(compiled)
    for statement in found:
        head, _, _ = statement.partition("\nas $")
        assert re.search(r"(immutable|stable|volatile) security (invoker|definer)", head)
        if DEFINER in head:
            assert "set search_path = pg_catalog, pg_temp" in head
    text = compiled.sql
    assert text.count("owner to ablo_owner;\n\nrevoke all on function") == len(found)


def test_source_models_have_no_table() -> None:
    text = compile_schema(load("everything")).sql
    assert 'create table if not exists "public"."invoices"' not in text
    assert "invoices is behind a data source" in text


def test_wide_models_split_their_json() -> None:
    field = {"type": "string", "isOptional": True, "isIndexed": False}
    fields = {f"f{number}": field for number in range(230)}
    document = json.loads((GOLDEN / "tasks.json").read_text())
    document["models"]["tasks"]["fields"] = fields
    text = compile_schema(parse_schema_json(document)).sql
    for arguments in re.findall(r"json_build_object\((.*?)\n *\)", text, re.DOTALL):
        assert arguments.count("\n") <= 50
