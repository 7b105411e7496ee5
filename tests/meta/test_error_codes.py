"""One table of codes: Python's, and the SQLSTATEs that the kernel raises."""

from __future__ import annotations

import re
from typing import Final

from ablo_pg.errors import CLASSES, CODES, AbloError

from .project import PACKAGE, SQL

STATES: Final = dict(
    re.findall(r"when '(\w+)' then '(\w{5})'", (SQL / "00_base" / "error_state.sql").read_text())
)


def test_the_kernel_and_python_agree() -> None:
    assert STATES
    assert {code: CODES[code].sqlstate for code in STATES} == STATES


def test_every_code_that_sql_raises_has_a_state() -> None:
    raised = {
        code
        for path in SQL.glob("*/*.sql")
        for code in re.findall(r"raise_error\(\s*'(\w+)'", path.read_text())
    }
    assert raised
    assert raised <= STATES.keys()


def test_every_code_that_python_raises_is_known() -> None:
    """An unknown one would be answered as a failure of the server."""
    raised = {
        code
        for path in PACKAGE.rglob("*.py")
        for code in re.findall(r'error_for\(\s*"(\w+)"', path.read_text())
    }
    assert len(raised) > 60
    assert raised <= CODES.keys()


def test_no_two_codes_share_a_state() -> None:
    states = [each.sqlstate for each in CODES.values()]
    assert len(states) == len(set(states))


def test_every_class_of_the_tree_has_a_code_of_its_own() -> None:
    def tree(cls: type[AbloError]) -> set[type[AbloError]]:
        return {cls}.union(*(tree(each) for each in cls.__subclasses__()))

    ours = {cls for cls in tree(AbloError) if cls.__module__ == "ablo_pg.errors"} - {AbloError}
    assert {cls for cls in ours if CLASSES[cls.default_code] is not cls} == set()
