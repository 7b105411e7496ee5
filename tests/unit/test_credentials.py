"""The format of API keys."""

from __future__ import annotations

import hashlib
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ablo_pg.credentials import (
    ALPHABET,
    DISPLAY_LENGTH,
    MAX_LENGTH,
    SPELLINGS,
    Spelling,
    check_key,
    checksum,
    display_prefix,
    key_hash,
    new_key,
    spelling_of,
)
from ablo_pg.errors import AbloAuthenticationError, AbloError


def refused(key: str) -> AbloError:
    with pytest.raises(AbloAuthenticationError) as caught:
        check_key(key)
    assert (caught.value.code, caught.value.http_status) == ("apikey_invalid", 401)
    assert caught.value.remedy
    return caught.value


def test_the_checksum_of_the_published_vector() -> None:
    assert checksum("sk_" + "A" * 30) == "390g5D"
    assert check_key("sk_" + "A" * 30 + "390g5D") == "sk"


def test_a_checksum_is_padded_to_six() -> None:
    texts = (f"sk_{number}" for number in range(2000))
    assert {len(checksum(text)) for text in texts} == {6}
    assert any(checksum(f"sk_{number}").startswith("0") for number in range(2000))


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_a_new_key_has_the_format(spelling: Spelling) -> None:
    key = new_key(spelling)
    assert re.fullmatch(rf"{spelling}_[0-9A-Za-z]{{36}}", key)
    assert check_key(key) == spelling[:2]
    assert display_prefix(key) == key[:DISPLAY_LENGTH]
    assert spelling_of(display_prefix(key)) == spelling
    assert key_hash(key) == hashlib.sha256(key.encode()).hexdigest()


def test_no_two_keys_are_alike_and_all_characters_come_up() -> None:
    keys = {new_key() for _ in range(300)}
    assert len(keys) == 300
    assert set("".join(key[3:33] for key in keys)) == set(ALPHABET)


@given(st.integers(0, 29), st.sampled_from(ALPHABET))
def test_a_mistyped_key_is_refused_and_not_repeated(place: int, character: str) -> None:
    key = new_key()
    typed = key[: 3 + place] + character + key[4 + place :]
    if typed != key:
        assert typed not in str(refused(typed))


@pytest.mark.parametrize("swapped", range(3, 38))
def test_neighbours_that_changed_places_are_noticed(swapped: int) -> None:
    key = "sk_" + ALPHABET[:30] + checksum("sk_" + ALPHABET[:30])
    turned = key[:swapped] + key[swapped + 1] + key[swapped] + key[swapped + 2 :]
    if turned != key:
        refused(turned)


@pytest.mark.parametrize("body", ["9ff7f7608c7145368fdca626b0f2d08a", "aaaaaaaaa", "A" * 40])
@pytest.mark.parametrize("start", ["sk_", "rk_test_", "sk_live_"])
def test_keys_from_elsewhere_have_no_checksum(start: str, body: str) -> None:
    assert check_key(start + body) == start[:2]


@pytest.mark.parametrize(
    "key",
    [
        "",
        "sk_",
        "sk_short",
        "mk_" + "A" * 36,
        "SK_" + "A" * 40,
        "sk-" + "A" * 40,
        "xsk_" + "A" * 40,
        "sk_" + "A" * 40 + "\n",
        "sk_" + "A" * 39 + "é",
        "sk_" + "A" * 39 + "١",
        "sk_" + "A" * 39 + "\0",
        "sk_prod_" + "A" * 40,
        "sk_" + "A" * MAX_LENGTH,
        "eyJhbGciOiJIUzI1NiJ9.e30.ZRrHA1JJJW8opsbCGfG_HACGpVUMN_a9IV7pAx_Zmeo",
    ],
)
def test_what_is_no_key(key: str) -> None:
    refused(key)


@given(st.text(max_size=300))
def test_other_text_is_refused(text: str) -> None:
    if not re.match(r"(sk|rk|ek|pk)_", text):
        refused(text)
