"""What is hashed, and how keys are read. No server."""

from __future__ import annotations

import datetime as dt
import hashlib
import hmac
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ablo_pg import AbloError
from ablo_pg.audit import Anchor, parse_keys, read_anchors, read_keys, write_anchors
from ablo_pg.audit.chain import (
    AuditKey,
    Entry,
    Seal,
    entry_of,
    frame,
    holds,
    mac_of,
    pack,
    timestamp,
)

KEY = AuditKey("k1", bytes(range(32)))
VALUES = st.lists(st.none() | st.binary(max_size=6), max_size=6)
SECRET = "ab" * 32


@given(VALUES, VALUES)
def test_different_values_have_different_frames(one: list[bytes | None], other: object) -> None:
    assert (frame(one) == frame(other)) == (one == other)  # type: ignore[arg-type]


def test_an_entry_is_the_documented_bytes() -> None:
    """Spelt out: a change of the form needs a new version in its prefix, or old seals break."""
    delta = (
        (258).to_bytes(8, "big"), b"acme", b"tasks", b"t1", b"I", bytes.fromhex("00000001"), b"{}",
        None, b"agent:a", None, None, None, None, (745).to_bytes(8, "big"), bytes(8),
    )  # fmt: skip
    framed = bytes.fromhex(
        "00000004 61636d65 00000005 7461736b73 00000002 7431 00000001 49 00000004 00000001"
        "00000002 7b7d ffffffff 00000007 6167656e743a61 ffffffff ffffffff ffffffff ffffffff"
        "00000008 00000000000002e9 00000008 0000000000000000"
    )
    expected = hmac.new(KEY.secret, b"ablo_pg audit delta 1\0" + framed, hashlib.sha256).digest()
    entry = entry_of(KEY, delta)
    assert entry == Entry(258, expected[:16])
    assert pack([entry]) == bytes.fromhex("0000000000000102") + expected[:16]
    assert entry_of(KEY, (*delta, None, None, None)) == entry, "what older logs do not have"
    framed += bytes.fromhex("ffffffff 00000002 7b7d")
    expected = hmac.new(KEY.secret, b"ablo_pg audit delta 1\0" + framed, hashlib.sha256).digest()
    assert entry_of(KEY, (*delta, None, b"{}", None)).fingerprint == expected[:16]


def test_a_seal_s_mac_covers_every_column() -> None:
    seal = Seal("acme", 2, 1, 9, 1, "k1", bytes(32), pack([Entry(1, bytes(16))]), bytes(8))
    seal = replace(seal, mac=mac_of(KEY, seal))
    assert holds(KEY, seal)
    changed: dict[str, Any] = {
        "organization": "acmf", "number": 3, "first_sync_id": 0, "last_sync_id": 8,
        "delta_count": 2, "key_id": "k2", "previous_mac": None, "fingerprints": b"",
        "sealed_at": bytes(7) + b"\1", "mac": bytes(32),
    }  # fmt: skip
    assert set(changed) == set(Seal.__slots__)
    for name, value in changed.items():
        assert not holds(KEY, replace(seal, **{name: value})), name
    assert not holds(AuditKey("k1", bytes(32)), seal)


def test_a_moment_is_microseconds_since_2000() -> None:
    moment = dt.datetime(2000, 1, 1, 5, 45, 0, 3, dt.timezone(dt.timedelta(hours=5, minutes=45)))
    assert timestamp(moment).hex() == "0000000000000003"


def test_keys_are_read_and_the_first_seals(tmp_path: Path) -> None:
    keys = parse_keys(f"# new\nk2:{'CD' * 33} # the one that seals\n\nk1:{SECRET},k0:{SECRET}", "x")
    assert (keys.sealing.id, list(keys.keys)) == ("k2", ["k2", "k1", "k0"])
    assert keys.find("k9") is None
    path = tmp_path / "audit.key"
    path.write_text(f"k1:{SECRET}\n")
    assert read_keys(path).sealing.secret.hex() == SECRET


@pytest.mark.parametrize(
    "text",
    [
        *("", "# nothing", SECRET, f"k1:{SECRET[:-2]}", f"k1:{SECRET}a", f"k 1:{SECRET}"),
        *(f"k1:{'x' * 64}", f"k1:{SECRET}\nk1:{SECRET}"),
    ],
)
def test_what_is_no_key_is_refused_and_not_shown(text: str, tmp_path: Path) -> None:
    path = tmp_path / "audit.key"
    path.write_text(text)
    with pytest.raises(AbloError) as caught:
        read_keys(path)
    assert (caught.value.code, caught.value.field) == ("invalid_options", "key")
    shown = f"{caught.value!r} {caught.value.message} {caught.value.details} {caught.value.remedy}"
    assert SECRET[:20] not in shown


def test_a_key_does_not_show_itself() -> None:
    keys = parse_keys(f"k1:{SECRET}", "x")
    secret = keys.sealing.secret
    assert SECRET not in repr(keys)
    assert repr(secret)[2:-1] not in repr(keys)
    assert repr(secret)[2:-1] not in f"{keys.sealing}"


def test_anchors_are_replaced_whole(tmp_path: Path) -> None:
    path = tmp_path / "anchor"
    for number in (1, 2):
        anchors = {"acme": Anchor(number, 9, "k1", "ab"), "ümlaut": Anchor(1, 2, "k1", "cd")}
        write_anchors(path, anchors)
        assert read_anchors(path) == anchors
    assert [each.name for each in tmp_path.iterdir()] == ["anchor"]


@pytest.mark.parametrize("text", [None, "", "{}", '{"format": "other", "organizations": {}}'])
def test_what_is_no_anchor_is_refused(text: str | None, tmp_path: Path) -> None:
    path = tmp_path / "anchor"
    if text is not None:
        path.write_text(text)
    with pytest.raises(AbloError) as caught:
        read_anchors(path)
    assert (caught.value.code, caught.value.field) == ("invalid_options", "anchor")
    with pytest.raises(AbloError):
        write_anchors(tmp_path / "nowhere" / "anchor", {})
