"""Tracks and premises through the clients: rows, pages, groups, and what the receipts say."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest

from ablo_pg import (
    Ablo,
    AbloPermissionError,
    AbloStaleContextError,
    AbloValidationError,
    AsyncAblo,
)

from .conftest import MakeClient
from .shared import db, get_relay, organization, shared  # noqa: F401 - fixtures

pytestmark = pytest.mark.anyio


@pytest.fixture
async def other(make_client: MakeClient, ablo: AsyncAblo) -> AsyncAblo:
    await ablo.projects.create({"name": "p"}, id="p1")
    await ablo.tasks.create({"title": "a", "project_id": "p1"}, id="t1")
    return make_client(participant="user:ann")


async def test_a_tracked_row_is_told_on_the_next_receipt(ablo: AsyncAblo, other: AsyncAblo) -> None:
    registered = await ablo.tasks.track(id="t1")
    assert registered.ops == 0
    moved = ablo_receipt(other, await other.tasks.update("t1", {"title": "b"}))
    receipt = ablo_receipt(ablo, await ablo.tasks.create({"title": "x"}))
    (told,) = receipt.notifications
    assert (told.scope, told.model, told.id, told.group) == ("row", "tasks", "t1", None)
    assert (told.written_by, told.observed_sync_id) == ("user:ann", moved.last_sync_id)
    assert told.current_values is not None
    assert told.current_values["title"] == "b"
    assert told.changed is None
    assert not ablo_receipt(ablo, await ablo.tasks.create({"title": "y"})).notifications


def ablo_receipt(client: AsyncAblo | Ablo, row: Any) -> Any:
    receipt = client.receipt(row)
    assert receipt is not None
    return receipt


async def test_a_tracked_group_says_what_changed(ablo: AsyncAblo, other: AsyncAblo) -> None:
    await ablo.tasks.track(group="projects:p1")
    await other.tasks.update("t1", {"title": "b"})
    (told,) = ablo_receipt(ablo, await ablo.tasks.create({"title": "x"})).notifications
    assert (told.scope, told.group) == ("group", "projects:p1")
    assert (told.changed.count, told.changed.truncated) == (1, False)
    assert told.changed.sample == (("tasks", "t1"),)


async def test_reject_gates_until_tracked_again(ablo: AsyncAblo, other: AsyncAblo) -> None:
    await ablo.tasks.track(id="t1", on_stale="reject")
    await other.tasks.update("t1", {"title": "b"})
    with pytest.raises(AbloStaleContextError) as caught:
        await ablo.tasks.create({"title": "x"})
    assert caught.value.details["conflicts"][0]["tracked"] is True
    with pytest.raises(AbloStaleContextError):
        await ablo.tasks.update("t1", lambda row: {"count": 1}), "no retry can help"
    assert await ablo.tasks.untrack("t1") is True
    assert await ablo.tasks.untrack("t1") is False
    await ablo.tasks.create({"title": "x"})


async def test_the_list_of_tracks(ablo: AsyncAblo, other: AsyncAblo) -> None:
    stamp = (await ablo.snapshot(tasks="t1")).stamp
    await ablo.tasks.track("t1", read_at=stamp)
    await ablo.projects.track(group="projects:p1", on_stale="reject")
    row, group = await ablo.tracks.list()
    assert (row.model, row.id, row.group, row.read_at) == ("tasks", "t1", None, stamp)
    assert (group.model, group.group, group.on_stale) == (None, "projects:p1", "reject")
    assert row.created_at.tzinfo is not None
    assert dt.timedelta() <= group.created_at - row.created_at < dt.timedelta(minutes=1)
    assert await other.tracks.list() == ()
    assert await ablo.projects.untrack(group="projects:p1") is True
    assert await ablo.tracks.clear() == 1
    assert await ablo.tracks.list() == ()


async def test_a_commit_can_track_what_it_goes_by(ablo: AsyncAblo, other: AsyncAblo) -> None:
    task = await ablo.tasks.retrieve("t1")
    await other.tasks.update("t1", {"title": "b"})
    targets = [task, {"model": "projects", "id": "p1", "on_stale": "reject"}]
    receipt = await ablo.commits.create([], track=targets)  # type: ignore[arg-type]
    assert [one.id for one in await ablo.tracks.list()] == ["t1", "p1"]
    assert receipt.notifications == ()
    create = {"action": "create", "model": "tasks", "data": {"title": "x"}}
    (told,) = (await ablo.commits.create([create])).notifications
    assert told.id == "t1"


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        ({}, "invalid_id"),
        ({"id": "t1", "group": "a:b"}, "invalid_request"),
        ({"id": "t1", "on_stale": "overwrite"}, "invalid_request"),
        ({"id": "t1", "on_stale": "shrug"}, "write_options_invalid"),
        ({"id": "t1", "read_at": -1}, "write_options_invalid"),
    ],
)
async def test_what_cannot_be_tracked(ablo: AsyncAblo, arguments: Any, code: str) -> None:
    with pytest.raises(AbloValidationError) as caught:
        await ablo.tasks.track(**arguments)
    assert caught.value.code == code
    with pytest.raises(AbloValidationError):
        await ablo.commits.create([], track=[])


async def test_rows_and_pages_are_premises(ablo: AsyncAblo, other: AsyncAblo) -> None:
    task, policy = await ablo.tasks.retrieve("t1"), await ablo.projects.retrieve("p1")
    await ablo.tasks.update(id="t1", data={"count": 1}, reads=[task, policy])  # type: ignore[list-item]
    page = await ablo.tasks.list({"title": "unique"}, limit=1)
    assert page == []
    await ablo.tasks.create({"title": "other"}, reads=[page])
    await other.tasks.create({"title": "unique"})
    with pytest.raises(AbloStaleContextError):
        await ablo.tasks.create({"title": "unique"}, reads=[page])
    page = await ablo.tasks.list({"title": "unique"})
    await ablo.tasks.create({"title": "other"}, reads=[page])
    await other.tasks.update(page[0].id, {"title": "moved out"})
    with pytest.raises(AbloStaleContextError) as caught:
        await ablo.tasks.create({"title": "x"}, reads=[page])
    conflict = caught.value.details["conflicts"][0]
    assert (conflict["id"], conflict["where"]) == (page[0].id, [["title", "=", "unique"]])


async def test_a_filter_can_be_told(ablo: AsyncAblo, other: AsyncAblo) -> None:
    stamp = (await ablo.snapshot(tasks="t1")).stamp
    premise = {"model": "tasks", "where": {"title": "n"}, "read_at": stamp, "on_stale": "flag"}
    await other.tasks.create({"title": "n"}, id="n1")
    row = await ablo.tasks.create({"title": "x"}, reads=[premise])
    (told,) = ablo_receipt(ablo, row).notifications
    assert (told.scope, told.model, told.id) == ("filter", "tasks", None)
    assert told.changed.sample == (("tasks", "n1"),)


async def test_what_another_organization_read_is_refused(
    make_client: MakeClient, ablo: AsyncAblo, other: AsyncAblo
) -> None:
    stranger = make_client(organization="globex")
    task = await ablo.tasks.retrieve("t1")
    page = await ablo.tasks.list()
    for premise in (task, page):
        with pytest.raises(AbloPermissionError) as caught:
            await stranger.tasks.create({"title": "x"}, reads=[premise])  # type: ignore[list-item]
        assert caught.value.code == "foreign_tenant_row"
    assert await stranger.tasks.list() == []


def test_the_sync_client_tracks_too(sync_ablo: Ablo) -> None:
    ablo = sync_ablo
    ablo.tasks.create({"title": "a"}, id="t1")
    ablo.tasks.track(id="t1", on_stale="reject")
    ablo.tasks.update("t1", {"title": "mine"})
    (track,) = ablo.tracks.list()
    assert (track.id, track.on_stale) == ("t1", "reject")
    page = ablo.tasks.list({"title": "mine"})
    ablo.tasks.update("t1", {"count": 1}, reads=[page])
    with pytest.raises(AbloStaleContextError):
        ablo.tasks.update("t1", {"count": 2}, reads=[page])
    assert ablo.tasks.untrack("t1")
    ablo.commits.create([], track=[{"model": "tasks", "id": "t1"}])
    assert ablo.tracks.clear() == 1
