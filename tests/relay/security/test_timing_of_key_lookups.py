"""Timing of key lookups: how long a wrong key takes to be refused tells nothing of a right one.

A key is looked for by its SHA-256, here and in the database's index: what is compared is a hash of
what was sent, which its sender cannot bring near to that of a stored key. So the check is not a
clock's, which a busy machine would mislead: it is that nothing but such a hash is ever compared.
"""

from __future__ import annotations

import hashlib
import zlib
from typing import Any

import pytest

from ablo_pg.credentials import new_key
from ablo_pg.db import keys
from ablo_pg.relay.auth import Authenticator

pytestmark = pytest.mark.anyio


class Probe(str):
    """A token that notes with what it is compared."""

    noted: list[object]

    def __eq__(self, other: object) -> bool:
        self.noted.append(other)
        return str.__eq__(self, other)

    __hash__ = str.__hash__


def near(key: str) -> list[str]:
    """Well-formed keys that begin as a stored one does, longer and longer."""
    made = []
    for length in (4, 12, 20, 30):
        other = new_key("sk")
        body = key[:length] + other[length:33]
        made.append(body + checksum(body))
    return made


def checksum(body: str) -> str:
    """The last six characters of a key, as its format has them."""
    digits, value = "", zlib.crc32(body.encode())
    alphabet = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
    for _ in range(6):
        value, rest = divmod(value, 62)
        digits = alphabet[rest] + digits
    return digits


async def try_keys(world: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Try keys near a stored one; each is looked for by its hash, and compared with nothing."""
    asked: list[str] = []
    find = keys.key_find

    async def counted(conn: Any, hashed: str) -> Any:
        asked.append(hashed)
        return await find(conn, hashed)

    monkeypatch.setattr(keys, "key_find", counted)
    key = world.key()
    made = Authenticator(world.relay.service.database)
    await made.authenticate(key)  # it is remembered: what is near it might be compared with it
    asked.clear()
    for text in near(key):
        probe = Probe(text)
        probe.noted = []
        with pytest.raises(Exception, match="This key is unknown"):
            await made.authenticate(probe)
        assert asked == [hashlib.sha256(text.encode()).hexdigest()], "not looked for by its hash"
        assert key not in probe.noted
        assert not [other for other in probe.noted if isinstance(other, str) and len(other) > 12]
        asked.clear()


async def test_a_key_is_looked_for_by_its_hash_and_compared_with_none(
    world: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    await try_keys(world, monkeypatch)


async def test_what_is_stored_opens_nothing(world: Any) -> None:
    """Who has read the table of keys cannot come in with what is in it."""
    key = world.key()
    hashed = hashlib.sha256(key.encode()).hexdigest()
    for token in (hashed, f"sk_{hashed}", key[:12]):
        api = await world.with_key(token)
        answer = await api("GET", "/api/auth/identity")
        assert (answer.status_code, answer.json()["code"]) == (401, "apikey_invalid")


async def test_the_check_catches_a_cache_by_the_key_itself(
    world: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = Authenticator.authenticate
    kept: list[str] = []

    async def authenticate(self: Authenticator, token: str | None) -> Any:
        for known in kept:
            if token == known:
                break
        found = await real(self, token)
        kept.append(str(token))
        return found

    monkeypatch.setattr(Authenticator, "authenticate", authenticate)
    with pytest.raises(AssertionError):
        await try_keys(world, monkeypatch)
