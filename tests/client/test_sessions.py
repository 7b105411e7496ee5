"""Sessions of users and agents: made of a key, never above it, ended at once."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest

from ablo_pg import Ablo, AbloError, AsyncAblo
from ablo_pg.testing import DatabaseHandle

from .conftest import MakeClient, Place, Transport
from .relay_thread import RelayThread, make_key

pytestmark = pytest.mark.anyio


@pytest.fixture
def parent(make_client: MakeClient, transport: Transport, db: DatabaseHandle) -> AsyncAblo:
    """A client with a key of its own, which a relay asks for anyhow."""
    if transport == "relay":
        return make_client(participant="system:server")
    key = make_key(db, "acme", "system:server")
    return make_client(participant="system:server", api_key=key)


async def test_an_agent_and_a_user(parent: AsyncAblo, db: DatabaseHandle, schema: Any) -> None:
    before = dt.datetime.now(dt.UTC)
    agent = await parent.sessions.create(
        agent="triage", can={"tasks": ["read", "update"]}, ttl="10m", label="nightly"
    )
    user = await parent.sessions.create(user="user:ann", can="*", meta={"theme": "dark"})
    assert (agent.organization, agent.participant) == ("acme", "agent:triage")
    assert (user.organization, user.participant) == ("acme", "user:ann")
    assert agent.token.startswith("rk_")
    assert user.token.startswith("ek_")
    assert agent.token not in repr(agent)
    assert abs(agent.expires_at - before - dt.timedelta(minutes=10)) < dt.timedelta(minutes=1)
    assert abs(user.expires_at - before - dt.timedelta(hours=1)) < dt.timedelta(minutes=1)
    await parent.tasks.create({"title": "a"}, id="t1")
    with RelayThread(db) as relay:
        async with AsyncAblo(schema=schema, base_url=relay.url, api_key=agent.token) as ablo:
            task = await ablo.tasks.update("t1", {"title": "b"})
            assert task.created_by == "system:server"
            assert (await ablo.tasks.history("t1"))[0].actor == "agent:triage"
            for call in (
                lambda: ablo.tasks.create({"title": "c"}),
                lambda: ablo.tasks.delete("t1"),
                lambda: ablo.projects.list(),
            ):
                with pytest.raises(AbloError) as caught:
                    await call()
                assert caught.value.code == "capability_scope_denied"
        async with AsyncAblo(schema=schema, base_url=relay.url, api_key=user.token) as ablo:
            assert (await ablo.projects.create({"name": "p"})).created_by == "user:ann"


async def test_only_some_groups(parent: AsyncAblo, db: DatabaseHandle, schema: Any) -> None:
    """Reads, lists, snapshots, history, the log and changes: nothing of other groups."""
    for name in ("p1", "p2"):
        await parent.projects.create({"name": name}, id=name)
        await parent.tasks.create({"title": name, "project_id": name}, id=f"t-{name}")
    key = await parent.sessions.create(
        agent="x", can={"tasks": ["read", "update"]}, sync_groups=["projects:p1"]
    )
    with RelayThread(db) as relay:
        async with AsyncAblo(schema=schema, base_url=relay.url, api_key=key.token) as ablo:
            assert [row.id for row in await ablo.tasks.list()] == ["t-p1"]
            assert await ablo.tasks.retrieve("t-p2") is None
            snap = await ablo.snapshot(tasks=["t-p1", "t-p2"])
            assert snap.tasks["t-p2"] is None
            async with ablo.tasks.subscribe(cursor=0) as changes:
                assert (await anext(changes)).id == "t-p1"
                await parent.tasks.update("t-p2", {"title": "hidden"})
                await parent.tasks.update("t-p1", {"title": "seen"})
                change = await anext(changes)
                assert (change.id, change.row.title) == ("t-p1", "seen")
            async with ablo.tasks.claim(id="t-p1"):
                await ablo.tasks.update("t-p1", {"title": "mine"})


async def test_a_row_that_moves_out_leaves_the_local_copy(
    parent: AsyncAblo, db: DatabaseHandle, schema: Any, until: Any
) -> None:
    """And who follows a group only, with any key, is told that it has left, not what it is now."""
    for name in ("p1", "p2"):
        await parent.projects.create({"name": name}, id=name)
    for row in ("t1", "t2"):
        await parent.tasks.create({"title": "mine", "project_id": "p1"}, id=row)
    key = await parent.sessions.create(agent="x", can="*", sync_groups=["projects:p1"])
    wide = await parent.sessions.create(agent="w", can="*")
    with RelayThread(db) as relay:
        at = {"schema": schema, "base_url": relay.url}
        async with (
            AsyncAblo(**at, api_key=key.token, local=["tasks"]) as narrow,
            AsyncAblo(**at, api_key=wide.token) as whole,
            whole.tasks.subscribe(groups=["projects:p1"]) as remote,
            parent.tasks.subscribe(groups=["projects:p1"]) as direct,
        ):
            await narrow.ready()
            assert narrow.tasks.local.count() == 2
            await parent.tasks.update("t1", {"title": "theirs", "project_id": "p2"})
            await until(lambda: narrow.tasks.local.get("t1") is None)
            assert [row.id for row in narrow.tasks.local.list()] == ["t2"]
            for changes in (remote, direct):
                change = await anext(changes)
                assert (change.op, change.id, change.row) == ("delete", "t1", None)
                assert change.changed == ()
            await parent.tasks.update("t1", {"project_id": "p1"})
            await until(lambda: narrow.tasks.local.get("t1") is not None)


async def test_a_child_never_exceeds_its_parent(
    parent: AsyncAblo, db: DatabaseHandle, schema: Any
) -> None:
    narrow = await parent.sessions.create(agent="x", can={"tasks": "read"}, ttl="5m")
    with RelayThread(db) as relay:
        async with AsyncAblo(schema=schema, base_url=relay.url, api_key=narrow.token) as ablo:
            scopes: list[dict[str, Any]] = [
                {"can": {"tasks": "update"}},
                {"can": {"projects": "read"}},
            ]
            for asked in scopes:
                with pytest.raises(AbloError) as caught:
                    await ablo.sessions.create(agent="x", **asked)
                assert caught.value.code == "capability_scope_denied"
            with pytest.raises(AbloError) as caught:
                await ablo.sessions.create(user="ann", can={"tasks": "read"})
            assert caught.value.code == "forbidden"
            child = await ablo.sessions.create(agent="x", can="*", ttl="24h")
            assert child.expires_at <= narrow.expires_at + dt.timedelta(milliseconds=1)


async def test_a_revoked_session_is_refused(
    parent: AsyncAblo, db: DatabaseHandle, schema: Any, until: Any
) -> None:
    key = await parent.sessions.create(agent="x", can="*")
    with RelayThread(db) as relay:
        async with AsyncAblo(schema=schema, base_url=relay.url, api_key=key.token) as ablo:
            await ablo.tasks.list()
            async with ablo.tasks.subscribe() as changes, ablo.tasks.live() as rows:
                await until(lambda: ablo.reader_status.kind == "socket")
                await parent.sessions.revoke(key.id)
                await until(lambda: "apikey_revoked" in (ablo.reader_status.reason or ""))
                for feed in (changes, rows):
                    with pytest.raises(AbloError) as caught:
                        await anext(feed)
                    assert caught.value.code == "apikey_revoked"
            with pytest.raises(AbloError) as caught:
                await ablo.tasks.list()
            assert caught.value.code == "apikey_revoked"
    with pytest.raises(AbloError) as caught:
        await parent.sessions.revoke("cap_none")
    assert caught.value.code == "capability_not_found"


@pytest.mark.parametrize(
    ("options", "field"),
    [
        ({"can": "*"}, "user"),
        ({"can": "*", "user": "a", "agent": "b"}, "user"),
        ({"can": "*", "agent": ""}, "agent"),
        ({"can": "all", "agent": "a"}, "can"),
        ({"can": {"tasks": ["write"]}, "agent": "a"}, "can"),
        ({"can": "*", "agent": "a", "sync_groups": "projects:p"}, "sync_groups"),
        ({"can": "*", "agent": "a", "ttl": "soon"}, "ttl"),
        ({"can": {"nothing": "read"}, "agent": "a"}, None),
    ],
)
async def test_nonsense_is_refused(parent: AsyncAblo, options: Any, field: str | None) -> None:
    with pytest.raises(AbloError) as caught:
        await parent.sessions.create(**options)
    assert caught.value.field == field
    assert caught.value.remedy


@pytest.mark.direct("over a relay there is always a key")
async def test_a_database_client_needs_a_key(ablo: AsyncAblo, make_client: MakeClient) -> None:
    with pytest.raises(AbloError) as caught:
        await ablo.sessions.create(agent="a", can="*")
    assert caught.value.code == "api_key_required"
    other = make_client(api_key="sk_" + "0" * 36)
    with pytest.raises(AbloError) as caught:
        await other.sessions.create(agent="a", can="*")
    assert caught.value.code == "apikey_invalid"


@pytest.mark.relay("the sync client needs no key here but its own")
def test_the_sync_client_too(place: Place, schema: Any) -> None:
    with Ablo(schema=schema, timeout=30, **place("system:server")) as ablo:
        key = ablo.sessions.create(agent="a", can={"tasks": "read"})
        assert key.participant == "agent:a"
        ablo.sessions.revoke(key.id)
