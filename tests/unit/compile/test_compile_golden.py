"""The compiler's text: beside each schema in golden/ lies the SQL that it must make.

ABLO_UPDATE_GOLDEN=1 rewrites the .sql files; read the difference before committing it.
"""

from __future__ import annotations

import json
import os
import re
from dataclasses import replace
from pathlib import Path

import pglast
import pytest
from pglast.parser import parse_plpgsql_json

from ablo_pg.compile import CompiledSchema, compile_schema
from ablo_pg.schema import SchemaSpec, parse_schema_json

GOLDEN = Path(__file__).parent / "golden"
NAMES = sorted(path.stem for path in GOLDEN.glob("*.json"))
DEFINER = "security definer"


def load(name: str) -> SchemaSpec:
    return parse_schema_json(json.loads((GOLDEN / f"{name}.json").read_text()))


def functions(compiled: CompiledSchema) -> list[str]:
    return [text for text in compiled.statements if "create or replace function" in text]


@pytest.mark.parametrize("name", NAMES)
def test_text_is_the_golden_one(name: str) -> None:
    text = compile_schema(load(name)).sql
    path = GOLDEN / f"{name}.sql"
    if os.environ.get("ABLO_UPDATE_GOLDEN"):
        path.write_text(text)
    assert text == path.read_text()


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
