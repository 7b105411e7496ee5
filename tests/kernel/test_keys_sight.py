"""What a key sees of rows that move, and of their claims, tracks and receipts."""

from __future__ import annotations

import json
from typing import Any

import pytest

from .board import Board, Json, create, op, update
from .key_calls import Holder, Keys, code_of
from .setwise import REWORDED

SECRET = "what it became"
DENIED = "capability_scope_denied"


@pytest.fixture
def keys(board: Board) -> Keys:
    return Keys(board)


@pytest.fixture
def moved(board: Board) -> Board:
    """t is made in p1, moved to p2 with new content, and changed there."""
    return move(board)


def move(board: Board) -> Board:
    owner = board.caller(participant="user:owner")
    owner.commit(*[create(one, "projects", name="x") for one in ("p1", "p2")])
    owner.commit(create("t", title="mine", projectId="p1"), create("u", projectId="p1"))
    owner.commit(update("t", title=SECRET, projectId="p2"))
    owner.commit(update("t", title=f"{SECRET}, later"))
    return board


def bound(keys: Keys, *groups: str, participant: str = "agent:a", **how: Any) -> Holder:
    return Holder(keys.board, keys.create(participant, "rk", syncGroups=list(groups), **how))


def told(answer: Any) -> str:
    return json.dumps(answer, default=str)


def deltas(agent: Holder, routine: str = "delta_read", *arguments: object) -> list[Json]:
    """Read the log as a service does that names a capability."""
    places = ", ".join(["%s"] * len(arguments))
    query = (
        f"select coalesce(json_agg(d order by d.sync_id), '[]')"
        f" from ablo.{routine}(%s, {places}, p_capability_id => %s, p_with_before => true) d"
    )
    found: list[Json] = agent.call(query, agent.organization, *arguments, agent.key.id)
    return found


@pytest.mark.parametrize(
    ("routine", "arguments"),
    [("delta_read", (0, 1000, None)), ("delta_tail", (None, 1000))],
)
def test_a_row_that_moves_out_is_a_removal_in_the_log(
    moved: Board, keys: Keys, routine: str, arguments: tuple[Any, ...]
) -> None:
    found = deltas(bound(keys, "projects:p1"), routine, *arguments)
    last = [one for one in found if one["row_id"] == "t"]
    assert [(one["op"], one["row"] and one["row"]["title"]) for one in last] == [
        ("I", "mine"), ("D", None)
    ]  # fmt: skip
    assert (last[1]["groups"], last[1]["left_groups"], last[1]["changed"]) == (
        [f"org:{moved.organization}", "projects:p1"], None, None
    )  # fmt: skip
    assert SECRET not in told(found)
    there = deltas(bound(keys, "projects:p2"), routine, *arguments)
    arrived = [one for one in there if one["row_id"] == "t"]
    assert [one["op"] for one in arrived] == ["U", "U"]
    assert "projects:p1" not in told([one["left_groups"] for one in arrived])
    assert [one["before"] and one["before"]["title"] for one in arrived] == [None, SECRET]
    everywhere = deltas(bound(keys, "projects:p1", "projects:p2"), routine, *arguments)
    seen = [one["before"] and one["before"]["title"] for one in everywhere if one["row_id"] == "t"]
    assert seen == [None, "mine", SECRET]


def test_a_build_that_tells_what_a_row_was_elsewhere_is_caught(own_board: Board) -> None:
    said = "        p_delta.before := null;\n      end if;"
    move(own_board).run(
        REWORDED.format(function="ablo.delta_seen", words=said, others="      end if;")
    )
    there = deltas(bound(Keys(own_board), "projects:p2"), "delta_read", 0, 1000, None)
    (arrived, _) = [one for one in there if one["row_id"] == "t"]
    assert arrived["before"]["title"] == "mine"


