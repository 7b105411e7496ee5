"""Deltas as bytes: every key that clients require, the row untouched, frames of one and more."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from websockets.frames import Frame, Opcode

from ablo_pg.delta import Delta
from ablo_pg.relay.ws.protocol import frame_of
from ablo_pg.wire.deltas import (
    WireDelta,
    delta_frame,
    delta_json,
    stream_event,
    sync_response,
    utc_time,
)

DELTA = Delta(
    *(7, "acme", "tasks", "t1", "U", ("org:acme", "tasks:t1"), b'{"id" : "t1", "n" : 1.50}'),
    *(("n",), "agent:triage", "user:ann", "cap_1", "clm_1", "tx_1", 12),
    "2026-11-23T05:13:01.65672+00:00",
)
REQUIRED = {"id", "actionType", "modelName", "modelId", "data", "syncGroups", "createdAt"}


def read(delta: Delta) -> dict[str, Any]:
    return dict(json.loads(delta_json(delta)))


def test_a_delta_has_what_clients_require() -> None:
    found = read(DELTA)
    assert found.keys() >= REQUIRED
    assert found == {
        "id": 7,
        "actionType": "U",
        "modelName": "tasks",
        "modelId": "t1",
        "data": {"id": "t1", "n": 1.5},
        "syncGroups": ["default", "org:acme", "tasks:t1"],
        "transactionId": "tx_1",
        "createdAt": "2026-11-23T05:13:01.656Z",
        "createdBy": {"kind": "agent", "id": "triage"},
        "actor": {"kind": "agent", "id": "triage"},
        "onBehalfOf": {"kind": "user", "id": "ann"},
        "capabilityId": "cap_1",
        "claimId": "clm_1",
        "changed": ["n"],
        "confirmationState": "auto",
    }


def test_the_row_goes_through_byte_by_byte() -> None:
    assert b'"data":{"id" : "t1", "n" : 1.50},' in delta_json(DELTA)


def test_what_was_before_goes_to_our_own_clients_byte_by_byte() -> None:
    told = DELTA._replace(before=b'{"n" : 1.0}', entered_groups=("tasks:t1",))
    assert delta_json(told).endswith(b',"before":{"n" : 1.0},"enteredGroups":["tasks:t1"]}')
    assert delta_json(told, text=True) == delta_json(DELTA, text=True)
    again = msgspec.json.decode(delta_json(told), type=WireDelta).delta("acme")
    assert (again.before, again.entered_groups) == (told.before, told.entered_groups)
    without = msgspec.json.decode(delta_json(DELTA), type=WireDelta).delta("acme")
    assert (without.before, without.entered_groups) == (None, ())


def test_a_delete_and_a_plain_writer() -> None:
    found = read(DELTA._replace(op="D", row=None, actor=None, on_behalf_of=None))
    assert found["data"] is None
    assert found["actor"] is None
    assert found["onBehalfOf"] is None


NAME = st.text(st.characters(exclude_categories=["Cs"]))


@given(NAME, NAME, NAME)
def test_any_name_is_json(model: str, row_id: str, group: str) -> None:
    found = read(DELTA._replace(model=model, row_id=row_id, groups=(group,)))
    assert (found["modelName"], found["modelId"]) == (model, row_id)
    assert found["syncGroups"] == ["default", group]


def test_frames_of_one_and_of_several() -> None:
    one, other = delta_json(DELTA), delta_json(DELTA._replace(sync_id=8))
    assert json.loads(delta_frame([one])) == {"type": "delta", "payload": json.loads(one)}
    several = json.loads(delta_frame([one, other]))
    assert [each["id"] for each in several["payload"]["deltas"]] == [7, 8]
    assert json.loads(delta_frame([one, other], True)) == several | {"whole": True}


def test_a_sync_response() -> None:
    assert json.loads(sync_response([], 9, 9)) == {
        "type": "sync_response",
        "payload": {"deltas": [], "currentSyncId": 9, "newCursor": "9"},
    }
    found = json.loads(sync_response([delta_json(DELTA)], 9, 7, b',"requiresBootstrap":true'))
    assert found["payload"]["deltas"][0]["id"] == 7
    assert found["payload"]["requiresBootstrap"] is True


def test_an_event_is_one_line_of_data() -> None:
    event = stream_event(DELTA._replace(row=b'{"a":\n\r1}')).decode()
    lines = event.split("\n")
    assert lines[:2] == ["id: 7", "event: delta"]
    assert json.loads(lines[2].removeprefix("data: "))["data"] == {"a": 1}
    assert lines[3:] == ["", ""]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("2026-11-23T05:13:01+00:00", "2026-11-23T05:13:01.000Z"),
        ("2026-11-23T05:13:01.6+00:00", "2026-11-23T05:13:01.600Z"),
        ("2026-11-23T05:13:01.65+00:00", "2026-11-23T05:13:01.650Z"),
        ("2026-11-23T05:13:01.656721+00:00", "2026-11-23T05:13:01.656Z"),
    ],
)
def test_times_have_milliseconds(text: str, found: str) -> None:
    assert utc_time(text) == found


@pytest.mark.parametrize("size", [0, 1, 125, 126, 65535, 65536, 70000])
def test_a_frame_is_what_the_protocol_says(size: int) -> None:
    """Read back by the protocol's own library."""
    text = b"x" * size
    assert frame_of(text) == Frame(Opcode.TEXT, text).serialize(mask=False)
