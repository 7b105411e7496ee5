"""A live query's result: ordered rows, kept current by changes. Pure.

A window holds the first `limit` rows of a filter and an order. `read` takes what a page of the
database shows; `apply` takes rows as changes left them, if that is enough to know the result: a row
enters if it passes the filter, its place is found by comparing, and the last row is pushed out.
It is not enough, and the page must be read again, if a row has left a window behind which there are
more, if only the database can compare, or if a row is to be shown whose related rows are not known.
`apply` then changes nothing and returns None, so what a window shows was always true at one
position of the log.

Invariant: while there are rows behind the window, those are exactly the rows that pass the filter
and are not held, and each sorts behind `_end`.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Generic, Literal, Protocol, TypeAlias, TypeVar

from ablo_pg.errors import AbloError
from ablo_pg.json_text import Json
from ablo_pg.predicate.evaluate import Get, compile_test
from ablo_pg.predicate.operands import Fields
from ablo_pg.predicate.stream import Compares, decidable
from ablo_pg.schema.neutral import Field

SORTS: Final = ("order", "place")
Kind: TypeAlias = Literal["enter", "update", "leave", "move"]


class HasId(Protocol):
    """A row."""

    @property
    def id(self) -> str:
        """Its id."""


T = TypeVar("T", bound=HasId)


def no_related(row: object) -> object:
    """Return what belongs to a row of a query that shows rows alone."""
    return ()


class Undecided(Exception):
    """Only the database can compare this value."""


@dataclass(frozen=True, slots=True)
class LiveEvent(Generic[T]):
    """One step from a result to the next; applied to a list in turn, steps give the new result.

    kind: `enter`: the row is inserted at `index`; `update`: it has changed there; `move`: it was
    removed from its place and inserted at `index`, changed or not; `leave`: it was removed from
    `index`, because it was deleted or archived, no longer passes the filter, was pushed out by the
    limit, or left the key's sight. row: as it is now; for `leave` as it was last held.
    """

    kind: Kind
    row: T
    index: int

    @property
    def id(self) -> str:
        """The row's id."""
        return self.row.id


