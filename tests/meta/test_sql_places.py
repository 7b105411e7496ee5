"""SQL text is written in sql/, in compile/ and in db/, and nowhere else in the package."""

from __future__ import annotations

import ast
import re
from typing import Final

import pytest

from .project import PACKAGE, docstrings, parse, python_files, relative

SQL_TEXT: Final = re.compile(
    r"""^\s*(
      select\s+(\*|[a-z_."']+\s*[,(.]|.*\sfrom\s|.*\bas\b)
      | insert\s+into\s+\S+\s*(\(|values|select|default|\{) | update\s+\S+\s+set\s
      | delete\s+from\s | truncate\s+\S
      | (create|drop|alter)\s+(or\s+replace\s+)?(table|function|role|user|schema|index|view|trigger
          |type|policy|publication|database|sequence|extension|subscription|unique|temp|constraint)\b
      | (grant|revoke)\s+.*\s(to|from|on)\s
      | begin;|commit;|rollback; | (listen|notify|unlisten)\s+[a-z_"{]
      | set\s+(local|session|role|transaction)\b | with\s+\S+\s+as\s*\( | call\s+[a-z_.]+\(
    )""",
    re.IGNORECASE | re.VERBOSE | re.DOTALL,
)
# The last one sends replication commands, which run on a connection of their own kind.
ALLOWED: Final = (
    *("ablo_pg/compile/", "ablo_pg/db/", "ablo_pg/changefeed/stream.py"),
    "ablo_pg/source/",  # of a database that has no kernel
)
# Sentences for people that quote SQL, which is not run.
QUOTED: Final = (
    *("ablo_pg/kernel/roles.py", "ablo_pg/kernel/connect.py"),
    *("ablo_pg/kernel/fit.py", "ablo_pg/kernel/pull.py", "ablo_pg/kernel/table_reasons.py"),
)


def sql_in(tree: ast.Module) -> list[tuple[int, str]]:
    """The string constants of a file that are SQL, with their lines."""
    skipped = docstrings(tree)
    return [
        (node.lineno, node.value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant)
        and isinstance(node.value, str)
        and node not in skipped
        and SQL_TEXT.match(node.value)
    ]


def test_only_the_status_reads_wal_level() -> None:
    """Why .ci/run repeats only the tests with readers where there is no logical decoding."""
    files = (PACKAGE.parent / "sql").rglob("*.sql")
    assert [relative(f) for f in files if "wal_level" in f.read_text()] == [
        "sql/70_relay/status.sql"
    ]
    assert [
        relative(f) for f in python_files(PACKAGE / "compile") if "wal_level" in f.read_text()
    ] == []


def test_sql_text_is_only_where_it_belongs() -> None:
    found = [
        f"{relative(path)}:{line}: {text[:60]!r}"
        for path in python_files(PACKAGE)
        if not relative(path).startswith(ALLOWED) and relative(path) not in QUOTED
        for line, text in sql_in(parse(path))
    ]
    assert not found, "\n".join(found)


@pytest.mark.parametrize(
    "text",
    [
        "select ablo.status()",
        "SELECT * FROM t",
        "select 1 as one",
        "insert into t values (1)",
        "update t set a = 1",
        "delete from ablo.delta",
        "create or replace function f() returns int",
        "grant ablo_owner to x",
        "listen ablo_delta",
        "set local role x",
        "begin;",
    ],
)
def test_the_scan_catches(text: str) -> None:
    assert sql_in(ast.parse(f"value = {text!r}"))


@pytest.mark.parametrize(
    "text", ["update", "create", "select one of the rows", "delete the rows first", "set a value"]
)
def test_the_scan_lets_words_pass(text: str) -> None:
    assert not sql_in(ast.parse(f"value = {text!r}"))
