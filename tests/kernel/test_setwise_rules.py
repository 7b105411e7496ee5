"""In a batch that is applied set-wise, a commit that breaks a rule fails by itself."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from ablo_pg import Model, check, define_schema, field
from ablo_pg.schema import Schema
from ablo_pg.testing import DatabaseHandle

from .board import Board, create, update
from .setwise import item


class Task(Model):
    title: str
    count: int = field(default=0, le=5)
    other: int = 0
    email: str | None = field(default=None, unique=True)
    ordered = check("other <= count")


SCHEMA = define_schema(tasks=Task)
BROKEN: dict[str, tuple[dict[str, Any], str]] = {
    "rule": ({"count": 6}, "check_violation"),
    "check": ({"other": 9}, "check_violation"),
    "unique": ({"email": "taken"}, "unique_violation"),
}


@pytest.mark.parametrize("door", ["create", "update"])
@pytest.mark.parametrize("name", BROKEN)
def test_one_broken_commit_among_many(
    make_app_db: Callable[[Schema], DatabaseHandle], name: str, door: str
) -> None:
    data, code = BROKEN[name]
    with Board(make_app_db(SCHEMA), "rules") as board:
        caller = board.caller()
        caller.commit(create("first", email="taken"), *(create(f"r{n}") for n in range(30)))
        make = create if door == "create" else update
        at = "c" if door == "create" else "r"
        commits = [item(make(f"{at}{n}", title="new", email=f"e{n}")) for n in range(30)]
        commits[17] = item(make(f"{at}17", title="new", **data))
        results = caller.batch(commits)
        failed = {n: error for n, (_, error) in enumerate(results) if error is not None}
        assert failed.keys() == {17}
        assert failed[17].code == code
        rows = {row["id"]: row for row in caller.list("tasks", {"limit": 1000})["data"]}
        new = [n for n in range(30) if rows.get(f"{at}{n}", {}).get("title") == "new"]
        assert new == [n for n in range(30) if n != 17]
