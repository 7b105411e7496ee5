"""What Postgres prints of an expression is never taken for another one, nor a mutant for it.

On each server that the machine has: the bundled one, and the system's.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from ablo_pg.cluster import Prefer, binaries
from ablo_pg.kernel.trees import casting, check_of, comparing, reading, tree
from ablo_pg.testing import throwaway_cluster

from .made import SPELT, TABLE, TYPES, Made, expression, mutants, spelt

ROWS = """
insert into things
select g, g % 4 - 1, nullif(g % 5, 4) - 1, nullif(g % 3, 2), nullif(g % 7, 6) / 2.0, g % 3 / 2.0,
  (g % 4)::real / 2, (array['a', 'b', 'it''s', '', 'A', 'a b', null, 'zz'])[g % 8 + 1],
  (array['a', 'ab', null, 'x', ''])[g % 5 + 1], (array['a', 'b ', null])[g % 3 + 1],
  (array['a', 'c', null])[g % 3 + 1], (array['sad', 'ok', 'glad', null]::mood[])[g % 4 + 1],
  (array[true, false, null])[g % 3 + 1], date '2020-01-01' + g % 3, '2020-01-01 00:00:00+00',
  '2020-01-01 00:00:00', '1c74e96b-2101-4b76-9674-b243fd89d1b4', '{"k": "a", "a": 1}',
  (array['{a}', '{b,c}', null])[g % 3 + 1]::text[], nullif((array['A', 'b'])[g % 2 + 1], 'x')
from generate_series(1, 200) g
"""
MUTANTS = 4  # of each expression
# What the comparer is free not to know.
UNKNOWN = (
    "i between symmetric 3 and 1", "t similar to 'a%'", "t like 'a!%' escape '!'",
    "(i, b) = (1, 2)", "day + 3 > '2020-01-01'", "to_char(day, 'YYYY') = '2020'",
)  # fmt: skip


class Things:
    """A table of a server, and what the server makes of CHECKs on it."""

    def __init__(self, conn: psycopg.Connection[Any]) -> None:
        self.conn = conn
        conn.execute(TABLE)
        conn.execute(ROWS)

    def printed(self, text: str) -> str:
        """Return the definition of a CHECK as the server prints it."""
        self.conn.execute("savepoint made")
        self.conn.execute(f"alter table things add constraint k check ({text}) not valid".encode())
        query = "select pg_get_constraintdef(oid) from pg_constraint where conname = 'k'"
        (found,) = self.conn.execute(query).fetchone() or ("",)
        self.conn.execute("rollback to made")
        return str(found)

    def agree(self, one: str, other: str) -> bool:
        """Whether every row gives both the same answer."""
        query = f"select count(*) from things where ({one}) is distinct from ({other})"
        (count,) = self.conn.execute(query.encode()).fetchone() or (1,)
        return bool(count == 0)


@pytest.fixture(scope="module", params=["packaged_binaries", "system_binaries"])
def things(request: pytest.FixtureRequest) -> Iterator[Things]:
    """The table, on each server that is installed."""
    prefer: Prefer = "embedded" if request.param == "packaged_binaries" else "system"
    if not any(getattr(binaries, request.param)()):
        prefer = "embedded"
    with (
        throwaway_cluster(prefer=prefer, timezone="Asia/Kathmandu") as server,
        psycopg.connect(server.url(server.create_database())) as conn,
    ):
        yield Things(conn)


def faults(things: Things, seed: int, many: int) -> tuple[list[str], Counter[str]]:
    """Return what is compared wrong: a server's own spelling, or a mutant that is called equal."""
    rng = random.Random(seed)
    found: list[str] = []
    verdicts: Counter[str] = Counter()
    made: list[Made] = [
        *rng.sample(SPELT, min(2 * many, len(SPELT))),
        *(expression(rng, 2) for _ in range(many)),
    ]
    for each in made:
        text = spelt(each)
        printed = things.printed(text)
        server = reading.read(check_of(printed), TYPES)
        verdict = comparing.same(reading.read(text, TYPES), server)
        verdicts[verdict] += 1
        if verdict == "different" or (verdict == "unknown" and not any(u in text for u in UNKNOWN)):
            found.append(f"{verdict}: {text} | {printed}")
        changed = list(map(spelt, mutants(each)))
        for other in rng.sample(changed, min(len(changed), MUTANTS)):
            equal = comparing.same(reading.read(other, TYPES), server) == "equal"
            verdicts["mutants"] += 1
            if equal and not things.agree(text, other):
                found.append(f"mutant: {other} | {printed}")
    return found, verdicts


@pytest.mark.parametrize("seed", [1, pytest.param(2, marks=pytest.mark.long)])
def test_its_own_spelling_is_equal_and_a_mutant_is_not(things: Things, seed: int) -> None:
    found, verdicts = faults(things, seed, 40)
    assert found == []
    assert verdicts["mutants"] > 200
    assert verdicts["equal"] > 8 * verdicts["unknown"]


def _drop(node: tree.Node, type_: str) -> tree.Node:
    return node


def _unflipped(word: str, left: tree.Node, right: tree.Node) -> tree.Node:
    return tree.Node(word, tuple(sorted((left, right), key=repr)))


BROKEN: list[tuple[str, Any, str, Any]] = [
    ("NOT is overlooked", reading, "negated", lambda node: node),
    ("a cast is overlooked", casting, "cast", _drop),
    ("constants are all alike", comparing, "_constants", lambda one, other: "equal"),
    ("a flipped side keeps its operator", reading, "compared", _unflipped),
    ("OR is AND", reading, "joined", lambda kind, nodes: tree.joined("and", nodes)),
    ("every operator is =", reading, "_COMPARED", dict.fromkeys(reading._COMPARED, "=")),
    ("operands are not aligned", reading, "aligned", lambda nodes, **_: list(nodes)),
]


@pytest.mark.parametrize("broken", BROKEN, ids=lambda each: each[0].replace(" ", "_"))
def test_a_broken_comparer_is_caught(
    things: Things, broken: tuple[str, Any, str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    _, module, name, other = broken
    monkeypatch.setattr(module, name, other)
    assert faults(things, 3, 15)[0]
