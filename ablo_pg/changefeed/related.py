"""Live queries with related rows: which changes of other rows concern what is shown. Pure.

A change concerns them if it is of a related row that is shown, or makes a row that belongs to one
of them. What belongs to them then, only the database knows: the page is read again.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from ablo_pg.changefeed.filters import Filter
from ablo_pg.delta import Delta
from ablo_pg.schema.neutral import Relation
from ablo_pg.wire.related import key_of, keys_of, value_of


class Related:
    """The related rows of what a live query shows. targets: the typename of each relation's."""

    def __init__(self, relations: Iterable[Relation], targets: Iterable[str]) -> None:
        self._relations = list(zip(relations, targets, strict=True))
        self.models = frozenset(target for _, target in self._relations)
        self._keys: dict[str, set[str | None]] = {}  # by relation: what related rows are found by
        self._shown: dict[str, set[str]] = {}  # by typename: their ids

    def read(self, rows: Sequence[bytes], related: Mapping[str, Sequence[bytes]]) -> None:
        """Take what a page shows: its rows, and the related rows by relation."""
        self._shown = {model: set() for model in self.models}
        for relation, target in self._relations:
            self._keys[relation.name] = {key_of(relation, row) for row in rows}
            self._shown[target].update(str(value_of(r, "id")) for r in related[relation.name])

    def concerned(self, deltas: Iterable[Delta]) -> bool:
        """Whether some of these changes are of a related row, or make one."""
        return any(map(self._concerns, deltas))

    def _concerns(self, delta: Delta) -> bool:
        if delta.row_id in self._shown.get(delta.model, ()):
            return True
        if delta.row is None:
            return False
        for relation, target in self._relations:
            if target == delta.model:
                value = value_of(delta.row, keys_of(relation)[1])
                if value is not None and str(value) in self._keys[relation.name]:
                    return True
        return False


class WithRelated(Filter):
    """A filter of a model that lets all changes of related rows pass."""

    def __init__(self, filter: Filter, related: Related) -> None:
        self._filter = filter
        self.model, self.names = filter.model, filter.names
        self._models = related.models

    def concerns(self, delta: Delta) -> bool:
        """See Filter."""
        return delta.model in self._models or self._filter.concerns(delta)

    def judge(self, delta: Delta) -> tuple[bool, bool]:
        """See Filter."""
        return self._filter.judge(delta)
