"""Claims without a server: durations, requests, what writes carry, answers, leases."""

from __future__ import annotations

import datetime as dt
import json
import math
import threading
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ablo_pg import AbloClaimedError, AbloError, Model, define_schema
from ablo_pg.client.claims.held import HeldClaims, Hold
from ablo_pg.client.claims.lease import Lease
from ablo_pg.client.claims.request import claim_request, encode_order, wire_fields
from ablo_pg.client.claims.wakeup import Mark, WakeUp
from ablo_pg.client.durations import encode_duration, seconds_of
from ablo_pg.client.names import error_names
from ablo_pg.client.registry import Registry
from ablo_pg.wire.claim_results import (
    claim_answer_of,
    claim_beats_of,
    claim_line_of,
    presence_of,
)


class Task(Model, typename="WorkItem", table="work"):
    title: str
    due_date: dt.datetime | None = None
    count: int = 0


SCHEMA = define_schema(tasks=Task)
REGISTRY = Registry(SCHEMA)
TASKS = REGISTRY.entry("tasks")
NAMES = error_names(SCHEMA.spec)


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


def refused(call: Any, *args: Any, **kwargs: Any) -> AbloError:
    with pytest.raises(AbloError) as caught:
        call(*args, **kwargs)
    assert caught.value.remedy
    return caught.value


@pytest.mark.parametrize(
    ("given_", "seconds"),
    [
        ("500ms", 0.5),
        ("30s", 30),
        ("1.5m", 90),
        ("24h", 86400),
        (2, 2),
        (0.25, 0.25),
        (dt.timedelta(minutes=2), 120),
    ],
)
def test_durations(given_: Any, seconds: float) -> None:
    assert seconds_of(given_, "ttl") == seconds
    assert encode_duration(given_, "ttl") == f"{round(seconds * 1000)}ms"


NO_DURATIONS = ["", "30", "s", "-1s", "1 s", "1d", "1e3s", "٣s", "0s", 0, -1, True, None, ["30s"]]
NO_DURATIONS += [math.inf, math.nan, 10**12, dt.timedelta(0)]


@pytest.mark.parametrize("wrong", NO_DURATIONS)
def test_what_is_no_duration(wrong: Any) -> None:
    error = refused(seconds_of, wrong, "ttl")
    assert (error.code, error.field) == ("duration_invalid", "ttl")


@given(st.text(max_size=8) | st.floats() | st.integers())
def test_a_duration_is_positive_or_refused(value: Any) -> None:
    try:
        seconds = seconds_of(value, "ttl")
    except AbloError:
        return
    assert 0 < seconds < math.inf
    assert int(encode_duration(value, "ttl").removesuffix("ms")) >= 1


def request(**options: Any) -> Any:
    defaults = {"action": None, "ttl": None, "queue": True, "fields": None, "meta": None}
    return json.loads(claim_request("c1", **{**defaults, "max_queue_depth": None, **options}))


def test_requests() -> None:
    assert request() == {"claimId": "c1", "queue": True, "description": "editing"}
    assert request(
        action="update",
        ttl="2m",
        queue=False,
        fields=("dueDate",),
        meta={"a": 1},
        max_queue_depth=3,
    ) == {
        "claimId": "c1",
        "queue": False,
        "description": "update",
        "ttl": "120000ms",
        "fields": ["dueDate"],
        "meta": {"a": 1},
        "maxDepth": 3,
    }
    assert wire_fields(TASKS, ["due_date", "dueDate", "count"]) == ("dueDate", "count")
    assert wire_fields(TASKS, {"count"}) == ("count",)
    assert refused(wire_fields, TASKS, ["cuont"]).code == "unknown_field"
    for wrong in (
        {"action": ""},
        {"action": 3},
        {"queue": None},
        {"meta": [1]},
        {"meta": {"x": object()}},
        {"meta": {"x": "\x00"}},
        {"max_queue_depth": -1},
        {"max_queue_depth": True},
        {"max_queue_depth": "3"},
    ):
        error = refused(request, **wrong)
        assert (error.code, error.field) == ("invalid_options", next(iter(wrong)))


def test_orders() -> None:
    line = claim_line_of(json.dumps({"queue": [WIRE]}).encode(), NAMES)
    assert encode_order([line.waiters[0], "c2"]) == ["c1", "c2"]
    for wrong in ("c1", [""], [3], ["a", "a"], None):
        assert refused(encode_order, wrong).field == "order"


