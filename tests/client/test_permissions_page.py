"""docs/permissions.md: its examples run as they stand, and print what it says."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from ablo_pg.testing import DatabaseHandle

from .pages import blocks, run_blocking


def test_the_examples_run(
    make_app_db: Callable[[Any], DatabaseHandle],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    declared, used, typed, of_fields, explained = blocks("permissions.md")
    names: dict[str, Any] = {"__name__": "app"}
    # Without the future import of this file: pydantic would look the types up in a module.
    exec(compile(declared, "docs", "exec", dont_inherit=True), names)
    monkeypatch.setenv("DATABASE_URL", make_app_db(names["schema"]).database_url)
    run_blocking(used, names)
    assert capsys.readouterr().out == "None\nentity_not_found\nPlan\npermission_denied\n"
    exec(compile(typed, "docs", "exec", dont_inherit=True), names)
    tests = {one.name: one.test for one in names["reports"].model("reports").permissions}
    for one in names["schema"].model("tasks").permissions[:3]:
        assert tests[one.name] == one.test
    exec(compile(of_fields, "docs", "exec", dont_inherit=True), names)
    assert [one.name for one in names["invoices"].model("invoices").permissions] == [
        "read.iban",
        "write.approved",
    ]
    run_blocking(explained, names)
    told = "old.owner_id = actor.user_id and new.owner_id = old.owner_id"
    assert capsys.readouterr().out == f"False permission\n{told}\n"
