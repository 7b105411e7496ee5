"""Forged identity: who acts, and for whom, comes from the key alone, at every door."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from ablo_pg.relay.http.call import Call

from .live import socket

pytestmark = pytest.mark.anyio

CLAIMS = {
    "organizationId": "other",
    "organization": "other",
    "participantId": "boss",
    "participantKind": "user",
    "participant": "user:boss",
    "actor": "user:boss",
    "createdBy": "user:boss",
    "onBehalfOf": "user:boss",
    "onBehalfOfId": "boss",
    "capabilityId": "cap_boss",
    "syncGroups": ["org:other"],
    "groups": ["org:other"],
}
HEADERS = {
    "x_organization_id": "other",
    "x_participant_id": "user:boss",
    "x_forwarded_user": "boss",
}
QUERY = "?organizationId=other&participantId=boss&kind=user"


async def forge(api: Any, relay: Any) -> None:
    """Write at every door, and say everywhere that it was somebody else, of somewhere else."""
    body = {"id": "t1", "data": {"title": "x"}} | CLAIMS
    made = await api("POST", f"/api/v1/models/tasks{QUERY}", body, **HEADERS)
    assert made.status_code == 201, made.text
    patch = {"data": {"title": "y"}} | CLAIMS
    assert (await api("PATCH", "/api/v1/models/tasks/t1", patch, **HEADERS)).status_code == 200
    operation = {"action": "create", "model": "tasks", "id": "t2", "data": {"title": "y"}}
    commit = {"operations": [operation | CLAIMS]} | CLAIMS
    assert (await api("POST", "/api/v1/commits", commit, **HEADERS)).status_code == 200
    claimed = await api("POST", "/api/v1/models/tasks/t1/claim", CLAIMS, **HEADERS)
    assert claimed.status_code == 201, claimed.text
    claim = claimed.json()["claim"]
    assert (claim["actor"], claim["onBehalfOfId"], claim["capabilityId"]) == ("a", None, None)
    async with socket(relay, api.key, f"cursor=&{QUERY[1:]}&syncGroups=org%3Aother") as live:
        frame = {"type": "CREATE", "model": "tasks", "id": "t3", "input": {"title": "z"}}
        await live.send("commit", operations=[frame | CLAIMS], clientTxId="forged", **CLAIMS)
        assert (await live.take("mutation_result"))["success"] is True
        given = {"entityType": "tasks", "entityId": "t3", "queue": True} | CLAIMS
        await live.send("claim_begin", claimId="forged", **given)
        await live.take("claim_acquired")
        await live.send("presence_update", status="online", userId="boss", **CLAIMS)
        await live.send("update_subscription", syncGroups=["default", "org:other"])
        assert (await live.take("subscription_ack"))["success"] is True


async def look(api: Any, stranger: Any) -> None:
    """Whose doing was it all?"""
    for row_id in ("t1", "t2", "t3"):
        data = (await api("GET", f"/api/v1/models/tasks/{row_id}")).json()["data"]
        assert (data["organizationId"], data["createdBy"]) == ("acme", "system:a")
    events = (await api("GET", "/api/v1/logs")).json()["data"]
    assert {event["actor"] for event in events} == {"system:a"}
    assert {event["delta"]["onBehalfOf"] for event in events} == {None}
    assert {event["delta"]["capabilityId"] for event in events} == {None}
    groups = {group for event in events for group in event["delta"]["syncGroups"]}
    assert groups == {"default", "org:acme", "tasks:t1", "tasks:t2", "tasks:t3"}
    held = (await api("GET", "/api/v1/claims")).json()["data"]
    assert {(one["actor"], one["participantKind"]) for one in held} == {("a", "system")}
    here = (await api("POST", "/api/v1/kernel/presence_list", {})).json()
    assert {one["participant"] for one in here} == {"system:a"}
    assert (await stranger("GET", "/api/v1/models/tasks")).json()["data"] == []
    assert (await stranger("GET", "/api/v1/logs")).json()["data"] == []


async def forge_and_look(api: Any, as_: Any, relay: Any) -> None:
    await forge(api, relay)
    await look(api, await as_("system:a", "other"))


async def test_identity_comes_from_the_key_alone(api: Any, as_: Any, world: Any) -> None:
    await forge_and_look(api, as_, world.relay)


@pytest.mark.parametrize("base", ["organizationId", "createdBy", "id", "createdAt"])
async def test_a_row_s_own_origin_cannot_be_written(api: Any, base: str) -> None:
    data = {"title": "x", base: "other"}
    answer = await api("POST", "/api/v1/models/tasks", {"id": "t1", "data": data})
    assert (answer.status_code, answer.json()["code"]) == (400, "unknown_field")


@pytest.mark.parametrize(
    ("keyed", "seen"), [(True, "not act as 'user:boss'"), (False, r"\('boss'")]
)
async def test_the_check_catches_a_door_that_believes_a_header(
    api: Any, as_: Any, world: Any, monkeypatch: pytest.MonkeyPatch, keyed: bool, seen: str
) -> None:
    """The kernel refuses such a door where it names the key; the check sees one that does not."""

    async def ask(self: Call, call: Any, body: Any, *, again: bool = True) -> bytes:
        caller = self.credential.caller
        named = self.request.headers.get("x-participant-id", caller.participant)
        caller = replace(caller, participant=named, key_id=caller.key_id if keyed else None)
        return await self.service.kernel.ask(call, caller, body, again=again)

    monkeypatch.setattr(Call, "ask", ask)
    with pytest.raises(AssertionError, match=seen):
        await forge_and_look(api, as_, world.relay)
