"""docs/schema.md: its schema is made, its tables are there, and its examples run as they stand."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable
from inspect import isawaitable
from pathlib import Path
from typing import Any

import anyio
import psycopg
import pytest

from ablo_pg import AbloError, AsyncAblo
from ablo_pg.schema import Schema
from ablo_pg.schema.declare import ModelOptions
from ablo_pg.schema.types import SUPPORTED
from ablo_pg.testing import DatabaseHandle

PAGE = (Path(__file__).parents[2] / "docs" / "schema.md").read_text()
DECLARES, *EXAMPLES = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)


def test_the_examples_run(
    make_app_db: Callable[[Schema], DatabaseHandle], capsys: pytest.CaptureFixture[str]
) -> None:
    names: dict[str, Any] = {"AbloError": AbloError, "__name__": "schema_page"}
    exec(compile(DECLARES, "schema.md", "exec", dont_inherit=True), names)
    db = make_app_db(names["schema"])
    anyio.run(follow, names, db.database_url)
    created, rule, condition, related, refused, told = capsys.readouterr().out.splitlines()
    assert created == "todo [] acme agent:triage"
    assert rule.startswith("check_violation estimate tasks.estimate: must be at least 1 and")
    assert condition == "check_violation tasks: must fulfil due_date >= start_date"
    assert related == "['Pack'] of Trip"
    assert refused.startswith("refused: ")
    assert told.endswith("['notes']")
    with psycopg.connect(db.admin_url) as conn:
        found = conn.execute("select groups from ablo.delta where model = 'tasks'").fetchone()
    assert found is not None
    assert any(group.startswith("projects:") for group in found[0]), "the parent's group hears it"


async def follow(names: dict[str, Any], database_url: str) -> None:
    """Run the examples in order."""
    async with AsyncAblo(
        schema=names["schema"],
        database_url=database_url,
        organization="acme",
        participant="agent:triage",
    ) as ablo:
        names["ablo"] = ablo
        for source in EXAMPLES:
            code = compile(source, "schema.md", "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
            done = eval(code, names)
            if isawaitable(done):
                await done


@pytest.mark.parametrize("option", sorted(ModelOptions.__annotations__))
def test_every_option_is_on_the_page(option: str) -> None:
    left_out = {"plane", "grants", "options"}  # passed on as pushed JSON has them
    assert option in left_out or f"`{option}" in PAGE


def test_every_type_is_on_the_page() -> None:
    words = {"str", "int", "float", "bool", "Decimal", "datetime", "date", "UUID", "JsonValue"}
    assert {word for word in words if f"`{word}`" not in PAGE} == set()
    assert all(word in SUPPORTED for word in words)
