"""The kernel's files and script: order, checksums, quoting."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pglast
import pytest

from ablo_pg.db.kernel import literal
from ablo_pg.errors import AbloServerError
from ablo_pg.kernel import kernel_files, kernel_script, kernel_version
from ablo_pg.kernel.files import KernelFile, read_files
from ablo_pg.kernel.script import script_body


def test_the_base_comes_first_then_migrations_then_folders_by_name(tmp_path: Path) -> None:
    for path in ("20_b/x.sql", "00_base/z.sql", "migrations/0001_a.sql", "00_base/00_a.sql"):
        (tmp_path / path).parent.mkdir(exist_ok=True)
        (tmp_path / path).write_text("select 1;")
    found = [file.path for file in read_files(tmp_path)]
    assert found == ["00_base/00_a.sql", "00_base/z.sql", "migrations/0001_a.sql", "20_b/x.sql"]


def test_checksums_are_those_of_the_bytes(tmp_path: Path) -> None:
    (tmp_path / "00_base").mkdir()
    (tmp_path / "00_base" / "a.sql").write_bytes("select 'ü';\n".encode())
    (file,) = read_files(tmp_path)
    assert file.checksum == hashlib.sha256("select 'ü';\n".encode()).hexdigest()


def test_the_first_file_states_the_version() -> None:
    assert kernel_version() >= 1
    assert kernel_files()[0].path == "00_base/00_begin.sql"


def test_a_kernel_without_a_version_is_refused() -> None:
    with pytest.raises(AbloServerError, match="states no kernel version"):
        kernel_version((KernelFile("a.sql", "select 1;", "x"),))


def test_the_real_parser_reads_the_whole_script() -> None:
    script = kernel_script()
    pglast.parse_sql(script)
    assert script.startswith("begin;")
    assert script.rstrip().endswith("commit;")
    assert kernel_script() == script


def test_a_migration_is_passed_as_a_value_and_not_run_as_a_statement() -> None:
    file = KernelFile("migrations/0001_it's.sql", "select 'a';\n", "c")
    body = script_body((file,))
    assert (
        "select ablo.kernel_migrate('migrations/0001_it''s.sql', 'c', 'select ''a'';\n');" in body
    )


@pytest.mark.parametrize("text", ["", "'", "''", "a\\b", "$$", "line\nline"])
def test_a_literal_is_one_constant(text: str) -> None:
    statement = pglast.parse_sql(f"select {literal(text)}")[0].stmt
    assert statement.targetList[0].val.val.sval == text
