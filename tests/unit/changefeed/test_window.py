"""A window against an oracle: after random commits it shows what a page would, step by step."""

from __future__ import annotations

import operator
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import pytest

from ablo_pg.changefeed.window import LiveEvent, Undecided, Window
from ablo_pg.errors import AbloValidationError
from ablo_pg.predicate.evaluate import compile_test
from ablo_pg.predicate.stream import Compares, decidable, refuse_clock
from ablo_pg.schema.neutral import Field, FieldType


@dataclass(frozen=True)
class Row:
    id: str
    count: int | None
    title: str
    score: float | None = None


KINDS = {
    "id": FieldType.STRING, "count": FieldType.INTEGER, "title": FieldType.STRING,
    "score": FieldType.NUMBER, "dueDate": FieldType.DATETIME, "meta": FieldType.JSON,
    "price": FieldType.DECIMAL, "urgent": FieldType.BOOLEAN,
}  # fmt: skip
FIELDS = {name: Field(name, name, name, kind) for name, kind in KINDS.items()}
ALL: Compares = dict.fromkeys(FIELDS, "order")
Order = list[tuple[str, str]]


def attribute(field: Field) -> Callable[[object], Any]:
    get = operator.attrgetter(field.name)

    def value(row: object) -> Any:
        found = get(row)
        if found != found:
            raise Undecided
        return found

    return value


def sorted_as_sql(rows: list[Row], order: Order) -> list[Row]:
    """Sort as Postgres does: NULL last, NaN above all numbers, ties by id."""
    found = sorted(rows, key=lambda row: row.id)
    for name, way in reversed(order):
        some = [row for row in found if getattr(row, name) is not None]
        none = [row for row in found if getattr(row, name) is None]
        some.sort(
            key=lambda row: (getattr(row, name) != getattr(row, name), getattr(row, name))
            if getattr(row, name) == getattr(row, name) else (True, 0),
            reverse=way == "desc",
        )  # fmt: skip
        found = [*some, *none]
    return found


class Database:
    """Rows, and the page of a query over them."""

    def __init__(self, where: list[Any], order: Order, limit: int) -> None:
        self.rows: dict[str, Row] = {}
        self.reads = 0
        self._test = compile_test(where, FIELDS, attribute)
        self._order = order
        self._limit = limit

    def page(self) -> tuple[list[Row], bool]:
        found = sorted_as_sql([row for row in self.rows.values() if self._test(row)], self._order)
        return found[: self._limit], len(found) > self._limit


def replayed(ids: list[str], events: Sequence[LiveEvent[Row]]) -> list[str]:
    for event in events:
        if event.kind == "leave":
            assert ids.pop(event.index) == event.id
        elif event.kind == "update":
            assert ids[event.index] == event.id
        else:
            if event.kind == "move":
                ids.remove(event.id)
            ids.insert(event.index, event.id)
    return ids


def follow(
    window: Window[Row], database: Database, rng: random.Random, compares: Compares, steps: int
) -> None:
    """Change rows at random; compare the window and its replayed events with the page."""
    shown = replayed([], window.read(*database.page(), compares))
    for _ in range(steps):
        changes: dict[str, Row | None] = {}
        for _ in range(rng.choice([1, 1, 1, 4])):
            row_id = f"r{rng.randrange(9)}"
            there = database.rows.get(row_id)
            row = Row(
                row_id, rng.choice([None, 1, 2, 3]), rng.choice("ab"),
                rng.choice([None, 0.5, 1.5, float("nan")]),
            )  # fmt: skip
            if there is not None and rng.random() < 0.3:
                row = replace(there, title=row.title)
            gone = rng.random() < 0.3
            changes[row_id] = None if gone else row
            if gone:
                database.rows.pop(row_id, None)
            else:
                database.rows[row_id] = row
        events = window.apply(changes)
        if events is None:
            database.reads += 1
            events = window.read(*database.page(), compares)
        shown = replayed(shown, events)
        rows, _ = database.page()
        assert window.ids == [row.id for row in rows]
        assert list(map(repr, map(window.rows.__getitem__, window.ids))) == list(map(repr, rows))
        assert shown == window.ids


QUERIES: list[tuple[list[Any], Order, int]] = [
    ([], [("count", "asc")], 1000),
    ([["count", ">", 1]], [("count", "desc"), ("title", "asc")], 3),
    ([{"or": [["title", "=", "a"], {"null": {"field": "count"}}]}], [("title", "desc")], 2),
    ([["count", "in", [1, 2]]], [], 1),
    ([], [("score", "desc")], 4),
]


@pytest.mark.parametrize("number", range(len(QUERIES)))
def test_it_shows_what_a_page_would(number: int) -> None:
    where, order, limit = QUERIES[number]
    for seed in range(20):
        database = Database(where, order, limit)
        window: Window[Row] = Window(where, order, limit, FIELDS, attribute)
        follow(window, database, random.Random(seed), ALL, 60)


