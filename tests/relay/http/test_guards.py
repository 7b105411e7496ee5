"""What a write may rest on: a stamp, a claim, a fence, other rows."""

from __future__ import annotations

from typing import Any

import anyio
import pytest

from .world import World

pytestmark = pytest.mark.anyio

ROW = "/api/v1/models/tasks/t1"


@pytest.fixture
def world(own_organization: World) -> World:
    return own_organization


@pytest.fixture
async def stamp(api: Any) -> int:
    """A row; the stamp it was made at."""
    return int((await api.create("tasks", "t1", title="first"))["lastSyncId"])


async def patch(api: Any, title: str, **guards: Any) -> Any:
    return await api("PATCH", ROW, {"data": {"title": title}} | guards)


async def title(api: Any) -> str:
    return str((await api("GET", ROW)).json()["data"]["title"])


async def claim(api: Any, **asked: Any) -> dict[str, Any]:
    answer = await api("POST", f"{ROW}/claim", {"description": "edits", "queue": True} | asked)
    assert answer.status_code in (201, 202), answer.text
    return dict(answer.json())


async def test_without_a_guard_the_last_write_wins(api: Any, stamp: int, as_: Any) -> None:
    other = await as_("system:b")
    assert (await patch(api, "mine")).status_code == 200
    assert (await patch(other, "theirs")).status_code == 200
    assert await title(api) == "theirs"


async def test_a_stale_write_is_refused_and_says_by_whom(api: Any, stamp: int, as_: Any) -> None:
    other = await as_("agent:b")
    moved = (await patch(other, "theirs")).json()["lastSyncId"]
    for guard in ({"onStale": "reject"}, {}):  # rejecting is the default
        answer = await patch(api, "mine", readAt=stamp, **guard)
        body = answer.json()
        assert (answer.status_code, body["code"]) == (409, "stale_context")
        assert body["type"] == "AbloStaleContextError"
        (conflict,) = body["conflicts"]
        assert conflict.items() >= {"model": "tasks", "id": "t1", "observedSyncId": moved}.items()
        assert conflict["writtenBy"] == {"kind": "agent", "id": "b"}
    assert await title(api) == "theirs"
    assert (await patch(api, "mine", readAt=moved, onStale="reject")).status_code == 200


async def test_overwrite_lands_and_notify_tells(api: Any, stamp: int, as_: Any) -> None:
    other = await as_("agent:b")
    moved = (await patch(other, "theirs")).json()["lastSyncId"]
    held = (await patch(api, "mine", readAt=stamp, onStale="notify")).json()
    assert (held["ops"], held["success"]) == (0, True)
    (told,) = held["notifications"]
    assert told["object"] == "stale_notification"
    assert told["scope"] == "row"
    assert told["target"] == {"model": "tasks", "id": "t1"}
    assert (told["readAt"], told["observedSyncId"]) == (stamp, moved)
    assert told["writtenBy"] == {"kind": "agent", "id": "b"}
    assert told["currentValues"]["title"] == "theirs"
    assert await title(api) == "theirs"
    assert (await patch(api, "mine", readAt=stamp, onStale="overwrite")).json()["ops"] == 1
    assert await title(api) == "mine"


@pytest.mark.parametrize(("word", "ops"), [("force", 1), ("flag", 1), ("merge", 0)])
async def test_older_words_for_what_to_do_when_stale(
    api: Any, stamp: int, as_: Any, word: str, ops: int
) -> None:
    await patch(await as_("agent:b"), "theirs")
    receipt = (await patch(api, "mine", readAt=stamp, onStale=word)).json()
    assert receipt["ops"] == ops
    assert ("notifications" in receipt) == (word != "force")


async def test_functional_updates_of_one_participant_lose_none(api: Any, world: Any) -> None:
    """Read, change, write at the stamp read, again when it moved: as clients do it."""
    await api.create("lineItems", "l1", label="x", amount=0)
    row = "/api/v1/models/lineItems/l1"

    async def add_one() -> None:
        for _ in range(100):
            read = (await api("GET", row)).json()
            data = {"amount": read["data"]["amount"] + 1}
            guards = {"readAt": read["stamp"], "onStale": "reject"}
            answer = await api("PATCH", row, {"data": data} | guards)
            if answer.status_code == 200:
                return
            assert answer.json()["code"] == "stale_context"
        raise AssertionError("never landed")

    async with anyio.create_task_group() as group:
        for _ in range(8):
            group.start_soon(add_one)
    assert (await api("GET", row)).json()["data"]["amount"] == 8


