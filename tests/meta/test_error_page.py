"""docs/errors.md is made from the code, and knows every code."""

from __future__ import annotations

from ablo_pg.error_guide import guides, render
from ablo_pg.errors import CODES

from .project import ROOT


def test_every_code_has_a_cause_a_remedy_and_an_example() -> None:
    known = guides()
    assert known.keys() == CODES.keys()
    assert not [code for code, guide in known.items() if not all(part.strip() for part in guide)]


def test_the_page_is_current() -> None:
    """Make it anew with: python -m ablo_pg.error_guide > docs/errors.md"""
    assert (ROOT / "docs" / "errors.md").read_text(encoding="utf-8") == render()
