"""What has changed between two readings of claims and presence."""

from __future__ import annotations

import json
from typing import Any

from ablo_pg.relay.ws.live_state import LiveState, Target, changes, merged


def claim(claim_id: str, holder: str, **more: Any) -> dict[str, Any]:
    given = {"claimId": claim_id, "entityType": "tasks", "entityId": "t1", "heldBy": holder}
    times = {"declaredAt": 0, "expiresAt": 90_000, "ttlMs": 90_000, "ticket": 1}
    return {**given, **times, "status": "active", **more}


def state(*claims: dict[str, Any], present: tuple[str, ...] = (), **said: Any) -> LiveState:
    here = [
        {
            "participant": one,
            "status": "online",
            "activity": None,
            "meta": None,
            "seenAt": 1,
            **said,
        }
        for one in present
    ]
    data = {"claims": claims, "present": here, "now": 5, "nextMs": None}
    return LiveState.parse(json.dumps(data).encode())


def told(old: LiveState, new: LiveState) -> dict[str, str]:
    return dict(changes(old, new).participants)


def test_coming_changing_and_going() -> None:
    nobody, one = state(), state(present=("user:a",))
    assert told(nobody, one) == {"user:a": "enter"}
    assert told(one, one) == {}
    assert told(one, state(present=("user:a",), status="busy")) == {"user:a": "update"}
    assert told(one, state(present=("user:a",), seenAt=99)) == {}
    assert told(one, nobody) == {"user:a": "leave"}


def test_holding_shows_also_somebody_who_is_not_here() -> None:
    held = state(claim("c1", "user:a"))
    assert told(state(), held) == {"user:a": "enter"}
    assert told(held, state(claim("c2", "user:a"))) == {"user:a": "update"}
    assert told(held, state()) == {"user:a": "leave"}


def test_a_renewal_is_told_when_it_matters() -> None:
    was = state(claim("c1", "user:a"))
    soon = state(claim("c1", "user:a", expiresAt=100_000))
    late = state(claim("c1", "user:a", expiresAt=130_000))
    assert told(was, soon) == {}
    assert told(was, late) == {"user:a": "update"}
    # Small steps add up to what has not been told.
    kept = merged(was, soon, changes(was, soon))
    assert told(kept, late) == {"user:a": "update"}


def test_a_row_is_shown_when_its_holders_or_its_line_change() -> None:
    row = Target("tasks", "t1")
    one = claim("c1", "user:a")
    waits = claim("c2", "user:b", status="queued", ticket=2)
    other = claim("c3", "user:c", status="queued", ticket=3)
    assert changes(state(), state(one)).targets == {row}
    assert changes(state(one), state(one)).targets == frozenset()
    assert changes(state(one), state(one, waits)).targets == {row}
    assert changes(state(one, waits, other), state(one, other, waits)).targets == {row}
    assert changes(state(one), state()).targets == {row}


def test_who_stands_before_a_waiter() -> None:
    waits = claim("c2", "user:b", status="queued", ticket=2)
    assert not state(waits).blocked(waits)
    assert state(claim("c1", "user:a"), waits).blocked(waits)
    assert not state(claim("c1", "user:b"), waits).blocked(waits)
    part = claim("c1", "user:a", fields=["title"])
    assert not state(part, waits).blocked({**waits, "fields": ["status"]})
    assert state(part, waits).blocked({**waits, "fields": ["TITLE"]})
    earlier = claim("c0", "user:c", status="queued", ticket=1)
    assert state(earlier, waits).blocked(waits)
    assert not state(waits, claim("c4", "user:c", status="queued", ticket=4)).blocked(waits)