async def test_a_claimed_row_is_closed_to_others(api: Any, stamp: int, as_: Any) -> None:
    held = await claim(api)
    other = await as_("agent:b")
    for method, body in (("PATCH", {"data": {"title": "theirs"}}), ("DELETE", {})):
        answer = await other(method, ROW, body)
        found = answer.json()
        assert (answer.status_code, found["code"]) == (409, "entity_claimed")
        assert found["type"] == "AbloClaimedError"
        (summary,) = found["claims"]
        assert (
            summary.items()
            >= {
                "claimId": held["id"],
                "entityType": "tasks",
                "entityId": "t1",
                "description": "edits",
            }.items()
        )
        assert isinstance(summary["declaredAt"], int)
        assert isinstance(summary["expiresAt"], int)
        assert (found["heldBy"], found["heldByKind"]) == ("a", "system")
    assert await title(api) == "first"


async def test_the_holder_writes_with_and_without_naming_the_claim(api: Any, stamp: int) -> None:
    held = await claim(api)
    guards = {"claim": held["id"], "fenceToken": held["fenceToken"]}
    assert (await patch(api, "named", **guards)).status_code == 200
    assert (await patch(api, "unnamed")).status_code == 200
    assert await title(api) == "unnamed"


async def test_under_a_claim_ones_own_writes_are_not_stale_but_anothers_are(
    api: Any, stamp: int, as_: Any
) -> None:
    held = await claim(api, target={"fields": ["title"]})
    for name in ("one", "two", "three"):  # each at the stamp of the grant
        answer = await patch(api, name, readAt=held["readAt"], onStale="reject")
        assert answer.status_code == 200, answer.text
    other = await as_("agent:b")
    assert (await other("PATCH", ROW, {"data": {"status": "doing"}})).status_code == 200
    answer = await patch(api, "four", readAt=held["readAt"], onStale="reject")
    assert answer.json()["code"] == "stale_context"


async def test_without_a_claim_ones_own_writes_do_make_stale(api: Any, stamp: int) -> None:
    assert (await patch(api, "one", readAt=stamp, onStale="reject")).status_code == 200
    assert (await patch(api, "two", readAt=stamp, onStale="reject")).status_code == 409


async def test_an_old_fence_and_a_claim_that_has_ended(api: Any, stamp: int) -> None:
    first = await claim(api)
    assert (await api("DELETE", f"{ROW}/claim")).json()["released"] is True
    lost = await patch(api, "late", claim=first["id"], fenceToken=first["fenceToken"])
    assert (lost.status_code, lost.json()["code"]) == (409, "claim_lost")
    second = await claim(api)
    assert second["fenceToken"] > first["fenceToken"]
    stale = await patch(api, "late", fenceToken=first["fenceToken"])
    assert (stale.status_code, stale.json()["code"]) == (409, "fence_token_stale")
    unknown = await patch(api, "late", claim="clm_nobody")
    assert unknown.json()["code"] == "claim_lost"


async def test_one_stale_premise_refuses_the_whole_commit(api: Any, stamp: int, as_: Any) -> None:
    await api.create("tasks", "t2", title="second")
    await patch(await as_("agent:b"), "theirs")
    reads = [{"model": "tasks", "id": "t1", "readAt": stamp}]
    answer = await api("PATCH", "/api/v1/models/tasks/t2", {"data": {"title": "x"}, "reads": reads})
    assert (answer.status_code, answer.json()["code"]) == (409, "stale_context")
    assert [one["id"] for one in answer.json()["conflicts"]] == ["t1"]
    reads[0]["fields"] = ["status"]  # which did not move
    answer = await api("PATCH", "/api/v1/models/tasks/t2", {"data": {"title": "x"}, "reads": reads})
    assert answer.status_code == 200


async def test_a_group_is_a_premise(api: Any, as_: Any) -> None:
    await api.create("projects", "p1", name="p")
    seen = (await api.create("lineItems", "l1", label="x", projectId="p1"))["lastSyncId"]
    reads = [{"group": "projects:p1", "readAt": seen}]
    body = {"data": {"name": "q"}, "reads": reads}
    other = await as_("agent:b")
    await other("PATCH", "/api/v1/models/lineItems/l1", {"data": {"label": "y"}})
    answer = await api("PATCH", "/api/v1/models/projects/p1", body)
    assert (answer.status_code, answer.json()["code"]) == (409, "stale_context")


@pytest.mark.parametrize(
    "key", ["read_at", "readat", "ReadAt", "on_stale", "fence_token", "claimID"]
)
async def test_a_misspelt_guard_is_refused_not_dropped(api: Any, stamp: int, key: str) -> None:
    answer = await patch(api, "mine", **{key: 1})
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_body")
    assert answer.json()["param"] == key
    assert await title(api) == "first"


@pytest.mark.parametrize(
    "guard", [{"readAt": "1"}, {"readAt": -1}, {"fenceToken": 1.5}, {"reads": {}}, {"onStale": 1}]
)
async def test_guards_have_types(api: Any, stamp: int, guard: dict[str, Any]) -> None:
    answer = await patch(api, "mine", **guard)
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_body")
    assert answer.json()["param"] == next(iter(guard))


async def test_an_unknown_word_for_stale_is_refused(api: Any, stamp: int) -> None:
    answer = await patch(api, "mine", readAt=stamp, onStale="whatever")
    assert answer.status_code == 400
