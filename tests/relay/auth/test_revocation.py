"""A key that ends is noticed by every relay: at once, and within five seconds if nobody says so."""

from __future__ import annotations

import time
from typing import Any

import anyio
import psycopg
import pytest

from ablo_pg.credentials import key_hash, new_key
from ablo_pg.db import keys
from ablo_pg.db.notifications import Notifications
from ablo_pg.db.pool import Database, PoolOptions
from ablo_pg.errors import AbloError
from ablo_pg.relay import auth
from ablo_pg.relay.auth import Authenticator

pytestmark = pytest.mark.anyio

BOUND = 5.0


class Ends:
    """Runs `end_of` on several relays."""

    def __init__(self) -> None:
        self.found: list[tuple[str, float]] = []

    async def hold(self, authenticator: Authenticator, key: str, *, task_status: Any) -> None:
        credential = await authenticator.authenticate(key)
        with authenticator.watch(credential) as watch:
            task_status.started()
            error = await watch.ended()
        self.found.append((error.code, time.monotonic()))


async def codes_after(change: Any, relays: list[Authenticator], key: str) -> list[str]:
    """Hold on to a key on each relay, change it, and wait; return how each ended, in time."""
    ends = Ends()
    with anyio.fail_after(BOUND + 2):
        async with anyio.create_task_group() as group:
            for relay in relays:
                await group.start(
                    lambda *, task_status, r=relay: ends.hold(r, key, task_status=task_status)
                )
            began = time.monotonic()
            change()
    assert max(at for _, at in ends.found) - began < BOUND
    return [code for code, _ in ends.found]


async def test_two_relays_notice_a_revoked_key(keyring: Any, relay: Any) -> None:
    key = keyring.create()
    async with relay() as one, relay() as two:
        found = await codes_after(lambda: keyring.revoke(key), [one, two], key)
        assert found == ["apikey_revoked"] * 2
        for each in (one, two):
            with pytest.raises(AbloError) as caught:
                await each.authenticate(key)
            assert caught.value.code == "apikey_revoked"


async def test_a_notification_is_not_waited_for(
    keyring: Any, relay: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is what makes it quick: the clock alone would take an hour here."""
    monkeypatch.setattr(auth, "RECHECK_SECONDS", 3600.0)
    key = keyring.create()
    async with relay() as one:
        assert await codes_after(lambda: keyring.revoke(key), [one], key) == ["apikey_revoked"]


@pytest.mark.parametrize(
    ("statement", "code"),
    [
        ("revoked_at = now()", "apikey_revoked"),
        ("expires_at = now()", "apikey_expired"),
        ("key_hash = repeat('0', 64)", "apikey_invalid"),
    ],
)
async def test_without_a_notification_the_clock_finds_out(
    keyring: Any, relay: Any, statement: str, code: str
) -> None:
    key = keyring.create()
    async with relay() as one:
        assert await codes_after(lambda: keyring.run(statement, key), [one], key) == [code]


async def test_a_key_runs_out_while_it_is_used(keyring: Any, relay: Any) -> None:
    key = keyring.create(ttlSeconds=1)
    async with relay() as one:
        assert await codes_after(lambda: None, [one], key) == ["apikey_expired"]


async def test_what_was_minted_from_it_ends_too(keyring: Any, relay: Any, database: Any) -> None:
    parent, child = keyring.create(), new_key("rk")
    await database.run(keys.key_mint, "acme", key_hash(parent), child, {"wideScope": True})
    async with relay() as one:
        assert await codes_after(lambda: keyring.revoke(parent), [one], child) == ["apikey_revoked"]


async def test_a_forged_notification_ends_nothing(keyring: Any, relay: Any, until: Any) -> None:
    key, revoked = keyring.create(), keyring.create()
    async with relay() as one:
        credential = await one.authenticate(key)
        with one.watch(credential) as watch:
            before = one.changes
            for payload in (keyring.ids[key], "", "x" * 7000, "'; drop table ablo.api_key --"):
                keyring.conn.execute("select pg_notify('ablo_key', %s)", [payload])
            await until(lambda: one.changes > before)
            # Another key's end is seen by a later look than those that the forgeries caused.
            assert await codes_after(lambda: keyring.revoke(revoked), [one], revoked)
            assert watch.error is None
        assert (await one.authenticate(key)).key_id == credential.key_id


async def test_a_flood_of_notifications_is_no_flood_of_queries(
    keyring: Any, relay: Any, until: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks: list[int] = []
    look = Authenticator._look

    async def counted(self: Authenticator, conn: Any) -> None:
        looks.append(self.changes)
        await look(self, conn)

    monkeypatch.setattr(Authenticator, "_look", counted)
    async with relay() as one:
        before = one.changes
        keyring.conn.execute(
            "select pg_notify('ablo_key', n::text) from generate_series(1, 2000) n"
        )
        await until(lambda: looks[-1] > before)
        revoked = keyring.create()
        assert await codes_after(lambda: keyring.revoke(revoked), [one], revoked)
        assert len(looks) < 30


async def test_listening_begins_again_after_its_connection_broke(
    keyring: Any, relay: Any, until: Any
) -> None:
    key = keyring.create()
    async with relay() as one:
        before = one.changes
        ended = keyring.conn.execute(
            "select pg_terminate_backend(pid) from pg_stat_activity"
            " where application_name = 'ablo_pg keys' and datname = current_database()"
        ).fetchall()
        assert ended == [(True,)]
        await until(lambda: one.changes > before)
        assert await codes_after(lambda: keyring.revoke(key), [one], key) == ["apikey_revoked"]


async def test_a_spent_pool_does_not_keep_a_key_alive(keyring: Any, db: Any, until: Any) -> None:
    key = keyring.create()
    pool = Database(db.database_url, PoolOptions(max_size=1))
    notifications = Notifications(db.database_url, "ablo_pg keys")
    authenticator = Authenticator(pool, notifications)
    spent = anyio.Event()

    async def hold(conn: psycopg.AsyncConnection[Any]) -> None:
        spent.set()
        await anyio.sleep_forever()

    try:
        async with anyio.create_task_group() as group:
            group.start_soon(notifications.run)
            group.start_soon(authenticator.run)
            credential = await authenticator.authenticate(key)
            with authenticator.watch(credential) as watch:
                group.start_soon(pool.run, hold)
                await spent.wait()
                keyring.revoke(key)
                with anyio.fail_after(BOUND):
                    assert (await watch.ended()).code == "apikey_revoked"
            group.cancel_scope.cancel()
    finally:
        await pool.close()


async def test_nothing_is_left_of_those_who_left(keyring: Any, relay: Any) -> None:
    key = keyring.create()
    async with relay() as one:
        credential = await one.authenticate(key)
        with one.watch(credential), one.watch(credential):
            assert len(one._watches[credential.hash]) == 2
        assert one._watches == {}