class Window(Generic[T]):
    """See the module.

    Args: where, predicates, all of which must hold. order, (wire name, "asc" or "desc"); the id is
    added. fields, by name. attribute: how a value is read from a row; it raises Undecided for one
    that is not as declared. judged: False for predicates that were not made by this package; only
    the database judges them. related: of a row, what belongs to it and is shown with it; None if
    that is not known.
    """

    def __init__(
        self,
        where: Sequence[Json],
        order: Iterable[Sequence[str]],
        limit: int,
        fields: Fields,
        attribute: Callable[[Field], Get],
        *,
        judged: bool = True,
        related: Callable[[T], object] = no_related,
    ) -> None:
        self.ids: list[str] = []
        self.rows: dict[str, T] = {}
        self._where = where
        self._judged = judged
        self._related = related
        self._limit = limit
        self._fields = fields
        self._attribute = attribute
        self._order = [(fields[wire], way == "desc") for wire, way in (*order, ("id", "asc"))]
        self._terms: list[tuple[Get, bool, str | None]] = []
        self._compares: Compares | None = None
        self._test: Callable[[object], bool] | None = None
        self._end: T | None = None  # while there are rows behind

    def read(self, rows: Sequence[T], more: bool, compares: Compares) -> list[LiveEvent[T]]:
        """Show a page. more: rows follow it. compares: by wire name, `ablo.field_compares`."""
        if compares != self._compares:
            self._prepare(compares)
        old = self.rows
        new = {row.id: self._kept(old.get(row.id), row) for row in rows}
        changed = {row_id for row_id, row in new.items() if old.get(row_id) is not row}
        kept = [row_id for row_id in new if row_id not in changed]
        if kept != [row_id for row_id in self.ids if row_id in new and row_id not in changed]:
            changed = set(new)  # the database has another order than before
        gone = [row_id for row_id in self.ids if row_id not in new]
        return self._show(list(new), new, gone, changed, new[rows[-1].id] if more else None)

    def apply(self, changes: Mapping[str, T | None]) -> list[LiveEvent[T]] | None:
        """Take rows as they are after some commits (None: deleted); None: read the page again."""
        if not changes:
            return []
        if self._test is None:
            return None
        ids, end, rows = self.ids.copy(), self._end, self.rows
        gone: list[str] = []
        stay: dict[str, T] = {}
        placed: list[T] = []
        try:
            for row_id, row in changes.items():
                now = row if row is not None and self._test(row) else None
                before = rows.get(row_id)
                if before is not None and now is not None and self._same_place(before, now):
                    stay[row_id] = now
                    continue
                if before is not None:
                    ids.remove(row_id)
                    gone.append(row_id)
                if now is not None:
                    placed.append(now)
            for row in placed:
                if end is None or self._compare(row, end) <= 0:
                    ids.insert(self._place(row, ids, stay), row.id)
                    stay[row.id] = row
        except Undecided:
            return None
        if end is not None and len(ids) < self._limit:
            return None
        more = end is not None or len(ids) > self._limit
        for row_id in ids[self._limit :]:
            stay.pop(row_id, None)
            gone.append(row_id)
        del ids[self._limit :]
        if not (gone or stay):
            return []
        if None in map(self._related, stay.values()):
            return None
        new = rows | stay
        gone = [one for one in gone if one not in stay and new.pop(one, None) is not None]
        return self._show(ids, new, gone, stay, new[ids[-1]] if more else None)

    def _kept(self, before: T | None, now: T) -> T:
        """Return a row as it is held, or as it is now if that is another."""
        if before is not None and before == now and self._related(before) == self._related(now):
            return before
        return now

    def _prepare(self, compares: Compares) -> None:
        self._compares = compares
        self._test = None
        self._terms = [
            (self._attribute(field), descending, compares.get(field.wire))
            for field, descending in self._order
        ]
        try:
            if self._judged and decidable(self._where, self._fields, compares):
                self._test = compile_test(self._where, self._fields, self._attribute)
        except AbloError:
            pass  # what ->> gives is compared by the database alone

    def _show(
        self,
        ids: list[str],
        rows: dict[str, T],
        gone: Iterable[str],
        changed: Collection[str],
        end: T | None,
    ) -> list[LiveEvent[T]]:
        """Hold these; return the steps. gone: held until now; changed: of these, those that are
        new, or other than before; the rest keep their order.
        """
        events: list[LiveEvent[T]] = []
        current = self.ids
        for row_id in gone:
            index = current.index(row_id)
            del current[index]
            events.append(LiveEvent("leave", self.rows[row_id], index))
        for place, row_id in sorted((ids.index(row_id), row_id) for row_id in changed):
            row = rows[row_id]
            index = current.index(ids[place - 1]) + 1 if place else 0
            if row_id not in self.rows:
                current.insert(index, row_id)
                events.append(LiveEvent("enter", row, index))
            elif index < len(current) and current[index] == row_id:
                events.append(LiveEvent("update", row, index))
            else:
                current.remove(row_id)
                index = current.index(ids[place - 1]) + 1 if place else 0
                current.insert(index, row_id)
                events.append(LiveEvent("move", row, index))
        self.ids, self.rows, self._end = ids, rows, end
        return events

    def _same_place(self, before: T, now: T) -> bool:
        """Whether a row certainly sorts as before."""
        for get, _, compares in self._terms:
            one, other = get(before), get(now)
            if one != other or (compares is None and not isinstance(other, str | None)):
                return False
        return True

    def _place(self, row: T, ids: Sequence[str], newer: Mapping[str, T]) -> int:
        """Return where a row belongs."""
        low, high = 0, len(ids)
        while low < high:
            middle = (low + high) // 2
            found = ids[middle]
            if self._compare(row, newer[found] if found in newer else self.rows[found]) < 0:
                high = middle
            else:
                low = middle + 1
        return low

    def _compare(self, row: T, other: T) -> int:
        """Return a number below 0 if `row` comes first, above 0 if it comes after. NULL is last."""
        for get, descending, compares in self._terms:
            one, two = get(row), get(other)
            if compares is None:
                raise Undecided
            if one == two:
                continue
            if one is None or two is None:
                return 1 if one is None else -1
            if compares not in SORTS:
                raise Undecided
            try:
                return -1 if (one < two) != descending else 1
            except (TypeError, ArithmeticError):  # the second: of NaN
                raise Undecided from None
        return 0
