"""Replay across participants: an idempotency key is nobody else's, and its receipt is no oracle."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest

pytestmark = pytest.mark.anyio

TASKS = "/api/v1/models/tasks"


async def replay(api: Any, as_: Any) -> None:
    """Use a key after somebody else has: what they were answered stays theirs."""
    body = {"id": "t1", "data": {"title": "mine"}}
    mine = await api("POST", TASKS, body, idempotency_key="shared")
    for other in (await as_("agent:b"), await as_("user:a")):  # another, and a namesake
        answer = await other("POST", TASKS, body, idempotency_key="shared")
        assert answer.json().get("code") == "unique_violation"  # it was run, not replayed
        patch = {"data": {"title": "theirs"}}
        answer = await other("PATCH", f"{TASKS}/t1", patch, idempotency_key="shared")
        assert answer.json()["serverTxId"] != mine.json()["serverTxId"]


async def test_the_same_key_of_another_participant_is_another_commit(api: Any, as_: Any) -> None:
    await replay(api, as_)


async def test_the_check_catches_a_kernel_that_forgets_whose_key_it_is(
    api: Any, as_: Any, world: Any
) -> None:
    sound = "r.participant = p_participant and r.key = p_key"
    with psycopg.connect(world.db.admin_url, autocommit=True) as conn:
        row = conn.execute("select pg_get_functiondef('ablo.commit_run'::regproc)").fetchone()
        assert row is not None
        assert sound in row[0]
        conn.execute(row[0].replace(sound, "r.key = p_key").encode())
    with pytest.raises(AssertionError):
        await replay(api, as_)


async def test_the_same_key_in_another_organization_knows_nothing(api: Any, as_: Any) -> None:
    body = {"id": "t1", "data": {"title": "mine"}}
    mine = await api("POST", TASKS, body, idempotency_key="shared")
    stranger = await as_("system:a", "other")  # the same participant id, elsewhere
    theirs = await stranger("POST", TASKS, body, idempotency_key="shared")
    assert theirs.status_code == 201
    assert theirs.json()["serverTxId"] != mine.json()["serverTxId"]
    assert theirs.json()["authority"]["organizationId"] == "other"
    different = {"id": "t2", "data": {"title": "x"}}
    answer = await stranger("POST", TASKS, different, idempotency_key="unused-there")
    assert answer.status_code == 201
    for name in ("shared", mine.json()["serverTxId"]):
        found = (await stranger("GET", f"/api/v1/commits/{name}")).json()
        assert found is None or found["receipt"] != mine.json()


async def test_a_key_whose_rights_were_narrowed_replays_nothing_it_may_not_do(
    api: Any, world: Any
) -> None:
    """A replay is answered to who may still do it; another key of the participant may not."""
    body = {"id": "t1", "data": {"title": "mine"}}
    await api("POST", TASKS, body, idempotency_key="shared")
    reader = await world.api("acme", "system:a", operations=["tasks.read"])
    answer = await reader("POST", TASKS, body, idempotency_key="shared")
    assert (answer.status_code, answer.json()["code"]) == (403, "capability_scope_denied")