WIRE = {
    "object": "claim",
    "id": "c1",
    "status": "active",
    "target": {"model": "tasks", "id": "t1", "fields": ["dueDate"]},
    "actor": "agent:a",
    "heldBy": "agent:a",
    "participantKind": "agent",
    "onBehalfOfId": "user:ann",
    "onBehalfOfKind": "user",
    "capabilityId": None,
    "action": "update",
    "meta": {"run": 1},
    "declaredAt": 1_700_000_000_000,
    "grantedAt": 1_700_000_000_500,
    "expiresAt": 1_700_000_060_000,
    "ttlMs": 60000,
    "fenceToken": 7,
    "readAt": 3,
}
SUMMARY = {
    "claimId": "c0",
    "entityType": "workitem",
    "entityId": "t1",
    "heldBy": "agent:b",
    "heldByKind": "agent",
    "action": "thinking",
    "declaredAt": 1_700_000_000_000,
    "expiresAt": 1_700_000_060_000,
    "fields": ["dueDate"],
}


def test_answers_are_read() -> None:
    body = {"claim": WIRE, "data": {"id": "t1"}, "stamp": 5}
    answer = claim_answer_of(json.dumps(body).encode(), NAMES)
    claim = answer.claim
    assert (claim.model, claim.row_id, claim.fields) == ("tasks", "t1", ("due_date",))
    assert (claim.on_behalf_of, claim.ttl, claim.fence_token) == ("user:ann", 60, 7)
    assert claim.expires_at - claim.declared_at == dt.timedelta(seconds=60)
    assert json.loads(answer.row or b"") == {"id": "t1"}
    assert (answer.stamp, answer.recheck) == (5, None)
    queued = {**WIRE, "status": "queued", "position": 0, "onBehalfOfId": None}
    body = {"claim": queued, "blockedBy": [SUMMARY], "recheckMs": 250}
    answer = claim_answer_of(json.dumps(body).encode(), NAMES)
    assert (answer.row, answer.recheck, answer.claim.position) == (None, 0.25, 0)
    (blocker,) = answer.claim.blocked_by
    assert (blocker.model, blocker.held_by, blocker.fields) == ("tasks", "agent:b", ("due_date",))
    body = {"claim": WIRE, "data": None, "stamp": 5}
    assert claim_answer_of(json.dumps(body).encode(), NAMES).row is None


def test_beats_and_presence_are_read() -> None:
    beats = [{"claimId": "a", "status": "held", "ttlMs": 500}, {"claimId": "b", "status": "lost"}]
    held, lost = claim_beats_of(json.dumps(beats).encode(), NAMES)
    assert (held.status, held.ttl, lost.status, lost.ttl) == ("held", 0.5, "lost", None)
    (found,) = presence_of(
        json.dumps([{"participant": "agent:a", "waiting": [{**SUMMARY, "position": 2}]}]).encode(),
        NAMES,
    )
    assert (found.sessions, found.status, found.waiting[0].position) == (0, None, 2)


def lease(claim_id: str = "c1") -> Lease:
    return Lease("acme", "agent:a", claim_id, 60, 0.0)


def hold(fields: tuple[str, ...] | None = None, **options: Any) -> Hold:
    defaults: dict[str, Any] = {"lease": lease(), "fence_token": 7, "read_at": 3}
    return Hold("tasks", "WorkItem", "t1", fields, **{**defaults, **options})


def covered(held: HeldClaims, **operation: Any) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    wire = {"action": "update", "model": "WorkItem", "id": "t1", "data": {"count": 1}, **operation}
    reads: list[dict[str, Any]] = []
    held.cover([wire], reads)
    return {k: v for k, v in wire.items() if k not in ("action", "model", "id", "data")}, reads


def test_writes_to_a_claimed_row_carry_the_claim() -> None:
    held = HeldClaims()
    held.open(hold())
    named = {"claimId": "c1", "fenceToken": 7}
    guard = {"readAt": 3, "onStale": "reject"}
    for action in ("update", "delete", "archive", "unarchive"):
        assert covered(held, action=action) == (named | guard, [])
    assert covered(held, action="create") == (named, [])
    assert covered(held, readAt=1) == (named | {"readAt": 1}, [])
    assert covered(held, onStale="overwrite") == (named | {"onStale": "overwrite"}, [])
    assert covered(held, claimId="mine") == ({"claimId": "mine"}, [])
    assert covered(held, id="t2") == ({}, [])
    assert covered(held, model="other") == ({}, [])


