"""The rights that are looked for are those that are granted: none forgotten, none made up."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from ablo_pg.compile import compile_schema
from ablo_pg.db.rights import Right
from ablo_pg.kernel.files import kernel_files
from ablo_pg.kernel.rights import GRANTS_FILE, Lack, kernel_rights, model_rights
from ablo_pg.schema import parse_schema_json

GOLDEN = Path(__file__).parents[1] / "compile" / "golden"
# The owner's own: what it lacks, drift and every statement of `migrate` would say. The writer's:
# without them a batch goes one by one.
OWNERS = re.compile(r"grant usage, create on schema .* to ablo_owner;|grant .* to ablo_writer;")


def statements(rights: tuple[Right, ...]) -> set[str]:
    """Join the rights again, object by object."""
    found: dict[tuple[str, str, str], list[str]] = {}
    for one in rights:
        found.setdefault((one.kind, one.name, one.role), []).append(one.right)
    return {Lack(r, k, tuple(rights), (n,)).sql for (k, n, r), rights in found.items()}


@pytest.mark.parametrize("name", ["tasks", "everything"])
def test_everything_that_is_compiled_to_a_grant_is_looked_for(name: str) -> None:
    spec = parse_schema_json(json.loads((GOLDEN / f"{name}.json").read_text()))
    compiled = re.findall(r"^ *(grant .*;)$", compile_schema(spec).sql, re.MULTILINE)
    wanted = {one for one in compiled if not OWNERS.fullmatch(one)}
    assert wanted
    assert statements(model_rights(spec)) == wanted


def test_everything_that_the_kernel_grants_is_looked_for() -> None:
    text = next(file.sql for file in kernel_files() if file.path == GRANTS_FILE)
    own = r"^do (\$control\$|\$writer\$).*?^\1;"
    text = re.sub(own, "", text, flags=re.MULTILINE | re.DOTALL)
    wanted = set(re.findall(r"ablo(?:_model)?\.\w+\([^)]*\)", text))
    rights = kernel_rights(kernel_files())
    assert {one.name for one in rights if one.kind == "function"} == wanted
    others = {(one.kind, one.right, one.name, one.role) for one in rights if one.name not in wanted}
    assert others == {
        ("schema", "usage", "ablo", "ablo_runtime"),
        ("schema", "usage", "ablo_model", "ablo_runtime"),
        ("schema", "usage", "ablo", "ablo_replication"),
        ("table", "select", "ablo.delta", "ablo_runtime"),
        ("table", "select", "ablo.delta", "ablo_replication"),
    }


def test_of_many_objects_the_first_are_named() -> None:
    lack = Lack("ablo_runtime", "function", ("execute",), ("a()", "b()", "c()", "d()"))
    assert str(lack) == "ablo_runtime lacks execute on function a(), b(), c() and 1 more"
