"""No chain of mints, rotations and revocations makes a key that exceeds the one it came from.

Keys are made and changed at random; after each step an oracle that knows nothing of the routines
looks at every key in the table.
"""

from __future__ import annotations

import itertools
from typing import Any, Final, LiteralString

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from ablo_pg.db.keys import KeyRecord
from ablo_pg.errors import AbloError

from .board import Board
from .key_calls import Keys

MODELS: Final = ("tasks", "projects")
VERBS: Final = ("read", "create", "update", "delete")
OPERATIONS: Final = [f"{model}.{verb}" for model in (*MODELS, "*") for verb in VERBS]
EVERYTHING: Final = {f"{model}.{verb}" for model in (*MODELS, "any") for verb in VERBS}
GROUPS: Final = ["project:1", "project:2", "team:1", "default"]
SCOPES: Final = ["schema:push", "branch:manage", "ephemeral:mint-any-org"]
KINDS: Final = ["user", "agent", "system"]
RANK: Final = {"sk": 3, "rk": 2, "ek": 1, "pk": 1}
_NUMBERS: Final = itertools.count(1)

# Mostly nothing is asked for: a request that is refused for one thing tells nothing of the others.
operations = st.sampled_from([None, *([one] for one in OPERATIONS)]) | st.lists(
    st.sampled_from(OPERATIONS), max_size=4
)
groups = st.sampled_from([None, None, None, ["project:1"], *([one] for one in GROUPS), GROUPS[:2]])
scopes = st.sampled_from([None, None, None, None, *([one] for one in SCOPES), SCOPES[:2]])
ttls = st.none() | st.integers(1, 5000)
places = st.integers(0, 30)


def given(**named: Any) -> dict[str, Any]:
    return {name: value for name, value in named.items() if value is not None}


def allowed(record: Any) -> set[str]:
    """What a key may do, written out."""
    if record["operations"] is None:
        return set(EVERYTHING)
    stars = {one[2:] for one in record["operations"] if one.startswith("*.")}
    return {one for one in EVERYTHING if one in record["operations"] or one.split(".")[1] in stars}


def problems(rows: list[dict[str, Any]]) -> list[str]:
    """What is wrong with the keys of a table."""
    by_id = {row["id"]: row for row in rows}
    found = []
    for row in rows:
        replaced = by_id.get(row["rotated_from"])
        if replaced is not None and replaced["revoked"] and not row["revoked"]:
            found.append(f"{row['id']} outlives the revocation of what it replaced")
        parent = by_id.get(row["parent_id"])
        if parent is None:
            continue
        checks = {
            "does more": allowed(row) <= allowed(parent),
            "sees more": parent["groups"] is None
            or (row["groups"] is not None and set(row["groups"]) <= set(parent["groups"])),
            "rules more": set(row["scopes"]) <= set(parent["scopes"]),
            "lives longer": parent["expires"] is None or row["expires"] <= parent["expires"],
            "ends at all": row["expires"] is not None,
            "outlives its revocation": row["revoked"] or not parent["revoked"],
            "is of a higher kind": RANK[row["prefix"]] < 3 and RANK[parent["prefix"]] > 1,
            "is elsewhere": row["organization"] == parent["organization"]
            or (row["prefix"] == "ek" and "ephemeral:mint-any-org" in parent["scopes"]),
            "is somebody else": parent["prefix"] == "sk"
            or row["participant"] == parent["participant"]
            or (row["fresh"] and row["kind"] in (parent["kind"], "agent")),
        }
        found += [f"{row['id']} {what}" for what, good in checks.items() if not good]
    return found


ROWS: Final[LiteralString] = """
select id, parent_id, rotated_from, prefix, operations, scopes, sync_groups as groups, participant,
       split_part(participant, ':', 1) as kind, participant ~ ':[0-9a-f]{32}$' as fresh,
       extract(epoch from expires_at) as expires, revoked_at is not null as revoked,
       organization_id as organization
  from ablo.api_key where organization_id like %s"""


