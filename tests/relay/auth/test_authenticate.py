"""A token becomes a credential, or a typed error that gives nothing away."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from ablo_pg.credentials import key_hash, new_key
from ablo_pg.db import keys
from ablo_pg.db.pool import Database
from ablo_pg.errors import AbloError
from ablo_pg.relay import auth
from ablo_pg.relay.auth import Authenticator, Credential

pytestmark = pytest.mark.anyio


@contextmanager
def refused(code: str, *secrets: str) -> Iterator[None]:
    """Expect a 401 of this code that says what to do and repeats none of these."""
    with pytest.raises(AbloError) as caught:
        yield
    error = caught.value
    assert (error.code, error.http_status, error.retryable) == (code, 401, False)
    assert error.remedy
    assert not [one for one in secrets if one and one in f"{error} {error.details}"]


class Lookups:
    """Counts what reaches the database, and may do something while an answer is on its way."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.hashes: list[str] = []
        self.meanwhile: Callable[[], Any] = lambda: None
        find = keys.key_find

        async def counted(conn: Any, hashed: str) -> Any:
            self.hashes.append(hashed)
            found = await find(conn, hashed)
            self.meanwhile()
            return found

        monkeypatch.setattr(keys, "key_find", counted)


@pytest.fixture
def lookups(monkeypatch: pytest.MonkeyPatch) -> Lookups:
    return Lookups(monkeypatch)


async def test_a_credential_says_who_and_how_far(keyring: Any, database: Database) -> None:
    key = keyring.create(
        "user:ann",
        "ek",
        operations=["tasks.read", "tasks.update"],
        syncGroups=["project:p1"],
        userMeta={"name": "Ann"},
        ttlSeconds=60,
    )
    found = await Authenticator(database).authenticate(key)
    assert (found.key_id, found.prefix, found.organization) == (keyring.ids[key], "ek", "acme")
    assert (found.participant, found.kind, found.participant_id) == ("user:ann", "user", "ann")
    assert (found.wide, found.sync_groups, found.user_meta) == (
        False,
        {"project:p1"},
        {"name": "Ann"},
    )
    assert found.may("Tasks", "read")
    assert found.may("tasks", "update")
    assert not found.may("tasks", "delete")
    assert not found.may("notes", "read")
    assert found.expires_at is not None
    assert key not in repr(found)
    assert found.hash not in repr(found)


@pytest.mark.parametrize(
    ("spelling", "scopes", "held", "missing"),
    [
        ("sk", None, ["schema:push", "branch:manage"], ["ephemeral:mint-any-org"]),
        ("sk", [], [], ["schema:push", "branch:manage"]),
        ("sk", ["schema:push"], ["schema:push"], ["branch:manage"]),
        ("sk", ["ephemeral:mint-any-org"], ["ephemeral:mint-any-org"], ["schema:push"]),
        ("rk", [], [], ["schema:push", "ephemeral:mint-any-org"]),
        ("rk", ["schema:push"], ["schema:push"], ["branch:manage"]),
    ],
)
async def test_rights_over_the_service(
    keyring: Any, database: Database, spelling: Any, scopes: Any, held: Any, missing: Any
) -> None:
    key = keyring.create(spelling=spelling, scopes=scopes)
    found = await Authenticator(database).authenticate(key)
    assert [found.holds(scope) for scope in held + missing] == [True] * len(held) + [False] * len(
        missing
    )


@pytest.mark.parametrize("bound", [{"operations": ["tasks.read"]}, {"syncGroups": ["project:p"]}])
async def test_a_bound_secret_key_has_no_right_over_the_service(
    keyring: Any, database: Database, bound: Any
) -> None:
    found = await Authenticator(database).authenticate(keyring.create(**bound))
    assert not found.holds("schema:push")
    named = await Authenticator(database).authenticate(
        keyring.create(scopes=["schema:push"], **bound)
    )
    assert named.holds("schema:push")  # it was given by name


async def test_a_publishable_key_reads_any_model(keyring: Any, database: Database) -> None:
    found = await Authenticator(database).authenticate(keyring.create(spelling="pk"))
    assert found.may("Whatever", "read")
    assert not found.may("Whatever", "create")


@pytest.mark.parametrize("token", ["", None])
async def test_no_token(database: Database, token: str | None) -> None:
    with refused("api_key_required"):
        await Authenticator(database).authenticate(token)


