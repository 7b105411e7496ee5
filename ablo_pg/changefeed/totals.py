"""Counts, sums, minima and maxima of a filter's rows, kept current by changes. Pure.

`read` takes what the database calculated; `apply` takes rows before and after some commits: what a
row contributed is taken away, what it contributes now is added. The database must be asked again
if that cannot tell: a row whose past is not known, the smallest value leaving, a sum of floats, a
comparison that only the database makes. `apply` then changes nothing and returns None.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import MAX_EMAX, MAX_PREC, MIN_EMIN, Context, Decimal
from typing import Any, Final, Generic, NamedTuple, TypeAlias, TypeVar

from ablo_pg.changefeed.window import Undecided
from ablo_pg.errors import AbloError
from ablo_pg.json_text import Json
from ablo_pg.predicate.evaluate import Get, compile_test
from ablo_pg.predicate.operands import Fields, python_value
from ablo_pg.predicate.stream import Compares, decidable
from ablo_pg.schema.neutral import Field, FieldType
from ablo_pg.wire.results import GroupRead

T = TypeVar("T")
Key: TypeAlias = object
Value: TypeAlias = Any  # of a field: as its type says
Values: TypeAlias = dict[str, Value]  # by the author's name of a field
HOWS: Final = ("sum", "min", "max")
_READ: Final[Mapping[FieldType, Callable[[str], object]]] = {
    FieldType.INTEGER: int,
    FieldType.DECIMAL: Decimal,
    FieldType.NUMBER: float,
}
_EXACT: Final = Context(prec=MAX_PREC, Emax=MAX_EMAX, Emin=MIN_EMIN)  # as numeric's sums are


@dataclass(frozen=True, slots=True)
class Aggregate:
    """What was asked of some rows. sum, min, max: by field; min and max are None without a value.

    Sums of no values are 0. Values have the fields' types; those of enums are their values.
    """

    count: int
    sum: Mapping[str, Value] = field(default_factory=dict)
    min: Mapping[str, Value] = field(default_factory=dict)
    max: Mapping[str, Value] = field(default_factory=dict)


class Exchange(NamedTuple, Generic[T]):
    """A row before and after some commits; None: there was none. known: whether that is sure."""

    before: T | None
    after: T | None
    known: bool = True


class Totals(Generic[T]):
    """See the module.

    Args: where, predicates, all of which must hold. terms, the fields of each of HOWS. group, by
    whose values; None: all rows together. fields, by name; attribute: as of `Window`.
    """

    def __init__(
        self,
        where: Sequence[Json],
        terms: Mapping[str, Sequence[Field]],
        group: Field | None,
        fields: Fields,
        attribute: Callable[[Field], Get],
    ) -> None:
        self.groups: dict[Key, Aggregate] = {}
        self._where = where
        self._terms = [(how, one, attribute(one)) for how in HOWS for one in terms.get(how, ())]
        self._floats = any(h == "sum" and f.type is FieldType.NUMBER for h, f, _ in self._terms)
        self._group = group
        self._key: Get = (lambda row: None) if group is None else attribute(group)
        self._fields = fields
        self._attribute = attribute
        self._ordered: frozenset[str] = frozenset()
        self._test: Callable[[object], bool] | None = None

    def read(
        self, rows: Sequence[GroupRead], more: bool, compares: Compares
    ) -> list[dict[Key, Aggregate]]:
        """Show what the database calculated."""
        self._ordered = frozenset(name for name, how in compares.items() if how == "order")
        self._test = None
        try:
            if decidable(self._where, self._fields, compares):
                self._test = compile_test(self._where, self._fields, self._attribute)
        except AbloError:
            pass  # what ->> gives is compared by the database alone
        return self._show({self._read_key(one): self._read_group(one) for one in rows})

    def apply(self, changes: Mapping[str, Exchange[T]]) -> list[dict[Key, Aggregate]] | None:
        """Take rows before and after some commits; None: read again."""
        groups = dict(self.groups)
        try:
            for before, after, known in changes.values():
                if self._test is None or not known:
                    return None
                old = self._part(before)
                new = self._part(after)
                if old == new:
                    continue
                if self._floats:
                    return None
                if old is not None:
                    self._take(groups, *old)
                if new is not None:
                    self._add(groups, *new)
        except (Undecided, TypeError, ArithmeticError):  # a value that is not as its field says
            return None
        return self._show(groups)

    def _show(self, groups: dict[Key, Aggregate]) -> list[dict[Key, Aggregate]]:
        if groups == self.groups:
            return []
        self.groups = groups
        return [groups]

    def _part(self, row: T | None) -> tuple[Key, list[Value]] | None:
        """Return what a row contributes: its group, and the values of the terms."""
        assert self._test is not None
        if row is None or not self._test(row):
            return None
        return self._key(row), [get(row) for _, _, get in self._terms]

    def _take(self, groups: dict[Key, Aggregate], key: Key, values: list[Value]) -> None:
        group = groups.get(key)
        if group is None:
            raise Undecided
        if group.count == 1 and self._group is not None:
            del groups[key]
            return
        found: dict[str, Values] = {how: dict(getattr(group, how)) for how in HOWS}
        for (how, one, _), value in zip(self._terms, values, strict=True):
            if value is None:
                continue
            if how == "sum":
                found[how][one.name] = _plus(found[how][one.name], -value)
            elif one.wire not in self._ordered or found[how][one.name] == value:
                raise Undecided  # which value is next is not known
        groups[key] = Aggregate(group.count - 1, **found)

    def _add(self, groups: dict[Key, Aggregate], key: Key, values: list[Value]) -> None:
        group = groups.get(key)
        found: dict[str, Values] = {how: {} for how in HOWS}
        if group is not None:
            found = {how: dict(getattr(group, how)) for how in HOWS}
        for (how, one, _), value in zip(self._terms, values, strict=True):
            if how == "sum":
                zero = Decimal(0) if one.type is FieldType.DECIMAL else 0
                found[how][one.name] = _plus(found[how].get(one.name, zero), value or zero)
                continue
            held = found[how].setdefault(one.name, None)
            if value is None:
                continue
            if one.wire not in self._ordered:
                raise Undecided
            if held is None or (value < held if how == "min" else value > held):
                found[how][one.name] = value
        groups[key] = Aggregate((0 if group is None else group.count) + 1, **found)

    def _read_key(self, one: GroupRead) -> Key:
        return None if self._group is None else _value(self._group, one.key)

    def _read_group(self, one: GroupRead) -> Aggregate:
        found: dict[str, Values] = {how: {} for how in HOWS}
        for how, each, _ in self._terms:
            found[how][each.name] = _value(each, getattr(one.of, how)[each.wire])
        return Aggregate(one.count, **found)


def _plus(one: Value, other: Value) -> Value:
    if not isinstance(one, Decimal):
        return one + other
    if not (one.is_finite() and other.is_finite()):
        raise Undecided
    return _EXACT.add(one, other)


def _value(field: Field, value: object) -> object:
    """Return a value of `ablo.row_aggregate` as rows have it."""
    if value is None or isinstance(value, bool):
        return value
    if field.type in _READ:
        return _READ[field.type](str(value))
    try:
        return python_value(field.type.value, str(value))
    except ValueError:  # infinity: as rows have it
        return value