def test_its_past_shows_what_it_was_in_ones_groups(moved: Board, keys: Keys) -> None:
    agent, head = bound(keys, "projects:p1"), moved.caller().snapshot([])["stamp"]
    entries = agent.ask("row_history", "tasks", "t")["entries"]
    assert [one["op"] for one in entries] == ["D", "I"]
    assert SECRET not in told(entries)
    assert agent.ask("row_at", "tasks", "t", entries[1]["syncId"])["row"]["title"] == "mine"
    for at in (entries[0]["syncId"], entries[0]["syncId"] + 1):
        assert agent.ask("row_at", "tasks", "t", at)["row"] is None
    moved.caller(participant="user:owner").commit(update("t", projectId="p1", title="back"))
    entries = agent.ask("row_history", "tasks", "t")["entries"]
    assert [one["op"] for one in entries] == ["U", "D", "I"]
    assert agent.ask("row_at", "tasks", "t", head)["row"] is None, "while it was elsewhere"
    assert [one["before"] for one in entries] == [None, None, None]
    assert SECRET not in told(entries)
    both = bound(keys, "projects:p1", "projects:p2").ask("row_history", "tasks", "t")["entries"]
    assert both[0]["before"]["title"] == f"{SECRET}, later"


def test_a_row_elsewhere_was_never_there(moved: Board, keys: Keys) -> None:
    agent, head = bound(keys, "projects:p3"), moved.caller().snapshot([])["stamp"]
    for at in (1, 2, 3, head):
        there, missing = [code_or(agent, "row_at", "tasks", one, at) for one in ("t", "none")]
        assert there.replace('"t"', '"none"').replace(" t ", " none ") == missing
    assert agent.ask("row_history", "tasks", "t") == agent.ask("row_history", "tasks", "none")


def code_or(agent: Holder, *arguments: Any) -> str:
    code = code_of(agent.ask, *arguments)
    return code or told(agent.ask(*arguments))


def test_a_premise_on_a_row_that_moved_out_is_stale(moved: Board, keys: Keys) -> None:
    agent = bound(keys, "projects:p1")
    read = agent.ask("row_history", "tasks", "t")["entries"][1]["syncId"]
    premise = {"model": "tasks", "id": "t", "readAt": read}
    assert code_of(agent.write, update("u", count=1), reads=[premise]) == "stale_context"
    heard = agent.write(update("u", count=1), reads=[premise | {"onStale": "notify"}])
    assert SECRET not in told(heard)
    (note,) = heard["notifications"]
    assert (note["currentValues"], note["observedSyncId"]) == ({}, read + 2)


@pytest.mark.parametrize(
    "operations",
    [
        [create("ghost", projectId="p2"), op("delete", "tasks", "ghost")],
        [update("u", projectId="p2"), update("u", projectId="p1")],
        [update("u", projectId="p2"), op("delete", "tasks", "u")],
        [create("g", projectId="p1"), *(update("g", projectId=one) for one in ("p2", "p1"))],
        [create("t", projectId="p1")],
        [create("ghost", projectId="nowhere")],
        [update("u", projectId="nowhere")],
    ],
    ids=range(7),
)  # fmt: skip
def test_each_operation_is_judged_by_itself(
    moved: Board, keys: Keys, operations: list[Json]
) -> None:
    agent, before = bound(keys, "projects:p1"), moved.traces()
    assert code_of(agent.write, *operations) == DENIED
    assert code_of(agent.write, *operations, door="batch") == DENIED
    assert moved.traces() == before


def test_a_narrower_key_has_tracks_and_receipts_of_its_own(moved: Board, keys: Keys) -> None:
    wide = Holder(keys.board, keys.create("agent:a", "rk"))
    narrow = bound(keys, "projects:p1")
    models = Holder(keys.board, keys.create("agent:a", "rk", operations=["projects.read"]))
    wide.write(update("t", title=SECRET), key="wide", track=[{"model": "tasks", "id": "t"}])
    narrow.write(update("u", count=1), key="narrow", track=[{"model": "tasks", "id": "u"}])
    ids = [[one["id"] for one in each.ask("track_list")] for each in (wide, narrow, models)]
    assert ids == [["t", "u"], ["u"], []]
    assert [each.ask("receipt_get", "wide") is None for each in (wide, narrow, models)] == [
        False, True, True
    ]  # fmt: skip
    assert narrow.ask("receipt_get", "narrow")["clientTxId"] == "narrow"
    assert narrow.ask("commit_get", "wide") is None
    assert [one["receipt"]["clientTxId"] for one in narrow.ask("commit_list", "{}")["data"]] == [
        "narrow"
    ]
    assert narrow.ask("track_remove") == 1
    assert [one["id"] for one in wide.ask("track_list")] == ["t"]
    replay = code_of(narrow.write, update("t", title=SECRET), key="wide")
    assert replay == "idempotency_conflict", "what it was answered is not given out again"


