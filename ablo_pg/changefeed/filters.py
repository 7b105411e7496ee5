"""Filters of subscriptions: judged once a delta, however many subscribers share one. Pure.

A change concerns a filter if the row passes it before the change or after it. An archived row
passes none, as it is in no list. What cannot be known concerns it too: a row that left the sight of
the log's reader, a change whose previous values were not kept, a value that is not of its field's
type.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Final, Literal, TypeAlias, cast
from weakref import WeakValueDictionary

from ablo_pg.changefeed.window import Undecided
from ablo_pg.delta import Delta
from ablo_pg.errors import error_for
from ablo_pg.json_text import Json, RawJson, dumps, loads
from ablo_pg.predicate.evaluate import Get, compile_test
from ablo_pg.predicate.operands import Fields, python_value
from ablo_pg.predicate.stream import PYTHON, Compares, decidable, fields_in, refuse_clock
from ablo_pg.schema.neutral import Field, FieldType

Values: TypeAlias = Mapping[str, object]
Event: TypeAlias = Literal["enter", "update", "leave"]
ARCHIVED: Final = "archivedAt"


class Filter:
    """Predicates of one model, all of which must hold. Use `Filters.get`.

    model: its typename; names: what it names, by JSON name too.
    """

    def __init__(self, rows: Rows, model: str, where: Sequence[Json], fields: Fields) -> None:
        self._rows = rows
        self.model = model
        self.names = frozenset(name for one in fields_in(where) for name in (one, fields[one].wire))
        self._test = compile_test(where, fields, json_attribute)
        self._last: tuple[Delta | None, bool] = (None, False)

    def concerns(self, delta: Delta) -> bool:
        """Whether the row passes before a change or after it, or that is not known."""
        if self._last[0] is not delta:
            then, now = self.judge(delta)
            self._last = (delta, then or now)
        return self._last[1]

    def judge(self, delta: Delta) -> tuple[bool, bool]:
        """Return whether the row passes before a change, and after it.

        Of a change of which only one is known, the other is taken to be different.
        """
        if delta.model != self.model:
            return False, False
        before, row = self._rows.of(delta)
        now = row is not None and self._passes(row)
        if delta.op == "I":
            return False, now
        return (not now if before is None else self._passes(before)), now

    def event(self, delta: Delta) -> Event:
        """Return what a change that a subscriber was shown does to the rows that pass."""
        then, now = self.judge(delta)
        return "update" if then and now else "enter" if now else "leave"

    def _passes(self, row: Values) -> bool:
        if row.get(ARCHIVED) is not None:
            return False
        try:
            return self._test(row)
        except Undecided:
            return True


class Rows:
    """The row before and after the last delta that was asked for; None: not known, or none."""

    def __init__(self) -> None:
        self._last: tuple[Delta | None, Values | None, Values | None] = (None, None, None)

    def of(self, delta: Delta) -> tuple[Values | None, Values | None]:
        """Return them; all filters of a hub ask for the same delta in turn."""
        if self._last[0] is not delta:
            row = None if delta.row is None else cast("Values", loads(delta.row))
            before = None if delta.before is None else cast("Values", loads(delta.before))
            self._last = (delta, None if before is None else {**(row or {}), **before}, row)
        return self._last[1:]


class Filters:
    """The filters in use: subscribers with the same one share it."""

    def __init__(self) -> None:
        self._rows = Rows()
        self._made: WeakValueDictionary[bytes, Filter] = WeakValueDictionary()

    def get(self, model: str, where: Sequence[Json], fields: Fields, compares: Compares) -> Filter:
        """Return the filter of a model's typename. compares: `ablo.field_compares`.

        Raises invalid_request for what Python cannot judge as the database does, or time changes.
        """
        refuse_clock(model, where)
        named = sorted(set(fields_in(where)))
        if not decidable(where, fields, compares):
            raise error_for(
                "invalid_request",
                f"changes of {model} cannot be filtered by this: only the database compares these"
                " values, by a collation, a locale or a type of its own",
                model=model,
                field="where",
                remedy="use live(), which asks the database, or compare with = and by code point",
                details={name: compares.get(fields[name].wire) for name in named},
            )
        key = dumps([model, list(where), [str(fields[name].type) for name in named]])
        found = self._made.get(key)
        if found is None:
            found = self._made[key] = Filter(self._rows, model, where, fields)
        return found


def concerned(filter: Filter | None, deltas: Iterable[Delta]) -> Iterable[Delta]:
    """Return the deltas that concern a filter; without one, all."""
    return deltas if filter is None else (one for one in deltas if filter.concerns(one))


def json_attribute(field: Field) -> Get:
    """Return how a field is read from a row's JSON members; Undecided: not as its type."""
    wire, kind = field.wire, field.type
    expected = PYTHON.get(kind, str)

    def value(row: object) -> object:
        values = cast("Values", row)
        if wire not in values:  # of another schema: the database knows, or refuses the query
            raise Undecided
        found = values[wire]
        if found is None or (kind is FieldType.JSON and not isinstance(found, RawJson)):
            return found
        if not isinstance(found, expected):
            raise Undecided
        try:
            return python_value(kind.value, str(found)) if expected is str else found
        except (ValueError, ArithmeticError):
            raise Undecided from None

    return value