def test_a_claim_on_fields_covers_writes_to_those() -> None:
    held = HeldClaims()
    held.open(hold(("count", "title")))
    named = {"claimId": "c1", "fenceToken": 7}
    premise = {"model": "WorkItem", "id": "t1", "readAt": 3, "fields": ["count", "title"]}
    assert covered(held) == (named, [premise | {"onStale": "reject"}])
    assert covered(held, data={"count": 1, "dueDate": None}) == ({}, [])
    assert covered(held, action="delete", data=None) == ({}, [])
    two = [
        {"action": "update", "model": "WorkItem", "id": "t1", "data": {"count": n}} for n in (1, 2)
    ]
    reads: list[dict[str, Any]] = []
    held.cover(two, reads)
    assert len(reads) == 1


def test_the_innermost_handle_speaks_and_lost_ones_refuse() -> None:
    held = HeldClaims()
    outer, inner = hold(), hold(read_at=9)
    held.open(outer)
    held.open(inner)
    assert covered(held)[0]["readAt"] == 9
    assert held.close(inner)
    assert not held.close(inner)
    assert covered(held)[0]["readAt"] == 3
    outer.lease.lose("stopped for too long")
    with pytest.raises(AbloClaimedError, match="stopped for too long") as caught:
        covered(held)
    assert (caught.value.code, caught.value.model) == ("claim_lost", "tasks")
    held.open(hold(lease=lease("c2")))
    assert covered(held)[0]["claimId"] == "c2"


def test_a_claim_is_given_back_by_its_last_user() -> None:
    held, row = HeldClaims(), ("WorkItem", "t1")
    first = held.use("c1", row, lease)
    assert held.use("c1", row, lease) is first
    assert held.unuse("c1") is None
    assert held.used("c1")
    assert held.unuse("c1") is first
    assert held.unuse("c1") is None
    lost = held.use("c1", row, lease)
    lost.lose("once")
    assert held.use("c1", row, lease) is not lost


def test_ending_a_row() -> None:
    held, row = HeldClaims(), ("WorkItem", "t1")
    mine = hold(lease=held.use("c1", row, lease))
    held.open(mine)
    waiting = held.use("c2", row, lambda: lease("c2"))
    elsewhere = held.use("c3", ("WorkItem", "t2"), lambda: lease("c3"))
    assert set(held.end(row)) == {mine.lease, waiting}
    assert mine.ended.is_set()
    assert not mine.lease.lost.is_set()
    assert waiting.lost.is_set()
    assert held.end() == [elsewhere]


def test_a_lease_counts_from_before_its_renewal_was_sent() -> None:
    one = Lease("acme", "agent:a", "c1", 60, 100.0)
    assert (one.due, one.deadline) == (120.0, 160.0)
    one.renewed(130.0)
    assert (one.due, one.deadline) == (150.0, 190.0)
    one.renewed(125.0)  # an answer that was overtaken
    assert one.deadline == 190.0
    one.renewed(140.0, 30)
    assert (one.due, one.deadline) == (150.0, 190.0)


def test_a_lease_is_lost_once(caplog: pytest.LogCaptureFixture) -> None:
    one = lease()
    one.lose("first")
    one.lose("second")
    assert one.reason == "first"
    assert caplog.text.count("is lost") == 1
    assert one.lost.wait_blocking(0)


@pytest.mark.anyio
async def test_wakeups_and_marks_cross_threads() -> None:
    wakeup, mark = WakeUp(), Mark()
    assert not await wakeup.wait(0.001)
    wakeup.wake()
    wakeup.wake()
    assert await wakeup.wait(None)
    assert not await wakeup.wait(0.001)
    mark.add(wakeup)
    thread = threading.Thread(target=mark.set)
    thread.start()
    await mark.wait()
    assert await wakeup.wait(1)
    thread.join()
    other = WakeUp()
    mark.add(other)  # it has happened already
    assert await other.wait(1)
