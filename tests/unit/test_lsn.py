"""WAL positions."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ablo_pg.errors import AbloValidationError
from ablo_pg.lsn import LSN


@given(st.integers(0, 2**64 - 1))
def test_round_trip(value: int) -> None:
    assert LSN.parse(str(LSN(value))) == value


def test_spelling_order_and_distance() -> None:
    assert str(LSN(0x16B374D848)) == "16/B374D848"
    assert repr(LSN(0)) == "LSN('0/0')"
    assert LSN.parse("0/FFFFFFFF") < LSN.parse("1/0")
    assert LSN.parse("1/10") - LSN.parse("0/FFFFFFFF") == 17


@pytest.mark.parametrize(
    "text", ["", "16", "/", "1/", "g/0", "123456789/0", "1/2/3", " 1/2", "-1/0"]
)
def test_other_text_is_refused(text: str) -> None:
    with pytest.raises(AbloValidationError):
        LSN.parse(text)


@pytest.mark.parametrize("value", [-1, 2**64])
def test_other_numbers_are_refused(value: int) -> None:
    with pytest.raises(AbloValidationError):
        LSN(value)