def test_a_wider_keys_track_waits_for_the_wider_key(moved: Board, keys: Keys) -> None:
    """A narrower key's commit neither hears of it nor moves its baseline."""
    wide, narrow = Holder(keys.board, keys.create("agent:a", "rk")), bound(keys, "projects:p1")
    wide.write(track=[{"model": "tasks", "id": "t"}, {"group": "projects:p2"}])
    moved.caller(participant="user:owner").commit(update("t", title=f"{SECRET}!"))
    assert "notifications" not in narrow.write(update("u", count=1))
    heard = wide.write(update("u", count=2))["notifications"]
    assert {one["scope"] for one in heard} == {"row", "group"}


def test_a_claim_is_seen_and_moved_like_its_row(moved: Board, keys: Keys) -> None:
    holder = moved.caller(participant="agent:h")
    request = json.dumps({"description": SECRET, "claimId": "c1", "meta": {"w": SECRET}})
    acquire = "select ablo.claim_acquire(%s, %s, 'tasks', %s, %s)"
    for row, claim in (("t", request), ("unborn", request.replace("c1", "c2"))):
        holder.call(acquire, moved.organization, "agent:h", row, claim)
    for agent in (
        bound(keys, "projects:p1", participant="agent:h"),
        Holder(keys.board, keys.create("agent:h", "rk", operations=["projects.read"])),
    ):
        lists = [("claim_list", "tasks", "t"), ("claim_list",), ("presence_list",)]
        assert SECRET not in told([agent.ask(*one) for one in lists])
        assert SECRET not in told(agent.ask("claim_events", 0, 1, 100))
        for name in ("claim_get", "claim_heartbeat"):
            missing = code_of(agent.ask, name, "none")
            assert [code_of(agent.ask, name, one) for one in ("c1", "c2")] == [missing] * 2
        assert [agent.ask("claim_release", one) for one in ("c1", "c2", "none")] == [False] * 3
        assert code_of(agent.ask, "claim_reorder", "tasks", "t", "[]") == DENIED
    own = bound(keys, "projects:p2", participant="agent:h")
    assert own.ask("claim_get", "c1")["claim"]["description"] == SECRET


def test_a_claim_stays_its_makers_when_the_row_moves_out(moved: Board, keys: Keys) -> None:
    agent = bound(keys, "projects:p1")
    claim = agent.ask("claim_acquire", "tasks", "u", "{}")["claim"]["id"]
    move = f"update tasks set project_id = 'p2', title = '{SECRET}'"
    moved.run(f"{move} where id = 'u' and organization_id = '{{org}}'")
    found = agent.ask("claim_get", claim)
    assert (found["claim"]["status"], "data" in found) == ("active", False)
    assert agent.ask("claim_heartbeat", claim)["status"] == "held"
    assert agent.ask("claim_release", claim) is True


def test_presence_shows_activities_on_rows_that_one_sees(moved: Board, keys: Keys) -> None:
    for who, row, group in (("user:x", "t", "projects:p2"), ("user:y", "u", "projects:p1")):
        said = {"activity": {"entityType": "tasks", "entityId": row, "detail": f"on {row}"},
                "meta": {"syncGroups": [group, "projects:p9"]}}  # fmt: skip
        moved.caller(participant=who).call(
            "select ablo.presence_beat(%s, %s, 's', %s)", moved.organization, who, json.dumps(said)
        )
    agent = bound(keys, "projects:p1")
    (shown,) = agent.ask("presence_list")
    assert shown["participant"] == "user:y"
    assert shown["activity"]["detail"] == "on u"
    assert shown["meta"] == {"syncGroups": ["projects:p1"]}, "which else it follows is not told"
    blind = Holder(keys.board, keys.create("agent:b", "rk", operations=["projects.read"]))
    assert [one["activity"] for one in blind.ask("presence_list")] == [None, None]
