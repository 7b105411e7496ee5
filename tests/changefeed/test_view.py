"""The relay's test of what a key sees says what the kernel's says, of random keys and deltas."""

from __future__ import annotations

import json
from collections.abc import Collection
from typing import Any

import psycopg
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ablo_pg.changefeed.permissions import Permissions
from ablo_pg.changefeed.view import View, seen
from ablo_pg.delta import Delta
from ablo_pg.relay.auth import Credential
from ablo_pg.testing import DatabaseHandle

NOTHING = Permissions()  # no model limits reading
GROUPS = st.lists(st.sampled_from(["projects:p1", "projects:p2", "tasks:t"]), max_size=2)
OPERATIONS = st.lists(
    st.sampled_from(["tasks.read", "Tasks.read", "*.read", "notes.read", "tasks.update"]).map(
        str.lower
    ),
    max_size=2,
)
DELTA = {
    "sync_id": 7, "organization_id": "acme", "row_id": "t", "op": "U", "row": {"title": "x"},
    "changed": ["title"], "actor": "user:u", "capability_id": "key_1", "claim_id": "clm_1",
    "transaction_id": "op_1", "xid": "8", "before": {"title": "y"},
}  # fmt: skip
SEEN = """
    select s.op, s.groups, s.left_groups, s.row::text, s.changed, s.capability_id, s.claim_id,
           s.transaction_id, s.before::text, s.entered_groups
      from ablo.delta_seen(row('k', 'acme', 'agent:a', %s::text[], %s::text[])::ablo.key_rights,
             json_populate_record(null::ablo.delta, %s)) s
     where s.sync_id is not null"""


def credential(operations: list[str] | None, groups: list[str] | None) -> Credential:
    held = None if operations is None else frozenset(operations)
    bound = None if groups is None else frozenset(groups)
    return Credential(
        "k", "rk", "acme", "agent:a", held, frozenset(), bound, {}, None, hash="", ends_at=None
    )


def delta(model: str, groups: list[str], left: list[str], entered: Collection[str] = ()) -> Delta:
    return Delta(
        7, "acme", model, "t", "U", ("org:acme", *groups), b'{"title": "x"}', ("title",), "user:u",
        None, "key_1", "clm_1", "op_1", 8, "", tuple(left),
        b'{"title": "y"}', tuple(one for one in groups if one in entered),
    )  # fmt: skip


def as_kernel(found: Delta | None) -> tuple[Any, ...] | None:
    """Return a delta as the query above does."""
    if found is None:
        return None
    row = None if found.row is None else found.row.decode()
    said = (found.capability_id, found.claim_id, found.transaction_id)
    return (
        found.op,
        list(found.groups),
        list(found.left_groups) or None,
        row,
        list(found.changed) or None,
        *said,
        None if found.before is None else found.before.decode(),
        list(found.entered_groups) or None,
    )


def test_the_relay_and_the_kernel_say_the_same(app_db: DatabaseHandle) -> None:
    with psycopg.connect(app_db.admin_url, autocommit=True) as conn:

        @settings(
            max_examples=150,
            deadline=None,
            suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
        )
        @given(
            operations=st.none() | OPERATIONS,
            bound=st.none() | GROUPS,
            model=st.sampled_from(["Tasks", "notes"]),
            groups=GROUPS,
            left=GROUPS,
            entered=GROUPS,
        )
        def compare(
            operations: list[str] | None,
            bound: list[str] | None,
            model: str,
            groups: list[str],
            left: list[str],
            entered: list[str],
        ) -> None:
            made = delta(model, groups, [one for one in left if one not in groups], entered)
            said = {"model": model, "groups": made.groups, "left_groups": made.left_groups or None}
            said["entered_groups"] = made.entered_groups or None
            asked = (operations, bound, json.dumps(DELTA | said))
            row = conn.execute(SEEN, asked).fetchone()
            view = credential(operations, bound).view
            assert as_kernel(seen((view,), made, NOTHING)) == row

        compare()


def test_views_do_not_add_up() -> None:
    """Models of the one are not seen in the groups of the other."""
    tasks = View(frozenset(["projects:p1"]), {"tasks"})
    countries = View(frozenset(["org:acme"]), {"countries"})
    assert seen((tasks, countries), delta("tasks", ["projects:p2"], []), NOTHING) is None
    assert seen((tasks, countries), delta("tasks", ["projects:p1"], []), NOTHING) is not None
    gone = seen((countries, tasks), delta("tasks", ["projects:p2"], ["projects:p1"]), NOTHING)
    assert gone is not None
    assert (gone.op, gone.row, gone.groups) == ("D", None, ("org:acme", "projects:p1"))


def test_who_sees_all_is_told_where_a_row_came_from() -> None:
    moved = delta("tasks", ["projects:p2"], ["projects:p1"])
    whole, there = View(frozenset(["org:acme"])), View(frozenset(["projects:p2"]))
    assert seen((whole,), moved, NOTHING) is moved
    arrived = seen((there,), moved, NOTHING)
    assert arrived is not None
    assert (arrived.row, arrived.left_groups) == (moved.row, ())


def test_who_could_not_see_a_row_is_not_told_what_it_was_before() -> None:
    p1, p2 = View(frozenset(["projects:p1"])), View(frozenset(["projects:p2"]))
    whole = View(frozenset(["org:acme"]))
    entered = delta("tasks", ["projects:p1"], [], ["projects:p1"])
    moved = delta("tasks", ["projects:p1"], ["projects:p2"], ["projects:p1"])
    both = delta("tasks", ["projects:p1", "projects:p2"], [], ["projects:p1"])
    told = [
        [
            found and found.before is not None
            for found in (seen(views, one, NOTHING) for one in (entered, moved, both))
        ]
        for views in ((whole,), (p1,), (p2,), (p1, p2))
    ]
    assert told == [
        [True, True, True], [False, False, False], [None, False, True], [False, True, True],
    ]  # fmt: skip