class Chains(RuleBasedStateMachine):
    """Keys of an organization of their own; `board` and `keys` are set by the test."""

    board: Board
    keys: Keys

    def __init__(self) -> None:
        super().__init__()
        self.keys.organization = f"chain{next(_NUMBERS)}."
        narrow = {"operations": ["tasks.read"], "syncGroups": ["project:1"], "ttlSeconds": 600}
        self.made: list[KeyRecord] = [
            self.keys.create(),
            self.keys.create("agent:root", "rk", **narrow),
            self.keys.create("system:bound", operations=["tasks.read"]),
        ]
        self.made.append(self.keys.mint(self.made[0]))

    def pick(self, place: int) -> KeyRecord:
        return self.made[place % len(self.made)]

    def attempt(self, call: Any, *arguments: Any, **named: Any) -> Any:
        """Call, and keep the key that comes of it; a refusal is as good."""
        try:
            answer = call(*arguments, **named)
        except AbloError:
            return None
        if isinstance(answer, KeyRecord):
            self.made.append(answer)
        return answer

    @rule(
        prefix=st.sampled_from(["sk", "rk"]),
        kind=st.sampled_from(KINDS),
        operations=operations,
        groups=groups,
        scopes=scopes,
        ttl=ttls,
    )
    def create(
        self, prefix: Any, kind: str, operations: Any, groups: Any, scopes: Any, ttl: Any
    ) -> None:
        how = given(operations=operations, syncGroups=groups, scopes=scopes, ttlSeconds=ttl)
        self.attempt(self.keys.create, f"{kind}:root", prefix, **how)

    @rule(
        place=places,
        prefix=st.sampled_from(["rk", "rk", "rk", "rk", "ek", "pk"]),
        kind=st.sampled_from([None, None, "agent", *KINDS]),
        name=st.sampled_from([None, None, None, "root", "other"]),
        operations=operations,
        groups=groups,
        scopes=scopes,
        ttl=ttls,
        elsewhere=st.integers(0, 5),
    )
    def mint(self, place: int, elsewhere: int, **asked: Any) -> None:
        request = given(
            prefix=asked["prefix"],
            participantKind=asked["kind"],
            participantId=asked["name"],
            operations=asked["operations"],
            syncGroups=asked["groups"],
            scopes=asked["scopes"],
            ttlSeconds=asked["ttl"],
            organizationId=None if elsewhere else f"{self.keys.organization}far",
        )
        self.attempt(self.keys.mint, self.pick(place), **request)

    @rule(place=places, by=st.none() | places, grace=st.integers(0, 100), ttl=ttls)
    def rotate(self, place: int, by: int | None, grace: int, ttl: int | None) -> None:
        old = self.pick(place)
        asks = None if by is None else self.pick(by)
        new = self.attempt(self.keys.rotate, old, asks, **given(graceSeconds=grace, ttlSeconds=ttl))
        if new is not None:
            same = ("prefix", "participant", "operations", "scopes", "sync_groups", "parent_id")
            assert [getattr(new, n) for n in same] == [getattr(old, n) for n in same]
            assert new.status == "live", "it has its own time"
            if asks is not None and asks.id == old.id and old.expires_at is not None:
                assert new.expires_at is not None
                assert new.expires_at <= old.expires_at, "it renewed itself"

    @rule(place=places, by=st.none() | places)
    def revoke(self, place: int, by: int | None) -> None:
        target = self.pick(place)
        ended = self.attempt(self.keys.revoke, target, None if by is None else self.pick(by))
        assert ended is None or target.id in ended

    @invariant()
    def no_key_exceeds_its_parent(self) -> None:
        cursor = self.board.admin.execute(ROWS, [f"{self.keys.organization}%"])
        names = [column.name for column in cursor.description or ()]
        rows = [dict(zip(names, row, strict=True)) for row in cursor]
        assert problems(rows) == []


QUICK = settings(
    max_examples=30,
    stateful_step_count=14,
    deadline=None,
    print_blob=False,
    suppress_health_check=list(HealthCheck),
)


def machine(board: Board) -> type[Chains]:
    return type("ChainsHere", (Chains,), {"board": board, "keys": Keys(board)})


def test_no_chain_exceeds_where_it_began(board: Board) -> None:
    run_state_machine_as_test(machine(board), settings=QUICK)


MUTANTS = {
    "operations are not compared": (
        "operations_within",
        "select p_bound is null",
        "select true or p_bound is null",
    ),
    "expiry has no bound": ("key_expiry", "v_seconds::double precision), p_bound)", "60.0 * 600))"),
    "a revocation stops at the children": ("key_end", "k.parent_id = any (v_level) or", ""),
    "a bound key rules": ("key_mint", "not v_key.scopes <@ v_parent.scopes", "false"),
    "anybody is named": ("mint_participant", "p_parent.prefix <> 'sk' and (", "false and ("),
}


@pytest.mark.parametrize("name", MUTANTS)
def test_the_machine_catches_mutants(own_board: Board, name: str) -> None:
    routine, sound, broken = MUTANTS[name]
    source = own_board.value(f"select pg_get_functiondef('ablo.{routine}'::regproc)")
    assert sound in source
    own_board.run(source.replace(sound, broken))
    unshrunk = [Phase.explicit, Phase.reuse, Phase.generate]
    many = settings(QUICK, max_examples=300, database=None, derandomize=True, phases=unshrunk)
    with pytest.raises(AssertionError):
        run_state_machine_as_test(machine(own_board), settings=many)