def test_without_a_limit_nothing_is_read_again() -> None:
    for compares in (ALL, {**ALL, "id": "place"}):
        database = Database([["title", "=", "a"]], [("count", "desc")], 1000)
        window: Window[Row] = Window(
            [["title", "=", "a"]], [("count", "desc")], 1000, FIELDS, attribute
        )
        follow(window, database, random.Random(3), compares, 200)
        assert database.reads == 0


@pytest.mark.parametrize("compares", [{}, {**ALL, "title": "equal"}, {**ALL, "title": None}])
def test_what_only_the_database_compares_is_read_again(compares: Compares) -> None:
    database = Database([["title", "=", "a"]], [("title", "asc"), ("count", "asc")], 1000)
    window: Window[Row] = Window(
        [["title", "=", "a"]], [("title", "asc"), ("count", "asc")], 1000, FIELDS, attribute
    )
    follow(window, database, random.Random(3), compares, 100)
    assert (database.reads == 0) == (compares.get("title") == "equal")


class IgnoresRefill(Window[Row]):
    """A mutant: a window that has lost a row is left with a gap."""

    def apply(self, changes: Mapping[str, Row | None]) -> list[LiveEvent[Row]] | None:
        found = super().apply(changes)
        return [] if found is None else found


class JudgesOldRows(Window[Row]):
    """A mutant: a row belongs if it did before the change."""

    def apply(self, changes: Mapping[str, Row | None]) -> list[LiveEvent[Row]] | None:
        return super().apply({name: self.rows.get(name, row) for name, row in changes.items()})


class KeepsPlaces(Window[Row]):
    """A mutant: a row that changes stays where it is."""

    def _same_place(self, before: Row, now: Row) -> bool:
        return True


class ForgetsTheEnd(Window[Row]):
    """A mutant: what follows the window is taken for its last row."""

    def apply(self, changes: Mapping[str, Row | None]) -> list[LiveEvent[Row]] | None:
        self._end = None
        return super().apply(changes)


@pytest.mark.parametrize("mutant", [IgnoresRefill, JudgesOldRows, KeepsPlaces, ForgetsTheEnd])
def test_the_oracle_catches_a_mutant(mutant: type[Window[Row]]) -> None:
    where, order, limit = QUERIES[1]
    window = mutant(where, order, limit, FIELDS, attribute)
    with pytest.raises(AssertionError):
        follow(window, Database(where, order, limit), random.Random(1), ALL, 300)


@pytest.mark.parametrize(
    ("node", "field", "says", "expected"),
    [
        (["title", "=", "a"], "title", "equal", True),
        (["title", "like", "a%"], "title", "equal", True),
        (["title", "ilike", "a%"], "title", "order", False),
        (["title", "<", "a"], "title", "equal", False),
        (["title", "<", "a"], "title", "order", True),
        (["title", "=", "a"], "title", "place", False),
        (["title", "=", "a"], "title", None, False),
        (["title", "is", None], "title", None, True),
        (["title", "="], "title", "order", False),
        (["count", "=", "1"], "count", "order", False),
        (["count", "=", True], "count", "order", False),
        (["count", "in", [1, 2]], "count", "order", True),
        (["score", ">", 1], "score", "order", True),
        (["price", "=", "1.50"], "price", "order", True),
        (["price", "=", "NaN"], "price", "order", False),
        (["price", "=", 1.5], "price", "order", False),
        (["dueDate", ">", "2026-01-01T00:00:00+00:00"], "dueDate", "order", True),
        (["dueDate", ">", "2026-01-01"], "dueDate", "order", False),
        (["dueDate", ">", "infinity"], "dueDate", "order", False),
        (["meta", "=", {"a": 1}], "meta", "equal", True),
        ({"like": "a%", "left": {"field": "title"}}, "title", "equal", True),
        ({"ilike": "a%", "left": {"field": "title"}}, "title", "order", False),
        ({"null": {"call": "lower", "args": [{"field": "title"}]}}, "title", "order", False),
        ({"and": [{"or": [["title", "<", "a"]]}]}, "title", "equal", False),
        ({"compare": "<", "left": {"field": "title"}, "right": {"value": "a"}}, "title", "equal",
         True),
        ({"compare": "=", "left": {"value": 1}, "right": {"field": "count"}}, "count", None, False),
    ],
)  # fmt: skip
def test_what_python_may_judge(node: Any, field: str, says: str | None, expected: bool) -> None:
    assert decidable([node], FIELDS, {field: says}) is expected


def test_a_clock_is_refused_wherever_it_is() -> None:
    now: Any = {"call": "-", "args": [{"now": True}, {"seconds": 1}]}
    node: Any = {"compare": "<", "left": {"field": "dueDate"}, "right": now}
    with pytest.raises(AbloValidationError, match=r"now\(\)"):
        refuse_clock("tasks", [{"or": [["title", "=", "a"], {"not": node}]}])
    refuse_clock("tasks", [["meta", "=", {"now": 1}]])