async def test_what_is_no_key_never_reaches_the_database(
    database: Database, lookups: Lookups
) -> None:
    mistyped = new_key()[:-1] + "!"
    swapped = new_key()
    swapped = swapped[:20] + ("0" if swapped[20] != "0" else "1") + swapped[21:]
    for token in (
        "x",
        "Bearer",
        mistyped,
        swapped,
        "sk_" + "a" * 500,
        "mk_" + "a" * 36,
        "sk_é" * 9,
    ):
        with refused("apikey_invalid", token if len(token) > 8 else ""):
            await Authenticator(database).authenticate(token)
    assert lookups.hashes == []


async def test_unknown_revoked_and_expired_keys(keyring: Any, database: Database) -> None:
    authenticator = Authenticator(database)
    unknown, revoked, expired = new_key(), keyring.create(), keyring.create(ttlSeconds=60)
    keyring.revoke(revoked)
    keyring.run("expires_at = now() - interval '1 second'", expired)
    for key, code in (
        (unknown, "apikey_invalid"),
        (revoked, "apikey_revoked"),
        (expired, "apikey_expired"),
    ):
        with refused(code, key, key_hash(key), "acme"):
            await authenticator.authenticate(key)


async def test_a_stored_hash_is_no_key(keyring: Any, database: Database) -> None:
    """Who has read the table cannot log in with what is in it."""
    key = keyring.create()
    for token in (key_hash(key), f"sk_{key_hash(key)}", keyring.ids[key], key[:12]):
        with refused("apikey_invalid"):
            await Authenticator(database).authenticate(token)


async def test_lookups_are_by_hash_and_no_token_is_kept(
    keyring: Any, database: Database, lookups: Lookups
) -> None:
    """Comparing what was sent with a secret would tell by its time how much of it was right."""
    authenticator, key = Authenticator(database), keyring.create()
    await authenticator.authenticate(key)
    assert lookups.hashes == [key_hash(key)]
    assert list(authenticator._cache) == [key_hash(key)]
    assert key not in repr(authenticator._cache)


class Clock:
    """A monotonic clock that a test sets."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 1000.0
        monkeypatch.setattr(auth.time, "monotonic", lambda: self.now)  # type: ignore[attr-defined]


async def test_a_credential_is_remembered_for_two_seconds(
    keyring: Any, database: Database, lookups: Lookups, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock, authenticator, key = Clock(monkeypatch), Authenticator(database), keyring.create()
    first = await authenticator.authenticate(key)
    clock.now += 1.9
    assert await authenticator.authenticate(key) is first
    assert len(lookups.hashes) == 1
    keyring.run("revoked_at = now()", key)
    clock.now += 0.2
    with refused("apikey_revoked"):
        await authenticator.authenticate(key)


async def test_and_never_past_its_expiry(
    keyring: Any, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock, authenticator = Clock(monkeypatch), Authenticator(database)
    key = keyring.create(ttlSeconds=60)
    keyring.run("expires_at = now() + interval '1 second'", key)
    found = await authenticator.authenticate(key)
    assert found.ends_at is not None
    assert clock.now < found.ends_at <= clock.now + 1
    keyring.run("expires_at = now()", key)
    clock.now = found.ends_at
    with refused("apikey_expired"):
        await authenticator.authenticate(key)


async def test_what_was_read_before_a_change_is_not_remembered(
    keyring: Any, database: Database, lookups: Lookups
) -> None:
    authenticator, key = Authenticator(database), keyring.create()

    def revoke_meanwhile() -> None:
        keyring.revoke(key)
        authenticator.forget([keyring.ids[key]])

    lookups.meanwhile = revoke_meanwhile
    await authenticator.authenticate(key)
    lookups.meanwhile = lambda: None
    with refused("apikey_revoked"):
        await authenticator.authenticate(key)


async def test_the_oldest_are_forgotten(
    keyring: Any, database: Database, lookups: Lookups, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(auth, "CACHE_SIZE", 2)
    authenticator = Authenticator(database)
    made = [keyring.create() for _ in range(3)]
    found: list[Credential] = [await authenticator.authenticate(key) for key in made]
    assert await authenticator.authenticate(made[2]) is found[2]
    assert await authenticator.authenticate(made[0]) is not found[0]
    assert len(authenticator._cache) == 2
