"""The conformance suite as tests of pytest, one a check, for an adapter of one's own.

from ablo_pg.source.conformance import Caller, check
from ablo_pg.source.testing import test_source_conforms  # collected where it is imported

@pytest.fixture(scope="module")
def conformance():
    return list(check(Caller(URL, KEY), model="task", row={"title": "x"}))
"""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from ablo_pg.source.conformance import CHECKS, Result

NAMES = [check.__name__.replace("_", " ") for check, _ in CHECKS]


@pytest.mark.parametrize("name", NAMES)
def test_source_conforms(name: str, conformance: Sequence[Result]) -> None:
    """Fail unless a check has passed. conformance: the fixture, with what `check` has found."""
    found = next((one for one in conformance if one.name == name), None)
    if found is None:
        said = next((one.problem for one in conformance if not one.passed), "the suite has not run")
        pytest.fail(f"{name}: it was not reached: {said}", pytrace=False)
    if not found.passed:
        pytest.fail(f"{name}: {found.problem}\notherwise: {found.why}", pytrace=False)
