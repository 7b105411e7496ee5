"""What a start loads, counted in modules: the time that it takes depends on the machine."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import ablo_pg

LIBRARIES = {
    *("anyio", "asyncio", "dotenv", "httpcore", "msgspec"),
    *("psycopg", "psycopg_pool", "pydantic", "websockets"),
}
HELP = """
from ablo_pg.cli import main
try:
    main(["--help"])
except SystemExit as exc:
    assert not exc.code
"""
# What a program on a database does without.
SPARED = {
    *("certifi", "difflib", "h11", "http.client", "httpcore", "sqlglot", "websockets"),
    *("ablo_pg.client.remote.http", "ablo_pg.client.sync.client"),
}


def loaded(program: str, folder: Path) -> set[str]:
    """Run a program in a process of its own; return the names of the modules that it has loaded."""
    shown = program + "\nimport sys\nprint('', *sys.modules, sep='\\nloaded ')"
    done = subprocess.run(
        [sys.executable, "-c", shown], cwd=folder, capture_output=True, text=True, check=True
    )
    lines = done.stdout.splitlines()
    return {line.removeprefix("loaded ") for line in lines if line.startswith("loaded ")}


@pytest.mark.parametrize("program", ["import ablo_pg", HELP], ids=["import", "help"])
def test_neither_an_import_nor_the_help_loads_a_library(program: str, tmp_path: Path) -> None:
    found = loaded(program, tmp_path)
    assert "ablo_pg" in found
    assert not found & LIBRARIES


def test_a_client_of_a_database_loads_neither_the_relays_client_nor_the_twin(
    tmp_path: Path,
) -> None:
    found = loaded(
        "from ablo_pg import AsyncAblo, Model, define_schema\n"
        "class Task(Model):\n    title: str\n"
        "AsyncAblo(schema=define_schema(tasks=Task), database_url='postgresql://',"
        " organization='o', participant='agent:a')",
        tmp_path,
    )
    assert "ablo_pg.client.direct.transport" in found
    assert not found & SPARED


def test_a_relay_that_takes_no_pushes_loads_no_compiler(tmp_path: Path) -> None:
    found = loaded("import ablo_pg.cli.relay, ablo_pg.relay.daemon", tmp_path)
    assert not found & {"ablo_pg.compile", "ablo_pg.kernel"}


def test_what_is_loaded_is_shown_under_the_package(tmp_path: Path) -> None:
    """An error that nobody has imported is still shown as what one would import."""
    program = """
import ablo_pg
ablo_pg.Model
from ablo_pg.errors import AbloClaimedError
assert repr(AbloClaimedError) == "<class 'ablo_pg.AbloClaimedError'>", AbloClaimedError
assert ablo_pg.define_schema.__module__ == "ablo_pg"
"""
    assert "ablo_pg.errors" in loaded(program, tmp_path)


def test_every_name_is_listed_and_no_other_is_found() -> None:
    assert set(ablo_pg.__all__) <= set(dir(ablo_pg))
    assert not hasattr(ablo_pg, "Modle")
    with pytest.raises(ImportError, match="cannot import name 'Modle' from 'ablo_pg'"):
        exec("from ablo_pg import Modle")
